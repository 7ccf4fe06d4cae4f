"""Re-rankers on a saved run: strength 0 is the run itself, floors are met, the choice looks at validation only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from recbole_ext.config.blocks import METHODS
from recbole_ext.errors import ConfigError, OutputError
from recbole_ext.rerank.apply import ranked_again, rerankable
from recbole_ext.rerank.curves import chosen
from recbole_ext.rerank.run import pareto_run, rerank_run
from recbole_ext.trainer.train import evaluate, open_model, train


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, cycle_home: Path) -> Path:
    values: dict[str, Any] = {
        **{"data_path": str(cycle_home), "dataset": "cycle", "topk": [3, 5], "valid_metric": "NDCG@3"},
        **{"min_user_interactions": 1, "min_item_interactions": 1, "show_progress": False, "epochs": 3},
    }
    return train("BPR", overrides=values, output=tmp_path_factory.mktemp("debiasing") / "run").folder


@pytest.mark.parametrize("method", list(METHODS))
def test_strength_0_gives_the_runs_own_lists_and_figures(method: str, run: Path) -> None:
    opened = open_model(run)
    ranked = opened.trainer.rank(opened.data.test)
    phase = rerankable(opened.trainer, opened.data, opened.data.test)
    again = ranked_again(phase, {"method": method, "strength": 0})
    assert np.array_equal(again.after.items, ranked.items[:, :3])
    assert again.after.means == pytest.approx({k: v for k, v in ranked.means.items() if k.endswith("@3")})
    assert np.allclose(again.after.scores, ranked.scores[:, :3])


def test_a_penalty_lowers_popularity_and_never_shows_what_a_user_had(run: Path) -> None:
    opened = open_model(run)
    phase = rerankable(opened.trainer, opened.data, opened.data.test)
    popularity = [
        ranked_again(phase, {"method": "popularity_penalty", "alpha": alpha}).after.means["avgpopularity@3"]
        for alpha in (0, 1, 100)
    ]
    assert popularity[0] >= popularity[1] >= popularity[2]
    after = ranked_again(phase, {"method": "popularity_penalty", "alpha": 100}).after
    for row, user in enumerate(after.users):
        stop = opened.data.test.stop[user]
        seen = opened.data.split.interactions.items[opened.data.test.start[user] : stop]
        assert not set(after.items[row]) & set(seen.tolist())


def test_exposure_meets_its_floors_and_writes_what_it_says(run: Path, tmp_path: Path) -> None:
    result = rerank_run(
        run, {"method": "exposure", "coverage": 0.9, "tail_share": 0.3}, output=tmp_path / "out"
    )
    assert result.after.means["itemcoverage@3"] >= 0.9
    assert result.after.means["tailshare@3"] >= 0.3 - 1e-9
    saved = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert saved["after"] == dict(result.after.means)
    assert saved["before"]["ndcg@3"] == pytest.approx(evaluate(run).test.means["ndcg@3"])
    lists = pl.read_parquet(tmp_path / "out" / "recommendations.parquet")
    assert lists["item_id"].n_unique() == round(result.after.means["itemcoverage@3"] * 20)


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"method": "xqad", "strength": 0.1}, r"'xqad'; did you mean 'xquad'"),
        ({"method": "xquad"}, "no strength"),
        ({"method": "xquad", "strength": 2}, "strength in rerank must be at most 1, not 2"),
        ({"method": "popularity_penalty", "alpha": 0.1, "candidates": 2}, r"candidates 2 for lists of 3"),
        ({"method": "exposure"}, "no floor"),
        ({"method": "exposure", "coverage": 1.5}, r"coverage in rerank must be at most 1, not 1\.5"),
        ({"method": "exposure", "coverag": 0.5}, "did you mean 'coverage'"),
        ({}, "rerank"),
    ],
)
def test_bad_blocks_leave_nothing(block: dict[str, Any], expected: str, run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=expected):
        rerank_run(run, block, output=tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_taken_folder_is_left_alone(run: Path, tmp_path: Path) -> None:
    (tmp_path / "keep").write_text("me")
    with pytest.raises(OutputError, match="exists already"):
        rerank_run(run, {"method": "mmr", "strength": 0.1}, output=tmp_path)


def test_the_rule_takes_the_largest_coverage_that_is_cheap_enough() -> None:
    rows = [
        {"method": "a", "strength": 0.1, "ndcg": 0.099, "itemcoverage": 0.3},
        {"method": "a", "strength": 0.2, "ndcg": 0.098, "itemcoverage": 0.5},
        {"method": "a", "strength": 0.3, "ndcg": 0.0979, "itemcoverage": 0.9},
        {"method": "b", "strength": 0.1, "ndcg": 0.05, "itemcoverage": 1.0},
    ]
    assert chosen(rows, base=0.1, most_loss=0.02) == {"a": rows[1]}


def test_curves_are_swept_on_validation_and_written(run: Path, tmp_path: Path) -> None:
    result = pareto_run(
        run, {"methods": ["popularity_penalty", "exposure"], "most_loss": 0.5}, output=tmp_path / "curves"
    )
    assert {file.name for file in result.folder.iterdir()} == {
        *("validation.parquet", "test.parquet", "curves.html", "metrics.json")
    }
    opened = open_model(run)
    phase = rerankable(opened.trainer, opened.data, opened.data.validation)
    row = result.curves.validation.filter(
        (pl.col("method") == "popularity_penalty") & (pl.col("strength") == 0.5)
    )
    again = ranked_again(phase, {"method": "popularity_penalty", "strength": 0.5})
    assert row["ndcg"].item() == pytest.approx(again.after.means["ndcg@3"])
    own = result.curves.test.row(0, named=True)
    assert own["method"] == "none"
    assert own["ndcg_difference"] == 0
    assert own["ndcg"] == pytest.approx(evaluate(run).test.means["ndcg@3"])
    page = (result.folder / "curves.html").read_text(encoding="utf-8")
    assert "ceiling" in page
    assert 'src="http' not in page


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"methods": ["exposur"]}, "did you mean 'exposure'"),
        ({"strengths": {"mm": [0.1]}}, "did you mean 'mmr'"),
        ({"most_los": 0.1}, "did you mean 'most_loss'"),
        ({"most_loss": 1}, "most_loss in pareto must be below 1, not 1"),
        ({"candidates": 2}, "candidates 2 for lists of 3"),
    ],
)
def test_bad_blocks_of_a_curve_leave_nothing(
    block: dict[str, Any], expected: str, run: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=expected):
        pareto_run(run, block, output=tmp_path / "curves")
    assert not list(tmp_path.iterdir())


def test_the_rule_may_stand_in_the_configuration(quick: dict[str, Any], tmp_path: Path) -> None:
    block = {"methods": ["mmr"], "strengths": {"mmr": [0.25]}, "most_loss": 0.9}
    short = {**quick, "topk": [5], "valid_metric": "NDCG@5"}
    train("Pop", overrides={**short, "pareto": block}, output=tmp_path / "run")
    curves = pareto_run(tmp_path / "run", output=tmp_path / "curves").curves
    assert curves.validation.select("method", "strength").rows() == [("none", 0.0), ("mmr", 0.25)]
    assert curves.rule.endswith("at most 90%")
    with pytest.raises(ConfigError, match="did you mean 'methods'"):
        train("Pop", overrides={**quick, "pareto": {"method": ["mmr"]}}, output=tmp_path / "other")


def test_another_head_rule_changes_the_groups_alone(run: Path, tmp_path: Path) -> None:
    block = {"method": "popularity_penalty", "alpha": 0.0}
    own = rerank_run(run, block, output=tmp_path / "own")
    other = rerank_run(run, block, head_rule="interactions_20", output=tmp_path / "other")
    assert other.metrics["protocol"]["head_rule"] == "interactions_20"
    assert own.after.means["ndcg@3"] == other.after.means["ndcg@3"]
    # A smaller head: more of the same lists is tail.
    assert other.after.means["tailshare@3"] > own.after.means["tailshare@3"]
    assert other.metrics["difference"]["ndcg@3"] == [0, 0, 0]
