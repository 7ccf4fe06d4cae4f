"""Statistics of a comparison against figures by hand and an independent bootstrap and test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from recbole_ext.errors import ConfigError
from recbole_ext.evaluator.confidence import holm, paired_difference
from recbole_ext.runs.compare import (
    Group,
    differences,
    estimates,
    groups_of,
    means_in_groups,
    over_seeds,
)
from recbole_ext.runs.run import Run, read_run
from recbole_ext.trainer.train import train
from tests.conftest import write_inter

PROTOCOL = {
    **{"topk": [5], "shown_k": 5, "head_rule": "interactions_80", "seed": 1, "confidence": 0.95},
    **{"split": "leave_one_out", "split_ratio": None, "mask_seen": True, "candidates": "all"},
    **{"tie_break": "file", "users_decided_by_tie_break": 0.0},
    "filter": {"rating_threshold": None, "min_user_interactions": 1, "min_item_interactions": 1},
}
STATISTICS = {
    **{"users": 3, "items": 5, "interactions": 9, "sparsity": 0.4, "popularity_gini": 0.0},
    **{"head_items": {}, "tail_items": {}},
}
FIGURES: dict[str, Any] = {
    **{
        "model": "Pop",
        "dataset": "toy",
        "command": "",
        "protocol": PROTOCOL,
        "fingerprint": "",
        "statistics": STATISTICS,
    },
    **{"validation": {"ndcg@5": 0.5}, "test": {}, "test_intervals": {}},
    "test_bounds": {"ceiling": {}, "random": {}},
    "users": {"validation": 3, "test": 3},
    **{"epochs": 1, "best_epoch": 0, "parameters": 0, "seconds": {"training": 1.0, "test": 0.5}},
}


def cell(folder: Path, values: dict[str, list[float]], users: list[str], totals: dict[str, float]) -> Run:
    """A run folder of which only the figures are there; its users stand in any order."""
    folder.mkdir()
    pl.DataFrame({"user_id": users, **values}).write_parquet(folder / "per_user.parquet")
    test = {**{name: float(np.mean(column)) for name, column in values.items()}, **totals}
    intervals = {name: [min(column), max(column)] for name, column in values.items()}
    return Run(
        folder,
        {
            **FIGURES,
            "test": test,
            "test_intervals": intervals,
            "users": {"validation": len(users), "test": len(users)},
        },
    )


def test_users_are_matched_by_token_and_averaged_over_seeds(tmp_path: Path) -> None:
    one = cell(tmp_path / "1", {"ndcg@5": [1.0, 0.0, 0.5]}, ["b", "a", "c"], {"itemcoverage@5": 0.2})
    two = cell(tmp_path / "2", {"ndcg@5": [0.4, 0.2, 0.0]}, ["a", "b", "c"], {"itemcoverage@5": 0.6})
    assert over_seeds([one, two])["ndcg@5"].tolist() == pytest.approx([0.2, 0.6, 0.25])
    found = estimates([one, two], 0.95)
    # (0.5 + 0.2) / 2; the standard deviation of two values is their difference over the root of 2
    assert found["ndcg@5"].mean == pytest.approx(0.35)
    assert found["ndcg@5"].sd_over_seeds == pytest.approx(0.3 / 2**0.5)
    assert found["itemcoverage@5"].mean == pytest.approx(0.4)
    assert found["itemcoverage@5"].low is None
    assert estimates([one], 0.95)["ndcg@5"].sd_over_seeds is None


def test_other_users_are_refused(tmp_path: Path) -> None:
    one = cell(tmp_path / "1", {"ndcg@5": [1.0]}, ["a"], {})
    two = cell(tmp_path / "2", {"ndcg@5": [1.0]}, ["b"], {})
    with pytest.raises(ConfigError, match="other test users"):
        over_seeds([one, two])


def test_differences_against_an_independent_bootstrap_and_test() -> None:
    rng = np.random.default_rng(5)
    base = rng.random(80)
    values = {
        "base": {"ndcg@5": base},
        "better": {"ndcg@5": base + rng.normal(0.05, 0.05, 80)},
        "same": {"ndcg@5": base + rng.normal(0.0, 0.05, 80)},
        "equal": {"ndcg@5": base.copy()},
    }
    found = differences(values, "base", ["ndcg@5"], 0.95)
    assert found["base"] == {}
    gap = values["better"]["ndcg@5"] - base
    better = found["better"]["ndcg@5"]
    assert better.mean == pytest.approx(gap.mean())
    means = [np.random.default_rng(s).choice(gap, 80).mean() for s in range(4000)]
    assert (better.low, better.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.002)
    raw = {name: paired_difference(values[name]["ndcg@5"], base).p_value for name in ("better", "same")}
    assert better.p == pytest.approx(raw["better"])
    # Holm by hand, three tests: the smallest p times 3, the next one times 2, p = 1 stays
    assert raw["better"] < raw["same"]
    assert better.p_holm == pytest.approx(3 * raw["better"])
    assert found["same"]["ndcg@5"].p_holm == pytest.approx(min(1.0, 2 * raw["same"]))
    assert found["equal"]["ndcg@5"].p == found["equal"]["ndcg@5"].p_holm == 1.0
    assert better.significant
    assert not found["equal"]["ndcg@5"].significant


def test_holm_by_hand() -> None:
    # sorted .01 .02 .03 .04: times 4, 3, 2, 1 = .04 .06 .06 .04, then never falling
    assert holm([0.04, 0.01, 0.03, 0.02]).tolist() == pytest.approx([0.06, 0.04, 0.06, 0.06])


def test_means_in_groups_by_hand() -> None:
    values = {"ndcg@5": np.array([0.0, 1.0, 0.5])}
    groups = [Group("heavy", np.array([True, True, False])), Group("light", np.zeros(3, bool))]
    assert means_in_groups(values, groups, "ndcg@5") == {"heavy": {"ndcg": 0.5, "n": 2.0}}


def test_groups_by_hand(quick: dict[str, Any], tmp_path: Path) -> None:
    """Eight users u2 to u9, u9 with the longest history; the last item is popular for even users only."""
    rows = []
    for user in range(2, 10):
        items = [f"p{index}" for index in range(6)] + [f"x{user}{index}" for index in range(2 * user)]
        items.append("hit" if user % 2 == 0 else f"rare{user}")
        if user % 2:
            items.insert(0, "hit")
        rows += [(f"u{user}", item, 4.0, 100 + place) for place, item in enumerate(items)]
    write_inter(tmp_path / "data", "toy", rows)
    overrides = {**quick, "data_path": str(tmp_path / "data"), "dataset": "toy"}
    run = train("Pop", overrides=overrides, output=tmp_path / "run")
    found = {g.name: g.members.tolist() for g in groups_of(read_run(run.folder).split(), "interactions_80")}
    users = read_run(run.folder).per_user["user_id"].to_list()
    named = {
        name: {user for user, inside in zip(users, members, strict=True) if inside}
        for name, members in found.items()
    }
    assert named["heavy"] == {"u9", "u8"}
    assert named["light"] == {"u2", "u3"}
    assert named["head"] == {"u2", "u4", "u6", "u8"}
    assert named["tail"] == {"u3", "u5", "u7", "u9"}
