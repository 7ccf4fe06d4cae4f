"""The compiled loop of `recbole_ext.rerank.exposure.flow`: shortest paths of exchanges, each covers one item more."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from recbole_ext.compiled import compiled

__all__ = ["FlowState", "augment", "refresh"]

_NOISE = 1e-12


class FlowState(NamedTuple):
    """All arrays of the search; ``counts``, ``lists``, ``position`` and ``price`` are what it changes for good.

    Attributes:
        indptr: ``(U + 1,) int64`` offsets of the users' entries, by falling gain within a user.
        items: ``(E,) int64`` item of each entry.
        owner: ``(E,) int64`` its user.
        gains: ``(E,) float64``.
        discount: ``(K,) float64``.
        of_item, item_ptr: Entries by item, ``(E,)``, and their offsets, ``(n_items + 1,)``.
        lists: ``(U, K) int64`` entries, first position first.
        position: ``(E,) int64`` place of an entry in its list, -1 outside.
        counts: ``(n_items,) int64`` lists that show an item.
        price: ``(n_items,) float64``; of an item in no list it is that of ``level``.
        level: ``(1,) float64`` cost of the last item covered.
        swap: ``(E, K) float64`` value lost when the entry replaces the one at a place of its user's list.
        direct, direct_place: ``(E,)`` least of these losses over places whose item other lists show as well.
        nearest, nearest_entry: ``(n_items,)`` least ``direct`` of an item's entries.
        cost, via, instead: ``(n_items,)`` cheapest known way to show an item once more: cost, entry, entry replaced.
        queue, waiting: ``(n_items,)`` of the search.
    """

    indptr: np.ndarray
    items: np.ndarray
    owner: np.ndarray
    gains: np.ndarray
    discount: np.ndarray
    of_item: np.ndarray
    item_ptr: np.ndarray
    lists: np.ndarray
    position: np.ndarray
    counts: np.ndarray
    price: np.ndarray
    level: np.ndarray
    swap: np.ndarray
    direct: np.ndarray
    direct_place: np.ndarray
    nearest: np.ndarray
    nearest_entry: np.ndarray
    cost: np.ndarray
    via: np.ndarray
    instead: np.ndarray
    queue: np.ndarray
    waiting: np.ndarray


@compiled
def _swap_losses(s: FlowState, user: int) -> None:
    """Fills ``swap`` for the entries of a user, with sums over the list as it is and moved by one place."""
    k = len(s.discount)
    chosen = s.lists[user]
    as_is, up, down = np.zeros(k + 1), np.zeros(k + 1), np.zeros(k + 1)
    for r in range(k):
        gain = s.gains[chosen[r]]
        as_is[r + 1] = as_is[r] + s.discount[r] * gain
        up[r + 1] = up[r] + (s.discount[r - 1] * gain if r > 0 else 0.0)
        down[r + 1] = down[r] + (s.discount[r + 1] * gain if r + 1 < k else 0.0)
    rank = 0
    for entry in range(s.indptr[user], s.indptr[user + 1]):
        if s.position[entry] >= 0:
            rank += 1
            s.swap[entry] = np.inf
            continue
        gain = s.gains[entry]
        for j in range(k):
            if rank > j:
                new = as_is[j] + up[rank] - up[j + 1] + s.discount[rank - 1] * gain - as_is[rank]
            else:
                new = as_is[rank] + s.discount[rank] * gain + down[j] - down[rank] - as_is[j + 1]
            s.swap[entry, j] = -new


@compiled
def _direct_losses(s: FlowState, user: int) -> None:
    """Fills ``direct`` for the entries of a user, and ``nearest`` of their items."""
    k = len(s.discount)
    chosen = s.lists[user]
    for entry in range(s.indptr[user], s.indptr[user + 1]):
        best, place = np.inf, -1
        for j in range(k):
            if s.swap[entry, j] < best and s.counts[s.items[chosen[j]]] > 1:
                best, place = s.swap[entry, j], j
        s.direct[entry], s.direct_place[entry] = best, place
        item = s.items[entry]
        if best < s.nearest[item]:
            s.nearest[item], s.nearest_entry[item] = best, entry
        elif s.nearest_entry[item] == entry and best > s.nearest[item]:
            s.nearest[item], s.nearest_entry[item] = np.inf, -1
            for other in s.of_item[s.item_ptr[item] : s.item_ptr[item + 1]]:
                if s.direct[other] < s.nearest[item]:
                    s.nearest[item], s.nearest_entry[item] = s.direct[other], other


@compiled
def refresh(s: FlowState, users: np.ndarray) -> None:
    """Computes what follows from the lists of some users; ``counts`` and ``position`` are up to date."""
    for user in users:
        _swap_losses(s, user)
    for user in users:
        _direct_losses(s, user)


@compiled
def _direct_costs(s: FlowState) -> int:
    """Starts a search with the single exchanges; the uncovered item that costs least, or 0 where there is none."""
    best, found = np.inf, 0
    for item in range(1, len(s.counts)):
        s.cost[item], s.via[item] = s.nearest[item], s.nearest_entry[item]
        if s.via[item] >= 0:
            s.instead[item] = s.lists[s.owner[s.via[item]], s.direct_place[s.via[item]]]
        if s.counts[item] == 0 and s.cost[item] < best:
            best, found = s.cost[item], item
    return found


@compiled
def _shown_entry(s: FlowState, item: int) -> int:
    """The entry of an item that one list shows."""
    for entry in s.of_item[s.item_ptr[item] : s.item_ptr[item + 1]]:
        if s.position[entry] >= 0:
            return entry
    return -1


@compiled
def _cheapest(s: FlowState) -> int:
    """Searches the cheapest way to cover one item more; the item, or 0 where there is none."""
    n_items, level = len(s.counts), s.level[0]
    found = _direct_costs(s)
    best = s.cost[found] if found else np.inf
    head = size = 0
    for item in range(1, n_items):
        s.waiting[item] = s.counts[item] == 1 and s.cost[item] - s.price[item] < best - level
        if s.waiting[item]:
            s.queue[size] = item
            size += 1
    while size:
        item = s.queue[head]
        head, size = (head + 1) % n_items, size - 1
        s.waiting[item] = False
        if s.cost[item] - s.price[item] >= best - level:
            continue
        # The one list that shows the item may lose it, once the item is shown elsewhere.
        shown = _shown_entry(s, item)
        user, place = s.owner[shown], s.position[shown]
        for entry in range(s.indptr[user], s.indptr[user + 1]):
            other = s.items[entry]
            cost = s.cost[item] + s.swap[entry, place]
            if cost >= s.cost[other] - _NOISE or s.counts[other] > 1:
                continue
            s.cost[other], s.via[other], s.instead[other] = cost, entry, shown
            if s.counts[other] == 0:
                if cost < best:
                    best, found = cost, other
            elif cost - s.price[other] < best - level and not s.waiting[other]:
                s.queue[(head + size) % n_items], s.waiting[other] = other, True
                size += 1
    return found


@compiled
def _raise_prices(s: FlowState, found: int) -> None:
    """Raises prices such that every exchange of the path costs nothing and none gains."""
    rise = s.cost[found] - s.level[0]
    for item in range(1, len(s.counts)):
        if s.counts[item] == 1:
            s.price[item] += min(max(s.cost[item] - s.price[item], 0.0), rise)
    s.level[0] += rise
    s.price[found] = s.level[0]


@compiled
def _exchange(s: FlowState, found: int) -> bool:
    """Carries out the exchanges that cover an item; False if they are no path."""
    touched = np.zeros(len(s.counts) + 1, dtype=np.int64)
    n, item = 0, found
    while True:
        new, old = s.via[item], s.instead[item]
        if n == len(s.counts) or s.position[new] >= 0 or s.position[old] < 0:
            return False
        place = s.position[old]
        s.lists[s.owner[new], place] = new
        s.position[new], s.position[old] = place, -1
        touched[n] = s.owner[new]
        n += 1
        s.counts[item] += 1
        item = s.items[old]
        s.counts[item] -= 1
        if s.counts[item] > 0:
            break
    if s.counts[item] == 1:
        touched[n] = s.owner[_shown_entry(s, item)]
        n += 1
    users = np.unique(touched[:n])
    for user in users:
        s.lists[user].sort()
        for place, entry in enumerate(s.lists[user]):
            s.position[entry] = place
    refresh(s, users)
    return True


@compiled
def augment(s: FlowState, rounds: int) -> int:
    """Covers one item more, several times; returns how often it could."""
    for done in range(rounds):
        found = _cheapest(s)
        if not found:
            return done
        _raise_prices(s, found)
        if not _exchange(s, found):
            return done
    return rounds
