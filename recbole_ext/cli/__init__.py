"""The command line: parsing and showing only."""

from recbole_ext.cli.entry import main

__all__ = ["main"]
