"""The ``rerank:`` block: every way to write it, and what is refused."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

from recbole_ext.errors import ConfigError
from recbole_ext.rerank import (
    MMR,
    Calibrated,
    PopularityPenalty,
    RerankSettings,
    ValueAware,
    XQuAD,
    read_rerank_settings,
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
    settings = read_rerank_settings(block)
    assert settings.candidates == 200
    assert settings.reranker() == reranker
    assert read_rerank_settings(settings.model_dump()) == settings


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("mmr", r"give a block such as"),
        ({}, r"method in rerank is missing: add it"),
        ({"alpha": 0.1}, r"rerank"),
        ({"method": "mmrr", "alpha": 0.1}, r"no re-ranker 'mmrr'.*did you mean 'mmr'"),
        ({"method": ["mmr"], "alpha": 0.1}, r"no re-ranker \['mmr'\]"),
        ({"method": "mmr", "alpha": 0.1, "depth": 5}, r"unknown key 'depth'"),
        ({"method": "mmr", "alpha": 0.1, "candidate": 5}, r"did you mean 'candidates'"),
        ({"method": "mmr"}, r"no strength: give one of strength or lambda for mmr"),
        ({"method": "popularity_penalty"}, r"give one of strength or alpha"),
        ({"method": "xquad", "alpha": 0.1, "lambda": 0.1}, r"both alpha and lambda"),
        ({"method": "popularity_penalty", "lambda": 0.1}, r"has no lambda: give alpha"),
        ({"method": "popularity_penalty", "alpha": -0.1}, r"give a finite number of 0 or more"),
        ({"method": "popularity_penalty", "alpha": float("nan")}, r"finite number"),
        ({"method": "popularity_penalty", "alpha": "0.1"}, r"alpha in rerank must be a number, not '0.1'"),
        ({"method": "popularity_penalty", "alpha": True}, r"alpha in rerank must be a number"),
        ({"method": "xquad", "lambda": 1.5}, r"from 0 to 1"),
        ({"method": "mmr", "lambda": 1.5}, r"from 0 to 1"),
        ({"method": "mmr", "lambda": "much"}, r"lambda in rerank must be a number, not much"),
        (
            {"method": "xquad", "alpha": 0.1, "candidates": 0},
            r"candidates in rerank must be 1 or more, not 0",
        ),
        (
            {"method": "xquad", "alpha": 0.1, "candidates": 2.5},
            r"candidates in rerank must be a whole number, not 2.5",
        ),
        ({"method": "xquad", "alpha": 0.1, "over": "genres"}, r"xquad has no option 'over'"),
        ({"method": "calibrated", "alpha": 0.1, "smoothing": 2.0}, r"smoothing"),
        ({"method": "calibrated", "alpha": 0.1, "over": 3}, r"over in rerank must be text, not 3"),
    ],
)
def test_what_is_refused(block: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_rerank_settings(block)


def test_settings_do_not_change() -> None:
    settings = read_rerank_settings({"method": "mmr", "alpha": 0.1})
    with pytest.raises(pydantic.ValidationError):
        settings.strength = 0.2  # type: ignore[misc]


def test_a_sweep_changes_the_strength_alone() -> None:
    settings = read_rerank_settings({"method": "calibrated", "lam": 0.1, "smoothing": 0.2, "candidates": 50})
    stronger = settings.with_strength(0.9)
    assert stronger == RerankSettings(method="calibrated", strength=0.9, smoothing=0.2, candidates=50)
    with pytest.raises(ConfigError, match=r"from 0 to 1"):
        settings.with_strength(1.5)


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
    assert str(read_rerank_settings(block)) == shown
