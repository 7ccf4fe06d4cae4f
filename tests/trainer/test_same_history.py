"""Which history each model reads at the test, and how much each item of it weighs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recbole_ext.cli.table import runs_table
from recbole_ext.errors import ConfigError
from recbole_ext.recommend.explain import explain
from recbole_ext.recommend.reasons import read_history
from recbole_ext.trainer.opened import OpenedRun, open_model
from recbole_ext.trainer.train import train

WEIGHTING = {"kind": "exponential", "by": "place", "decay": 0.5}


def run_of(name: str, quick: dict[str, Any], folder: Path, **values: Any) -> OpenedRun:
    own = {**quick, "epochs": 2, "metrics": ["NDCG", "Hit"], **values}
    if name != "SASRec":
        own.pop("MAX_ITEM_LIST_LENGTH")
    train(name, overrides=own, output=folder)
    opened = open_model(folder)
    opened.trainer.begin(opened.data.test)
    return opened


def expected_row(opened: OpenedRun, user: int, held_out: int, decay: float = 0.0) -> np.ndarray:
    """``(n_items,)`` weights of a user's items but the last ones, from the data alone."""
    data = opened.data.split.interactions
    items = data.items[data.indptr[user] : data.indptr[user + 1] - held_out]
    row = np.zeros(data.n_items)
    for age, item in enumerate(items[::-1]):
        row[item] += np.exp(-decay * age)
    return row


@pytest.mark.parametrize(("same", "held_out"), [(True, 1), (False, 2)])
@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_a_linear_model_reads_the_history_that_the_protocol_says(
    quick: dict[str, Any], tmp_path: Path, same: bool, held_out: int, decay: float
) -> None:
    weighting = {"history_weighting": {**WEIGHTING, "decay": decay}} if decay else {}
    opened = run_of("EASE", quick, tmp_path / "run", same_history=same, **weighting)
    batch = next(iter(opened.data.test))
    rows = np.stack([expected_row(opened, user, held_out, decay) for user in batch.users])
    found = opened.trainer.scores_of(batch)
    np.testing.assert_allclose(found, rows @ opened.trainer.model.item_similarity, rtol=1e-4, atol=1e-5)
    # What is masked, and the validation, are the same for all.
    validation = next(iter(opened.data.validation))
    opened.trainer.begin(opened.data.validation)
    rows = np.stack([expected_row(opened, user, 2, decay) for user in validation.users])
    found = opened.trainer.scores_of(validation)
    np.testing.assert_allclose(found, rows @ opened.trainer.model.item_similarity, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["ItemKNN", "EASE", "RP3beta", "UserKNN", "SLIMElastic"])
@pytest.mark.parametrize("values", [{"same_history": True}, {"history_weighting": WEIGHTING}])
def test_the_parts_still_sum_to_the_score(
    quick: dict[str, Any], tmp_path: Path, name: str, values: dict[str, Any]
) -> None:
    opened = run_of(name, quick, tmp_path / "run", **values)
    batch = next(opened.data.test.batches(opened.data.test.users[:1]))
    everything = np.arange(1, opened.data.dataset.item_num)
    reading = read_history(opened, batch, everything)
    assert reading.kind == "parts"
    scores = opened.trainer.scores_of(batch)[0].numpy()
    np.testing.assert_allclose(reading.effects.sum(axis=0), scores[1:], rtol=1e-4, atol=1e-5)
    held_out = 1 if "same_history" in values else 2
    assert set(reading.items) == set(np.flatnonzero(expected_row(opened, int(batch.users[0]), held_out)))


@pytest.mark.parametrize("name", ["MultiDAE", "CDAE", "MultiVAE"])
def test_taking_an_item_from_a_weighted_row_keeps_the_weights_of_the_others(
    quick: dict[str, Any], tmp_path: Path, name: str
) -> None:
    opened = run_of(name, quick, tmp_path / "run", same_history=True, history_weighting=WEIGHTING)
    model, user = opened.trainer.model, opened.data.test.users[:1]
    batch = next(opened.data.test.batches(user))
    with torch.no_grad():
        reading = read_history(opened, batch, np.array([3, 4]))
        row = torch.from_numpy(expected_row(opened, int(user[0]), 1, 0.5)).float()[None]
        shorter = row.clone()
        shorter[0, reading.items[2]] = 0
        scores = [
            model.o_act(model.forward(one, torch.from_numpy(user))) if name == "CDAE" else model.forward(one)
            for one in (row, shorter)
        ]
    whole, without = (one[0] if isinstance(one, tuple) else one for one in scores)
    assert reading.kind == "row"
    np.testing.assert_allclose(reading.effects[2], (whole - without)[0, [3, 4]], atol=1e-5)
    explain(opened.folder, "u1")


def test_equal_weights_change_nothing(quick: dict[str, Any], tmp_path: Path) -> None:
    """Not even the last bit: what is weighted by 1 goes another way to the same scores."""
    for name in ("EASE", "ItemKNN", "MultiVAE"):
        plain = run_of(name, quick, tmp_path / f"{name}-plain")
        equal = run_of(name, quick, tmp_path / name, history_weighting={**WEIGHTING, "decay": 0})
        batch = next(iter(plain.data.test))
        again = next(iter(equal.data.test))
        assert batch.histories is None
        assert torch.equal(plain.trainer.scores_of(batch), equal.trainer.scores_of(again))


def test_a_sequential_model_reads_the_same_history_anyway(quick: dict[str, Any], tmp_path: Path) -> None:
    one, other = (
        run_of("SASRec", quick, tmp_path / str(same), same_history=same).metrics for same in (False, True)
    )
    assert one["test"] == other["test"]
    assert (one["protocol"]["same_history"], other["protocol"]["same_history"]) == (False, True)


def test_models_that_learn_in_epochs_are_chosen_by_what_they_will_be_tested_with(
    quick: dict[str, Any], tmp_path: Path
) -> None:
    """BPR's vectors are solved for at each validation, iALS's once."""
    for name in ("BPR", "iALS", "Pop", "Random"):
        own, folded = (
            run_of(name, quick, tmp_path / f"{name}-{same}", same_history=same).metrics
            for same in (False, True)
        )
        assert (own["test"] == folded["test"]) == (name in ("Pop", "Random"))


def test_both_protocols_are_named_and_never_stand_in_one_table(quick: dict[str, Any], tmp_path: Path) -> None:
    for same in (False, True):
        run_of("EASE", quick, tmp_path / str(same), same_history=same)
    assert "every model reads a history up to the held-out item" in runs_table([tmp_path / "True"]).markdown()
    assert "the others what they were trained on" in runs_table([tmp_path / "False"]).markdown()
    with pytest.raises(ConfigError, match="not comparable: same_history is False and True"):
        runs_table([tmp_path / "False", tmp_path / "True"])


@pytest.mark.parametrize(
    ("name", "values", "sentence"),
    [
        (
            "DMF",
            {"same_history": True, "inter_matrix_type": "rating"},
            "same_history: true needs a model that reads any history, but of DMF the row holds ratings",
        ),
        ("Pop", {"history_weighting": WEIGHTING}, "history_weighting weighs the items .* but Pop has no row"),
        ("SASRec", {"history_weighting": WEIGHTING}, "but SASRec has no row with weights"),
        (
            "EASE",
            {"history_weighting": {**WEIGHTING, "decay": -1}},
            "decay in history_weighting .* must be 0 or more",
        ),
        ("EASE", {"history_weighting": {"by": "place"}}, "decay in history_weighting .* is missing"),
        (
            "EASE",
            {"history_weighting": {**WEIGHTING, "by": "day"}},
            "by in history_weighting .* must be place or time",
        ),
        (
            "EASE",
            {"history_weighting": {**WEIGHTING, "kind": "linear"}},
            "kind in history_weighting .* must be exponential",
        ),
        ("EASE", {"history_weighting": {**WEIGHTING, "rate": 1}}, "unknown key .rate. of history_weighting"),
        ("EASE", {"history_weighting": 0.2}, "history_weighting"),
        ("EASE", {"same_history": "maybe"}, "same_history"),
    ],
)
def test_what_cannot_be_is_refused_before_training(
    quick: dict[str, Any], tmp_path: Path, name: str, values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        run_of(name, quick, tmp_path / "run", **values)
    assert not list(tmp_path.iterdir())
