"""Memory of this process; standard library only, since the other side's Python reads it too."""

from __future__ import annotations

import contextlib
import resource
import sys
from pathlib import Path

__all__ = ["held_gib", "peak_gib", "restart_peak"]

_STATUS = Path("/proc/self/status")


def _status(kind: str) -> float:
    """On Linux; elsewhere the peak, the only figure there is, stands for both."""
    if not _STATUS.is_file():
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 2**30 if sys.platform == "darwin" else peak / 2**20
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(kind))
    return int(line.split()[1]) / 2**20


def held_gib() -> float:
    """Resident memory now."""
    return _status("VmRSS")


def peak_gib() -> float:
    """Most resident memory since the process began; getrusage would begin with the parent's peak."""
    return _status("VmHWM")


def restart_peak() -> float:
    """What is held now; the peak starts anew, where the system allows it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return held_gib()
