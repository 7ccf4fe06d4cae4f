"""The ``rerank:`` block: every way to write it, and what is refused."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

from recbole_ext.config.blocks import RerankSettings, read_pareto, read_rerank
from recbole_ext.config.problem import Origin, Problem
from recbole_ext.errors import ConfigError
from recbole_ext.rerank import (
    MMR,
    Calibrated,
    PopularityPenalty,
    ValueAware,
    XQuAD,
    reranker_of,
)


@pytest.mark.parametrize(
    ("block", "reranker"),
    [
        ({"method": "popularity_penalty", "alpha": 0.1}, PopularityPenalty(0.1)),
        ({"method": "popularity_penalty", "strength": 2}, PopularityPenalty(2.0)),
        ({"method": "value_aware", "lambda": 0.25}, ValueAware(0.25)),
        ({"method": "value_aware", "alpha": 0.25}, ValueAware(0.25)),
        ({"method": "xquad", "lam": 0.25}, XQuAD(0.25)),
        ({"method": "xquad", "lam": 0.25, "variant": "binary"}, XQuAD(0.25, variant="binary")),
        (
            {"method": "calibrated", "strength": 1, "over": "genres", "smoothing": 0.1},
            Calibrated(1.0, over="genres", smoothing=0.1),
        ),
        ({"method": "mmr", "strength": 0.25}, MMR(0.25)),
        ({"method": "mmr", "lambda": 0.25}, MMR(0.75)),
        ({"method": "mmr", "lam": 1}, MMR(0.0)),
    ],
)
def test_every_way_to_write_a_strength(block: dict[str, Any], reranker: Any) -> None:
    settings = read_rerank(block)
    assert isinstance(settings, RerankSettings)
    assert settings.candidates == 200
    assert reranker_of(settings) == reranker
    assert read_rerank(settings.plain()) == settings


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("mmr", r"give a block such as"),
        ({}, r"method in rerank is missing: add it"),
        ({"alpha": 0.1}, r"rerank"),
        ({"method": "mmrr", "alpha": 0.1}, r"method in rerank is 'mmrr'; did you mean 'mmr'"),
        ({"method": ["mmr"], "alpha": 0.1}, r"method in rerank is \['mmr'\]; did you mean 'mmr'"),
        ({"method": "mmr", "alpha": 0.1, "depth": 5}, r"unknown key 'depth'"),
        ({"method": "mmr", "alpha": 0.1, "candidate": 5}, r"did you mean 'candidates'"),
        ({"method": "mmr"}, r"no strength: give one of strength or lambda for mmr"),
        ({"method": "popularity_penalty"}, r"give one of strength or alpha"),
        ({"method": "xquad", "alpha": 0.1, "lambda": 0.1}, r"both alpha and lambda"),
        ({"method": "popularity_penalty", "lambda": 0.1}, r"has no lambda: give alpha"),
        ({"method": "popularity_penalty", "alpha": -0.1}, r"alpha in rerank must be 0 or more, not -0\.1"),
        (
            {"method": "popularity_penalty", "alpha": float("nan")},
            r"rerank must be a finite number, not \.nan",
        ),
        ({"method": "popularity_penalty", "alpha": "0.1"}, r"alpha in rerank must be a number, not '0.1'"),
        ({"method": "popularity_penalty", "alpha": True}, r"alpha in rerank must be a number"),
        ({"method": "xquad", "lambda": 1.5}, r"lambda in rerank must be at most 1, not 1\.5"),
        ({"method": "mmr", "lambda": 1.5}, r"lambda in rerank must be at most 1, not 1\.5"),
        ({"method": "mmr", "lambda": "much"}, r"lambda in rerank must be a number, not 'much'"),
        (
            {"method": "xquad", "alpha": 0.1, "candidates": 0},
            r"candidates in rerank must be 1 or more, not 0",
        ),
        (
            {"method": "xquad", "alpha": 0.1, "candidates": 2.5},
            r"candidates in rerank must be a whole number, not 2.5",
        ),
        ({"method": "xquad", "alpha": 0.1, "over": "genres"}, r"xquad has no option 'over'"),
        (
            {"method": "calibrated", "alpha": 0.1, "smoothing": 2.0},
            r"smoothing in rerank must be below 1, not 2",
        ),
        (
            {"method": "calibrated", "alpha": 0.1, "over": 3},
            r"over in rerank must be popularity or genres, not 3",
        ),
    ],
)
def test_what_is_refused(block: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_rerank(block)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (
            {"method": "exposure"},
            r"^rerank in a\.yaml, line 3 has no floor: give coverage, tail_share or both",
        ),
        (
            {"method": "exposure", "coverage": 1.5},
            r"^coverage in rerank in a\.yaml, line 3 must be at most 1, not 1\.5",
        ),
        (
            {"method": "exposure", "coverage": True},
            r"coverage in rerank in a\.yaml, line 3 must be a number, not true",
        ),
        (
            {"method": "exposure", "coverag": 0.5},
            r"'coverag' of rerank in a\.yaml, line 3; did you mean 'coverage'",
        ),
        (
            {"method": "exposur"},
            r"^method in rerank in a\.yaml, line 3 is 'exposur'; did you mean 'exposure'",
        ),
        ({"method": "mmr", "alpha": 2}, r"^alpha in rerank in a\.yaml, line 3 must be at most 1, not 2"),
    ],
)
def test_a_problem_says_where_the_block_was_written(block: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        read_rerank(block, Origin("a.yaml", 3))
    problem = caught.value.problem
    assert isinstance(problem, Problem)
    assert (problem.key[0], problem.origin) == ("rerank", Origin("a.yaml", 3))


def test_a_problem_is_data() -> None:
    with pytest.raises(ConfigError) as caught:
        read_rerank({"method": "xquad", "alpha": 0.1, "candidates": 0})
    assert caught.value.problem == Problem(("rerank", "candidates"), "greater_than_equal", 0, {"ge": 1})


@pytest.mark.parametrize(
    "block", [{"method": "exposure", "coverage": 0.5}, {"method": "exposure", "tail_share": 1}]
)
def test_floors_read_back_as_they_were_given(block: dict[str, Any]) -> None:
    settings = read_rerank(block)
    assert settings.plain() == block
    assert settings.candidates == 200


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"methods": ["exposur"]}, r"methods in pareto names the method 'exposur'; did you mean 'exposure'"),
        ({"strengths": {"mm": [0.1]}}, r"strengths in pareto names the method 'mm'; did you mean 'mmr'"),
        ({"most_los": 0.1}, r"unknown key 'most_los' of pareto; did you mean 'most_loss'"),
        ({"most_loss": 1}, r"most_loss in pareto must be below 1, not 1"),
    ],
)
def test_what_is_refused_in_a_sweep(block: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_pareto(block)
    assert read_pareto(None).methods is None


def test_settings_do_not_change() -> None:
    settings = read_rerank({"method": "mmr", "alpha": 0.1})
    with pytest.raises(pydantic.ValidationError):
        settings.strength = 0.2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("block", "shown"),
    [
        (
            {"method": "popularity_penalty", "alpha": 0.1},
            "popularity_penalty (s - α·p), alpha 0.1, scores min-max scaled per user over the top 200",
        ),
        (
            {"method": "mmr", "lambda": 0.75, "candidates": 50},
            "mmr (λ·s - (1-λ)·max similarity), lambda 0.75, scores min-max scaled per user over the top 50",
        ),
    ],
)
def test_a_strength_is_shown_with_its_scaling(block: dict[str, Any], shown: str) -> None:
    assert str(read_rerank(block)) == shown
