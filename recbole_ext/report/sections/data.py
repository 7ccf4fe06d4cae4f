"""The data: its size, the activity of users, the popularity of items, and the long tail."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recbole_ext.evaluator.groups import HEAD_RULES
from recbole_ext.report.charts import Line, histogram, lines_chart
from recbole_ext.report.context import Context
from recbole_ext.report.dataset import DatasetFacts
from recbole_ext.report.document import Block, Cell, Figure, Section, Table, cell
from recbole_ext.report.wording import percent
from recbole_ext.runs.run import Run

__all__ = ["data_section", "features_table", "long_tail"]


def long_tail(counts: np.ndarray, head: int, rule: str) -> Figure:
    """Cumulative share of the training interactions over the items, most popular first.

    Args:
        counts: ``(n,)`` training interactions of each item.
        head: Number of head items.
        rule: The head rule, for the caption.
    """
    held = np.cumsum(np.sort(counts)[::-1]) / max(counts.sum(), 1)
    share = np.arange(1, len(counts) + 1) / len(counts)
    chosen = np.unique(np.linspace(0, len(counts) - 1, 80).astype(int))
    at = max(head, 1) - 1
    x = [0.0, *share[chosen].tolist()]
    y = [0.0, *held[chosen].tolist()]
    words = (
        f"{percent(float(share[at]))} of the items ({head:,}) form the head by the rule {rule} and hold "
        f"{percent(float(held[at]))} of the training interactions"
    )
    return lines_chart(
        "The long tail: share of the interactions that the most popular items hold",
        words,
        [Line("cumulative share", x, y, dots=False)],
        ("share of the items, most popular first", "share of the training interactions"),
        references=[(float(share[at]), "head | tail")],
        caption=f"{words}. The rule takes the {HEAD_RULES[rule]}." if rule in HEAD_RULES else f"{words}.",
        form_x=lambda value: f"{value:.0%}",
        form_y=lambda value: f"{value:.0%}",
    )


def _plots(dataset: DatasetFacts) -> list[Block]:
    users, items = dataset.user_counts, dataset.item_counts[1:]
    head = len(items) - len(dataset.tail_tokens(dataset.rule))
    activity = histogram(
        "Activity: training interactions of a user",
        f"Half of the users have at most {np.median(users):,.0f}; the most active has {users.max():,}",
        users,
        ("training interactions (logarithmic)", "users"),
    )
    popularity = histogram(
        "Popularity: training interactions of an item",
        f"Half of the items have at most {np.median(items):,.0f}; the most popular has {items.max():,}",
        items,
        ("training interactions (logarithmic)", "items"),
    )
    return [activity, popularity, long_tail(items, head, dataset.rule)]


def data_section(context: Context) -> Section | None:
    """Size, sparsity, concentration; plots where the data set is on disk."""
    if not context.inputs.runs:
        return None
    facts = context.inputs.runs[0].metrics.get("statistics")
    if not facts:
        return None
    filters = context.comparison.protocol.get("filter", {})
    rule = str(context.comparison.protocol.get("head_rule"))
    lead = (
        f"{context.comparison.dataset}: {facts['users']:,} users, {facts['items']:,} items and "
        f"{facts['interactions']:,} interactions remain after the filter (users ≥ "
        f"{filters.get('min_user_interactions')}, items ≥ {filters.get('min_item_interactions')}); "
        f"{percent(facts['sparsity'])} of the matrix is empty. The Gini index of the items' popularity is "
        f"{facts['popularity_gini']:.2f}."
    )
    rows = [
        (
            Cell(name),
            cell(float(facts["head_items"][name]), 0),
            cell(float(facts["tail_items"][name]), 0),
            Cell(words),
        )
        for name, words in HEAD_RULES.items()
        if name in facts.get("head_items", {})
    ]
    table = Table(
        f"Head and tail by three rules; this report uses {rule}",
        ("Rule", "Head", "Tail", "Head items are the"),
        tuple(rows),
        text_columns=(0, 3),
    )
    plots = _plots(context.dataset) if context.dataset else []
    return Section("data", "The data", (*plots, table, *features_table(context.inputs.runs)), lead)


def features_table(runs: Sequence[Run]) -> list[Block]:
    """The features of items that any of the runs reads, and how many items lack each; nothing if none reads any."""
    found = {
        (one.name, one.recipe): (
            Cell(one.name),
            Cell(one.recipe),
            cell(float(one.missing), 0),
            Cell(one.note),
        )
        for run in runs
        for one in run.figures.item_features
    }
    if not found:
        return []
    items = runs[0].figures.statistics.items
    return [
        Table(
            f"What models of content read of the {items:,} items",
            ("Feature", "Made by", "Items without", "Note"),
            tuple(found[key] for key in sorted(found)),
            text_columns=(0, 1, 3),
        )
    ]
