"""Curves of re-rankers, lists before and after, examples with titles."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recbole_ext.report.charts import Line, lines_chart
from recbole_ext.report.context import Context, Reranked
from recbole_ext.report.document import Block, Cell, Figure, Paragraph, Section, Table, cell
from recbole_ext.report.lists import Example, changes_by_user, example, top
from recbole_ext.report.wording import joined, number, percent, signed

__all__ = ["curves_section", "examples_section"]

_COLOURS = ("c2", "c1", "c3", "c4", "c6", "c7", "c5")
_SHOWN = (("itemcoverage", "item coverage"), ("tailshare", "tail share"))


def _percent_tick(value: float) -> str:
    return f"{value:.0%}"


def _line(method: str, part: Sequence[Mapping[str, Any]], key: str, name: str, colour: str) -> Line:
    """One re-ranker's points by strength; α = 0.1 of the penalty is marked."""
    penalty = method == "popularity_penalty"
    marked = [i for i, row in enumerate(part) if penalty and abs(row["strength"] - 0.1) < 1e-9]
    return Line(
        method,
        [row[key] for row in part],
        [row["ndcg"] for row in part],
        tips=[
            f"{method} {row['strength']:g}: {name} {percent(row[key])}, NDCG {number(row['ndcg'])}"
            for row in part
        ],
        marked=marked,
        names=["α = 0.1"] * len(marked),
        colour=colour,
    )


def _begins_at_zero(lines: Sequence[Line]) -> bool:
    values = [value for line in lines for value in line.y]
    return min(values, default=0.0) <= 0.3 * (max(values, default=0.0) - min(values, default=0.0))


def _curve(model: str, curve: Mapping[str, Any], key: str, name: str) -> Figure:
    rows: Sequence[Mapping[str, Any]] = curve["validation"]
    own = [row for row in rows if row["method"] == "none"]
    methods = dict.fromkeys(str(row["method"]) for row in rows if row["method"] != "none")
    lines = []
    for method, colour in zip(methods, itertools.cycle(_COLOURS), strict=False):
        part = sorted(
            [*own, *(row for row in rows if row["method"] == method)], key=lambda row: row["strength"]
        )
        lines.append(_line(method, part, key, name, colour))
    k = next((int(place.partition("@")[2]) for place in curve["bounds"].get("ceiling", {})), 10)
    references = [
        (curve["bounds"][kind][f"{key}@{k}"], label)
        for kind, label in (("random", "Random"), ("ceiling", "ceiling"))
        if f"{key}@{k}" in curve["bounds"].get(kind, {})
    ]
    # A curve may turn back: its end need not be the largest share that it reaches.
    ends = "At the largest strength: " + "; ".join(
        f"{line.name} {percent(line.x[-1])} at NDCG {number(line.y[-1])}" for line in lines
    )
    rule = f", head rule {curve.get('protocol', {}).get('head_rule')}" if key == "tailshare" else ""
    return lines_chart(
        f"{model}: NDCG@{k} against {name}@{k} (validation{rule})",
        ends,
        lines,
        (f"{name}@{k}", f"NDCG@{k}, validation"),
        references=references,
        form_x=_percent_tick,
        level=(own[0]["ndcg"], "own lists") if own else None,
        zero_y=False,
        caption="" if _begins_at_zero(lines) else "The vertical axis does not begin at 0.",
    )


def _chosen_table(curves: Mapping[str, Mapping[str, Any]]) -> Table:
    rows = []
    for model, curve in curves.items():
        for row in curve["test"]:
            own = row["method"] == "none"
            low, high = row["difference_low"], row["difference_high"]
            words = (
                "" if own else f"{signed(low)} to {signed(high)}" + ("" if low > 0 or high < 0 else ", n.s.")
            )
            rows.append(
                (
                    Cell(model),
                    Cell("own lists" if own else str(row["method"])),
                    cell(None) if own else cell(float(row["strength"]), 2),
                    cell(row["ndcg"]),
                    cell(None)
                    if own
                    else Cell(signed(row["ndcg_difference"]), row["ndcg_difference"], words),
                    Cell(percent(row["itemcoverage"]), row["itemcoverage"]),
                    Cell(percent(row["tailshare"]), row["tailshare"]),
                )
            )
    columns = ("Model", "Re-ranker", "Strength", "NDCG", "Δ NDCG", "Coverage", "Tail share")
    first = next(iter(curves.values()))
    k = next((int(name.partition("@")[2]) for name in first["bounds"].get("ceiling", {})), 10)
    foot = _limits(first["bounds"], k, 5, 0)
    return Table("The chosen strengths, tested once", columns, tuple(rows), foot, text_columns=(0, 1))


def _shares(values: Sequence[float | None]) -> list[Cell]:
    return [cell(None) if value is None else Cell(percent(value), value) for value in values]


def _limits(
    bounds: Mapping[str, Mapping[str, float]], k: int, left: int, right: int
) -> tuple[tuple[Cell, ...], ...]:
    """Rows below a table whose columns ``left`` to ``left + 2`` are coverage and tail share."""
    rows = []
    for kind, label in (("random", "Random, expected"), ("ceiling", "Ceiling")):
        values = [bounds.get(kind, {}).get(f"{name}@{k}") for name, _ in _SHOWN]
        if any(value is not None for value in values):
            gaps = [Cell("")] * (left - 1)
            rows.append((Cell(label), *gaps, *_shares(values), *([Cell("")] * right)))
    return tuple(rows)


def _rerank_table(reranked: Sequence[Reranked]) -> Table:
    """Under several head rules, each tail share says its own, and what Random would get under it."""
    rows = []
    mixed = len({one.head_rule for one in reranked}) > 1
    for one in reranked:
        for label, place in (("before", 0), ("after", 1)):
            ndcg, hit, coverage, tail, novelty = (
                one.figures(name)[place] for name in ("ndcg", "hit", "itemcoverage", "tailshare", "novelty")
            )
            gap = Cell("") if place == 0 else cell(None)
            if place and one.ndcg_difference:
                mean, low, high = one.ndcg_difference
                verdict = "" if low > 0 or high < 0 else ", n.s."
                gap = Cell(signed(mean), mean, f"{signed(low)} to {signed(high)}{verdict}")
            shares = _shares([coverage, tail])
            if mixed and not place and tail is not None:
                random = one.folder.metrics.get("bounds", {}).get("random", {}).get(f"tailshare@{one.k}")
                expected = "" if random is None else f"; Random {percent(random)}"
                shares[1] = Cell(shares[1].text, tail, f"{one.head_rule}{expected}")
            rows.append((Cell(one.name), Cell(label), cell(ndcg), gap, cell(hit), *shares, cell(novelty, 2)))
    columns = ("Lists", "Place", "NDCG", "Δ NDCG", "Hit", "Coverage", "Tail share", "Novelty")
    first = reranked[0].folder.metrics.get("bounds", {})
    key = f"tailshare@{reranked[0].k}"
    if mixed:
        first = {
            kind: {name: v for name, v in values.items() if name != key} for kind, values in first.items()
        }
    foot = _limits(first, reranked[0].k, 5, 1)
    return Table("Test lists before and after re-ranking", columns, tuple(rows), foot, text_columns=(0, 1))


def _whose(context: Context) -> str:
    if context.inputs.study is None:
        return "The lists are those of one run of each model."
    return "The lists are those of one run of the models that are best on validation."


def curves_section(context: Context) -> Section | None:
    """What debiasing costs and gains."""
    curves, reranked = context.inputs.curves, context.reranked
    if not curves and not reranked:
        return None
    blocks: list[Block] = []
    for model, curve in curves.items():
        blocks += [_curve(model, curve, key, name) for key, name in _SHOWN]
    if curves:
        rules = dict.fromkeys(str(curve["rule"]) for curve in curves.values())
        depth = next(iter(curves.values())).get("candidates", 200)
        blocks.append(_chosen_table(curves))
        blocks.append(
            Paragraph(
                f"Rule of the choice: {'; '.join(rules)}. Scores are min-max scaled per user over the top {depth} "
                "candidates before α is applied, which fixes what α = 0.1 means; the penalty is log-scaled popularity. "
                "For exposure, the strength is the coverage floor. A re-ranker without a row has no strength within "
                "the rule. In brackets: 95 % interval over users; n.s. = it holds 0, without a correction for several "
                f"re-rankers. {_whose(context)}",
                quiet=True,
            )
        )
    if reranked:
        blocks.append(_rerank_table(reranked))
        blocks.append(
            Paragraph(
                f"{'; '.join(dict.fromkeys(str(one.folder.metrics['rule']) for one in reranked))}. Tail by the head "
                f"rule {joined(list(dict.fromkeys(one.head_rule for one in reranked)))}; n.s. = no significant "
                "difference.",
                quiet=True,
            )
        )
    return Section("debiasing", "What debiasing costs and gains", tuple(blocks))


def _example_users(one: Reranked, context: Context) -> list[tuple[str, str]]:
    """``(label, user)``: the heavy and the light user whose lists change most; without groups, of all users."""
    assert one.run is not None
    shares = changes_by_user(top(one.run, one.k), top(one.folder, one.k))
    ordered = sorted(shares, key=lambda user: (-shares[user], user))
    found = []
    for group in ("heavy", "light"):
        members = [user for user in ordered if context.dataset and user in context.dataset.users_of[group]]
        if members:
            found.append((f"the {group} user whose list changes most", members[0]))
    return found or [("the user whose list changes most", user) for user in ordered[:1]]


def _titles(one: Reranked, context: Context) -> dict[str, str]:
    names = dict(context.dataset.title) if context.dataset else {}
    for folder in (one.run, one.folder):
        if folder is not None and "title" in folder.lists.columns:
            known = folder.lists.select("item_id", "title").unique().drop_nulls()
            names.update(zip(known["item_id"].to_list(), known["title"].to_list(), strict=True))
    return names


def _example_table(label: str, shown: Example, titles: Mapping[str, str], context: Context) -> Table:
    popularity = context.dataset.popularity if context.dataset else {}
    targets = context.dataset.target(shown.user) if context.dataset else []

    def named(item: str) -> Cell:
        count = f"{popularity[item]:,} ratings in training" if item in popularity else ""
        if item in targets:
            return Cell(
                titles.get(item, item), note=f"{count}{'; ' if count else ''}the held-out item", tone="strong"
            )
        return Cell(titles.get(item, item), note=count)

    rows = []
    for rank, (old, new) in enumerate(zip(shown.before, shown.after, strict=False), start=1):
        moved = "new" if not new.came_from else f"from {new.came_from}" if new.came_from != rank else "stays"
        tone = "good" if not new.came_from else "quiet" if moved == "stays" else ""
        rows.append((Cell(str(rank), rank), named(old), named(new.item), Cell(moved, tone=tone)))
    return Table(
        f"User {shown.user}: {label}",
        ("Rank", "Before", "After", "Moved"),
        tuple(rows),
        text_columns=(1, 2, 3),
    )


def examples_section(context: Context) -> Section | None:
    """Real lists with titles, before and after a re-ranker."""
    order = [row.model for row in context.comparison.rows]
    usable = [one for one in context.reranked if one.run is not None and one.run.model in order]
    usable.sort(key=lambda one: order.index(one.run.model if one.run else ""))
    if not usable:
        return None
    blocks: list[Block] = []
    for one in usable[:2]:
        assert one.run is not None
        before, after, titles = top(one.run, one.k), top(one.folder, one.k), _titles(one, context)
        shares = changes_by_user(before, after)
        blocks.append(
            Paragraph(
                f"{one.name}: on average {percent(float(np.mean(list(shares.values()))))} of a list is replaced; "
                f"{sum(share == 0 for share in shares.values()):,} of {len(shares):,} users keep the same items."
            )
        )
        for label, user in _example_users(one, context):
            if context.dataset:
                recent = [titles.get(item, item) for item in context.dataset.recent(user, 5)]
                blocks.append(
                    Paragraph(f"User {user} had last, newest first: {'; '.join(recent)}.", quiet=True)
                )
            blocks.append(_example_table(label, example(user, before[user], after[user]), titles, context))
    return Section("examples", "Real lists, before and after", tuple(blocks))
