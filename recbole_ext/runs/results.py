"""The forms of ``comparison.json``, ``ablation.json`` and ``tuning.json``, which writers and readers share.

A key with a default is absent from files of version 0.1.0, or readers can do without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

from recbole_ext.config.messages import describe_pydantic_error
from recbole_ext.data.files import write_whole
from recbole_ext.evaluator.difference import Difference
from recbole_ext.runs.forms import Form, read_form

__all__ = [
    "Ablation",
    "Agreement",
    "Comparison",
    "ComparisonRow",
    "Estimate",
    "ModelFigures",
    "Objective",
    "Protocol",
    "ProtocolsComparison",
    "SweepPoint",
    "SweepResult",
    "TuneFigures",
    "Tuning",
    "read_ablation",
    "read_comparison",
    "write_result",
]


@dataclass(frozen=True)
class Objective:
    """What a search looks for: a metric on validation.

    Attributes:
        name: As it is shown, such as ``NDCG@10``.
        bigger: Whether larger is better.
    """

    name: str
    bigger: bool

    @property
    def key(self) -> str:
        """As figures and columns name it: ``ndcg@10``."""
        return self.name.lower()

    @property
    def metric(self) -> str:
        """The metric without K."""
        return self.name.partition("@")[0]

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """As Optuna names it."""
        return "maximize" if self.bigger else "minimize"

    def __str__(self) -> str:
        return self.name


class TuneFigures(Form):
    """``tuning.json`` of a search.

    Attributes:
        command, study: What repeats it, and its name.
        model: Whose parameters were searched.
        objectives: What for, such as ``NDCG@10``.
        phase: ``validation``.
        trials, states: Number of trials, all of them and by how they ended.
        best_number, best_values, best: The trial that won, its values of the objectives, and its settings.
        front: Numbers of the trials that no other beats in all objectives.
        minutes: Time of all trials together.
        space: What was searched.
        dataset, data: Name and fingerprint of the data set.
    """

    command: str = ""
    study: str = ""
    model: str = ""
    objectives: list[str] = Field(default_factory=list)
    phase: str = "validation"
    trials: int = 0
    states: dict[str, int] = Field(default_factory=dict)
    best_number: int | None = None
    best_values: list[float] = Field(default_factory=list)
    best: dict[str, Any] = Field(default_factory=dict)
    front: list[int] = Field(default_factory=list)
    minutes: float | None = None
    space: dict[str, Any] = Field(default_factory=dict)
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
        best_epoch: Median over seeds, from 1.
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


class StudyProtocol(Form):
    """What readers look at in the protocol of a study; any of it may be absent."""

    shown_k: int = 10
    confidence: float = 0.95
    filter: dict[str, Any] = Field(default_factory=dict)
    users: int = 0
    items: int = 0
    users_decided_by_tie_break: float = 0.0


def _usable(protocol: dict[str, Any]) -> dict[str, Any]:
    """The protocol as it was written, once what readers look at is found to be of its kind."""
    try:
        StudyProtocol.model_validate(protocol)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{describe_pydantic_error(first, StudyProtocol)}") from None
    return protocol


Protocol = Annotated[dict[str, Any], AfterValidator(_usable)]


class Comparison(Form):
    """``comparison.json``.

    Attributes:
        title, created, command: Heading, ISO time, what repeats it.
        baseline: What the differences are taken against; the rule stands in ``protocol["baseline_rule"]``.
        protocol: As in a run's ``metrics.json``, and how models were tuned, chosen and compared.
        epochs_from: Number of the first epoch; files of version 0.1.0, which do not say so, began with 0 and are read
            as if they had not.
        rows: The models, as listed.
        curves: Model to the folder of its re-ranker curves, seen from the comparison's folder.
        tuning: Model to its search.
    """

    title: str = ""
    created: str = ""
    command: str = ""
    baseline: str | None
    protocol: Protocol
    epochs_from: Literal[1] = 1
    rows: list[ComparisonRow] = Field(min_length=1)
    curves: dict[str, str] = Field(default_factory=dict)
    tuning: dict[str, Tuning] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _count_from_one(cls, content: Any) -> Any:
        if not isinstance(content, dict) or "epochs_from" in content:
            return content
        rows = content.get("rows")
        if isinstance(rows, list):
            rows = [
                {**row, "best_epoch": row["best_epoch"] + 1}
                if isinstance(row, dict) and isinstance(row.get("best_epoch"), int)
                else row
                for row in rows
            ]
        return {**content, "rows": rows, "epochs_from": 1}

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
    protocol: Protocol = Field(default_factory=dict)
    sweeps: list[SweepResult]


class Agreement(Form):
    """Whether two protocols order the models alike.

    Attributes:
        first, second: Names of the protocols.
        tau, low, high: Kendall's tau-b of the models' NDCG, and its bootstrap interval over users.
        swapped: Pairs of models in opposite orders, such as ``EASE and Pop``.
    """

    first: str
    second: str
    tau: float
    low: float
    high: float
    swapped: list[str]


class ProtocolsComparison(Form):
    """``protocols.json``: ``ndcg`` is protocol to model to test figure, of ``metric`` with intervals of ``level``."""

    title: str = ""
    command: str = ""
    metric: str
    level: float
    protocols: dict[str, Protocol]
    ndcg: dict[str, dict[str, Estimate]]
    agreements: list[Agreement]


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
