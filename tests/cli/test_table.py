"""Runs side by side."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recbole_ext.cli import table as tables
from recbole_ext.cli.table import runs_table
from recbole_ext.errors import CheckpointError, ConfigError
from recbole_ext.evaluator.confidence import paired_difference
from recbole_ext.trainer.opened import evaluate
from recbole_ext.trainer.train import train


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, cycle_home: Path) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    values: dict[str, Any] = {
        **{"data_path": str(cycle_home), "dataset": "cycle", "topk": [5, 10], "show_progress": False},
        **{"min_user_interactions": 1, "min_item_interactions": 1},
    }
    for name in ("Random", "Pop"):
        train(name, overrides=values, output=folder / name)
    train("Pop", overrides={**values, "mask_seen": False}, output=folder / "unmasked")
    return [folder / name for name in ("Random", "Pop", "unmasked")]


def test_each_row_shows_the_saved_figures_and_its_command(runs: list[Path]) -> None:
    lines = runs_table(runs[:2]).markdown().splitlines()
    metrics = json.loads((runs[1] / "metrics.json").read_text())
    cells = [cell.strip() for cell in lines[3].strip("|").split("|")]
    low, high = metrics["test_intervals"]["ndcg@10"]
    assert cells[:2] == ["Pop", f"{metrics['test']['ndcg@10']:.4f} [{low:.3f}, {high:.3f}]"]
    assert lines[0].startswith("| model | NDCG@10 | Hit@10 |")
    assert any(line.startswith("| *ceiling*") for line in lines)
    assert any(line.startswith("| *Random, expected*") for line in lines)
    assert f"- Pop: `{metrics['command']}`" in lines
    assert metrics["command"].startswith("python run.py --model=Pop")
    assert "'--topk=[5, 10]'" in metrics["command"]


def test_other_columns_and_k(runs: list[Path]) -> None:
    lines = runs_table(runs[:1], columns=["parameters", "gini", "MRR", "epochs"], k=5).markdown().splitlines()
    assert lines[0] == "| model | Gini@5 | MRR@5 | parameters | epochs |"
    assert lines[2].endswith(" | 0 | 1 |")
    assert {line.count("|") for line in lines[:5]} == {6}


def test_runs_of_different_protocols_are_refused(runs: list[Path]) -> None:
    with pytest.raises(ConfigError, match="not comparable: mask_seen is True and False"):
        runs_table(runs)


def test_bad_input(runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no finished run"):
        runs_table([tmp_path / "nothing"])
    with pytest.raises(ConfigError, match="unknown metric 'NDGC' in the columns; did you mean 'NDCG'"):
        runs_table(runs[:1], columns=["NDGC"])
    with pytest.raises(ConfigError, match="--columns names NDCG twice: remove one"):
        runs_table(runs[:1], columns=["NDCG", "Hit", "ndcg"])
    with pytest.raises(ConfigError, match="no figures at 7"):
        runs_table(runs[:1], k=7)
    with pytest.raises(ConfigError, match="at least one run"):
        runs_table([])


def test_damaged_figures_are_named(runs: list[Path], tmp_path: Path) -> None:
    for run in runs[:2]:
        shutil.copytree(run, tmp_path / run.name)
    one, other = tmp_path / "Random", tmp_path / "Pop"
    values = one / "per_user.parquet"
    values.write_bytes(values.read_bytes()[:200])
    with pytest.raises(
        CheckpointError, match=r"Random/per_user\.parquet is missing or damaged \(.*\)"
    ) as error:
        runs_table([one, other], against=other)
    assert "\n" not in str(error.value)
    pl.DataFrame({"ndcg@10": [0.1]}).write_parquet(values)
    with pytest.raises(CheckpointError, match=r"per_user\.parquet lacks the column user_id"):
        runs_table([one, other], against=other)
    (one / "metrics.json").write_text("{}")
    for read in (lambda: runs_table([one]), lambda: evaluate(one)):
        with pytest.raises(CheckpointError, match=r"Random/metrics\.json lacks model: train the model again"):
            read()


def test_a_metric_of_all_users_is_not_compared_user_by_user(runs: list[Path]) -> None:
    with pytest.raises(
        ConfigError, match=r"itemcoverage@10 has no value for each user in .*: put an accuracy"
    ):
        runs_table(runs[:2], columns=["ItemCoverage", "NDCG"], against=runs[0])


def test_small_figures_are_not_shown_as_nothing() -> None:
    assert [tables._number(value) for value in (0.0, 0.00031, -0.2172, 64.76815)] == [
        "0.000",
        "3.1e-04",
        "-0.217",
        "64.768",
    ]


def test_differences_to_one_of_the_runs(runs: list[Path]) -> None:
    lines = runs_table(runs[:2], columns=["NDCG"], against=runs[0]).markdown().splitlines()
    assert lines[0] == "| model | NDCG@10 | NDCG@10 - Random, p |"
    assert lines[2].endswith("] |  |")
    one, other = (pl.read_parquet(run / "per_user.parquet").sort("user_id")["ndcg@10"] for run in runs[:2])
    p = paired_difference(other.to_numpy(), one.to_numpy()).p_value
    cell = lines[3].split("|")[3].strip()
    assert cell.startswith(f"{(other - one).mean():+.4f} [")
    assert cell.endswith(f"], {p:.2g}")
    with pytest.raises(ConfigError, match="not comparable"):
        runs_table(runs[:2], against=runs[2])


def test_a_folder_named_like_a_pattern_is_read_itself(runs: list[Path], tmp_path: Path) -> None:
    """``run[1]`` matches the folder ``run1``, which holds other figures."""
    for source, name in zip((runs[0], runs[1], runs[0]), ("run1", "run[1]", "r*?"), strict=True):
        shutil.copytree(source, tmp_path / name)
    lines = runs_table([tmp_path / "run[1]"], columns=["NDCG"], against=runs[1]).markdown().splitlines()
    assert lines[2].split("|")[3].strip() == "+0.0000 [+0.0000, +0.0000], 1"
    lines = runs_table([tmp_path / "r*?"], columns=["NDCG"], against=runs[0]).markdown().splitlines()
    assert lines[2].split("|")[3].strip() == "+0.0000 [+0.0000, +0.0000], 1"


def test_a_table_of_users_with_doubled_or_missing_rows_is_refused(runs: list[Path], tmp_path: Path) -> None:
    shutil.copytree(runs[0], tmp_path / "run")
    file = tmp_path / "run" / "per_user.parquet"
    whole = pl.read_parquet(file)
    cases = [
        (pl.concat([whole, whole[:1]]), r"more than one row of the user '"),
        (whole[1:], r"has 59 users, but metrics\.json speaks of 60"),
        (whole.with_columns(pl.lit(float("nan")).alias("ndcg@10")), r"lacks a value of ndcg@10"),
    ]
    for table, words in cases:
        table.write_parquet(file)
        with pytest.raises(CheckpointError, match=words):
            runs_table([tmp_path / "run"], against=runs[0])
