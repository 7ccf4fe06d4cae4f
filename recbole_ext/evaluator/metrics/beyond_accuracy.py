"""The protocol's "Beyond accuracy" table: every metric by its name, on one set of lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_ext.errors import ConfigError, DataError, RecBoleExtError, nearest
from recbole_ext.evaluator.groups import PopularityGroups, UserGroups, user_groups
from recbole_ext.evaluator.metric_info import METRIC_INFO, MetricInfo
from recbole_ext.evaluator.metrics import concentration, coverage, diversity, fairness, popularity, propensity
from recbole_ext.evaluator.metrics.serendipity import serendipity

__all__ = ["BEYOND_ACCURACY", "BeyondAccuracy", "Evidence", "is_own", "measure"]

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
        mask_seen: Whether items that a user had before the phase were removed from the candidates.
        seen: These items per list as (indptr, indices), repeats included: at the test the validation items, too;
            None = the profiles.
        areas: (U,) area under the ROC curve of each user, from the scores of all candidates; None = unknown.
        propensity_power: Power of popularity in the propensity of the metrics that have one.

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
    seen: Rows | None = None
    areas: Floats | None = None
    propensity_power: float = 0.5

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

    @property
    def masked(self) -> Rows | None:
        """What was removed from the candidates, per list as (indptr, indices); None where nothing was."""
        if not self.mask_seen:
            return None
        return self.profiles if self.seen is None else self.seen

    @property
    def user_groups(self) -> UserGroups:
        """Heavy and light users, by their training interactions.

        Raises:
            DataError: The profiles are missing.
        """
        return user_groups(np.diff(_rows(self.profiles)[0]))

    def with_lists(self, items: Ints) -> Evidence:
        """The same evidence for other lists ``(U, K)`` of the same users."""
        return replace(self, items=items)

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
class BeyondAccuracy(MetricInfo):
    """One row of the table.

    Attributes:
        compute: Evidence to one float, or to (U,) floats where the metric is a mean over users.
    """

    compute: Callable[[Evidence], Any]


def _rows(rows: Rows | None) -> Rows:
    if rows is None:
        raise DataError("The items per user are missing; give them as (indptr, indices).")
    return rows


def _pop_rsp(e: Evidence) -> float:
    return fairness.pop_rsp(e.items, e.groups, *(_rows(e.masked) if e.mask_seen else (None, None)))


def _weighted(e: Evidence) -> tuple[Ints, Ints, Ints, Ints, float]:
    return (e.items, e.counts, *_rows(e.held_out), e.propensity_power)


_COMPUTE: dict[str, Callable[[Evidence], Any]] = {
    "ItemCoverage": lambda e: coverage.item_coverage(e.items, e.n_items),
    "TailCoverage": lambda e: coverage.tail_coverage(e.items, e.groups),
    "TailShare": lambda e: popularity.tail_share(e.items, e.groups),
    "UserCoverage": lambda e: coverage.user_coverage(e.items, *_rows(e.held_out), e.n_items),
    "AvgPopularity": lambda e: popularity.average_popularity(e.items, e.counts),
    "AvgPopularityNormalized": lambda e: popularity.average_popularity(e.items, e.counts, e.training_users),
    "PopularityLift": lambda e: popularity.popularity_lift(e.items, e.counts, *_rows(e.profiles)),
    "Novelty": lambda e: popularity.novelty(e.items, e.counts, e.training_users),
    "Gini": lambda e: concentration.gini(e.items, e.n_items),
    "Entropy": lambda e: concentration.entropy(e.items, e.n_items),
    "IntraListDiversity": lambda e: diversity.intra_list_diversity(e.items, e.features),  # type: ignore[arg-type]
    "Serendipity": lambda e: serendipity(e.items, e.counts, *_rows(e.held_out)),
    "PopularityCalibration": lambda e: popularity.popularity_calibration(
        e.items, e.counts, *_rows(e.profiles)
    ),
    "PopREO": lambda e: fairness.pop_reo(e.items, e.groups, *_rows(e.held_out)),
    "PopRSP": _pop_rsp,
    "AUC": lambda e: e.areas,
    "RecallIPS": lambda e: propensity.recall_ips(*_weighted(e)),
    "NDCGIPS": lambda e: propensity.ndcg_ips(*_weighted(e)),
    "RecallSNIPS": lambda e: propensity.recall_snips(*_weighted(e)),
    "NDCGSNIPS": lambda e: propensity.ndcg_snips(*_weighted(e)),
}

BEYOND_ACCURACY: dict[str, BeyondAccuracy] = {
    name: BeyondAccuracy(**vars(METRIC_INFO[name]), compute=compute) for name, compute in _COMPUTE.items()
}


def _refuse_what_is_no_number(metric: BeyondAccuracy, result: Any, n_lists: int) -> None:
    values = np.ravel(result)
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        place = f" for list {wrong[0] + 1} of {n_lists}" if metric.per_user else ""
        raise DataError(
            f"the metric {metric.name} gave {values[wrong[0]]}{place}: let it return finite numbers, such as 0 where "
            "it is not defined"
        )


def is_own(name: str) -> bool:
    """Whether the metric was registered from outside the package."""
    return name in BEYOND_ACCURACY and name not in _COMPUTE


def _read_only(value: Any) -> Any:
    """The same evidence with arrays that cannot be changed: the lists of a run are what its model gave."""
    if isinstance(value, Evidence | PopularityGroups):
        return replace(
            value, **{field.name: _read_only(getattr(value, field.name)) for field in fields(value)}
        )
    if isinstance(value, tuple):
        return tuple(map(_read_only, value))
    if isinstance(value, np.ndarray):
        value = value.view()
        value.flags.writeable = False
    return value


def _computed(metric: BeyondAccuracy, evidence: Evidence) -> Any:
    """The value of a metric from outside: whatever goes wrong in it is one sentence with its name."""
    try:
        returned = np.asarray(metric.compute(_read_only(evidence)))
        if np.iscomplexobj(returned):
            raise DataError(f"the metric {metric.name} returned complex numbers: return real ones")
        result = returned.astype(np.float64)
    except RecBoleExtError:
        raise
    except (Exception, SystemExit) as error:
        ended = isinstance(error, SystemExit)
        reason = "ends the program with sys.exit" if ended else f"raised {type(error).__name__}: {error}"
        raise DataError(f"the metric {metric.name} {' '.join(reason.split())}; fix it") from error
    if result.shape != ((len(evidence.items),) if metric.per_user else ()):
        form = f"one float for each of the {len(evidence.items)} lists" if metric.per_user else "one float"
        raise DataError(
            f"the metric {metric.name} returned values of the shape {result.shape}: return {form}"
        )
    return result


def measure(name: str, evidence: Evidence) -> tuple[float, Floats | None]:
    """One metric of the table over one set of lists.

    Args:
        name: A name of ``BEYOND_ACCURACY``.
        evidence: The lists and what is known about their items and users.

    Returns:
        The value, and where it is a mean over users the (U,) values behind it, else None.

    Raises:
        ConfigError: If the name is unknown.
        DataError: If the evidence lacks what the metric needs, there is no list, a metric from outside fails, or a
            value is not finite.
    """
    if name not in BEYOND_ACCURACY:
        raise ConfigError(
            f"'{name}' is not a metric beyond accuracy{nearest(name, BEYOND_ACCURACY) or '.'} "
            f"Known: {', '.join(BEYOND_ACCURACY)}."
        )
    metric = BEYOND_ACCURACY[name]
    if not len(evidence.items):
        raise DataError(f"{name} has no recommendation list to look at; evaluate at least one user.")
    needs = metric.needs
    if name == "PopRSP":  # it reads the profiles only to know what is masked
        needs = ("profiles",) if evidence.mask_seen and not evidence.masked else ()
    lacking = [part for part in needs if not evidence.has(part)]
    if lacking:
        raise DataError(f"{name} needs {' and '.join(lacking)}, which the evidence lacks; give them too.")
    result = _computed(metric, evidence) if is_own(name) else metric.compute(evidence)
    _refuse_what_is_no_number(metric, result, len(evidence.items))
    return (float(result.mean()), result) if metric.per_user else (float(result), None)
