"""The metrics beyond accuracy as their papers write them: sums over users, items and pairs, and nothing shared.

Nothing here is taken from the package, so that a change of a formula there does not bend its test as well. Items are
1..n, a list holds its items best first, and users and items are counted one by one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["METRICS", "Lists", "head_of", "thirds_of"]

_HEAD_SHARES = {"interactions_80": Fraction(8, 10), "interactions_20": Fraction(2, 10)}


@dataclass(frozen=True)
class Lists:
    """Lists, and what is known of their users and items.

    Attributes:
        n: Items in the catalogue.
        counts: Training interactions of each item, from item 1 on.
        training_users: Users in the training data.
        lists: Recommended items of each user.
        profiles: Training items of each user, repeats included.
        held_out: Relevant items of each user.
        masked: Items that could not be recommended to each user.
        genres: A vector for each item, from item 1 on.
        head_rule: How the head is cut.
        k: Places of a list, which may hold fewer items.
        propensity_power: Of popularity in the propensity.
    """

    n: int
    counts: Sequence[int]
    training_users: int
    lists: Sequence[Sequence[int]]
    profiles: Sequence[Sequence[int]]
    held_out: Sequence[set[int]]
    masked: Sequence[set[int]]
    genres: Sequence[Sequence[float]]
    head_rule: str
    k: int
    propensity_power: float

    @property
    def catalogue(self) -> range:
        return range(1, self.n + 1)

    def phi(self, item: int) -> int:
        return self.counts[item - 1]

    @property
    def head(self) -> set[int]:
        return head_of(self.counts, self.head_rule)

    @property
    def tail(self) -> set[int]:
        return set(self.catalogue) - self.head


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0


def fewest_holding(counts: Sequence[int], share: Fraction) -> set[int]:
    """The fewest most popular items that hold a share of all interactions; of equals, the smaller id comes first."""
    order = sorted(range(1, len(counts) + 1), key=lambda item: (-counts[item - 1], item))
    total, taken = sum(counts), set[int]()
    for item in order:
        if total == 0 or sum(counts[i - 1] for i in taken) >= share * total:
            break
        taken.add(item)
    return taken


def head_of(counts: Sequence[int], rule: str) -> set[int]:
    """The popular items: never one that nobody has."""
    if rule in _HEAD_SHARES:
        return fewest_holding(counts, _HEAD_SHARES[rule])
    order = sorted(range(1, len(counts) + 1), key=lambda item: (-counts[item - 1], item))
    return {item for item in order[: math.ceil(len(counts) / 5)] if counts[item - 1] > 0}


def thirds_of(counts: Sequence[int]) -> list[set[int]]:
    """Head, mid and tail of Abdollahpouri et al. (2021)."""
    head, most = fewest_holding(counts, Fraction(2, 10)), fewest_holding(counts, Fraction(8, 10))
    return [head, most - head, set(range(1, len(counts) + 1)) - most]


def item_coverage(x: Lists) -> float:
    return len([i for i in x.catalogue if any(i in one for one in x.lists)]) / x.n


def tail_coverage(x: Lists) -> float:
    shown = [i for i in x.tail if any(i in one for one in x.lists)]
    return len(shown) / len(x.tail) if x.tail else 0.0


def tail_share(x: Lists) -> list[float]:
    return [mean([float(i in x.tail) for i in one]) for one in x.lists]


def user_coverage(x: Lists) -> list[float]:
    return [float(any(i in wanted for i in one)) for one, wanted in zip(x.lists, x.held_out, strict=True)]


def average_popularity(x: Lists) -> list[float]:
    return [mean([x.phi(i) for i in one]) for one in x.lists]


def average_popularity_normalized(x: Lists) -> list[float]:
    return [mean([x.phi(i) / x.training_users for i in one]) for one in x.lists]


def popularity_lift(x: Lists) -> float:
    """Group average popularity of the lists against that of the profiles, over users who have both."""
    both = [(one, own) for one, own in zip(x.lists, x.profiles, strict=True) if one and own]
    if not both:
        return 0.0
    recommended = mean([mean([x.phi(i) for i in one]) for one, _ in both])
    chosen = mean([mean([x.phi(i) for i in own]) for _, own in both])
    return (recommended - chosen) / chosen


def novelty(x: Lists) -> list[float]:
    """Mean self-information; an item that nobody had counts as had once."""
    return [mean([-math.log2(max(x.phi(i), 1) / x.training_users) for i in one]) for one in x.lists]


def exposures(x: Lists) -> list[int]:
    return [sum(i in one for one in x.lists) for i in x.catalogue]


def gini(x: Lists) -> float:
    """Half of the relative mean absolute difference: Gini's own definition, over all ordered pairs of items."""
    shown = exposures(x)
    if not sum(shown):
        return 0.0
    return sum(abs(a - b) for a in shown for b in shown) / (2 * x.n**2 * (sum(shown) / x.n))


def entropy(x: Lists) -> float:
    shown = [count for count in exposures(x) if count]
    return -math.fsum(c / sum(shown) * math.log2(c / sum(shown)) for c in shown)


def intra_list_diversity(x: Lists) -> list[float]:
    def cosine(i: int, j: int) -> float:
        a, b = x.genres[i - 1], x.genres[j - 1]
        lengths = math.hypot(*a) * math.hypot(*b)
        return math.fsum(p * q for p, q in zip(a, b, strict=True)) / lengths if lengths else 0.0

    return [mean([1 - cosine(i, j) for i, j in itertools.combinations(one, 2)]) for one in x.lists]


def serendipity(x: Lists) -> list[float]:
    """RecTools: the probability of a rank among the user's own, less that among all users'; equals share a rank."""
    levels = sorted({count for count in x.counts if count}, reverse=True)

    def surprise(place: int, item: int) -> float:
        own = (x.n + 1 - place) / x.n
        anyone = (x.n + 1 - (levels.index(x.phi(item)) + 1)) / x.n if x.phi(item) else 0.0
        return max(own - anyone, 0.0)

    return [
        mean([surprise(place, i) * (i in wanted) for place, i in enumerate(one, start=1)])
        for one, wanted in zip(x.lists, x.held_out, strict=True)
    ]


def popularity_calibration(x: Lists) -> list[float]:
    """Jensen-Shannon divergence in bits of the shares of head, mid and tail."""
    thirds = thirds_of(x.counts)

    def kl(p: Sequence[float], q: Sequence[float]) -> float:
        return math.fsum(a * math.log2(a / b) for a, b in zip(p, q, strict=True) if a)

    def divergence(one: Sequence[int], own: Sequence[int]) -> float:
        if not one or not own:
            return 0.0
        p, q = ([mean([float(i in third) for i in items]) for third in thirds] for items in (one, own))
        middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
        return (kl(p, middle) + kl(q, middle)) / 2

    return [divergence(one, own) for one, own in zip(x.lists, x.profiles, strict=True)]


def relative_deviation(chances: Sequence[float]) -> float:
    """Population standard deviation over mean; 0 where there is nothing to compare."""
    if len(chances) < 2 or not sum(chances):
        return 0.0
    return math.sqrt(mean([(c - mean(chances)) ** 2 for c in chances])) / mean(chances)


def pop_rsp(x: Lists) -> float:
    """Zhu et al. (2020): chance of an item to be recommended, given its group."""
    chances = []
    for group in (x.head, x.tail):
        shown = sum(i in group for one in x.lists for i in one)
        possible = sum(len(group - hidden) for hidden in x.masked)
        if possible:
            chances.append(shown / possible)
    return relative_deviation(chances)


def pop_reo(x: Lists) -> float:
    """Zhu et al. (2020): chance of a relevant item to be recommended, given its group."""
    chances = []
    for group in (x.head, x.tail):
        relevant = sum(len(wanted & group) for wanted in x.held_out)
        hits = sum(len(set(one) & wanted & group) for one, wanted in zip(x.lists, x.held_out, strict=True))
        if relevant:
            chances.append(hits / relevant)
    return relative_deviation(chances)


def inverse_propensity(x: Lists, item: int) -> float:
    """Yang et al. (2018), with the largest propensity 1."""
    most = max(1, *(x.phi(i) for i in x.catalogue))
    return (most / max(1, x.phi(item))) ** x.propensity_power  # type: ignore[no-any-return]


def recall_ips(x: Lists) -> list[float]:
    return [
        mean([inverse_propensity(x, i) if i in one else 0.0 for i in wanted])
        for one, wanted in zip(x.lists, x.held_out, strict=True)
    ]


def ideal_dcg(weights: list[float], k: int) -> float:
    ordered = sorted(weights, reverse=True)[:k]
    return math.fsum(weight / math.log2(place + 2) for place, weight in enumerate(ordered))


def ndcg_ips(x: Lists) -> list[float]:
    found = []
    for one, wanted in zip(x.lists, x.held_out, strict=True):
        dcg = math.fsum(
            inverse_propensity(x, i) / math.log2(place + 2) for place, i in enumerate(one) if i in wanted
        )
        found.append(dcg / ideal_dcg([1.0] * len(wanted), x.k) if wanted else 0.0)
    return found


def recall_snips(x: Lists) -> float:
    best = math.fsum(mean([inverse_propensity(x, i) for i in wanted]) for wanted in x.held_out)
    return math.fsum(recall_ips(x)) / best if best else 0.0


def ndcg_snips(x: Lists) -> float:
    best = math.fsum(
        ideal_dcg([inverse_propensity(x, i) for i in wanted], x.k) / ideal_dcg([1.0] * len(wanted), x.k)
        for wanted in x.held_out
        if wanted
    )
    return math.fsum(ndcg_ips(x)) / best if best else 0.0


METRICS: dict[str, Callable[[Lists], float | list[float]]] = {
    "ItemCoverage": item_coverage,
    "TailCoverage": tail_coverage,
    "TailShare": tail_share,
    "UserCoverage": user_coverage,
    "AvgPopularity": average_popularity,
    "AvgPopularityNormalized": average_popularity_normalized,
    "PopularityLift": popularity_lift,
    "Novelty": novelty,
    "Gini": gini,
    "Entropy": entropy,
    "IntraListDiversity": intra_list_diversity,
    "Serendipity": serendipity,
    "PopularityCalibration": popularity_calibration,
    "PopREO": pop_reo,
    "PopRSP": pop_rsp,
    "RecallIPS": recall_ips,
    "NDCGIPS": ndcg_ips,
    "RecallSNIPS": recall_snips,
    "NDCGSNIPS": ndcg_snips,
}
"""By name: one value, or one for each user."""
