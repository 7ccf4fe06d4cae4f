"""Statistics of a comparison: averages over seeds, intervals and tests over users, groups of users and of targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recbole_ext.data.dataloader import EvaluationLoader
from recbole_ext.errors import ConfigError
from recbole_ext.evaluator.confidence import Difference, mean_intervals
from recbole_ext.evaluator.confidence import differences as to_baseline
from recbole_ext.runs.results import Estimate
from recbole_ext.study.cells import Cell

__all__ = ["Group", "differences", "estimates", "groups_of", "means_in_groups", "over_seeds"]


@dataclass(frozen=True)
class Group:
    """Some of the test users, in the order of :func:`over_seeds`."""

    name: str
    members: np.ndarray


def over_seeds(cells: Sequence[Cell]) -> dict[str, np.ndarray]:
    """Each user's values averaged over the seeds, users in the order of their tokens.

    Returns:
        Metric with K to ``(U,) float64``.

    Raises:
        ConfigError: The cells have other users.
    """
    frames = [cell.per_user() for cell in cells]
    users = frames[0]["user_id"].to_list()
    for frame, cell in zip(frames, cells, strict=True):
        if frame["user_id"].to_list() != users:
            raise ConfigError(f"{cell.folder} has other test users than {cells[0].folder}: remove it")
    names = [name for name in frames[0].columns if name != "user_id"]
    return {name: np.mean([frame[name].to_numpy() for frame in frames], axis=0) for name in names}


def estimates(cells: Sequence[Cell], level: float, names: Sequence[str] | None = None) -> dict[str, Estimate]:
    """Test figures of a model.

    Args:
        cells: One for each seed.
        level: Coverage of the intervals.
        names: Metrics with K; all if None.
    """
    intervals = mean_intervals(over_seeds(cells), level=level)
    found = {}
    for name in cells[0].metrics["test"] if names is None else names:
        figures = [cell.metrics["test"][name] for cell in cells]
        spread = float(np.std(figures, ddof=1)) if len(figures) > 1 else None
        low, high = intervals.get(name, (None, None))
        found[name] = Estimate(mean=float(np.mean(figures)), low=low, high=high, sd_over_seeds=spread)
    return found


def differences(
    values: Mapping[str, Mapping[str, np.ndarray]], baseline: str, metrics: Sequence[str], level: float
) -> dict[str, dict[str, Difference]]:
    """Every model against the baseline, user by user.

    Holm's correction is made for each metric over the models: a family answers the question "which models differ from
    the baseline in this metric".

    Args:
        values: Model to metric to ``(U,)``, the same users for all.
        baseline: One of the models.
        metrics: Names with K.
        level: Coverage of the intervals; tests are made at one less it.

    Returns:
        Model to metric to difference; empty for the baseline.
    """
    found: dict[str, dict[str, Difference]] = {model: {} for model in values}
    for metric in metrics:
        others = {model: columns[metric] for model, columns in values.items() if model != baseline}
        for model, one in to_baseline(others, values[baseline][metric], level=level).items():
            found[model][metric] = one
    return found


def groups_of(loader: EvaluationLoader) -> list[Group]:
    """Heavy and light users; and, where each user has one held-out item, users whose item is head or tail.

    Args:
        loader: The test phase.
    """
    evidence = loader.evidence
    assert evidence.held_out is not None
    found = evidence.user_groups.masks()
    indptr, targets = evidence.held_out
    if (np.diff(indptr) == 1).all():
        found = {**found, "head": evidence.groups.head[targets], "tail": evidence.groups.tail[targets]}
    # Cells are sorted by token, as text.
    tokens = loader.split.interactions.user_tokens[loader.users].astype(str).tolist()
    order = sorted(range(len(tokens)), key=tokens.__getitem__)
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
