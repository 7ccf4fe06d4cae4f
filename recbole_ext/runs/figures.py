"""The forms of the three kinds of ``metrics.json``: of a run, a re-ranking and curves. Writers and readers share them.

A key with a default is absent from files of version 0.1.0, or readers can do without it.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StrictInt, model_validator

from recbole_ext.evaluator.metric_info import limits_of
from recbole_ext.evaluator.register import is_accuracy
from recbole_ext.runs.forms import Form

__all__ = ["CurveFigures", "RerankFigures", "RunFigures"]

_ROUNDING = 1e-9

Figure = Annotated[float, Field(strict=True, allow_inf_nan=False)]


def _possible(name: str, value: float) -> None:
    """Raises ValueError for a value that its metric cannot have; sums in floating point may pass a limit slightly."""
    low, high = limits_of(name)
    if not low - _ROUNDING <= value <= high + _ROUNDING:
        ends = f"between {low:g} and {high:g}" if high < math.inf else f"{low:g} or more"
        raise ValueError(f"has {value:g} for {name}, which must be {ends}")


def _possible_values(values: dict[str, float]) -> dict[str, float]:
    for name, value in values.items():
        _possible(name, value)
    return values


def _possible_interval(values: dict[str, list[float]]) -> dict[str, list[float]]:
    for name, (low, high) in values.items():
        _possible(name, low)
        _possible(name, high)
        if low > high:
            raise ValueError(f"has an interval of {name} from {low:g} down to {high:g}")
    return values


def _both_bounds(bounds: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    for kind in ("ceiling", "random"):
        if kind not in bounds:
            raise ValueError(f"lacks {kind}")
    return bounds


_Figures = Annotated[dict[str, Figure], AfterValidator(_possible_values)]
Values = Annotated[dict[str, Figure], Field(min_length=1), AfterValidator(_possible_values)]
Interval = Annotated[list[Figure], Field(min_length=2, max_length=2)]
Intervals = Annotated[dict[str, Interval], AfterValidator(_possible_interval)]
Bounds = Annotated[dict[str, _Figures], AfterValidator(_both_bounds)]
Share = Annotated[float, Field(strict=True, ge=-_ROUNDING, le=1 + _ROUNDING)]


class Epoch(Form):
    """A validated epoch of a training; a loss that explodes may be infinite."""

    epoch: int
    loss: float
    valid_score: float
    seconds: float


class Filters(Form):
    """Which interactions count."""

    rating_threshold: float | None
    min_user_interactions: StrictInt
    min_item_interactions: StrictInt


class RunProtocol(Form):
    """What the figures of a run stand on, as far as readers look at single keys of it."""

    topk: Annotated[list[int], Field(min_length=1)]
    shown_k: int
    head_rule: str
    seed: int
    confidence: float
    filter: Filters
    split: str
    split_ratio: list[float] | None
    mask_seen: bool
    candidates: str
    tie_break: str
    users_decided_by_tie_break: float
    history_shuffle: str = "none"
    split_targets: str = "all"
    split_time: list[int] | None = None
    valid_users: int | None = None
    same_history: bool = False


class Seconds(Form):
    """Time of a run's parts."""

    training: float
    test: float


class Users(Form):
    """How many were ranked; ``each_epoch`` on validation while training."""

    validation: StrictInt
    test: StrictInt
    each_epoch: StrictInt | None = None


class Statistics(Form):
    """What a report shows of a data set."""

    users: int
    items: int
    interactions: int
    sparsity: float
    popularity_gini: float
    head_items: dict[str, int]
    tail_items: dict[str, int]

    @model_validator(mode="after")
    def _same_rules(self) -> Statistics:
        if self.head_items.keys() != self.tail_items.keys():
            raise ValueError("head_items and tail_items are of different rules")
        return self


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
        history: The epochs that were validated.
        epochs, best_epoch: Number of epochs, and the one of the best validation. Version 0.1.0 counted the
            validations.
        epochs_from: Number of the first epoch: 1, or 0 in files of version 0.1.0, which do not say so.
            :func:`~recbole_ext.runs.folder.read_metrics` counts from 1 whatever the file does.
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
    validation: Values
    test: Values
    test_intervals: Intervals
    test_by_user_group: dict[str, _Figures] = Field(default_factory=dict)
    test_bounds: Bounds
    users: Users
    epochs: int
    best_epoch: int
    epochs_from: int = 0
    history: list[Epoch] = Field(default_factory=list)
    parameters: int
    seconds: Seconds
    statistics: Statistics
    fingerprint: str

    @model_validator(mode="after")
    def _has_intervals(self) -> RunFigures:
        for name in self.test:
            if is_accuracy(name.partition("@")[0]) and name not in self.test_intervals:
                raise ValueError(f"test_intervals lacks {name}")
        return self


class Reranker(Form):
    """A re-ranker's settings; ``strength`` is absent where a re-ranker has none."""

    method: str
    strength: float | None = None


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
    rerank: Reranker
    rule: str
    note: str
    k: int
    level: float | None = None
    before: Values
    after: Values
    difference: dict[str, Annotated[list[Figure], Field(min_length=3, max_length=3)]] = Field(
        default_factory=dict
    )
    bounds: Bounds


class CurvePoint(Form):
    """A re-ranker at one strength, on validation.

    Attributes:
        ndcg_change_low, ndcg_change_high, tailshare_change_low, tailshare_change_high: Bootstrap intervals of the
            change against the model's own lists; None in files of version 0.1.0, and of tested points.
    """

    method: str
    strength: Figure
    ndcg: Share
    itemcoverage: Share
    tailshare: Share
    ndcg_change_low: Figure | None = None
    ndcg_change_high: Figure | None = None
    tailshare_change_low: Figure | None = None
    tailshare_change_high: Figure | None = None


class TestedPoint(CurvePoint):
    """A point that was tested, with its difference of NDCG to the model's own lists."""

    ndcg_difference: Figure
    difference_low: Figure
    difference_high: Figure


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
        hypervolume: Method to the area under its validation front of NDCG and ItemCoverage above (0, 0); empty in
            files of version 0.1.0.
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
    hypervolume: dict[str, Share] = Field(default_factory=dict)
