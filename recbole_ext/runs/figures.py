"""The forms of the three kinds of ``metrics.json``: of a run, a re-ranking and curves. Writers and readers share them.

A key with a default is absent from files of version 0.1.0, or readers can do without it.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from recbole_ext.runs.forms import Form

__all__ = ["CurveFigures", "RerankFigures", "RunFigures"]

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
