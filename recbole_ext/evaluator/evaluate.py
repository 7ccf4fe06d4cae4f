"""From lists and ranks to figures: accuracy of each user, everything beyond accuracy, ceilings and Random."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recbole_ext.errors import DataError
from recbole_ext.evaluator.groups import group_means
from recbole_ext.evaluator.metrics.accuracy import accuracy_per_user
from recbole_ext.evaluator.metrics.beyond_accuracy import BEYOND_ACCURACY, Evidence, is_own, measure
from recbole_ext.evaluator.metrics.ceilings import ceilings, random_recommenders
from recbole_ext.evaluator.register import is_accuracy

__all__ = ["Evaluation", "bounds", "evaluated", "evaluated_lists", "means_of_groups", "try_own_metrics"]


@dataclass(frozen=True)
class Evaluation:
    """One pass over the users of a phase.

    Attributes:
        users: ``(U,) int64`` internal user ids.
        per_user: Metric name such as ``ndcg@10`` to ``(U,) float64``.
        totals: The metrics that belong to all lists together, such as ``itemcoverage@10``.
        items: ``(U, K) int64`` the largest list asked for, 0 = no item.
        scores: ``(U, K) float32`` their scores.
        seconds: Time of scoring and ranking.
    """

    users: np.ndarray
    per_user: dict[str, np.ndarray]
    totals: dict[str, float]
    items: np.ndarray
    scores: np.ndarray
    seconds: float

    @property
    def means(self) -> OrderedDict[str, float]:
        """Every metric: the mean over users, or the value of all lists."""
        means = {name: float(values.mean()) for name, values in self.per_user.items()}
        return OrderedDict({**means, **self.totals})


def evaluated(
    users: np.ndarray,
    items: np.ndarray,
    scores: np.ndarray,
    *,
    ranks: np.ndarray,
    owners: np.ndarray,
    metrics: Sequence[str],
    topk: Sequence[int],
    ties: np.ndarray | None = None,
    evidence: Evidence | None = None,
    seconds: float = 0.0,
) -> Evaluation:
    """All metrics of a phase.

    Args:
        users: ``(U,) int64`` internal user ids.
        items: ``(U, K) int64`` lists, best first, 0 = no item.
        scores: ``(U, K)`` their scores.
        ranks: ``(T,)`` best place of each held-out item, infinity = not in the list.
        owners: ``(T,)`` its row in ``users``.
        metrics: Names, spelt as registered. Those beyond accuracy whose evidence is missing, such as genres, are
            left out.
        topk: Values of K.
        ties: ``(T,) int64`` candidates with the score of each held-out item; None = no ties.
        evidence: What the metrics beyond accuracy look at, for the same users; not needed for accuracy alone.
        seconds: Time that scoring took.

    Raises:
        DataError: A metric beyond accuracy is asked for without evidence.
    """
    accuracy = [name for name in metrics if is_accuracy(name)]
    per_user = accuracy_per_user(ranks, owners, len(users), topk, accuracy, ties)
    totals: dict[str, float] = {}
    beyond = [name for name in metrics if not is_accuracy(name)]
    if beyond:
        if evidence is None:
            raise DataError(f"{beyond[0]} looks at training data and genres: give the evidence of the phase")
        whole = evidence.with_lists(items)
        for name in _computable(beyond, whole):
            for k in topk:
                value, values = measure(name, whole.at(k))
                if values is None:
                    totals[f"{name.lower()}@{k}"] = value
                else:
                    per_user[f"{name.lower()}@{k}"] = np.asarray(values)
    return Evaluation(users, per_user, totals, items, scores, seconds)


def _computable(names: Sequence[str], evidence: Evidence) -> list[str]:
    """Metrics whose evidence is there; without genres there is no diversity of genres."""
    return [name for name in names if all(evidence.has(part) for part in BEYOND_ACCURACY[name].needs)]


def try_own_metrics(metrics: Sequence[str], evidence: Evidence, topk: Sequence[int]) -> None:
    """Computes the metrics from outside the package and drops their values; random generators are put back.

    Args:
        metrics: Names, spelt as registered; the package's own are left out.
        evidence: With lists.
        topk: Values of K.

    Raises:
        DataError: One of them fails, or gives what is no finite number.
    """
    plain, arrays = random.getstate(), np.random.get_state(legacy=False)
    try:
        for name in _computable([name for name in metrics if is_own(name)], evidence):
            for k in topk:
                measure(name, evidence.at(k))
    finally:
        random.setstate(plain)
        np.random.set_state(arrays)


def evaluated_lists(
    users: np.ndarray,
    items: np.ndarray,
    scores: np.ndarray,
    *,
    evidence: Evidence,
    metrics: Sequence[str],
    topk: Sequence[int],
) -> Evaluation:
    """All metrics of finished lists ``(U, K)``, such as re-ranked ones; a held-out item outside has no rank.

    Args:
        users, items, scores, metrics, topk: As in :func:`evaluated`.
        evidence: Of the same users, held-out items included.

    Raises:
        DataError: The evidence has no held-out items.
    """
    if evidence.held_out is None:
        raise DataError("lists cannot be evaluated without held-out items: give evidence with held_out")
    indptr, targets = evidence.held_out
    owners = np.repeat(np.arange(len(users)), np.diff(indptr))
    found = items[owners] == targets[:, None]  # (T, K)
    ranks = np.where(found.any(axis=1), found.argmax(axis=1) + 1.0, np.inf)
    return evaluated(
        users, items, scores, ranks=ranks, owners=owners, metrics=metrics, topk=topk, evidence=evidence
    )


def bounds(evidence: Evidence, evaluation: Evaluation, topk: Sequence[int]) -> dict[str, dict[str, float]]:
    """``{"ceiling": ..., "random": ...}``: what could be reached, and what a random recommender gets.

    Args:
        evidence: Of the users of the evaluation.
        evaluation: Its lists give the length; its metrics are those that get bounds.
        topk: Values of K.

    Returns:
        Metric name with K to value, for the computed metrics that have one.
    """
    whole = evidence.with_lists(evaluation.items)
    result: dict[str, dict[str, float]] = {"ceiling": {}, "random": {}}
    for k, drawn in zip(topk, random_recommenders(whole, topk), strict=True):
        for kind, values in (("ceiling", ceilings(whole.at(k))), ("random", drawn)):
            for name, value in values.items():
                key = f"{name.lower()}@{k}"
                if key in evaluation.per_user or key in evaluation.totals:
                    result[kind][key] = float(value)
    return result


def means_of_groups(evidence: Evidence, evaluation: Evaluation) -> dict[str, dict[str, float]]:
    """Means over heavy users and over light users of each metric that has a value for each user."""
    groups = evidence.user_groups
    result: dict[str, dict[str, Any]] = {}
    for name, values in evaluation.per_user.items():
        for group, mean in group_means(values, groups).items():
            result.setdefault(group, {})[name] = mean
    return result
