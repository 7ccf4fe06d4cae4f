"""What debiasing costs and gains: curves of re-rankers, the chosen points, and lists before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recbole_ext.report.context import Context, Reranked, saved_level
from recbole_ext.report.document import Block, Cell, Paragraph, Section, Table, cell
from recbole_ext.report.sections.curves import curve_chart, shown_k
from recbole_ext.report.wording import interval_words, joined, percent, signed

__all__ = ["debiasing_section"]

_MEASURES = (("itemcoverage", "item coverage"), ("tailshare", "tail share"))
_BOUNDS = (("random", "Random, expected"), ("ceiling", "Ceiling"))
_TABLE = ("ndcg", "hit", "itemcoverage", "tailshare", "novelty")


def debiasing_section(context: Context) -> Section | None:
    """What debiasing costs and gains."""
    curves, reranked = context.inputs.curves, context.reranked
    if not curves and not reranked:
        return None
    blocks: list[Block] = []
    for model, curve in curves.items():
        blocks += [curve_chart(model, curve, key, name) for key, name in _MEASURES]
    if curves:
        blocks += [_chosen_table(curves), Paragraph(_words_of_curves(context), quiet=True)]
    if reranked:
        blocks += [_rerank_table(reranked), Paragraph(_words_of_lists(reranked), quiet=True)]
    return Section("debiasing", "What debiasing costs and gains", tuple(blocks))


def _words_of_curves(context: Context) -> str:
    """How strengths were chosen, and how to read the table of the chosen ones."""
    curves = context.inputs.curves
    rules = dict.fromkeys(str(curve["rule"]) for curve in curves.values())
    depth = next(iter(curves.values())).get("candidates", 200)
    intervals = interval_words({model: saved_level(curve) for model, curve in curves.items()})
    whose = "" if context.inputs.study is None else "the models that are best on validation"
    return (
        f"Selection rule: {'; '.join(rules)}. Scores are min-max scaled per user over the top {depth} candidates "
        "before α is applied, which fixes what α = 0.1 means; the penalty is log-scaled popularity. For exposure, the "
        "strength is the coverage floor. A re-ranker without a row has no strength that meets the rule. Below a "
        f"figure, or in brackets after it: {intervals} over users; n.s. = the interval contains 0, without a "
        f"correction for several re-rankers. The lists are those of one run of {whose or 'each model'}."
    )


def _words_of_lists(reranked: Sequence[Reranked]) -> str:
    """The rules of the re-rankings, and how to read their table."""
    rules = dict.fromkeys(str(one.folder.metrics["rule"]) for one in reranked)
    heads = list(dict.fromkeys(one.head_rule for one in reranked))
    levels = {one.name: one.level for one in reranked if one.ndcg_difference}
    brackets = (
        f" Below a figure, or in brackets after it: {interval_words(levels)} over users;" if levels else ""
    )
    end = "." if levels else ";"
    return f"{'; '.join(rules)}. Tail by the head rule {joined(heads)}{end}{brackets} n.s. = no significant difference."


def _gap(mean: float, low: float, high: float) -> Cell:
    """A difference of NDCG above its interval."""
    verdict = "" if low > 0 or high < 0 else ", n.s."
    return Cell(signed(mean), mean, f"{signed(low)} to {signed(high)}{verdict}")


def _chosen_table(curves: Mapping[str, Mapping[str, Any]]) -> Table:
    rows = tuple(_chosen_row(model, row) for model, curve in curves.items() for row in curve["test"])
    columns = ("Model", "Re-ranker", "Strength", "NDCG", "Δ NDCG", "Coverage", "Tail share")
    first = next(iter(curves.values()))
    foot = _limits(first["bounds"], shown_k(first), 5, 0)
    return Table("The chosen strengths, tested once", columns, rows, foot, text_columns=(0, 1))


def _chosen_row(model: str, row: Mapping[str, Any]) -> tuple[Cell, ...]:
    own = row["method"] == "none"
    difference = (row[key] for key in ("ndcg_difference", "difference_low", "difference_high"))
    return (
        Cell(model),
        Cell("own lists" if own else str(row["method"])),
        cell(None) if own else cell(float(row["strength"]), 2),
        cell(row["ndcg"]),
        cell(None) if own else _gap(*difference),
        *_shares([row["itemcoverage"], row["tailshare"]]),
    )


def _shares(values: Sequence[float | None]) -> list[Cell]:
    return [cell(None) if value is None else Cell(percent(value), value) for value in values]


def _limits(
    bounds: Mapping[str, Mapping[str, float]], k: int, left: int, right: int
) -> tuple[tuple[Cell, ...], ...]:
    """Rows below a table with ``left`` columns before coverage and tail share and ``right`` behind them."""
    rows = []
    for kind, label in _BOUNDS:
        values = [bounds.get(kind, {}).get(f"{name}@{k}") for name, _ in _MEASURES]
        if any(value is not None for value in values):
            gaps = [Cell("")] * (left - 1)
            rows.append((Cell(label), *gaps, *_shares(values), *([Cell("")] * right)))
    return tuple(rows)


def _rerank_table(reranked: Sequence[Reranked]) -> Table:
    """Figures before and after. Where the head rules differ, each tail share names its own and what Random gets."""
    mixed = len({one.head_rule for one in reranked}) > 1
    rows = tuple(row for one in reranked for row in _before_and_after(one, mixed))
    columns = ("Lists", "Place", "NDCG", "Δ NDCG", "Hit", "Coverage", "Tail share", "Novelty")
    bounds, k = reranked[0].folder.metrics.get("bounds", {}), reranked[0].k
    if mixed:
        left_out = f"tailshare@{k}"
        bounds = {
            kind: {key: value for key, value in values.items() if key != left_out}
            for kind, values in bounds.items()
        }
    foot = _limits(bounds, k, 5, 1)
    return Table("Test lists before and after re-ranking", columns, rows, foot, text_columns=(0, 1))


def _before_and_after(one: Reranked, mixed: bool) -> list[tuple[Cell, ...]]:
    """The two rows of a re-ranking; ``mixed`` says that the head rules of the table differ."""
    rows = []
    for label, place in (("before", 0), ("after", 1)):
        ndcg, hit, coverage, tail, novelty = (one.figures(name)[place] for name in _TABLE)
        gap = Cell("") if label == "before" else cell(None)
        if label == "after" and one.ndcg_difference:
            gap = _gap(*one.ndcg_difference)
        shares = _shares([coverage, tail])
        if mixed and label == "before" and tail is not None:
            shares[1] = Cell(shares[1].text, tail, _head_rule_note(one))
        rows.append((Cell(one.name), Cell(label), cell(ndcg), gap, cell(hit), *shares, cell(novelty, 2)))
    return rows


def _head_rule_note(one: Reranked) -> str:
    random = one.folder.metrics.get("bounds", {}).get("random", {}).get(f"tailshare@{one.k}")
    return one.head_rule if random is None else f"{one.head_rule}; Random {percent(random)}"
