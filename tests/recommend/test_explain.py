"""What explanations claim: parts that sum, items taken away, similar items called similar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recbole_ext.cli import main
from recbole_ext.errors import ConfigError
from recbole_ext.model.explainable import how_explainable
from recbole_ext.recommend.explain import explain, explanation_lines
from recbole_ext.recommend.reasons import read_history
from recbole_ext.trainer.opened import open_model
from recbole_ext.trainer.train import train
from tests.conftest import cycle_rows, write_inter

WINDOWED = ("SequentialRules", "VSKNN", "STAN")
MODELS = ("ItemKNN", "EASE", "GRU4Rec", "MultiVAE", "BPR", "Pop", "RP3beta", "UserKNN", *WINDOWED)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, cycle_home: Path) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("explained")
    values: dict[str, object] = {
        **{"data_path": str(cycle_home), "dataset": "cycle", "topk": [5], "valid_metric": "NDCG@5"},
        **{"min_user_interactions": 1, "min_item_interactions": 1, "show_progress": False, "epochs": 2},
        **{"MAX_ITEM_LIST_LENGTH": 8, "mlp_hidden_size": [16], "latent_dimension": 8},
    }
    windowed = dict.fromkeys(("GRU4Rec", *WINDOWED), ("MAX_ITEM_LIST_LENGTH",))
    needs = {"MultiVAE": ("mlp_hidden_size", "latent_dimension"), **windowed}
    for name in MODELS:
        free = ("mlp_hidden_size", "latent_dimension", "MAX_ITEM_LIST_LENGTH")
        own = {key: v for key, v in values.items() if key not in free or key in needs.get(name, ())}
        train(name, overrides=own, output=root / name)
    return {name: root / name for name in MODELS}


@pytest.mark.parametrize("name", ["ItemKNN", "EASE", "RP3beta", "UserKNN"])
def test_the_parts_of_a_linear_model_sum_to_its_score(runs: dict[str, Path], name: str) -> None:
    opened = open_model(runs[name])
    opened.trainer.begin(opened.data.test)
    batch = next(iter(opened.data.test))
    everything = np.arange(1, opened.data.dataset.item_num)
    scores = opened.trainer.scores_of(batch)[0].numpy()
    reading = read_history(opened, batch, everything)
    assert reading.kind == "parts"
    np.testing.assert_allclose(reading.effects.sum(axis=0), scores[everything], rtol=1e-4, atol=1e-5)
    trained = opened.data.dataset.inter_matrix(form="csr")[int(batch.users[0])].indices
    assert set(reading.items) == set(trained)


@pytest.mark.parametrize("name", WINDOWED)
def test_a_counted_model_states_the_parts_of_its_window(runs: dict[str, Path], name: str) -> None:
    opened = open_model(runs[name])
    opened.trainer.begin(opened.data.test)
    batch = next(iter(opened.data.test))
    everything = np.arange(1, opened.data.dataset.item_num)
    scores = opened.trainer.scores_of(batch)[0].numpy()
    reading = read_history(opened, batch, everything)
    assert reading.kind == "parts"
    np.testing.assert_allclose(reading.effects.sum(axis=0), scores[everything], rtol=1e-4, atol=1e-6)
    # the window of eight ends with the validation item
    end = opened.data.split.before(2)[1][batch.users[0]]
    assert reading.items.tolist() == opened.data.split.interactions.items[end - 8 : end].tolist()


def test_taking_an_item_from_the_window_is_scoring_the_shorter_window(runs: dict[str, Path]) -> None:
    opened = open_model(runs["GRU4Rec"])
    opened.trainer.begin(opened.data.test)
    batch = next(iter(opened.data.test))
    one = batch.interaction[:1]
    field, length = opened.data.dataset.item_id_list_field, opened.data.dataset.item_list_length_field
    single = type(batch)(
        one, batch.users[:1], batch.seen_rows[:0], batch.seen_items[:0], *[batch.seen_rows[:0]] * 2
    )
    with torch.no_grad():
        reading = read_history(opened, single, np.array([3, 4]))
        full = opened.trainer.scores_of(single)[0, [3, 4]]
        window = one[field][0].clone()
        shorter = torch.cat([window[:2], window[3:], torch.zeros(1, dtype=window.dtype)])
        one.interaction[field], one.interaction[length] = shorter[None], one[length] - 1
        without = opened.trainer.scores_of(single)[0, [3, 4]]
    assert reading.kind == "window"
    np.testing.assert_allclose(reading.effects[2], (full - without).numpy(), atol=1e-5)
    assert list(reading.items) == window.tolist()


def test_taking_an_item_from_a_row_leaves_the_model_as_it_was(runs: dict[str, Path]) -> None:
    first, again = explain(runs["MultiVAE"], "u1"), explain(runs["MultiVAE"], "u1")
    assert first == again
    assert first.kind == "row"
    assert all(r.rank_without and r.effect > 0 for one in first.recommendations for r in one.reasons)


def test_a_model_without_a_history_shows_similar_items_and_says_so(runs: dict[str, Path]) -> None:
    found = explain(runs["BPR"], "u1", top=2, reasons=3)
    assert found.kind == "nearest"
    assert "no cause" in found.how.meaning
    assert all(-1.001 <= reason.effect <= 1.001 for one in found.recommendations for reason in one.reasons)
    assert "similarity" in "\n".join(explanation_lines(found))
    none = explain(runs["Pop"], "u1", top=1)
    assert (none.kind, none.recommendations[0].reasons) == ("none", ())
    assert explanation_lines(none)[0] == "Pop, user u1: popularity alone"


def test_titles_genres_and_places(runs: dict[str, Path]) -> None:
    found = explain(runs["ItemKNN"], "u0", top=3)
    assert [one.rank for one in found.recommendations] == [1, 2, 3]
    assert found.recommendations[0].title.startswith("Movie ")
    assert found.recommendations[0].genres == (("Comedy", 1.0), ("Drama", 1.0))
    lines = explanation_lines(found)
    # twelve items a user, two of which are held out
    assert lines[0] == "ItemKNN, user u0: exact parts of the score, from 10 items of the history"
    assert "everything else together" in "\n".join(lines)


def test_every_family_has_its_summary() -> None:
    expected = {
        "ItemKNN": "exact",
        "SASRec": "window",
        "MultiVAE": "history taken",
        "MLP": "nearest",
        "Random": "only chance",
    }
    for model, words in expected.items():
        assert words in how_explainable(model).method
    assert "outside" in how_explainable("SomebodysModel").meaning
    assert how_explainable("GRU4Rec (second run)") == how_explainable("GRU4Rec")


def test_bad_input(runs: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="user 'nobody' is not a test user"):
        explain(runs["Pop"], "nobody")
    with pytest.raises(ConfigError, match="99 recommendations"):
        explain(runs["Pop"], "u1", top=99)
    main(["explain", str(runs["ItemKNN"]), "--user=u1", "--top=1"])
    assert "exact parts of the score" in capsys.readouterr().out


def test_an_item_without_a_title_is_shown_by_its_id(quick: dict[str, Any], tmp_path: Path) -> None:
    """Half of the titles are empty: None was shown."""
    write_inter(tmp_path, "toy", cycle_rows())
    lines = ["item_id:token\ttitle:token_seq", *(f"i{n}\t{'' if n % 2 else f'Movie {n}'}" for n in range(20))]
    (tmp_path / "toy" / "toy.item").write_text("\n".join(lines) + "\n")
    values = {**quick, "data_path": str(tmp_path), "dataset": "toy", "metrics": ["NDCG"]}
    train("ItemKNN", overrides=values, output=tmp_path / "run")
    shown = explain(tmp_path / "run", "u0", top=9).recommendations
    assert {int(one.item[1:]) % 2 for one in shown} == {0, 1}
    for one in [*shown, *(reason for recommendation in shown for reason in recommendation.reasons)]:
        number = int(one.item[1:])
        assert one.title == (one.item if number % 2 else f"Movie {number}")
