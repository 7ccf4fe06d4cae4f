"""The command that presents results: report."""

from __future__ import annotations

from pathlib import Path

import click

from recbole_ext.cli.console import say
from recbole_ext.cli.options import NamedPath

__all__ = ["report"]


@click.command()
@click.argument("folders", metavar="RUN...", nargs=-1, type=NamedPath())
@click.option("--output", type=NamedPath("file"), help="The file (default: report.html).")
@click.option("--format", "form", help="html or md (default: by the ending of --output, else html).")
@click.option("--figures", type=NamedPath("folder"), help="A folder for the charts as SVG files too.")
def report(folders: tuple[Path, ...], output: Path | None, form: str | None, figures: Path | None) -> None:
    """Write one file that shows runs, curves, re-ranked lists, ablations or a whole comparison.

    Each RUN is a folder of train, rerank, pareto, tune, ablate, compare or sequentiality, in any order.
    """
    from recbole_ext.report import write_report

    say(f"report: {write_report(folders, output=output, form=form, figures=figures)}")
