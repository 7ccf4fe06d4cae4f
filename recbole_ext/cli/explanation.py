"""An explanation as lines for the terminal."""

from __future__ import annotations

from recbole_ext.config.messages import pluralize
from recbole_ext.recommend.explain import Explanation, Recommendation

__all__ = ["explanation_lines"]


def _reason_lines(one: Recommendation, kind: str) -> list[str]:
    lines = []
    for reason in one.reasons:
        words = {
            "parts": f"{reason.effect:+.4f}",
            "nearest": f"similarity {reason.effect:.2f}",
        }.get(kind, f"{reason.effect:+.4f}; without it place {reason.rank_without}")
        lines.append(f"     {reason.title}: {words}")
    return lines


def explanation_lines(explanation: Explanation) -> list[str]:
    """A few lines for each recommendation, under what the method means."""
    items = pluralize(explanation.history, "item")
    # Where no item of the history was looked at one by one, their number says nothing.
    looked_at = "" if explanation.kind == "none" else f", from {items} of the history"
    lines = [
        f"{explanation.model}, user {explanation.user}: {explanation.how.method}{looked_at}",
        explanation.how.meaning,
    ]
    for one in explanation.recommendations:
        lines += [
            "",
            f"{one.rank:>3}. {one.title} (score {one.score:.4f})",
            *_reason_lines(one, explanation.kind),
        ]
        if explanation.kind == "parts" and one.reasons:
            rest = one.score - sum(reason.effect for reason in one.reasons)
            lines.append(f"     all other items together: {rest:+.4f}")
        if not one.reasons and explanation.kind != "none":
            single = "the history has one item: nothing can be taken away"
            lines.append(f"     {'no item of the history speaks for it' if explanation.history else single}")
        if one.genres:
            shares = ", ".join(f"{name} {share:.0%}" for name, share in one.genres)
            lines.append(f"     its genres in the history: {shares}")
    return lines
