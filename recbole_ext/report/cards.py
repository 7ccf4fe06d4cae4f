"""The figures at the top of a report."""

from __future__ import annotations

from recbole_ext.report.claims import HOLDS, OPEN, claims_of
from recbole_ext.report.comparison import ComparisonView
from recbole_ext.report.context import Context
from recbole_ext.report.document import Card
from recbole_ext.report.sentences import leaders
from recbole_ext.report.wording import level_name, number, percent

__all__ = ["cards_of"]


def cards_of(context: Context) -> tuple[Card, ...]:
    """Accuracy, coverage, the best re-ranking and the published claims, each where its figures are known."""
    comparison = context.comparison
    cards = _accuracy(comparison), _coverage(comparison), _rerank(context), _claims(context)
    return tuple(card for card in cards if card is not None)


def _accuracy(comparison: ComparisonView) -> Card | None:
    best, key = comparison.rows[0], comparison.key("ndcg")
    if key not in best.metrics:
        return None
    figure = best.metrics[key]
    note = (
        ""
        if figure.low is None
        else f"{level_name(comparison.level)} interval {figure.low:.3f} to {figure.high:.3f}"
    )
    return Card(number(figure.mean), f"NDCG@{comparison.k} of {best.model}", note)


def _coverage(comparison: ComparisonView) -> Card | None:
    """The widest of the models that are not proven less accurate than the best one."""
    key = comparison.key("itemcoverage")
    known = [row for row in leaders(comparison) or comparison.rows[:1] if row.mean(key) is not None]
    if not known:
        return None
    widest = max(known, key=lambda row: row.mean(key) or 0.0)
    random = comparison.bounds.get("random", {}).get(key)
    note = "" if random is None else f"a random recommender expects {percent(random)}"
    unproven = "" if widest.model == comparison.rows[0].model else ", not proven less accurate"
    return Card(percent(widest.mean(key) or 0), f"of the catalogue shown by {widest.model}{unproven}", note)


def _rerank(context: Context) -> Card | None:
    """The re-ranking that shows most among those without a proven loss; else the published setting."""
    cheap = [one for one in context.reranked if one.is_cheap and one.figures("itemcoverage")[1] is not None]
    one = max(cheap, key=lambda one: one.figures("itemcoverage")[1] or 0.0, default=None)
    one = one or next((one for one in context.reranked if one.is_alpha_tenth), None)
    before, after = one.figures("itemcoverage") if one else (None, None)
    if one is None or before is None or after is None:
        return None
    ndcg = " → ".join(number(value) for value in one.figures("ndcg") if value is not None)
    proven = ", no loss proven" if one.is_cheap else ""
    return Card(
        percent(after),
        f"coverage instead of {percent(before)}: {one.name.partition(' (')[0]}",
        f"NDCG {ndcg}{proven}",
    )


def _claims(context: Context) -> Card | None:
    tested = [claim.verdict for claim in claims_of(context) if claim.verdict != OPEN]
    if not tested:
        return None
    holding = tested.count(HOLDS)
    noun = "published claim" if len(tested) == 1 else "published claims"
    label = f"{noun} {'holds' if 1 in (holding, len(tested)) else 'hold'}"
    return Card(f"{holding} of {len(tested)}", label, "of those that these folders can test")
