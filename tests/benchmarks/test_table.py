"""The table of the side-by-side benchmark, on results made by hand."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.__main__ import _job, _key, _serves, ranked_dataset
from benchmarks.table import seconds_to, table


def row(side: str, seconds: float, ndcg: list[float], **more: Any) -> dict[str, Any]:
    return {
        **{
            "side": side,
            "model": "GRU4Rec",
            "dataset": "toy",
            "seed": 1,
            "most_epochs": 9,
            "epochs": 4,
            "best_epoch": 2,
        },
        **{
            "epoch_seconds": seconds,
            "seconds_to_best": 3 * seconds,
            "best_validation": 0.1,
            "finished": True,
            "validation": [0.02, 0.06, 0.1, 0.09],
            "seconds": [seconds] * 4,
        },
        **{"keys": {"lr" if side == "RecTools" else "learning_rate": 0.005}},
        **{"peak_gib": 1.0, "load_seconds": 2.0, "per_user": {str(i): v for i, v in enumerate(ndcg)}},
        **more,
    }


def tables(results: list[dict[str, Any]]) -> list[list[str]]:
    """Lines of each table."""
    return [part.splitlines() for part in table(results).split("\n\n")]


def test_ratios_and_paired_differences() -> None:
    host, ours = row("RecBole", 50.0, [0.0, 0.5]), row("recbole_ext", 2.0, [0.5, 1.0])
    time, test = tables([ours, host])
    assert "| **25.0** |" in time[4]
    # Both users gain .5: every resample has the same mean.
    assert test[3].endswith("| +0.5000 [+0.5000, +0.5000] |")
    assert "≥" not in time[4]


def test_test_figures_are_means_over_users_of_means_over_seeds() -> None:
    """User 0 gains .5 and 0, user 1 gains 1 and 1: means .25 and 1; hits .5 and 1; resamples lie between the two."""
    seeds = [row("recbole_ext", 2.0, [0.5, 1.0]), row("recbole_ext", 2.0, [0.0, 1.0], seed=2)]
    _, test = tables(seeds)
    assert (
        test[2]
        == "| toy | GRU4Rec | recbole_ext | 2 | 0.6250 [0.2500, 1.0000] | 0.7500 [0.5000, 1.0000] |  |"
    )


def test_opening_and_evaluation_stand_in_a_table_of_their_own() -> None:
    common = {"model": "GRU4Rec", "dataset": "toy", "seed": 1, "most_epochs": 0, "finished": True}
    host = {**common, "side": "RecBole", "load_seconds": 3.0, "users_a_second": 100.0}
    ours = {
        **common,
        "side": "recbole_ext",
        "load_seconds": 0.5,
        "users_a_second": 1250.0,
        "prepare_seconds": 0.25,
    }
    (speed,) = tables([host, ours])
    assert speed[2:] == [
        "| toy | GRU4Rec | RecBole |  | 3.00 | 100 |",
        "| toy | GRU4Rec | recbole_ext | 0.25 | 0.50 | 1,250 |",
        "| toy | GRU4Rec | **RecBole : recbole_ext** |  | **6.0** | **1 : 12.5** |",
    ]


def test_a_host_that_was_stopped_gives_a_lower_bound() -> None:
    host = row("RecBole", 50.0, [0.0, 0.5], finished=False)
    time, _ = tables([host, row("recbole_ext", 2.0, [0.5, 1.0])])
    assert "(cut short)" in time[2]
    assert "**≥ 25.0**" in time[4]


def test_the_time_to_the_quality_of_the_other_side() -> None:
    # RecBole stops at .05, which is reached after two epochs of 2 s: 150 s against 4 s.
    host = row("RecBole", 50.0, [0.0, 0.5], best_validation=0.05)
    ours = row("recbole_ext", 2.0, [0.5, 1.0])
    assert seconds_to([ours], 0.05) == 4.0
    assert seconds_to([ours], 0.2) is None
    time, _ = tables([ours, host])
    assert "| 6 | 4 | 0.1000 |" in time[3]
    assert "| **25.0** | **37.5** |" in time[4]
    time, _ = tables([ours, row("RecBole", 50.0, [0.0, 0.5], best_validation=0.2)])
    assert "| 6 | never | 0.1000 |" in time[3]


def test_several_sides_and_seeds() -> None:
    seeds = [row("recbole_ext", 2.0, [0.5, 1.0]), row("recbole_ext", 4.0, [0.5, 0.0], seed=2)]
    hosts = [row("RecBole", 60.0, [0.0, 0.5]), row("RecTools", 1.5, [0.0, 0.5])]
    time, test = tables([*seeds, *hosts])
    sides = ["RecBole", "RecTools", "recbole_ext"]
    ratios = ["**RecBole : recbole_ext**", "**RecTools : recbole_ext**"]
    assert [line.split(" | ")[2] for line in time[2:]] == [*sides, *ratios]
    assert [line.split(" | ")[2] for line in test[2:]] == sides
    assert "| recbole_ext | 2 | 0.005 | 3.00 |" in time[4]
    assert "| **20.0** |" in time[5]
    assert "| **0.5** |" in time[6]


def test_a_failure_is_shown() -> None:
    failed = {"side": "RecBole", "model": "GRU4Rec", "dataset": "toy", "failed": "MemoryError"}
    assert table([failed, row("recbole_ext", 2.0, [1.0])]).endswith("- failed: RecBole GRU4Rec: MemoryError")


def test_what_a_side_prints_is_found_again() -> None:
    """A run ends before its most epochs: their number is part of the result, not of the question."""
    options = argparse.Namespace(
        **{"length": 50, "epochs": 300, "threads": 1, "most_seconds": 9.0, "work": Path("x")},
        **{"learning_rate": 0.005, "host_learning_rate": None, "set": ["enable_amp=true"]},
    )
    job = _job(options, "toy-ranked", "GRU4Rec", 1, "recbole_ext")
    stored = json.loads(json.dumps({**job, "epochs": 30, "finished": False}))
    assert _key(stored) == _key(job)
    assert _serves(stored, job)
    assert not _serves(stored, {**job, "most_seconds": 10.0})
    assert _key({**job, "most_epochs": 0}) != _key(job)
    assert job["keys"] == {"learning_rate": 0.005, "enable_amp": True}
    assert _job(options, "toy-ranked", "GRU4Rec", 1, "RecBole")["keys"] == {"learning_rate": 0.001}


def test_places_take_the_part_of_time_stamps(tmp_path: Path) -> None:
    name = ranked_dataset("ml-100k", tmp_path)
    frame = pl.read_csv(tmp_path / name / f"{name}.inter", separator="\t")
    counted = frame.group_by("user_id:token", maintain_order=True).agg(pl.col("timestamp:float"))
    assert all(places.to_list() == list(range(len(places))) for places in counted["timestamp:float"])
    assert len(frame) == 100_000
