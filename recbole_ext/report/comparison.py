"""The rows of the comparison: from ``comparison.json``, or computed from the per-user values of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from recbole_ext.evaluator.confidence import Difference, differences, mean_intervals
from recbole_ext.model.registry import family_of
from recbole_ext.report.inputs import Run

__all__ = [
    "Comparison",
    "Difference",
    "Estimate",
    "Row",
    "compare_runs",
    "level_of",
    "with_best",
]

TESTED = ("ndcg", "hit", "recall", "mrr")


def level_of(protocol: Mapping[str, Any]) -> float:
    """The confidence level of a protocol; 0.95, the default, where it names none."""
    return float(protocol.get("confidence", 0.95))


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval over users and its spread over seeds; None where there is none."""

    mean: float
    low: float | None = None
    high: float | None = None
    sd_over_seeds: float | None = None


@dataclass(frozen=True)
class Row:
    """A model in the comparison.

    Attributes:
        model: As it is shown.
        family: A name of :data:`~recbole_ext.model.registry.FAMILIES`.
        seeds: Of its runs.
        metrics: By name with K, such as ``ndcg@10``.
        difference: Against the baseline, by name with K; empty for the baseline.
        groups: NDCG of ``heavy``, ``light``, ``head`` and ``tail``, and how many users are behind it.
        seconds_training: Of training, mean over seeds.
        parameters: Trained numbers.
        users_per_second: Users ranked in a second.
        best_epoch: The best one, counted from 0.
        tuned: Keys that were tuned.
        runs: The run folders behind the row, if they are there.
    """

    model: str
    family: str
    seeds: tuple[Any, ...]
    metrics: dict[str, Estimate]
    difference: dict[str, Difference] = field(default_factory=dict)
    groups: dict[str, tuple[Estimate, int]] = field(default_factory=dict)
    seconds_training: float | None = None
    parameters: float | None = None
    users_per_second: float | None = None
    best_epoch: float | None = None
    tuned: dict[str, Any] = field(default_factory=dict)
    runs: tuple[Run, ...] = ()

    def mean(self, key: str) -> float | None:
        """The figure alone."""
        return self.metrics[key].mean if key in self.metrics else None


@dataclass(frozen=True)
class Comparison:
    """Models side by side, under one protocol.

    Attributes:
        rows: By falling NDCG.
        baseline: The model against which differences are tested, or None for a single model.
        k: Length of the lists.
        dataset, protocol: As in ``metrics.json``.
        bounds: ``random`` and ``ceiling`` by name with K.
        users: Tested.
        title, command, created: Of the study; empty for plain runs.
        tuning: Trials, best value and minutes by model.
        below_best: Difference of each other model's NDCG to the first row's; empty where per-user values are not there.
    """

    rows: tuple[Row, ...]
    baseline: str | None
    k: int
    dataset: str
    protocol: dict[str, Any]
    bounds: dict[str, dict[str, float]]
    users: int | None
    title: str = ""
    command: str = ""
    created: str = ""
    tuning: dict[str, Any] = field(default_factory=dict)
    below_best: dict[str, Difference] = field(default_factory=dict)

    def row(self, model: str | None) -> Row | None:
        """The row of a model, if it is there."""
        return next((row for row in self.rows if row.model == model), None)

    def key(self, name: str) -> str:
        """A metric's name with K."""
        return f"{name}@{self.k}"

    @property
    def level(self) -> float:
        """Coverage of the intervals; tests are made at one less it."""
        return level_of(self.protocol)


def _labelled(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs of one model that differ in their seed alone are one row; others are told apart by their folder."""

    def settings(run: Run) -> str:
        free = ("seed", "output", "checkpoint_dir", "show_progress", "gpu_id", "use_gpu")
        return str(sorted((key, str(value)) for key, value in run.config.items() if key not in free))

    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.model, settings(run)), []).append(run)
    names = [model for model, _ in groups]
    result: dict[str, list[Run]] = {}
    for (model, _), members in groups.items():
        label = model if names.count(model) == 1 else f"{model} ({members[0].path.name})"
        result[label] = result.get(label, []) + members
    return result


def _values(runs: Sequence[Run], column: str) -> np.ndarray:
    """``(U,)`` mean over seeds of a per-user metric, by sorted user token."""
    return np.mean([run.per_user[column].to_numpy() for run in runs], axis=0)


def _estimates(runs: Sequence[Run], level: float) -> dict[str, Estimate]:
    own = runs[0].metrics.get("test_intervals", {}) if len(runs) == 1 else {}
    columns = [name for name in runs[0].per_user.columns if name != "user_id" and name not in own]
    intervals = {**mean_intervals({name: _values(runs, name) for name in columns}, level=level), **own}
    result: dict[str, Estimate] = {}
    for name in runs[0].metrics["test"]:
        values = [float(run.metrics["test"][name]) for run in runs if name in run.metrics["test"]]
        spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
        low, high = intervals.get(name, (None, None))
        result[name] = Estimate(float(np.mean(values)), low, high, spread)
    return result


def _mean_of(runs: Sequence[Run], *path: str) -> float | None:
    found = []
    for run in runs:
        value: Any = run.metrics
        for part in path:
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, int | float):
            found.append(float(value))
    return float(np.mean(found)) if found else None


def _row(label: str, runs: Sequence[Run]) -> Row:
    seconds = _mean_of(runs, "seconds", "test")
    groups = {
        name: (Estimate(float(means[f"ndcg@{runs[0].k}"])), int(runs[0].metrics["users"]["test"]) // 4)
        for name, means in runs[0].metrics.get("test_by_user_group", {}).items()
        if name != "all" and f"ndcg@{runs[0].k}" in means
    }
    users = float(runs[0].metrics["users"]["test"])
    return Row(
        label,
        family_of(runs[0].model),
        tuple(run.metrics["protocol"]["seed"] for run in runs),
        _estimates(runs, level_of(runs[0].metrics["protocol"])),
        groups=groups,
        seconds_training=_mean_of(runs, "seconds", "training"),
        parameters=_mean_of(runs, "parameters"),
        users_per_second=users / seconds if seconds else None,
        best_epoch=_mean_of(runs, "best_epoch"),
        runs=tuple(runs),
    )


def _differences(
    groups: Mapping[str, Sequence[Run]], baseline: str, keys: Sequence[str], level: float
) -> dict[str, dict[str, Difference]]:
    """For each model and key the paired difference to the baseline; Holm over the models of a key."""
    users = groups[baseline][0].per_user["user_id"]
    others = [
        name
        for name, runs in groups.items()
        if name != baseline and runs[0].per_user["user_id"].equals(users)
    ]
    result: dict[str, dict[str, Difference]] = {name: {} for name in others}
    for key in keys:
        present = [name for name in others if key in groups[name][0].per_user.columns]
        values = {name: _values(groups[name], key) for name in present}
        for name, one in differences(values, _values(groups[baseline], key), level=level).items():
            result[name][key] = one
    return result


def _baseline(groups: Mapping[str, Sequence[Run]], key: str) -> str | None:
    """The best non-neural model by validation; the best of all where every model is neural."""

    def validation(name: str) -> float:
        return float(np.mean([run.metrics["validation"].get(key, 0.0) for run in groups[name]]))

    if len(groups) < 2:
        return None
    classic = [name for name, runs in groups.items() if family_of(runs[0].model) in ("floor", "classic")]
    return max(classic or groups, key=validation)


def compare_runs(runs: Sequence[Run]) -> Comparison:
    """Rows, intervals and tests from the per-user values of run folders.

    The test is the paired randomisation test against the best non-neural baseline by validation NDCG, with Holm's
    correction over the models; several seeds of a model are averaged user by user first.
    """
    groups, k, first = _labelled(runs), runs[0].k, runs[0].metrics
    baseline = _baseline(groups, f"ndcg@{k}")
    keys = [f"{name}@{k}" for name in TESTED]
    tests = {} if baseline is None else _differences(groups, baseline, keys, level_of(first["protocol"]))
    rows = [replace(_row(name, group), difference=tests.get(name, {})) for name, group in groups.items()]
    comparison = Comparison(
        tuple(sorted(rows, key=lambda row: -(row.mean(f"ndcg@{k}") or 0))),
        baseline,
        k,
        str(first["dataset"]),
        dict(first["protocol"]),
        first.get("test_bounds", {}),
        int(first["users"]["test"]),
    )
    return with_best(comparison)


def with_best(comparison: Comparison) -> Comparison:
    """Adds the tests against the most accurate model, where every row has its per-user values."""
    key, groups = comparison.key("ndcg"), {row.model: row.runs for row in comparison.rows}
    known = all(runs and key in runs[0].per_user.columns for runs in groups.values())
    if len(groups) < 2 or not known:
        return comparison
    found = _differences(groups, comparison.rows[0].model, [key], comparison.level)
    return replace(comparison, below_best={name: one[key] for name, one in found.items() if key in one})
