"""The comparison as chapters look at it: the rows of a study or of runs, with the runs behind each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from recbole_ext.evaluator.difference import Difference
from recbole_ext.model.registry import family_of
from recbole_ext.report.inputs import Inputs
from recbole_ext.runs.compare import choose_baseline, compared, differences, family_in, over_seeds
from recbole_ext.runs.protocol import by_settings
from recbole_ext.runs.results import Comparison, ComparisonRow, Estimate, ModelFigures
from recbole_ext.runs.run import Run

__all__ = [
    "ComparisonView",
    "Difference",
    "Estimate",
    "RowView",
    "compare_runs",
    "comparison_of",
    "level_of",
]


def level_of(protocol: Mapping[str, Any]) -> float:
    """The confidence level of a protocol; 0.95, the default, where it names none."""
    return float(protocol.get("confidence", 0.95))


@dataclass(frozen=True)
class RowView(ModelFigures):
    """The figures of a model, and the runs behind them.

    Attributes:
        groups: NDCG of ``heavy``, ``light``, ``head`` and ``tail``, and how many users are behind it.
        runs: The run folders behind the row, if they are there.
    """

    groups: dict[str, tuple[Estimate, int]] = field(default_factory=dict)
    runs: tuple[Run, ...] = ()

    def mean(self, key: str) -> float | None:
        """The figure alone."""
        return self.metrics[key].mean if key in self.metrics else None


@dataclass(frozen=True)
class ComparisonView:
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

    rows: tuple[RowView, ...]
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

    def row(self, model: str | None) -> RowView | None:
        """The row of a model, if it is there."""
        return next((row for row in self.rows if row.model == model), None)

    def key(self, name: str) -> str:
        """A metric's name with K."""
        return f"{name}@{self.k}"

    @property
    def level(self) -> float:
        """Coverage of the intervals; tests are made at one less it."""
        return level_of(self.protocol)


def _row(
    figures: ComparisonRow, groups: dict[str, tuple[Estimate, int]], runs: Sequence[Run] = ()
) -> RowView:
    shared = {name: getattr(figures, name) for name in ModelFigures.__dataclass_fields__}
    family = figures.family or family_of(figures.model)
    return RowView(**{**shared, "family": family}, groups=groups, runs=tuple(runs))


def _by_ndcg(rows: Sequence[RowView], k: int) -> tuple[RowView, ...]:
    return tuple(sorted(rows, key=lambda row: -(row.mean(f"ndcg@{k}") or 0)))


def _groups_in_run(run: Run) -> dict[str, tuple[Estimate, int]]:
    """Heavy and light users as the run has saved them: a quarter of the users each."""
    key, users = f"ndcg@{run.k}", run.figures.users.test // 4
    return {
        name: (Estimate(means[key]), users)
        for name, means in run.figures.test_by_user_group.items()
        if name in ("heavy", "light") and key in means
    }


def compare_runs(runs: Sequence[Run]) -> ComparisonView:
    """Rows, intervals and tests from the per-user values of run folders.

    The test is the paired randomisation test against the best non-neural baseline by validation NDCG, with Holm's
    correction over the models; several seeds of a model are averaged user by user first.

    Raises:
        ConfigError: Two runs have other test users.
        CheckpointError: A file is damaged.
    """
    groups, k, first = by_settings(runs), runs[0].k, runs[0].figures
    families = {name: family_in(members, family_of) for name, members in groups.items()}
    baseline = choose_baseline(groups, families, f"ndcg@{k}")[0] if len(groups) > 1 else None
    rows = [
        _row(row, _groups_in_run(groups[row.model][0]), groups[row.model])
        for row in compared(groups, families, baseline, as_saved=True)
    ]
    comparison = ComparisonView(
        _by_ndcg(rows, k),
        baseline,
        k,
        first.dataset,
        dict(runs[0].metrics["protocol"]),
        first.test_bounds,
        first.users.test,
    )
    return _with_best(comparison)


def _of_study(study: Comparison, runs: Sequence[Run]) -> ComparisonView:
    """The comparison of a study; bounds and number of users come from its runs where those are there."""
    first: Mapping[str, Any] = runs[0].metrics if runs else {}
    protocol = study.protocol
    k = int(protocol.get("shown_k") or 10)
    rows = [
        _row(
            row,
            {
                name: (Estimate(group["ndcg"]), int(group.get("n", 0)))
                for name, group in row.groups.items()
                if "ndcg" in group
            },
            [run for run in runs if run.model == row.model],
        )
        for row in study.rows
    ]
    return ComparisonView(
        _by_ndcg(rows, k),
        study.baseline,
        k,
        str(first.get("dataset") or protocol.get("dataset") or "the data set"),
        {**first.get("protocol", {}), **protocol},
        first.get("test_bounds") or protocol.get("bounds") or {},
        first.get("users", {}).get("test") or protocol.get("users"),
        study.title,
        study.command,
        study.created,
        {model: one.model_dump() for model, one in study.tuning.items()},
    )


def comparison_of(inputs: Inputs) -> ComparisonView:
    """The comparison of a report: the study's own where there is one, else computed from the runs."""
    if inputs.study is None:
        return compare_runs(inputs.runs)
    return _with_best(_of_study(inputs.study, inputs.runs))


def _with_best(comparison: ComparisonView) -> ComparisonView:
    """Adds the tests against the most accurate model, where every row has its per-user values."""
    key, groups = comparison.key("ndcg"), {row.model: row.runs for row in comparison.rows}
    if len(groups) < 2 or not all(groups.values()):
        return comparison
    values = {name: over_seeds(runs) for name, runs in groups.items()}
    if not all(key in columns for columns in values.values()):
        return comparison
    best = comparison.rows[0].model
    found = differences(values, best, [key], comparison.level)
    return replace(comparison, below_best={name: one[key] for name, one in found.items() if name != best})
