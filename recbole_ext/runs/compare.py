"""Statistics of a comparison: averages over seeds, intervals and tests over users, the baseline, groups of users."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from recbole_ext.errors import ConfigError
from recbole_ext.evaluator.confidence import differences as to_baseline
from recbole_ext.evaluator.confidence import mean_intervals
from recbole_ext.evaluator.difference import Difference
from recbole_ext.evaluator.groups import popularity_groups, user_groups
from recbole_ext.progress import tracked
from recbole_ext.runs.results import ComparisonRow, Estimate
from recbole_ext.runs.run import Run

if TYPE_CHECKING:
    from recbole_ext.data.interactions import Split

__all__ = [
    "NOT_NEURAL",
    "TESTED",
    "Group",
    "best_on_validation",
    "check_same_users",
    "choose_baseline",
    "compared",
    "differences",
    "estimates",
    "family_in",
    "groups_of",
    "means_in_groups",
    "over_seeds",
    "token_order",
]

TESTED = ("ndcg", "recall", "hit", "mrr")
"""Metrics that are compared with the baseline, at the K that is shown."""

NOT_NEURAL = ("floor", "classic", "sequential_classic")
"""Families of models that are no neural networks; the best of them is what neural ones are held against."""

Values = dict[str, np.ndarray]
"""Metric with K to ``(U,) float64``, users in the order of their tokens."""


@dataclass(frozen=True)
class Group:
    """Some of the test users, in the order of :func:`over_seeds`."""

    name: str
    members: np.ndarray


def over_seeds(runs: Sequence[Run]) -> Values:
    """Each user's values averaged over the seeds, users in the order of their tokens.

    Returns:
        Metric with K to ``(U,) float64``.

    Raises:
        ConfigError: The runs have other users.
        CheckpointError: A table is missing or damaged.
    """
    check_same_users(runs)
    frames = [run.per_user for run in runs]
    names = [name for name in frames[0].columns if name != "user_id"]
    return {name: np.mean([frame[name].to_numpy() for frame in frames], axis=0) for name in names}


def check_same_users(runs: Sequence[Run]) -> None:
    """Values can be averaged and compared user by user only where the users are the same.

    Raises:
        ConfigError: Two runs have other test users.
    """
    users = runs[0].per_user["user_id"]
    for run in runs[1:]:
        if not run.per_user["user_id"].equals(users):
            raise ConfigError(
                f"{run.path} has other test users than {runs[0].path}: compare runs of one data set and split"
            )


def estimates(
    runs: Sequence[Run], level: float, names: Sequence[str] | None = None, *, as_saved: bool = False
) -> dict[str, Estimate]:
    """Test figures of a model.

    Args:
        runs: One for each seed.
        level: Coverage of the intervals.
        names: Metrics with K; all if None.
        as_saved: Take the intervals that a single run has saved. They come from the users in another order, so that
            their last digits differ.
    """
    figures = [run.figures.test for run in runs]
    saved = runs[0].figures.test_intervals if as_saved and len(runs) == 1 else {}
    values = {name: column for name, column in over_seeds(runs).items() if name not in saved}
    intervals = {
        **mean_intervals(values, level=level),
        **{name: (low, high) for name, (low, high) in saved.items()},
    }
    found = {}
    for name in figures[0] if names is None else names:
        known = [test[name] for test in figures if name in test]
        spread = float(np.std(known, ddof=1)) if len(known) > 1 else None
        low, high = intervals.get(name, (None, None))
        found[name] = Estimate(float(np.mean(known)), low, high, spread)
    return found


def differences(
    values: Mapping[str, Mapping[str, np.ndarray]], baseline: str, metrics: Sequence[str], level: float
) -> dict[str, dict[str, Difference]]:
    """Every model against the baseline, user by user.

    Holm's correction is made for each metric over the models: a family answers the question "which models differ from
    the baseline in this metric".

    Args:
        values: Model to metric to ``(U,)``, the same users for all. A model without a metric is left out of its tests.
        baseline: One of the models.
        metrics: Names with K.
        level: Coverage of the intervals; tests are made at one less it.

    Returns:
        Model to metric to difference; empty for the baseline.
    """
    found: dict[str, dict[str, Difference]] = {model: {} for model in values}
    for metric in tracked(metrics, "testing the differences in", len(metrics), "metrics"):
        others = {
            model: columns[metric]
            for model, columns in values.items()
            if model != baseline and metric in columns
        }
        for model, one in to_baseline(others, values[baseline][metric], level=level).items():
            found[model][metric] = one
    return found


def family_in(runs: Sequence[Run], family_of: Callable[[str], str]) -> str:
    """The family of a model: as its runs say, or, where version 0.1.0 has written them, by its name."""
    return runs[0].figures.family or family_of(runs[0].model)


def best_on_validation(groups: Mapping[str, Sequence[Run]], metric: str, bigger: bool = True) -> list[str]:
    """Models by the mean over seeds of a validation figure, the best first.

    Args:
        groups: Model to its runs.
        metric: With K. A model without it counts as one with 0.
        bigger: Whether larger is better.
    """
    sign = -1 if bigger else 1
    means = {
        model: statistics.fmean(run.figures.validation.get(metric, 0.0) for run in runs)
        for model, runs in groups.items()
    }
    return sorted(groups, key=lambda model: sign * means[model])


def choose_baseline(
    groups: Mapping[str, Sequence[Run]], families: Mapping[str, str], metric: str, bigger: bool = True
) -> tuple[str, str]:
    """The model that the others are held against, and the rule that chose it.

    Args:
        groups: Model to its runs, at least one.
        families: Model to its family.
        metric, bigger: As in :func:`best_on_validation`.
    """
    classic = [model for model in groups if families[model] in NOT_NEURAL]
    among = "among the models that are no neural networks" if classic else "of all models"
    chosen = best_on_validation({model: groups[model] for model in classic or groups}, metric, bigger)[0]
    return chosen, f"best mean {metric} on validation {among}"


def compared(
    groups: Mapping[str, Sequence[Run]],
    families: Mapping[str, str],
    baseline: str | None,
    *,
    tuned: Mapping[str, dict[str, Any]] | None = None,
    of_users: Sequence[Group] = (),
    as_saved: bool = False,
) -> list[ComparisonRow]:
    """One row a model, in the order given, with the K and the level of the first run.

    Args:
        groups: Model to its runs, one for each seed.
        families: Model to its family.
        baseline: One of the models; None where there is only one.
        tuned: Model to the settings that a search has found.
        of_users: Groups to give means of.
        as_saved: As in :func:`estimates`.

    Raises:
        ConfigError: Two runs have other test users.
        CheckpointError: A table is missing or damaged.
    """
    check_same_users([runs[0] for runs in groups.values()])
    first = next(iter(groups.values()))[0]
    values = {model: over_seeds(runs) for model, runs in groups.items()}
    of_base = values[baseline] if baseline else {}
    keys = [f"{name}@{first.k}" for name in TESTED if f"{name}@{first.k}" in of_base]
    against = (
        differences(values, baseline, keys, first.level) if baseline else {model: {} for model in groups}
    )
    return [
        ComparisonRow(
            model=model,
            family=families[model],
            seeds=[run.figures.protocol.seed for run in runs],
            tuned=(tuned or {}).get(model, {}),
            metrics=estimates(runs, first.level, as_saved=as_saved),
            difference=against[model],
            groups=means_in_groups(values[model], of_users, _metric_of_groups(values[model], first.k)),
            **_effort(runs),
        )
        for model, runs in tracked(groups.items(), "computing intervals of", len(groups), "models")
    ]


def _metric_of_groups(values: Mapping[str, np.ndarray], k: int) -> str:
    """NDCG at the shown K, or the first of the tested metrics that was computed."""
    return next((f"{name}@{k}" for name in TESTED if f"{name}@{k}" in values), next(iter(values), ""))


def _effort(runs: Sequence[Run]) -> dict[str, Any]:
    """Time, size and speed of a model's runs."""
    every = [run.figures for run in runs]
    speeds = [figures.users.test / max(figures.seconds.test, 1e-9) for figures in every]
    return {
        "seconds_training": statistics.fmean(figures.seconds.training for figures in every),
        "parameters": every[0].parameters,
        "users_per_second": statistics.median(speeds),
        "best_epoch": statistics.median_low([figures.best_epoch for figures in every]),
    }


def token_order(tokens: np.ndarray) -> list[int]:
    """The order of tables of users: tokens ``(U,)`` sorted as text."""
    names = tokens.astype(str).tolist()
    return sorted(range(len(names)), key=names.__getitem__)


def groups_of(split: Split, head_rule: str) -> list[Group]:
    """Heavy and light users; and, where each user has one held-out item, users whose item is head or tail.

    Args:
        split: The data set of the runs.
        head_rule: A name of :data:`~recbole_ext.evaluator.groups.HEAD_RULES`.
    """
    from recbole_ext.data.interactions import TEST, TRAIN

    data, users = split.interactions, split.evaluated_users(TEST)
    start, stop = split.before(TRAIN + 1)
    found = user_groups((stop - start)[users]).masks()
    first, last = (edge[users] for edge in split.targets(TEST))
    if (last - first == 1).all():
        groups, targets = popularity_groups(split.train_counts(), head_rule), data.items[first]
        found = {**found, "head": groups.head[targets], "tail": groups.tail[targets]}
    order = token_order(data.user_tokens[users])
    return [Group(name, mask[order]) for name, mask in found.items()]


def means_in_groups(
    values: Mapping[str, np.ndarray], groups: Sequence[Group], metric: str
) -> dict[str, dict[str, float]]:
    """``{"heavy": {"ndcg": ..., "n": ...}, ...}``; a group without users is left out.

    Args:
        values: Metric with K to ``(U,)``.
        groups: Of the same users.
        metric: The metric with K, such as ``ndcg@10``; named without K in the result.
    """
    name = metric.partition("@")[0]
    return {
        group.name: {
            name: float(values[metric][group.members].mean()),
            "n": float(group.members.sum()),
        }
        for group in groups
        if group.members.any()
    }
