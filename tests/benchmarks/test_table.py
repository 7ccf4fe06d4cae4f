"""The table of the side-by-side benchmark, on results made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.__main__ import ranked_dataset, table


def row(side: str, seconds: float, ndcg: list[float], **more: Any) -> dict[str, Any]:
    return {
        **{"side": side, "model": "GRU4Rec", "dataset": "toy", "seed": 1, "epochs": 4, "best_epoch": 2},
        **{
            "epoch_seconds": seconds,
            "seconds_to_best": 3 * seconds,
            "best_validation": 0.1,
            "finished": True,
        },
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


def test_a_failure_is_shown() -> None:
    failed = {"side": "RecBole", "model": "GRU4Rec", "dataset": "toy", "failed": "MemoryError"}
    assert table([failed, row("recbole_ext", 2.0, [1.0])]).endswith("- failed: RecBole GRU4Rec: MemoryError")


def test_places_take_the_part_of_time_stamps(tmp_path: Path) -> None:
    name = ranked_dataset("ml-100k", tmp_path)
    frame = pl.read_csv(tmp_path / name / f"{name}.inter", separator="\t")
    counted = frame.group_by("user_id:token", maintain_order=True).agg(pl.col("timestamp:float"))
    assert all(places.to_list() == list(range(len(places))) for places in counted["timestamp:float"])
    assert len(frame) == 100_000
