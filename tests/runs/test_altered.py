"""Figures that a metric cannot have, and values of users that do not give the figures, are refused by all readers."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recbole_ext.errors import CheckpointError
from recbole_ext.runs.figures import CurveFigures, RerankFigures, RunFigures
from recbole_ext.runs.folder import read_metrics
from recbole_ext.runs.run import ListFolder, read_run
from tests.runs.test_figures import GONE, GOOD, SAMPLE, changed

ALTERED = [
    ("test.ndcg@5", 7.0, r"test has 7 for ndcg@5, which must be between 0 and 1"),
    ("test.hit@5", -0.5, r"test has -0\.5 for hit@5"),
    ("validation.gini@5", 1.2, r"validation has 1\.2 for gini@5"),
    ("test.entropy@5", -1.0, r"test has -1 for entropy@5, which must be 0 or more"),
    ("test.popularitylift@5", -1.5, r"which must be -1 or more"),
    ("test.ndcg@5", math.nan, r"ndcg@5 in test must be a finite number"),
    ("test.own@5", math.inf, r"own@5 in test must be a finite number"),
    ("test.ndcg@5", True, r"ndcg@5 in test must be a number, not true"),
    ("test.ndcg@5", "0.5", r"ndcg@5 in test must be a number, not '0\.5'"),
    ("test_intervals", {}, r"test_intervals lacks recall@5"),
    ("test_intervals.ndcg@5", [0.4, 0.2], r"test_intervals has an interval of ndcg@5 from 0\.4 down to 0\.2"),
    ("test_intervals.ndcg@5", [0.1, 2.0], r"test_intervals has 2 for ndcg@5"),
    ("test_bounds", {}, r"test_bounds lacks ceiling"),
    ("test_bounds.random", GONE, r"test_bounds lacks random"),
    ("test_bounds.ceiling.itemcoverage@5", 1.5, r"itemcoverage@5"),
    ("test_by_user_group.heavy.ndcg@5", 3.0, r"ndcg@5"),
    ("history", None, r"history must be a list, not null"),
    ("history", "long", r"history must be a list, not 'long'"),
    ("history", [1, 2], r"entry 1 of history must be a block"),
    ("history", [{"epoch": 0}], r"lacks loss in entry 1 of history"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "value", "words"), ALTERED, ids=str)
def test_a_figure_that_cannot_be_is_refused(place: str, value: Any, words: str, tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps(changed(GOOD, place, value)))
    with pytest.raises(CheckpointError, match=rf"metrics\.json .*{words}"):
        read_metrics(tmp_path)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("test.avgpopularity@5", 64.8),
        ("test.entropy@5", 11.2),
        ("test.novelty@5", -0.3),
        ("test.popularitylift@5", -0.9),
        ("test.own@5", -1e6),
        ("test.ndcg@5", 1.0 + 1e-12),
        ("test.hit@5", 1),
        ("history", GONE),
        ("history", [{"epoch": 0, "loss": math.inf, "valid_score": 0.1, "seconds": 1.0}]),
    ],
    ids=str,
)  # fmt: skip
def test_a_figure_that_can_be_is_taken(place: str, value: Any) -> None:
    RunFigures.model_validate(changed(GOOD, place, value))


def test_a_run_without_accuracy_needs_no_intervals() -> None:
    content = {**GOOD, "test": {"gini@5": 0.7}, "validation": {"gini@5": 0.7}, "test_intervals": {}}
    RunFigures.model_validate(content)


@pytest.mark.parametrize(
    ("folder", "form", "place", "value"),
    [
        ("gru-rerank", RerankFigures, "after.ndcg@5", 2.0),
        ("gru-rerank", RerankFigures, "before.ndcg@5", True),
        ("gru-rerank", RerankFigures, "bounds.random", GONE),
        ("gru-pareto", CurveFigures, "bounds", {}),
    ],
)
def test_re_rankings_and_curves_are_checked_alike(folder: str, form: Any, place: str, value: Any) -> None:
    content = json.loads((SAMPLE / "saved" / folder / "metrics.json").read_text())
    form.model_validate(content)
    with pytest.raises(ValueError, match=place.rsplit(".", maxsplit=1)[-1].partition("@")[0]):
        form.model_validate(changed(content, place, value))


def test_a_curve_has_no_share_above_1() -> None:
    content = json.loads((SAMPLE / "saved" / "gru-pareto" / "metrics.json").read_text())
    content["test"][0]["ndcg"] = 1.5
    with pytest.raises(ValueError, match="ndcg"):
        CurveFigures.model_validate(content)


def values_of(run: Path, name: str, value: pl.Expr) -> Path:
    file = run / "per_user.parquet"
    pl.read_parquet(file).with_columns(value.alias(name)).write_parquet(file)
    return run


def test_values_of_users_that_do_not_give_the_figures_are_refused(tmp_path: Path) -> None:
    run = shutil.copytree(SAMPLE / "saved" / "gru", tmp_path / "run")
    assert read_run(run).per_user.height == 30
    # Within the rounding of a sum in another order, and then beyond it.
    values_of(run, "ndcg@5", pl.col("ndcg@5") + 5e-10)
    assert read_run(run).per_user.height == 30
    values_of(run, "ndcg@5", pl.col("ndcg@5") + 5e-9)
    shown = f"{GOOD['test']['ndcg@5']:.6g}"
    with pytest.raises(
        CheckpointError,
        match=rf"run/per_user\.parquet has a mean ndcg@5 of .*, but metrics\.json says {shown}",
    ):
        read_run(run).per_user  # noqa: B018


def test_values_of_a_re_ranking_are_those_after_it(tmp_path: Path) -> None:
    folder = shutil.copytree(SAMPLE / "saved" / "gru-rerank", tmp_path / "lists")
    metrics = json.loads((folder / "metrics.json").read_text())
    assert ListFolder(folder, metrics).per_user.height == 30
    values_of(folder, "hit@5", pl.lit(1.0))
    with pytest.raises(CheckpointError, match=r"per_user\.parquet has a mean hit@5 of 1,"):
        ListFolder(folder, metrics).per_user  # noqa: B018


def test_a_column_of_text_is_refused(tmp_path: Path) -> None:
    run = shutil.copytree(SAMPLE / "saved" / "gru", tmp_path / "run")
    values_of(run, "ndcg@5", pl.lit("high"))
    with pytest.raises(
        CheckpointError, match=r"per_user\.parquet has String in the column ndcg@5, where numbers"
    ):
        read_run(run).per_user  # noqa: B018
