"""Faults at a chosen place, as Python that a child runs before the command."""

from __future__ import annotations

import signal
from collections import Counter

__all__ = ["COUNTS", "at_change", "at_rename", "full_disk"]

COUNTS: Counter[str] = Counter()
"""What the tests have done to commands, for the last lines of the output."""

# Every way in which Python renames; the package, its libraries and shutil all come through these.
_RENAMES = """
import os, pathlib, signal

def _before_rename(original):
    def rename(*arguments, **options):
        _step()
        return original(*arguments, **options)
    return rename

os.rename, os.replace = _before_rename(os.rename), _before_rename(os.replace)
"""

_STEP = """
import os, signal
_seen = 0

def _step():
    global _seen
    _seen += 1
    if _seen == {number}:
        {act}
"""

# Files opened to write, folders made, names changed and removed.
_CHANGES = """
import sys
_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

def _hook(event, arguments):
    if event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir") or (
        event == "open" and (arguments[2] or 0) & _WRITE and not str(arguments[0]).startswith("/dev")
    ):
        _step()

sys.addaudithook(_hook)
"""


def at_rename(number: int, kind: signal.Signals) -> str:
    """The process gets a signal right before its n-th rename, from 1."""
    act = f"os.kill(os.getpid(), {int(kind)})"
    return _STEP.format(number=number, act=act) + _RENAMES


def at_change(number: int, kind: signal.Signals) -> str:
    """The process gets a signal right before its n-th change of the disk."""
    act = f"os.kill(os.getpid(), {int(kind)})"
    # A shell starts background processes with SIGINT ignored, and children inherit that.
    heard = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    return heard + _STEP.format(number=number, act=act) + _CHANGES


def full_disk(number: int) -> str:
    """From the n-th change of the disk on that would need room, there is none: files, folders and new names."""
    return f"""
import errno, os, sys
_seen = 0
_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

def _hook(event, arguments):
    global _seen
    if event in ("os.rename", "os.mkdir") or (
        event == "open" and (arguments[2] or 0) & _WRITE and not str(arguments[0]).startswith("/dev")
    ):
        _seen += 1
        if _seen >= {number}:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(arguments[0]))

sys.addaudithook(_hook)
"""
