"""Lists before and after a re-ranker, with titles."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from recbole_ext.report.context import Context, Reranked
from recbole_ext.report.document import Block, Cell, Paragraph, Section, Table
from recbole_ext.report.lists import Example, changes_by_user, example, top
from recbole_ext.report.wording import nouns_of, percent

__all__ = ["examples_section"]


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
            known = folder.lists.select("item_id", "title").unique(maintain_order=True).drop_nulls()
            names.update(zip(known["item_id"].to_list(), known["title"].to_list(), strict=True))
    return names


def _example_table(label: str, shown: Example, titles: Mapping[str, str], context: Context) -> Table:
    popularity = context.dataset.popularity if context.dataset else {}
    targets = context.dataset.target(shown.user) if context.dataset else []

    times = nouns_of(context.comparison.dataset).times

    def named(item: str) -> Cell:
        count = f"{popularity[item]:,} {times} in training" if item in popularity else ""
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
                    Paragraph(f"Last items of user {user}, newest first: {'; '.join(recent)}.", quiet=True)
                )
            blocks.append(_example_table(label, example(user, before[user], after[user]), titles, context))
    return Section("examples", "Real lists, before and after", tuple(blocks))
