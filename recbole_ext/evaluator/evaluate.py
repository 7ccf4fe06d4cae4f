"""From lists and ranks to figures: accuracy of each user, everything beyond accuracy, ceilings and Random."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recbole_ext.data.dataloader import EvaluationLoader
from recbole_ext.data.interactions import TRAIN
from recbole_ext.evaluator.groups import group_means, popularity_groups, user_groups
from recbole_ext.evaluator.metrics.accuracy import accuracy_per_user
from recbole_ext.evaluator.metrics.beyond_accuracy import BEYOND_ACCURACY, Evidence, measure
from recbole_ext.evaluator.metrics.ceilings import ceilings, random_recommender
from recbole_ext.evaluator.register import is_accuracy

__all__ = ["Evaluation", "bounds", "evaluated", "evaluated_lists", "evidence_of", "means_of_groups"]


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


def _rows_of(loader: EvaluationLoader, start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Items in the ranges of the evaluated users, as ``(indptr, indices)``."""
    start, length = start[loader.users], (stop - start)[loader.users]
    indptr = np.concatenate([[0], np.cumsum(length)])
    rows = np.arange(indptr[-1]) + np.repeat(start - indptr[:-1], length)
    return indptr, loader.split.interactions.items[rows].astype(np.int64)


def evidence_of(loader: EvaluationLoader, items: np.ndarray) -> Evidence:
    """What the metrics beyond accuracy look at, for the lists ``(U, K)`` of a phase's users."""
    counts = loader.split.train_counts()
    profile_start, profile_stop = loader.split.before(TRAIN + 1)
    return Evidence(
        items=items,
        counts=counts,
        groups=popularity_groups(counts, loader.config["head_rule"]),
        n_users=int((profile_stop > profile_start)[1:].sum()),
        profiles=_rows_of(loader, profile_start, profile_stop),
        held_out=_rows_of(loader, loader.stop, loader.target_stop),
        features=loader.dataset.genres,
        mask_seen=bool(loader.config["mask_seen"]),
    )


def _computable(names: Sequence[str], evidence: Evidence) -> list[str]:
    """Metrics beyond accuracy whose evidence is there; without genres there is no diversity of genres."""
    return [
        name
        for name in names
        if not is_accuracy(name) and all(evidence.has(part) for part in BEYOND_ACCURACY[name].needs)
    ]


def evaluated(
    loader: EvaluationLoader,
    ranks: np.ndarray,
    owners: np.ndarray,
    items: np.ndarray,
    scores: np.ndarray,
    *,
    metrics: Sequence[str],
    topk: Sequence[int] | None = None,
    seconds: float = 0.0,
) -> Evaluation:
    """All metrics of a phase.

    Args:
        loader: The phase.
        ranks: ``(T,)`` rank of each held-out item, infinity = no candidate.
        owners: ``(T,)`` its row in ``loader.users``.
        items: ``(U, K) int64`` lists, best first, 0 = no item.
        scores: ``(U, K)`` their scores.
        metrics: Names, spelt as registered.
        topk: Values of K; those of the configuration if None.
        seconds: Time that scoring took.
    """
    topk = loader.config["topk"] if topk is None else topk
    accuracy = [name for name in metrics if is_accuracy(name)]
    per_user = accuracy_per_user(ranks, owners, len(loader.users), topk, accuracy)
    totals: dict[str, float] = {}
    if len(accuracy) < len(metrics):
        whole = evidence_of(loader, items)
        for name in _computable(metrics, whole):
            for k in topk:
                value, values = measure(name, whole.at(k))
                if values is None:
                    totals[f"{name.lower()}@{k}"] = value
                else:
                    per_user[f"{name.lower()}@{k}"] = np.asarray(values)
    return Evaluation(loader.users, per_user, totals, items, scores, seconds)


def evaluated_lists(
    loader: EvaluationLoader,
    items: np.ndarray,
    scores: np.ndarray,
    *,
    metrics: Sequence[str],
    topk: Sequence[int] | None = None,
) -> Evaluation:
    """All metrics of ready lists ``(U, K)``, such as re-ranked ones; a held-out item outside has no rank."""
    indptr, targets = _rows_of(loader, loader.stop, loader.target_stop)
    owners = np.repeat(np.arange(len(loader.users)), np.diff(indptr))
    found = items[owners] == targets[:, None]  # (T, K)
    ranks = np.where(found.any(axis=1), found.argmax(axis=1) + 1.0, np.inf)
    return evaluated(loader, ranks, owners, items, scores, metrics=metrics, topk=topk)


def bounds(
    loader: EvaluationLoader, evaluation: Evaluation, topk: Sequence[int] | None = None
) -> dict[str, dict[str, float]]:
    """``{"ceiling": ..., "random": ...}``: what could be reached, and what a random recommender gets.

    Returns:
        Metric name with K to value, for the computed metrics that have one.
    """
    whole = evidence_of(loader, evaluation.items)
    result: dict[str, dict[str, float]] = {"ceiling": {}, "random": {}}
    for k in loader.config["topk"] if topk is None else topk:
        cut = whole.at(k)
        for kind, values in (("ceiling", ceilings(cut)), ("random", random_recommender(cut))):
            for name, value in values.items():
                key = f"{name.lower()}@{k}"
                if key in evaluation.per_user or key in evaluation.totals:
                    result[kind][key] = float(value)
    return result


def means_of_groups(loader: EvaluationLoader, evaluation: Evaluation) -> dict[str, dict[str, float]]:
    """Means over heavy users and over light users of each metric that has a value for each user."""
    start, stop = loader.split.before(TRAIN + 1)
    groups = user_groups((stop - start)[loader.users])
    result: dict[str, dict[str, Any]] = {}
    for name, values in evaluation.per_user.items():
        for group, mean in group_means(values, groups).items():
            result.setdefault(group, {})[name] = mean
    return result
