"""The forms of all files of results: a run, a re-ranking, curves, a comparison, an ablation, a search.

Writers and readers share them. A key with a default is absent from files of version 0.1.0, or is not needed by readers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from recbole_ext.data.files import write_whole
from recbole_ext.evaluator.confidence import Difference
from recbole_ext.runs.forms import Form, read_form

__all__ = [
    "Ablation",
    "Comparison",
    "ComparisonRow",
    "CurveFigures",
    "Estimate",
    "ModelFigures",
    "RerankFigures",
    "RunFigures",
    "SweepPoint",
    "SweepResult",
    "TuneFigures",
    "Tuning",
    "read_ablation",
    "read_comparison",
    "write_result",
]

Bounds = dict[str, dict[str, float]]


class RunProtocol(Form):
    """What the figures of a run stand on, as far as readers look at single keys of it."""

    topk: list[int]
    shown_k: int
    head_rule: str
    seed: int
    confidence: float


class Seconds(Form):
    """Time of a run's parts."""

    training: float
    test: float


class RunFigures(Form):
    """``metrics.json`` of a run.

    Attributes:
        model, dataset: Names, as they are shown.
        family: Of the model, a name of :data:`~recbole_ext.model.registry.FAMILIES`; None in files of version 0.1.0.
        command: What repeats the run.
        protocol: Filters, split, candidates, head rule and so on, without which a figure means nothing.
        validation, test: Metric with K, such as ``ndcg@10``, to its value.
        test_intervals: Metric with K to the ends of its bootstrap interval over users.
        test_by_user_group: ``all``, ``heavy`` and ``light`` to metric with K to its mean.
        test_bounds: ``ceiling`` and ``random`` to metric with K to its value.
        users: ``validation`` and ``test`` to the number of users ranked.
        epochs, best_epoch: Validations, and the epoch of the best one, from 0.
        parameters: Trainable numbers.
        seconds: Of training and test.
        statistics: Of the data set.
        fingerprint: Of the split data, from :func:`~recbole_ext.data.fingerprint.fingerprint`.
    """

    model: str
    dataset: str
    family: str | None = None
    command: str
    protocol: RunProtocol
    validation: dict[str, float]
    test: dict[str, float]
    test_intervals: dict[str, list[float]]
    test_by_user_group: dict[str, dict[str, float]] = Field(default_factory=dict)
    test_bounds: Bounds
    users: dict[str, int]
    epochs: int
    best_epoch: int
    parameters: int
    seconds: Seconds
    statistics: dict[str, Any]
    fingerprint: str


class RerankFigures(Form):
    """``metrics.json`` of ``rerank``.

    Attributes:
        run: The run folder whose lists were re-ranked.
        dataset, fingerprint, protocol: Of that run.
        rerank: The re-ranker's settings.
        rule, note: What it does, and what came of it, in words.
        k: Length of the lists.
        level: Coverage of the intervals; None in files of version 0.1.0, which used 0.95.
        before, after: Metric with K to its value.
        difference: Metric with K to the mean of after minus before and the ends of its interval.
        bounds: ``ceiling`` and ``random`` to metric with K to its value.
    """

    run: str
    dataset: str
    fingerprint: str
    protocol: dict[str, Any]
    rerank: dict[str, Any]
    rule: str
    note: str
    k: int
    level: float | None = None
    before: dict[str, float]
    after: dict[str, float]
    difference: dict[str, list[float]] = Field(default_factory=dict)
    bounds: Bounds


class CurvePoint(Form):
    """A re-ranker at one strength, on validation."""

    method: str
    strength: float
    ndcg: float
    itemcoverage: float
    tailshare: float


class TestedPoint(CurvePoint):
    """A point that was tested, with its difference of NDCG to the model's own lists."""

    ndcg_difference: float
    difference_low: float
    difference_high: float


class CurveFigures(Form):
    """``metrics.json`` of ``pareto``.

    Attributes:
        run: The run folder whose lists were re-ranked.
        dataset, fingerprint, protocol: Of that run.
        rule: How a strength was chosen.
        level: As in :class:`RerankFigures`.
        validation: All points; method ``none`` is the model's own lists.
        test: Those that were chosen.
        bounds: ``ceiling`` and ``random`` to metric with K to its value.
    """

    run: str = ""
    dataset: str | None = None
    fingerprint: str | None = None
    protocol: dict[str, Any] = Field(default_factory=dict)
    rule: str
    level: float | None = None
    validation: list[CurvePoint]
    test: list[TestedPoint]
    bounds: Bounds


class TuneFigures(Form):
    """``tuning.json`` of a search.

    Attributes:
        model: Whose parameters were searched.
        objectives: What for, such as ``NDCG@10``.
        best_number: The trial that won.
        dataset, data: Name and fingerprint of the data set.
    """

    model: str = ""
    objectives: list[str] = Field(default_factory=list)
    best_number: int | None = None
    dataset: str | None = None
    data: str | None = None


@dataclass(frozen=True)
class Estimate:
    """A test figure of values averaged over seeds.

    Attributes:
        mean: Over users, or over seeds for a figure that belongs to all lists together.
        low, high: Bootstrap interval over users; None for such a figure.
        sd_over_seeds: Standard deviation of the seeds' figures (n - 1); None with one seed.
    """

    mean: float
    low: float | None = None
    high: float | None = None
    sd_over_seeds: float | None = None


@dataclass(frozen=True)
class ModelFigures:
    """A model among others.

    Attributes:
        model: Name, as it is shown.
        family: A name of :data:`~recbole_ext.model.registry.FAMILIES`; empty in files of version 0.1.0.
        seeds: Of its runs.
        metrics: Metric with K, such as ``ndcg@10``, to its test figure.
        difference: Metric with K to the comparison with the baseline; empty for the baseline itself.
        seconds_training: Mean over seeds.
        parameters: Trainable numbers.
        users_per_second: Scored and ranked in the test, median over seeds.
        best_epoch: Median over seeds, from 0.
        tuned: Settings that the search has found; empty if there was none.
    """

    model: str
    family: str = ""
    seeds: list[int] = field(default_factory=list)
    metrics: dict[str, Estimate] = field(default_factory=dict)
    difference: dict[str, Difference] = field(default_factory=dict)
    seconds_training: float | None = None
    parameters: int | None = None
    users_per_second: float | None = None
    best_epoch: int | None = None
    tuned: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ComparisonRow(ModelFigures):
    """A row of ``comparison.json``.

    Attributes:
        groups: ``heavy`` and ``light`` users, ``head`` and ``tail`` targets, each to ``ndcg`` at the shown K and
            ``n`` users. Targets are there only where each user has one held-out item.
    """

    groups: dict[str, dict[str, float]] = field(default_factory=dict)


class Tuning(Form):
    """The search of one model: number of trials, best validation value, time of the trials."""

    trials: int
    best_value: float
    minutes: float


class Comparison(Form):
    """``comparison.json``.

    Attributes:
        title, created, command: Heading, ISO time, what repeats it.
        baseline: What the differences are taken against; the rule stands in ``protocol["baseline_rule"]``.
        protocol: As in a run's ``metrics.json``, and how models were tuned, chosen and compared.
        rows: The models, as listed.
        curves: Model to the folder of its re-ranker curves, seen from the comparison's folder.
        tuning: Model to its search.
    """

    title: str = ""
    created: str = ""
    command: str = ""
    baseline: str | None
    protocol: dict[str, Any]
    rows: list[ComparisonRow] = Field(min_length=1)
    curves: dict[str, str] = Field(default_factory=dict)
    tuning: dict[str, Tuning] = Field(default_factory=dict)

    def row(self, model: str) -> ComparisonRow | None:
        """The row of a model, or None."""
        return next((row for row in self.rows if row.model == model), None)


class SweepPoint(Form):
    """One value of a swept key: test NDCG with its interval, coverage and training time averaged over seeds."""

    value: Any
    ndcg: Estimate
    itemcoverage: float | None = None
    seconds: float | None = None


class SweepResult(Form):
    """One key of one model."""

    model: str
    key: str
    points: list[SweepPoint]


class Ablation(Form):
    """``ablation.json``; ``protocol["shown_k"]`` is the K of all figures."""

    command: str = ""
    protocol: dict[str, Any] = Field(default_factory=dict)
    sweeps: list[SweepResult]


def read_comparison(folder: Path) -> Comparison:
    """The comparison in a folder.

    Raises:
        CheckpointError: There is none, or it is damaged.
    """
    return read_form(folder / "comparison.json", Comparison, "run 'compare' again, it keeps its cells")


def read_ablation(folder: Path) -> Ablation:
    """The ablation in a folder.

    Raises:
        CheckpointError: There is none, or it is damaged.
    """
    return read_form(folder / "ablation.json", Ablation, "run 'ablate' again, it keeps its cells")


def write_result(folder: Path, name: str, result: BaseModel, text: str) -> None:
    """``NAME.json`` and ``NAME.md``, each replaced as a whole.

    Raises:
        OutputError: They cannot be written.
    """
    contents: Mapping[str, str] = {"json": result.model_dump_json(indent=2), "md": text}
    for ending, content in contents.items():
        write_whole(folder / f"{name}.{ending}", f"{content}\n")
