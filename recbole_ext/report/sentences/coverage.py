"""How much of the catalogue is shown, in shares and in numbers."""

from __future__ import annotations

from recbole_ext.report.comparison import ComparisonView, RowView
from recbole_ext.report.sentences.models import among, leaders
from recbole_ext.report.wording import joined, nouns_of, percent

__all__ = ["coverage", "platform"]


def coverage(comparison: ComparisonView) -> tuple[str, str] | None:
    """Which of the accurate models shows most of the catalogue, beside Random and the ceiling."""
    key, front = comparison.key("itemcoverage"), leaders(comparison) or comparison.rows[:1]
    shares = {row.model: share for row in front if (share := row.mean(key)) is not None}
    if not shares:
        return None
    front = [row for row in front if row.model in shares]
    widest = max(front, key=lambda row: shares[row.model])
    shown = percent(shares[widest.model])
    if len(front) == 1:
        words = f"{widest.model} shows {shown} of the items"
    else:
        degree = "more" if len(front) == 2 else "most"
        words = f"{among(comparison, front)}, {widest.model} shows {degree} of the catalogue: {shown}"
    lead = "For coverage without a proven loss" if len(comparison.rows) > 1 else "For coverage"
    return lead, f"{words}{_limits(comparison, key)}.{_tail(comparison, widest)}"


def _limits(comparison: ComparisonView, key: str) -> str:
    limits = [
        f"{label} {percent(comparison.bounds[kind][key])}"
        for kind, label in (("random", "a random recommender expects"), ("ceiling", "the ceiling is"))
        if key in comparison.bounds.get(kind, {})
    ]
    return f" ({'; '.join(limits)})" if limits else ""


def _tail(comparison: ComparisonView, row: RowView) -> str:
    """What the tail gets of a model's lists, beside what it would get by chance."""
    key = comparison.key("tailshare")
    share, random = row.mean(key), comparison.bounds.get("random", {}).get(key)
    if share is None:
        return ""
    chance = "" if random is None else f"; at random it would be {percent(random)}"
    return f" Of its places in the lists, {percent(share)} go to tail items{chance}."


def platform(comparison: ComparisonView) -> tuple[str, str] | None:
    """The figures of the most accurate model and of the baseline in people and items."""
    base = comparison.row(comparison.baseline)
    rows = [comparison.rows[0]]
    if base is not None and base.model != rows[0].model:
        rows.append(base)
    hits = {row.model: hit for row in rows if (hit := row.mean(comparison.key("hit"))) is not None}
    if not hits:
        return None
    found = joined([f"{1000 * hit:.0f} with {model}" for model, hit in hits.items()])
    nouns = nouns_of(comparison.dataset)
    words = (
        f"Out of 1,000 visitors, {found} find in their list of {comparison.k} the {nouns.one} that they "
        f"{nouns.choose} next."
    )
    return "For a platform", words + _shown(comparison, [row for row in rows if row.model in hits])


def _shown(comparison: ComparisonView, rows: list[RowView]) -> str:
    """How many items each of some models shows at all."""
    key, items = comparison.key("itemcoverage"), comparison.protocol.get("items")
    shares = {row.model: share for row in rows if (share := row.mean(key)) is not None}
    if not items or not shares:
        return ""
    shown = joined([f"{model} shows {share * items:,.0f}" for model, share in shares.items()])
    return f" Of {items:,} {nouns_of(comparison.dataset).many}, {shown} to at least one user."
