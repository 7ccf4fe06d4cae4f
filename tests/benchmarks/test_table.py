"""The table of the side-by-side benchmark, on results made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.__main__ import ranked_dataset
from benchmarks.table import seconds_to, table


def row(side: str, seconds: float, ndcg: list[float], **more: Any) -> dict[str, Any]:
    return {
        **{"side": side, "model": "GRU4Rec", "dataset": "toy", "seed": 1, "epochs": 4, "best_epoch": 2},
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


def test_ratios_and_paired_differences() -> None:
    host, ours = row("RecBole", 50.0, [0.0, 0.5]), row("recbole_ext", 2.0, [0.5, 1.0])
    lines = table([ours, host]).splitlines()
    assert "| **25.0** |" in lines[4]
    # Both users gain .5: every resample has the same mean.
    assert "| +0.5000 [+0.5000, +0.5000] |" in lines[3]
    assert "≥" not in lines[4]


def test_a_host_that_was_stopped_gives_a_lower_bound() -> None:
    host = row("RecBole", 50.0, [0.0, 0.5], finished=False)
    lines = table([host, row("recbole_ext", 2.0, [0.5, 1.0])]).splitlines()
    assert "(cut short)" in lines[2]
    assert "**≥ 25.0**" in lines[4]


def test_the_time_to_the_quality_of_the_other_side() -> None:
    # RecBole stops at .05, which is reached after two epochs of 2 s: 150 s against 4 s.
    host = row("RecBole", 50.0, [0.0, 0.5], best_validation=0.05)
    ours = row("recbole_ext", 2.0, [0.5, 1.0])
    assert seconds_to([ours], 0.05) == 4.0
    assert seconds_to([ours], 0.2) is None
    lines = table([ours, host]).splitlines()
    assert "| 6 | 4 | 0.1000 |" in lines[3]
    assert "| **25.0** | **37.5** |" in lines[4]
    never = table([ours, row("RecBole", 50.0, [0.0, 0.5], best_validation=0.2)]).splitlines()
    assert "| 6 | never | 0.1000 |" in never[3]


def test_several_sides_and_seeds() -> None:
    seeds = [row("recbole_ext", 2.0, [0.5, 1.0]), row("recbole_ext", 4.0, [0.5, 0.0], seed=2)]
    hosts = [row("RecBole", 60.0, [0.0, 0.5]), row("RecTools", 1.5, [0.0, 0.5])]
    lines = table([*seeds, *hosts]).splitlines()
    assert [line.split(" | ")[2] for line in lines[2:]] == [
        "RecBole",
        "RecTools",
        "recbole_ext",
        "**RecBole : recbole_ext**",
        "**RecTools : recbole_ext**",
    ]
    assert "| recbole_ext | 2 | 0.005 | 3.00 |" in lines[4]
    assert "| **20.0** |" in lines[5]
    assert "| **0.5** |" in lines[6]


def test_a_failure_is_shown() -> None:
    failed = {"side": "RecBole", "model": "GRU4Rec", "dataset": "toy", "failed": "MemoryError"}
    assert table([failed, row("recbole_ext", 2.0, [1.0])]).endswith("- failed: RecBole GRU4Rec: MemoryError")


def test_places_take_the_part_of_time_stamps(tmp_path: Path) -> None:
    name = ranked_dataset("ml-100k", tmp_path)
    frame = pl.read_csv(tmp_path / name / f"{name}.inter", separator="\t")
    counted = frame.group_by("user_id:token", maintain_order=True).agg(pl.col("timestamp:float"))
    assert all(places.to_list() == list(range(len(places))) for places in counted["timestamp:float"])
    assert len(frame) == 100_000
