"""Groups of users and of held-out items, and how much lists overlap."""

from __future__ import annotations

import numpy as np

from recbole_ext.report.charts import matrix, pairs
from recbole_ext.report.comparison import ComparisonView
from recbole_ext.report.context import Context
from recbole_ext.report.document import Block, Cell, Paragraph, Section, Table, cell
from recbole_ext.report.lists import changes_by_user, overlap, top
from recbole_ext.report.wording import interval_note, level_name, number, percent

__all__ = ["groups_section", "overlap_section"]

_PAIRS = (
    (("heavy", "light"), ("heavy users", "light users"), "Heavy and light users"),
    (("head", "tail"), ("head items", "tail items"), "Held-out items of the head and of the tail"),
)


def _table(comparison: ComparisonView) -> Table:
    names = [
        name
        for name in ("heavy", "light", "head", "tail")
        if any(name in row.groups for row in comparison.rows)
    ]
    rows = []
    for row in comparison.rows:
        cells = [Cell(row.model)]
        for name in names:
            estimate, n = row.groups.get(name, (None, 0))
            if estimate is None:
                cells.append(cell(None))
            else:
                note = interval_note(estimate.low, estimate.high) or f"n = {n}"
                cells.append(Cell(number(estimate.mean), estimate.mean, note))
        rows.append(tuple(cells))
    sizes = {
        name: next((r.groups[name][1] for r in comparison.rows if name in r.groups), 0) for name in names
    }
    words = {"heavy": "Heavy", "light": "Light", "head": "Head target", "tail": "Tail target"}
    columns = ("Model", *(f"{words[name]} (n = {sizes[name]})" for name in names))
    return Table(f"NDCG@{comparison.k} by group", columns, tuple(rows))


def groups_section(context: Context) -> Section | None:
    """Accuracy by group of users and of held-out items."""
    comparison = context.comparison
    blocks: list[Block] = []
    for keys, names, title in _PAIRS:
        rows = [
            (row.model, row.groups[keys[0]][0].mean, row.groups[keys[1]][0].mean)
            for row in comparison.rows
            if all(key in row.groups for key in keys)
        ]
        if rows:
            words = "; ".join(
                f"{name}: {names[0]} {number(a)}, {names[1]} {number(b)}" for name, a, b in rows
            )
            blocks.append(pairs(title, words, rows, names, f"NDCG@{comparison.k}"))
    if not blocks:
        return None
    words = (
        "Heavy and light: the top and the bottom quarter of the users by training interactions. Head and tail: users "
        "whose held-out items are all in the head, or all in the tail, by the rule "
        f"{comparison.protocol.get('head_rule')}."
    )
    if any(estimate.low is not None for row in comparison.rows for estimate, _ in row.groups.values()):
        words += (
            f" Below a figure, or in brackets after it: {level_name(comparison.level)} bootstrap interval."
        )
    blocks += [_table(comparison), Paragraph(words, quiet=True)]
    return Section("groups", "How well each group is served", tuple(blocks))


def _group_table(context: Context, lists: dict[str, dict[str, list[str]]], reference: str) -> Table:
    """How much each model's lists have in common with those of one model, by group of users."""
    assert context.dataset is not None
    groups = {
        "all": context.dataset.users,
        # A set has no order, and the last bits of a mean hang on the order of its sum.
        **{n: sorted(context.dataset.users_of[n]) for n in ("heavy", "light")},
    }
    rows = []
    for name, own in lists.items():
        if name == reference:
            continue
        shares = changes_by_user(lists[reference], own)
        cells = [Cell(name)]
        for members in groups.values():
            values = [shares[user] for user in members if user in shares]
            cells.append(
                Cell(percent(1 - float(np.mean(values))), 1 - float(np.mean(values)))
                if values
                else cell(None)
            )
        rows.append(tuple(cells))
    columns = ("Lists of", "All users", "Heavy", "Light")
    return Table(f"Share of a list in common with {reference}", columns, tuple(rows))


def overlap_section(context: Context) -> Section | None:
    """How much the lists of the models and re-rankers have in common."""
    k = context.comparison.k
    lists = {name: top(run, k) for name, run in context.one_run_each.items()}
    shown = list(lists)
    everything = {**lists, **{one.name: top(one.folder, k) for one in context.reranked if one.k == k}}
    if len(everything) < 2:
        return None
    blocks: list[Block] = []
    if len(shown) > 1:
        shares = overlap([lists[name] for name in shown], k)
        apart = shares - np.eye(len(shown))
        a, b = np.unravel_index(int(apart.argmax()), apart.shape)
        words = (
            f"{shown[a]} and {shown[b]} are most alike: they share {percent(float(apart[a, b]))} of a list."
        )
        title = f"Share of a user's list of {k} that two models have in common, per cent"
        blocks.append(matrix(title, words, shown, shares, caption=words))
    if context.dataset:
        base = context.comparison.baseline if context.comparison.baseline in lists else shown[0]
        blocks.append(_group_table(context, everything, base))
    return Section("lists", "How much the lists overlap", tuple(blocks)) if blocks else None
