"""How long training takes."""

from __future__ import annotations

from recbole_ext.report.comparison import ComparisonView
from recbole_ext.report.sentences.models import among, leaders
from recbole_ext.report.wording import seconds

__all__ = ["speed"]


def speed(comparison: ComparisonView) -> tuple[str, str] | None:
    """Which of the accurate models is trained fastest."""
    rows = leaders(comparison)
    times = {row.model: time for row in rows if (time := row.seconds_training) is not None}
    if len(times) < 2:
        return None
    fast, slow = min(times, key=lambda model: times[model]), max(times, key=lambda model: times[model])
    quick, long = seconds(times[fast]), seconds(times[slow])
    words = f"each trains in {quick}" if quick == long else f"{fast} trains in {quick} and {slow} in {long}"
    whose = among(comparison, [row for row in rows if row.model in times])
    return "For speed", f"{whose}, {words}, on the machine of these runs."
