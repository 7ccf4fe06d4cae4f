"""The protocol's "Beyond accuracy" table: every metric by its name, on one set of lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_ext.errors import ConfigError, DataError, nearest
from recbole_ext.evaluator.groups import PopularityGroups
from recbole_ext.evaluator.metrics import concentration, coverage, diversity, fairness, popularity
from recbole_ext.evaluator.metrics.serendipity import serendipity

__all__ = ["BEYOND_ACCURACY", "BeyondAccuracy", "Evidence", "measure"]

Ints = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float64]
Rows = tuple[Ints, Ints]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the metrics look at. Every array speaks of internal item ids; 0 = padding.

    Attributes:
        items: (U, K) integers, lists of the evaluated users, best first, 0 = no recommendation.
        counts: (n_items,) integers, training interactions per item id.
        groups: Head and tail of the same catalogue.
        n_users: Users in the training data; None = as many as there are lists.
        profiles: Training items per list as (indptr, indices), repeats included.
        held_out: Relevant items per list as (indptr, indices).
        features: (n_items, G) genre vectors.
        mask_seen: Whether training items were removed from the candidates.

    Raises:
        DataError: If the arrays speak of catalogues of different size, or the lists are no table.
    """

    items: Ints
    counts: Ints
    groups: PopularityGroups
    n_users: int | None = None
    profiles: Rows | None = None
    held_out: Rows | None = None
    features: npt.NDArray[Any] | None = None
    mask_seen: bool = True

    def __post_init__(self) -> None:
        sizes = {"counts": len(self.counts), "groups": self.groups.n_items}
        if self.features is not None:
            sizes["features"] = len(self.features)
        if len(set(sizes.values())) > 1:
            raise DataError(f"Sizes of the catalogue differ: {sizes}; give arrays of one catalogue.")
        coverage.checked_lists(self.items, self.n_items)

    @property
    def n_items(self) -> int:
        """Number of internal ids, padding included."""
        return len(self.counts)

    @property
    def training_users(self) -> int:
        """Users in the training data."""
        return self.n_users if self.n_users is not None else len(self.items)

    def at(self, k: int) -> Evidence:
        """The same evidence with lists cut at k.

        Raises:
            ConfigError: If k is below 1 or the lists are shorter.
        """
        width = np.asarray(self.items).shape[1]
        if not 1 <= k <= width:
            raise ConfigError(f"K is {k}, but must lie between 1 and {width}, the length of the lists.")
        return replace(self, items=self.items[:, :k])

    def has(self, field: str) -> bool:
        """Whether an optional part is there."""
        return getattr(self, field) is not None


@dataclass(frozen=True)
class BeyondAccuracy:
    """One row of the table.

    Attributes:
        name: Name in the protocol and in ``metrics:``.
        compute: Evidence to one float, or to (U,) floats where the metric is a mean over users.
        per_user: Which of the two.
        needs: Optional parts of the evidence without which it cannot be computed.
        bigger: True = larger is better, False = smaller is better, None = neither.
        source: Author and year.
    """

    name: str
    compute: Callable[[Evidence], Any]
    per_user: bool
    needs: tuple[str, ...]
    bigger: bool | None
    source: str


def _rows(rows: Rows | None) -> Rows:
    if rows is None:
        raise DataError("The items per user are missing; give them as (indptr, indices).")
    return rows


def _pop_rsp(e: Evidence) -> float:
    return fairness.pop_rsp(e.items, e.groups, *(_rows(e.profiles) if e.mask_seen else (None, None)))


_TABLE = (
    BeyondAccuracy(
        "ItemCoverage",
        lambda e: coverage.item_coverage(e.items, e.n_items),
        False,
        (),
        True,
        "Ge et al. 2010",
    ),
    BeyondAccuracy(
        "TailCoverage",
        lambda e: coverage.tail_coverage(e.items, e.groups),
        False,
        (),
        True,
        "Abdollahpouri et al. 2019",
    ),
    BeyondAccuracy(
        "TailShare",
        lambda e: popularity.tail_share(e.items, e.groups),
        True,
        (),
        True,
        "Abdollahpouri et al. 2017",
    ),
    BeyondAccuracy(
        "UserCoverage",
        lambda e: coverage.user_coverage(e.items, *_rows(e.held_out), e.n_items),
        True,
        ("held_out",),
        True,
        "Ge et al. 2010",
    ),
    BeyondAccuracy(
        "AvgPopularity",
        lambda e: popularity.average_popularity(e.items, e.counts),
        True,
        (),
        False,
        "Yin et al. 2012",
    ),
    BeyondAccuracy(
        "AvgPopularityNormalized",
        lambda e: popularity.average_popularity(e.items, e.counts, e.training_users),
        True,
        (),
        False,
        "Yin et al. 2012",
    ),
    BeyondAccuracy(
        "PopularityLift",
        lambda e: popularity.popularity_lift(e.items, e.counts, *_rows(e.profiles)),
        False,
        ("profiles",),
        None,
        "Abdollahpouri et al. 2020",
    ),
    BeyondAccuracy(
        "Novelty",
        lambda e: popularity.novelty(e.items, e.counts, e.training_users),
        True,
        (),
        True,
        "Zhou et al. 2010",
    ),
    BeyondAccuracy(
        "Gini",
        lambda e: concentration.gini(e.items, e.n_items),
        False,
        (),
        False,
        "Shani & Gunawardana 2011",
    ),
    BeyondAccuracy(
        "Entropy", lambda e: concentration.entropy(e.items, e.n_items), False, (), True, "Shannon 1948"
    ),
    BeyondAccuracy(
        "IntraListDiversity",
        lambda e: diversity.intra_list_diversity(e.items, e.features),  # type: ignore[arg-type]
        True,
        ("features",),
        True,
        "Ziegler et al. 2005",
    ),
    BeyondAccuracy(
        "Serendipity",
        lambda e: serendipity(e.items, e.counts, *_rows(e.held_out)),
        True,
        ("held_out",),
        True,
        "RecTools; Ge et al. 2010",
    ),
    BeyondAccuracy(
        "PopularityCalibration",
        lambda e: popularity.popularity_calibration(e.items, e.counts, *_rows(e.profiles)),
        True,
        ("profiles",),
        False,
        "Abdollahpouri et al. 2021",
    ),
    BeyondAccuracy(
        "PopREO",
        lambda e: fairness.pop_reo(e.items, e.groups, *_rows(e.held_out)),
        False,
        ("held_out",),
        False,
        "Zhu et al. 2020",
    ),
    BeyondAccuracy("PopRSP", _pop_rsp, False, ("profiles",), False, "Zhu et al. 2020"),
)

BEYOND_ACCURACY: dict[str, BeyondAccuracy] = {metric.name: metric for metric in _TABLE}


def measure(name: str, evidence: Evidence) -> tuple[float, Floats | None]:
    """One metric of the table over one set of lists.

    Args:
        name: A name of ``BEYOND_ACCURACY``.
        evidence: The lists and what is known about their items and users.

    Returns:
        The value, and where it is a mean over users the (U,) values behind it, else None.

    Raises:
        ConfigError: If the name is unknown.
        DataError: If the evidence lacks what the metric needs, or there is no list.
    """
    if name not in BEYOND_ACCURACY:
        raise ConfigError(
            f"'{name}' is no metric beyond accuracy{nearest(name, BEYOND_ACCURACY) or '.'} "
            f"Known: {', '.join(BEYOND_ACCURACY)}."
        )
    metric = BEYOND_ACCURACY[name]
    if not len(evidence.items):
        raise DataError(f"{name} has no recommendation list to look at; evaluate at least one user.")
    needs = tuple(part for part in metric.needs if name != "PopRSP" or evidence.mask_seen)
    lacking = [part for part in needs if not evidence.has(part)]
    if lacking:
        raise DataError(f"{name} needs {' and '.join(lacking)}, which the evidence lacks; give them too.")
    result = metric.compute(evidence)
    return (float(result.mean()), result) if metric.per_user else (float(result), None)
