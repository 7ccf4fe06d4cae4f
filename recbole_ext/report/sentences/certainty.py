"""What the figures cannot show: the width of the intervals, and what the protocol gives one model and not another."""

from __future__ import annotations

from recbole_ext.report.comparison import ComparisonView
from recbole_ext.report.wording import joined, nouns_of, percent

__all__ = ["certainty", "fairness"]


def certainty(comparison: ComparisonView) -> tuple[str, str] | None:
    """How wide the intervals are: what this many users cannot show."""
    key = comparison.key("hit")
    halves = [
        (row.metrics[key].high - row.metrics[key].low) / 2  # type: ignore[operator]
        for row in comparison.rows
        if key in row.metrics and row.metrics[key].low is not None and row.metrics[key].high is not None
    ]
    if not halves or comparison.users is None:
        return None
    words = f"With {comparison.users:,} test users, Hit@{comparison.k} is known to about ±{max(halves):.3f}"
    if len(comparison.rows) > 1:
        words += (
            " at worst, so a smaller gap between two rows of a column proves nothing by itself. The tests compare the "
            "models user by user, which is more sensitive"
        )
    return "How sure this is", f"{words}."


def _won_by_one_metric(comparison: ComparisonView) -> str:
    """Models whose lead over the baseline is proven in NDCG, but not in Hit."""
    keys = comparison.key("ndcg"), comparison.key("hit")
    found = [
        row.model
        for row in comparison.rows
        if all(key in row.difference for key in keys)
        and row.difference[keys[0]].significant
        and row.difference[keys[0]].mean > 0
        and not row.difference[keys[1]].significant
    ]
    if not found:
        return ""
    verb = "is" if len(found) == 1 else "are"
    return (
        f" {joined(found)} {verb} significantly better than {comparison.baseline} in NDCG@{comparison.k}, but not in "
        f"Hit@{comparison.k}."
    )


def fairness(comparison: ComparisonView) -> tuple[str, str] | None:
    """What the protocol gives one model and not another, and what it leaves to chance."""
    protocol, kinds = comparison.protocol, {row.family for row in comparison.rows}
    words, nouns = _won_by_one_metric(comparison), nouns_of(comparison.dataset)
    mixed = kinds & {"sequence", "sequential_classic"} and kinds & {"classic", "neural"}
    if protocol.get("split") == "cold_users":
        words += (
            f" In the test, every model reads the same first {nouns.many} of a user who was not in training."
        )
    elif protocol.get("same_history"):
        words += (
            " In the test, every model reads a user's whole history up to the held-out film, also those that were "
            "trained without its last film."
        )
    elif protocol.get("split") == "leave_one_out" and mixed:
        words += (
            f" In the test, a sequential model reads a user's whole history up to the held-out {nouns.one}; the other "
            f"models know only what they were trained on, which is one {nouns.one} less. Part of a lead may come from "
            f"that {nouns.one}."
        )
    decided = protocol.get("users_decided_by_tie_break")
    judge = "a random draw" if protocol.get("tie_break") == "random" else "the order of the file"
    if decided:
        words += (
            f" For {percent(decided)} of the users several {nouns.many} have the time stamp of the held-out one, and "
            f"{judge} decides which of them is held out."
        )
    return ("What to bear in mind", words.strip()) if words else None
