"""What a comparison and an ablation leave behind: the form of ``comparison.json`` and ``ablation.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from recbole_ext.config.messages import describe_pydantic_error
from recbole_ext.data.files import write_whole
from recbole_ext.errors import CheckpointError
from recbole_ext.evaluator.confidence import Difference

__all__ = [
    "Ablation",
    "Comparison",
    "ComparisonRow",
    "Estimate",
    "SweepPoint",
    "SweepResult",
    "Tuning",
    "read_ablation",
    "read_comparison",
    "write_result",
]


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Estimate(_Plain):
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


class ComparisonRow(_Plain):
    """One model.

    Attributes:
        model: Name.
        seeds: Of its runs.
        tuned: Settings that the search has found; empty if there was none.
        metrics: Metric with K, such as ``ndcg@10``, to its test figure.
        difference: Metric with K to the comparison with the baseline; empty for the baseline itself.
        groups: ``heavy`` and ``light`` users, ``head`` and ``tail`` targets, each to ``ndcg`` at the shown K and
            ``n`` users. Targets are there only where each user has one held-out item.
        seconds_training: Mean over seeds.
        parameters: Trainable numbers.
        users_per_second: Scored and ranked in the test, median over seeds.
        best_epoch: Median over seeds, from 0 on.
    """

    model: str
    seeds: list[int]
    tuned: dict[str, Any]
    metrics: dict[str, Estimate]
    difference: dict[str, Difference]
    groups: dict[str, dict[str, float]]
    seconds_training: float
    parameters: int
    users_per_second: float
    best_epoch: int


class Tuning(_Plain):
    """The search of one model: number of trials, best validation value, time of the trials."""

    trials: int
    best_value: float
    minutes: float


class Comparison(_Plain):
    """``comparison.json``.

    Attributes:
        title, created, command: Heading, ISO time, what repeats it.
        baseline: What the differences are taken against; the rule stands in ``protocol["baseline_rule"]``.
        protocol: As in a run's ``metrics.json``, and how models were tuned, chosen and compared.
        rows: The models, as listed.
        curves: Model to the folder of its re-ranker curves, seen from the comparison's folder.
        tuning: Model to its search.
    """

    title: str
    created: str
    command: str
    baseline: str
    protocol: dict[str, Any]
    rows: list[ComparisonRow]
    curves: dict[str, str]
    tuning: dict[str, Tuning]

    def row(self, model: str) -> ComparisonRow | None:
        """The row of a model, or None."""
        return next((row for row in self.rows if row.model == model), None)


class SweepPoint(_Plain):
    """One value of a swept key: test NDCG with its interval, coverage and training time averaged over seeds."""

    value: Any
    ndcg: Estimate
    itemcoverage: float
    seconds: float


class SweepResult(_Plain):
    """One key of one model."""

    model: str
    key: str
    points: list[SweepPoint]


class Ablation(_Plain):
    """``ablation.json``; ``protocol["shown_k"]`` is the K of all figures."""

    command: str
    protocol: dict[str, Any]
    sweeps: list[SweepResult]


_Result = TypeVar("_Result", bound=_Plain)


def _read(file: Path, kind: type[_Result], maker: str) -> _Result:
    if not file.is_file():
        raise CheckpointError(f"{file} does not exist: name a folder that '{maker}' has finished")
    try:
        return kind.model_validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        reason = describe_pydantic_error(first, kind) if first["loc"] else "it is no JSON"
    except OSError as error:
        reason = str(error.strerror)
    raise CheckpointError(f"{file} is damaged ({reason}): run '{maker}' again, it keeps its cells")


def read_comparison(folder: Path) -> Comparison:
    """The comparison in a folder.

    Raises:
        CheckpointError: There is none, or it is damaged.
    """
    return _read(folder / "comparison.json", Comparison, "compare")


def read_ablation(folder: Path) -> Ablation:
    """The ablation in a folder.

    Raises:
        CheckpointError: There is none, or it is damaged.
    """
    return _read(folder / "ablation.json", Ablation, "ablate")


def write_result(folder: Path, name: str, result: BaseModel, text: str) -> None:
    """``NAME.json`` and ``NAME.md``, each replaced as a whole.

    Raises:
        OutputError: They cannot be written.
    """
    for ending, content in (("json", result.model_dump_json(indent=2)), ("md", text)):
        write_whole(folder / f"{name}.{ending}", f"{content}\n")
