"""The exact solver for a coverage floor: one item after the other is covered by the cheapest chain of exchanges.

Under the discount of positions, a user's best list of a set of items is an assignment, so the problem is a flow: from
users over the positions of their lists and the candidates to items, each of which counts once. A flow of least cost
grows by shortest paths (Jewell, 1958; Iri, 1960; with prices that keep costs non-negative: Edmonds and Karp, 1972).
A path is a chain: an item that nobody has enters a list for another one; if that one was in no other list, it enters
another list in turn, until an item leaves that others still have.

Every floor on the way to the last one is solved, too, so that a sweep of rising floors costs as much as its highest.
The prices at the end prove the bound.
"""

from __future__ import annotations

import numpy as np

from recbole_ext.progress import stage
from recbole_ext.rerank.exposure.dual import DualPrices, ExposureProblem, best_lists, dual_bound

__all__ = ["CoverageFlow"]

_STEP = 64


class CoverageFlow:
    """The best lists of a problem for a rising number of covered items; its own floors are not looked at.

    Args:
        problem: Candidates.
    """

    def __init__(self, problem: ExposureProblem) -> None:
        from recbole_ext.rerank.exposure.flow_kernel import FlowState, refresh

        self._problem = problem
        n_entries, n_items = len(problem.items), problem.n_items
        lists, _ = best_lists(problem, np.zeros(n_items), 0.0)
        items = problem.items.astype(np.int64)
        position = np.full(n_entries, -1, dtype=np.int64)
        position[lists] = np.arange(problem.k)
        self._state = FlowState(
            indptr=problem.indptr.astype(np.int64),
            items=items,
            owner=np.repeat(np.arange(problem.n_users), np.diff(problem.indptr)),
            gains=problem.gains,
            discount=problem.discount,
            of_item=np.argsort(items, kind="stable"),
            item_ptr=np.r_[0, np.cumsum(np.bincount(items, minlength=n_items))],
            lists=lists,
            position=position,
            counts=np.bincount(items[lists.ravel()], minlength=n_items),
            price=np.zeros(n_items),
            level=np.zeros(1),
            swap=np.zeros((n_entries, problem.k)),
            direct=np.full(n_entries, np.inf),
            direct_place=np.zeros(n_entries, dtype=np.int64),
            nearest=np.full(n_items, np.inf),
            nearest_entry=np.full(n_items, -1, dtype=np.int64),
            cost=np.zeros(n_items),
            via=np.zeros(n_items, dtype=np.int64),
            instead=np.zeros(n_items, dtype=np.int64),
            queue=np.zeros(n_items, dtype=np.int64),
            waiting=np.zeros(n_items, dtype=bool),
        )
        refresh(self._state, np.arange(problem.n_users))
        self._own = self.covered

    @property
    def covered(self) -> int:
        """Number of items in at least one list."""
        return int((self._state.counts[1:] > 0).sum())

    def is_beyond(self, count: int) -> bool:
        """Whether more items were covered than a floor of ``count`` asks for."""
        return self.covered > max(count, self._own)

    @property
    def lists(self) -> np.ndarray:
        """``(U, K) int64`` entries, first position first."""
        return self._state.lists.copy()

    def cover(self, count: int) -> bool:
        """Covers at least ``count`` items, or as many as the candidates allow.

        Returns:
            Whether ``count`` was reached.
        """
        from recbole_ext.rerank.exposure.flow_kernel import augment

        missing = count - self.covered
        if missing <= 0:
            return True
        with stage("covering", missing, "more items") as covering:
            for start in range(0, missing, _STEP):
                wanted = min(_STEP, missing - start)
                if augment(self._state, wanted) < wanted:
                    return False
                covering.advance(wanted)
        return True

    def prices(self, problem: ExposureProblem) -> DualPrices:
        """Prices, and the bound that they prove for the floors of ``problem``."""
        state = self._state
        item = np.select([state.counts == 0, state.counts == 1], [state.level[0], state.price], 0.0)
        item[0] = 0.0
        _, values = best_lists(problem, item, 0.0)
        return DualPrices(item, 0.0, dual_bound(problem, values, item, 0.0))
