"""Candidates drawn once for each user, and what a run on them says and refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recbole_ext.cli.show import protocol_line
from recbole_ext.config.blocks import read_rerank
from recbole_ext.data.interactions import TEST, VALID, split_interactions
from recbole_ext.data.sampled_candidates import sampled_candidates
from recbole_ext.errors import ConfigError, DataError
from recbole_ext.rerank.run import rerank_run
from recbole_ext.trainer.opened import open_model
from recbole_ext.trainer.train import train
from tests.data.test_interactions import build

N_ITEMS = 12
ROWS = [(user, 1 + (user + step) % N_ITEMS, step) for user in range(1, 30) for step in range(5)]


@pytest.mark.parametrize("kind", ["uniform", "popularity"])
@pytest.mark.parametrize(("phase", "held_out"), [(VALID, 4), (TEST, 5)])
def test_what_is_drawn_is_distinct_unseen_and_seeded(kind: str, phase: int, held_out: int) -> None:
    split = split_interactions(build(ROWS), "leave_one_out")
    found = sampled_candidates(split, phase, kind, 6, seed=3)
    assert found.users.tolist() == list(range(1, 30))
    for user, drawn in zip(found.users, found.items, strict=True):
        known = {item for owner, item, step in ROWS if owner == user and step < held_out}
        assert len(set(drawn)) == 6
        assert set(drawn) <= set(range(1, N_ITEMS + 1)) - known
    again = sampled_candidates(split, phase, kind, 6, seed=3)
    np.testing.assert_array_equal(found.items, again.items)
    assert (found.items != sampled_candidates(split, phase, kind, 6, seed=4).items).any()
    np.testing.assert_array_equal(found.of(np.array([7, 2])), found.items[[6, 1]])


def test_draws_do_not_depend_on_how_many_users_are_drawn_for_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    split = split_interactions(build(ROWS), "leave_one_out")
    whole = sampled_candidates(split, TEST, "uniform", 4, seed=0)
    monkeypatch.setattr("recbole_ext.data.sampled_candidates._KEYS_AT_ONCE", 40)
    np.testing.assert_array_equal(whole.items, sampled_candidates(split, TEST, "uniform", 4, seed=0).items)


def test_popularity_draws_in_proportion_to_training_interactions() -> None:
    # Users 1 to 3000 have items 7, 8 and 9; in training, item 1 has 30 interactions, item 2 has 10, item 4 has 1.
    rows = [(user, 9, 0) for user in range(1, 3001)]
    rows += [(user, item, 1 + item - 7) for user in range(1, 3001) for item in (7, 8)]
    rows += [(3001 + k, 1 if k < 30 else 2, 0) for k in range(40)]
    rows += [(4000, item, place) for place, item in enumerate([4, 5, 3])]
    split = split_interactions(build(rows), "leave_one_out")
    drawn = sampled_candidates(split, TEST, "popularity", 1, seed=0).items[:3000, 0]
    share = np.bincount(drawn, minlength=10) / 3000
    assert share[3] == share[5] == 0
    assert share[1] == pytest.approx(30 / 41, abs=0.03)  # 3.7 standard errors
    assert share[2] == pytest.approx(10 / 41, abs=0.03)


def test_more_than_a_user_leaves_is_refused() -> None:
    split = split_interactions(build(ROWS), "leave_one_out")
    with pytest.raises(
        DataError, match=r"candidates asks for 8 items .* leaves 7 to draw \(uniform\): lower n"
    ):
        sampled_candidates(split, TEST, "uniform", 8, seed=0)


def test_a_run_ranks_the_target_among_the_drawn_items_alone(quick: dict[str, Any], tmp_path: Path) -> None:
    own = {**quick, "topk": [5], "candidates": {"n": 6}, "valid_metric": "NDCG@5", "epochs": 1}
    lines: list[str] = []
    result = train("BPR", overrides=own, output=tmp_path / "run", report=lines.append)
    said = (
        "SAMPLED CANDIDATES: 6 beside the held-out items (uniform, seed 0), for comparison with papers only"
    )
    assert result.metrics["protocol"]["candidates"] == said
    assert said in protocol_line(result.metrics)
    assert any("metrics beyond accuracy are left out" in line for line in lines)
    assert "itemcoverage@5" not in result.metrics["test"]

    opened = open_model(tmp_path / "run")
    assert opened.data.test.candidates is not None
    opened.trainer.begin(opened.data.test)
    places = []
    for batch in opened.data.test:
        scores = opened.trainer.scores_of(batch).detach().numpy()
        for row, (user, target) in enumerate(zip(batch.users, batch.target_items.tolist(), strict=True)):
            others = opened.data.test.candidates.of(np.array([user]))[0]
            places.append(1 + int((scores[row, others] > scores[row, target]).sum()))
    gains = [1 / np.log2(place + 1) if place <= 5 else 0.0 for place in places]
    np.testing.assert_allclose(result.test.per_user["ndcg@5"], gains, rtol=1e-6)
    with pytest.raises(
        ConfigError, match="was ranked among sampled candidates, whose lists cannot be re-ranked"
    ):
        rerank_run(opened, read_rerank({"method": "popularity_penalty", "alpha": 0.1}))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"candidates": {"n": 9}}, r"has n = 9, fewer than the longest list of topk \(10\)"),
        ({"candidates": {"kind": "pop"}}, "kind in candidates .* must be uniform, popularity or cold"),
        ({"candidates": {}, "rerank": {"method": "mmr"}}, "rerank .* needs the whole catalogue"),
        ({"candidates": {}, "valid_metric": "Gini@10"}, "says nothing of sampled candidates"),
        ({"candidates": {}, "metrics": ["Gini"]}, "says nothing of sampled|says anything of sampled"),
    ],
)
def test_sampled_candidates_that_cannot_be_are_refused_before_the_data_is_read(
    quick: dict[str, Any], tmp_path: Path, values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        train("Pop", overrides={**quick, "data_path": "nowhere", **values}, output=tmp_path / "run")
