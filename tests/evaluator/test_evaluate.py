"""Figures of a phase: what the metrics are given, lists instead of scores, ceilings, groups of users."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recbole_ext.evaluator.evaluate import bounds, evaluated_lists, means_of_groups
from recbole_ext.trainer.opened import OpenedRun, open_model
from recbole_ext.trainer.train import train
from tests.conftest import write_inter

ROWS = [
    *(("a", item, 1.0, time) for time, item in enumerate("pqrst")),
    *(("b", item, 1.0, time) for time, item in enumerate("qprtu")),
    *(("c", item, 1.0, time) for time, item in enumerate("pqr")),
    *(("d", item, 1.0, time) for time, item in enumerate("rqpus")),
]


@pytest.fixture
def opened(tmp_path: Path, quick: dict[str, Any]) -> OpenedRun:
    write_inter(tmp_path, "toy", ROWS)
    items = ["item_id:token\tgenres:token_seq", "p\tDrama", "q\tDrama Comedy", "r\t", "u\tWar", "x\tHorror"]
    (tmp_path / "toy" / "toy.item").write_text("\n".join(items) + "\n", encoding="utf-8")
    values = {**quick, "data_path": str(tmp_path), "dataset": "toy", "topk": [1, 2], "valid_metric": "NDCG@1"}
    train("Pop", overrides=values, output=tmp_path / "run")
    return open_model(tmp_path / "run")


def tokens(opened: OpenedRun, rows: tuple[np.ndarray, np.ndarray]) -> dict[str, str]:
    data, users = opened.data.split.interactions, opened.data.test.users
    return {
        str(data.user_tokens[user]): "".join(data.item_tokens[rows[1][rows[0][row] : rows[0][row + 1]]])
        for row, user in enumerate(users)
    }


def test_evidence_is_training_profiles_and_held_out_items(opened: OpenedRun) -> None:
    ranked = opened.trainer.rank(opened.data.test)
    evidence = opened.data.test.evidence.with_lists(ranked.items)
    assert tokens(opened, evidence.profiles) == {"a": "pqr", "b": "qpr", "c": "p", "d": "rqp"}
    assert tokens(opened, evidence.held_out) == {"a": "t", "b": "u", "c": "r", "d": "s"}
    names = opened.data.split.interactions.item_tokens
    counts = dict(zip(names, evidence.counts.tolist(), strict=True))
    assert {key: counts[key] for key in "pqrstu"} == {"p": 4, "q": 3, "r": 3, "s": 0, "t": 0, "u": 0}
    assert evidence.training_users == 4
    assert evidence.mask_seen


def test_genres_of_the_filtered_catalogue_only(opened: OpenedRun) -> None:
    genres = opened.data.dataset.genres
    names = list(opened.data.split.interactions.item_tokens)
    # Comedy, Drama, War; Horror belongs to x, which nobody had.
    assert genres.shape == (7, 3)
    assert genres[names.index("q")].tolist() == [1, 1, 0]
    assert genres[names.index("u")].tolist() == [0, 0, 1]
    assert not genres[0].any()
    assert not genres[names.index("r")].any()
    assert not genres[names.index("s")].any()


def test_lists_give_the_figures_of_their_scores(opened: OpenedRun) -> None:
    """Random's scores have no ties, so a list says as much as the scores up to its length."""
    train("Random", overrides={**opened_values(opened)}, output=opened.folder.parent / "random")
    other = open_model(opened.folder.parent / "random")
    ranked = other.trainer.rank(other.data.test)
    again = evaluated_lists(
        ranked.users,
        ranked.items,
        ranked.scores,
        evidence=other.data.test.evidence,
        metrics=other.config["metrics"],
        topk=other.config["topk"],
    )
    assert again.means == pytest.approx(ranked.means)
    assert set(ranked.means) >= {"hit@1", "itemcoverage@2", "tailshare@1", "intralistdiversity@2"}


def opened_values(opened: OpenedRun) -> dict[str, Any]:
    keys = ("data_path", "topk", "valid_metric", "min_user_interactions", "min_item_interactions", "epochs")
    values = {key: opened.config[key] for key in keys}
    return {**values, "data_path": str(opened.folder.parent), "dataset": "toy", "show_progress": False}


def test_bounds_by_hand(opened: OpenedRun) -> None:
    ranked = opened.trainer.rank(opened.data.test)
    found = bounds(opened.data.test.evidence, ranked, [1, 2])
    # Four users with lists of one, six items: at most four are shown.
    assert found["ceiling"]["itemcoverage@1"] == pytest.approx(4 / 6)
    assert found["ceiling"]["itemcoverage@2"] == 1
    assert 0 < found["random"]["itemcoverage@1"] < 4 / 6


def test_groups_of_users(opened: OpenedRun) -> None:
    ranked = opened.trainer.rank(opened.data.test)
    groups = means_of_groups(opened.data.test.evidence, ranked)
    light = [opened.data.split.interactions.user_tokens[user] for user in opened.data.test.users].index("c")
    assert groups["light"]["novelty@1"] == pytest.approx(ranked.per_user["novelty@1"][light])
    assert groups["all"]["novelty@1"] == pytest.approx(ranked.means["novelty@1"])


def test_without_genres_diversity_is_left_out(tmp_path: Path, quick: dict[str, Any]) -> None:
    write_inter(tmp_path, "toy", ROWS)
    values = {**quick, "data_path": str(tmp_path), "dataset": "toy", "topk": [1], "valid_metric": "NDCG@1"}
    result = train("Pop", overrides=values, output=tmp_path / "run")
    assert "intralistdiversity@1" not in result.test.means
    assert "novelty@1" in result.test.means
