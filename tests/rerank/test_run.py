"""Re-rankers on a saved run: strength 0 is the run itself, floors are met, the choice looks at validation only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from recbole_ext.config.blocks import METHODS, RERANKERS, read_rerank
from recbole_ext.data import dataloader
from recbole_ext.data.interactions import TEST, VALID
from recbole_ext.errors import ConfigError, DataError, OutputError
from recbole_ext.evaluator.confidence import paired_difference
from recbole_ext.report.charts.curves import curves_page
from recbole_ext.rerank.apply import rerankable, reranked
from recbole_ext.rerank.curves import Curves, chosen
from recbole_ext.rerank.run import pareto_run, rerank_run
from recbole_ext.trainer.opened import evaluate, open_model
from recbole_ext.trainer.train import train
from tests.conftest import cycle_rows, write_inter


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
    phase = rerankable(opened, opened.data.test)
    again = reranked(phase, read_rerank({"method": method, "strength": 0}))
    assert np.array_equal(again.after.items, ranked.items[:, :3])
    assert again.after.means == pytest.approx({k: v for k, v in ranked.means.items() if k.endswith("@3")})
    assert np.allclose(again.after.scores, ranked.scores[:, :3])


def test_a_penalty_lowers_popularity_and_never_shows_what_a_user_had(run: Path) -> None:
    opened = open_model(run)
    phase = rerankable(opened, opened.data.test)
    popularity = [
        reranked(phase, read_rerank({"method": "popularity_penalty", "alpha": alpha})).after.means[
            "avgpopularity@3"
        ]
        for alpha in (0, 1, 100)
    ]
    assert popularity[0] >= popularity[1] >= popularity[2]
    after = reranked(phase, read_rerank({"method": "popularity_penalty", "alpha": 100})).after
    for row, user in enumerate(after.users):
        stop = opened.data.test.stop[user]
        seen = opened.data.split.interactions.items[opened.data.test.start[user] : stop]
        assert not set(after.items[row]) & set(seen.tolist())


def test_exposure_meets_its_floors_and_writes_what_it_says(run: Path, tmp_path: Path) -> None:
    settings = read_rerank({"method": "exposure", "coverage": 0.9, "tail_share": 0.3})
    result = rerank_run(open_model(run), settings, output=tmp_path / "out")
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
        rerank_run(open_model(run), read_rerank(block), output=tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_taken_folder_is_left_alone(run: Path, tmp_path: Path) -> None:
    (tmp_path / "keep").write_text("me")
    with pytest.raises(OutputError, match="exists already"):
        rerank_run(open_model(run), read_rerank({"method": "mmr", "strength": 0.1}), output=tmp_path)


def test_the_rule_takes_the_largest_coverage_that_is_cheap_enough() -> None:
    rows = [
        {"method": "a", "strength": 0.1, "ndcg": 0.099, "itemcoverage": 0.3},
        {"method": "a", "strength": 0.2, "ndcg": 0.098, "itemcoverage": 0.5},
        {"method": "a", "strength": 0.3, "ndcg": 0.0979, "itemcoverage": 0.9},
        {"method": "b", "strength": 0.1, "ndcg": 0.05, "itemcoverage": 1.0},
    ]
    assert chosen(rows, base=0.1, most_loss=0.02) == {"a": rows[1]}


def test_curves_are_swept_on_validation_and_written(run: Path, tmp_path: Path) -> None:
    changes = {"methods": ["popularity_penalty", "exposure"], "most_loss": 0.5}
    result = pareto_run(open_model(run), changes, output=tmp_path / "curves", draw=curves_page)
    assert {file.name for file in result.folder.iterdir()} == {
        *("validation.parquet", "test.parquet", "curves.html", "metrics.json")
    }
    opened = open_model(run)
    phase = rerankable(opened, opened.data.validation)
    row = result.curves.validation.filter(
        (pl.col("method") == "popularity_penalty") & (pl.col("strength") == 0.5)
    )
    again = reranked(phase, read_rerank({"method": "popularity_penalty", "strength": 0.5}))
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
        pareto_run(open_model(run), block, output=tmp_path / "curves")
    assert not list(tmp_path.iterdir())


def test_the_rule_may_stand_in_the_configuration(quick: dict[str, Any], tmp_path: Path) -> None:
    block = {"methods": ["mmr"], "strengths": {"mmr": [0.25]}, "most_loss": 0.9}
    short = {**quick, "topk": [5], "valid_metric": "NDCG@5"}
    train("Pop", overrides={**short, "pareto": block}, output=tmp_path / "run")
    curves = pareto_run(open_model(tmp_path / "run"), output=tmp_path / "curves").curves
    assert curves.validation.select("method", "strength").rows() == [("none", 0.0), ("mmr", 0.25)]
    assert curves.rule.endswith("at most 90%")
    with pytest.raises(ConfigError, match="did you mean 'methods'"):
        train("Pop", overrides={**quick, "pareto": {"method": ["mmr"]}}, output=tmp_path / "other")


def test_another_head_rule_changes_the_groups_alone(run: Path, tmp_path: Path) -> None:
    settings = read_rerank({"method": "popularity_penalty", "alpha": 0.0})
    own = rerank_run(open_model(run), settings, output=tmp_path / "own")
    opened = open_model(run, head_rule="interactions_20")
    other = rerank_run(opened, settings, output=tmp_path / "other")
    assert other.metrics["protocol"]["head_rule"] == "interactions_20"
    assert own.after.means["ndcg@3"] == other.after.means["ndcg@3"]
    # A smaller head: more of the same lists is tail.
    assert other.after.means["tailshare@3"] > own.after.means["tailshare@3"]
    assert other.metrics["difference"]["ndcg@3"] == [0, 0, 0]


def test_one_phase_is_scored_once_and_its_evidence_made_once(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep over three methods and several strengths, with the best users of each item among what is collected."""
    opened = open_model(run)
    scored: list[int] = []
    made: list[int] = []
    score, make = opened.trainer.scores_of, dataloader.evidence_of

    def counted(batch: Any) -> Any:
        scored.append(len(batch.users))
        return score(batch)

    def counted_evidence(*arguments: Any, **keys: Any) -> Any:
        made.append(arguments[1])
        return make(*arguments, **keys)

    monkeypatch.setattr(opened.trainer, "scores_of", counted)
    monkeypatch.setattr(dataloader, "evidence_of", counted_evidence)
    pareto_run(opened, {"methods": ["popularity_penalty", "mmr", "exposure"]}, output=tmp_path / "curves")
    # Sixty users on validation and sixty on the test, in as many calls as there are batches.
    assert sum(scored) == 120
    assert len(scored) == len(opened.data.validation) + len(opened.data.test)
    assert sorted(made) == [VALID, TEST]


def test_the_size_of_a_batch_changes_nothing(run: Path) -> None:
    """Candidates, best users and figures are the same from smaller batches."""
    whole, parts = open_model(run), open_model(run)
    parts.data.test.batch_size = 7
    one, other = (rerankable(opened, opened.data.test) for opened in (whole, parts))
    assert np.array_equal(one.candidates.items, other.candidates.items)
    assert np.allclose(one.candidates.scores, other.candidates.scores, atol=1e-6)
    assert one.before.means == pytest.approx(other.before.means)
    assert one.best_users is not None
    assert other.best_users is not None
    assert set(zip(one.best_users.users, one.best_users.items, strict=True)) == set(
        zip(other.best_users.users, other.best_users.items, strict=True)
    )


def test_intervals_are_those_of_the_runs_confidence(run: Path, tmp_path: Path) -> None:
    """A lower level gives narrower intervals around the same means; the file names the level."""
    settings = read_rerank({"method": "popularity_penalty", "alpha": 1.0})
    found, widths = {}, dict[str, list[float]]()
    for level in (0.95, 0.5):
        opened = open_model(run)
        opened.config["confidence"] = level
        result = rerank_run(opened, settings, output=tmp_path / f"lists-{level}")
        values = result.after.per_user["novelty@3"], result.before.per_user["novelty@3"]
        expected = paired_difference(*values, level=level)
        assert result.metrics["level"] == level
        assert result.metrics["difference"]["novelty@3"] == [expected.mean, expected.low, expected.high]
        changes = {
            "methods": ["popularity_penalty"],
            "strengths": {"popularity_penalty": [1.0]},
            "most_loss": 0.99,
        }
        curves = pareto_run(opened, changes, output=tmp_path / f"curves-{level}")
        assert curves.metrics["level"] == level
        row = curves.metrics["test"][-1]
        found[level] = (row["difference_low"], row["ndcg_difference"], row["difference_high"])
        own, point = curves.metrics["validation"]
        for name in ("ndcg", "tailshare"):
            assert own[f"{name}_change_low"] == own[f"{name}_change_high"] == 0
            ends = point[f"{name}_change_low"], point[name] - own[name], point[f"{name}_change_high"]
            assert ends == tuple(sorted(ends))
            widths.setdefault(name, []).append(ends[2] - ends[0])
    assert all(inner < outer for outer, inner in widths.values())
    (low, mean, high), (inner_low, same, inner_high) = found[0.95], found[0.5]
    assert mean == same
    assert low < inner_low <= mean <= inner_high < high


@pytest.fixture
def without_genres(tmp_path: Path) -> Path:
    """A run on a data set that has no .item file."""
    write_inter(tmp_path, "bare", cycle_rows(users=30))
    values = {
        **{"data_path": str(tmp_path), "dataset": "bare", "topk": [3], "valid_metric": "NDCG@3", "epochs": 1},
        **{"min_user_interactions": 1, "min_item_interactions": 1, "show_progress": False},
    }
    return train("Pop", overrides=values, output=tmp_path / "run").folder


def test_methods_that_need_genres_are_left_out_where_there_are_none(
    without_genres: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    curves = pareto_run(open_model(without_genres), output=tmp_path / "curves", report=said.append).curves
    assert set(curves.validation["method"]) == {"none", *RERANKERS} - {"mmr"}
    assert [line for line in said if line.startswith("mmr")] == [
        "mmr is left out: the items cannot be compared: give ItemInformation genres (from a column genres in the .item "
        "file) or vectors"
    ]


def test_a_sweep_that_no_method_serves_says_what_is_missing(without_genres: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="genres"):
        pareto_run(open_model(without_genres), {"methods": ["mmr"]}, output=tmp_path / "curves")
    assert not (tmp_path / "curves").exists()


def test_the_page_is_drawn_only_where_a_drawing_is_given(run: Path, tmp_path: Path) -> None:
    changes = {"methods": ["value_aware"], "strengths": {"value_aware": [0.2]}}
    titles: list[str] = []

    def draw(curves: Curves, title: str) -> str:
        titles.append(title)
        return f"{len(curves.validation)} points"

    pareto_run(open_model(run), changes, output=tmp_path / "drawn", draw=draw)
    assert (tmp_path / "drawn" / "curves.html").read_text(encoding="utf-8") == "2 points"
    assert titles == ["BPR on cycle: what debiasing costs"]
    pareto_run(open_model(run), changes, output=tmp_path / "bare")
    assert not (tmp_path / "bare" / "curves.html").exists()
