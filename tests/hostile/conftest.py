"""The counts of the hostile table at the end of a run."""

from __future__ import annotations

from typing import Any

from tests.hostile.counts import COUNTS


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if COUNTS["tried"]:
        counted = ", ".join(f"{COUNTS[name]} {name}" for name in ("tried", "refused rightly", "survived"))
        terminalreporter.write_line(f"hostile inputs: {counted}")
