"""The clock of the side-by-side benchmarks."""

from __future__ import annotations

import time

__all__ = ["now"]


def now(threads: int) -> float:
    """Seconds of a clock: with one thread the processor's, for which other work on the machine does not count."""
    return time.process_time() if threads == 1 else time.perf_counter()
