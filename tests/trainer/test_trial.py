"""Models of one's own are tried before the training, and the trial leaves no trace."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recbole.model.general_recommender import BPR

from recbole_ext.errors import ConfigError, DataError, RecBoleExtError
from recbole_ext.trainer import train as training
from recbole_ext.trainer.checkpoint import load_tensors
from recbole_ext.trainer.train import train
from recbole_ext.trainer.trainer import EpochReport


def never(_: EpochReport) -> None:
    raise AssertionError("an epoch was trained")


class Own(BPR):
    """BPR whose methods return what a test wants; it counts how often it is asked."""

    of_loss: Any = None
    of_scores: Any = None

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.asked = torch.zeros(1)

    def calculate_loss(self, interaction: Any) -> Any:
        self.asked += torch.rand(1)
        loss = super().calculate_loss(interaction)
        return type(self).of_loss(loss) if type(self).of_loss else loss

    def full_sort_predict(self, interaction: Any) -> Any:
        scores = super().full_sort_predict(interaction)
        return type(self).of_scores(scores) if type(self).of_scores else scores


def stops(_: Any) -> Any:
    sys.exit(0)


def divides(_: Any) -> Any:
    return 1 / 0


LOSSES = [
    (lambda loss: None, "returned None: return a tensor of one number"),
    (lambda loss: loss.detach().numpy(), "returned a value of the type ndarray"),
    (lambda loss: [loss], "returned a value of the type list"),
    (lambda loss: loss.expand(3), r"returned a tensor of the shape \(3,\)"),
    (lambda loss: loss.detach(), "returned a number without a gradient"),
    (divides, "raised ZeroDivisionError"),
    (stops, "ends the program with sys.exit"),
]
SCORES = [
    (lambda scores: None, "returned None"),
    (lambda scores: scores.numpy(), "returned a value of the type ndarray"),
    (lambda scores: scores.tolist(), "returned a value of the type list"),
    (lambda scores: scores[:-1], "returned a tensor of the shape"),
    (lambda scores: scores.reshape(1, -1, 1), r"returned a tensor of the shape \(1, 42, 1\)"),
    (lambda scores: scores.to(torch.complex64), "returned complex numbers"),
    (lambda scores: torch.cat([scores, scores]), "returned a tensor of the shape"),
    (lambda scores: scores * torch.nan, "returned NaN as a score"),
    (lambda scores: scores - torch.inf, "returned -inf for every item"),
    (divides, "raised ZeroDivisionError"),
    (stops, "ends the program with sys.exit"),
]


@pytest.mark.parametrize(
    ("method", "returns", "words"),
    [("calculate_loss", *row) for row in LOSSES] + [("full_sort_predict", *row) for row in SCORES],
)
def test_a_model_that_would_fail_is_refused_before_training(
    method: str,
    returns: Any,
    words: str,
    quick: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Own, "of_loss" if method == "calculate_loss" else "of_scores", staticmethod(returns))
    values = {**quick, "metrics": ["NDCG", "Recall"]}
    with pytest.raises(RecBoleExtError, match=rf"^Own\.{method} {words}"):
        train("tests.trainer.test_trial:Own", overrides=values, output=tmp_path / "run", on_epoch=never)
    assert not list(tmp_path.iterdir())


def test_the_trial_changes_nothing(
    quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counter of the model takes part, and so does each generator: batches, negatives, weights."""
    runs = []
    for name in ("tried", "untried"):
        if name == "untried":
            monkeypatch.setattr(training, "check_model", lambda *_: None)
        run = train("tests.trainer.test_trial:Own", overrides=quick, output=tmp_path / name)
        runs.append((run, load_tensors(run.folder / "model.safetensors")["state_dict"]))
    (one, weights), (other, same) = runs
    assert all(torch.equal(value, same[key]) for key, value in weights.items())
    assert [entry["loss"] for entry in one.epochs] == [entry["loss"] for entry in other.epochs]
    assert np.array_equal(one.test.items, other.test.items)


def test_a_model_that_fails_while_it_is_built_is_told_in_a_sentence(
    quick: dict[str, Any], tmp_path: Path
) -> None:
    values = {**quick, "attn_dropout_prob": 2.0}
    with pytest.raises(RecBoleExtError, match=r"^SASRec cannot be built .*\(ValueError: dropout probability"):
        train("SASRec", overrides=values, output=tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_sparse_adam_is_refused_for_dense_gradients(quick: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="learner is sparse_adam, but BPR has parameters with dense"):
        train("BPR", overrides={**quick, "learner": "sparse_adam"}, output=tmp_path / "run", on_epoch=never)


@pytest.mark.parametrize(
    ("model", "key", "size"),
    [
        ("BPR", "embedding_size", 10**9),
        ("GRU4Rec", "hidden_size", 10**9),
        ("GRU4Rec", "MAX_ITEM_LIST_LENGTH", 10**12),
    ],
)
def test_what_needs_more_memory_than_there_is_is_refused(
    model: str, key: str, size: int, quick: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=rf"^{key} is {size}, which needs at least [\d,.]+ [GT]B of memory"):
        train(model, overrides={**quick, key: size}, output=tmp_path / "run", on_epoch=never)
    assert not list(tmp_path.iterdir())


def undefined(evidence: Any) -> Any:
    """A metric of one's own without a value."""
    return np.full(len(evidence.items), np.nan)


def wrong_shape(evidence: Any) -> Any:
    """A metric of one's own with a value too many."""
    return np.zeros(len(evidence.items) + 1)


def imaginary(evidence: Any) -> Any:
    """A metric of one's own that is not real."""
    return np.full(len(evidence.items), 0.5 + 0j)


def rewrites(evidence: Any) -> Any:
    """A metric of one's own that changes the lists of the run."""
    evidence.items[:] = 0
    return np.zeros(len(evidence.items))


def rewrites_groups(evidence: Any) -> Any:
    """A metric of one's own that changes what is head and tail."""
    evidence.groups.head[:] = True
    return np.zeros(len(evidence.items))


def on_real_lists(evidence: Any) -> Any:
    """A metric of one's own that has no value where the lists of two users differ; it draws numbers, too."""
    np.random.rand(3)
    torch.rand(3)
    return np.full(len(evidence.items), np.nan if (evidence.items != evidence.items[0]).any() else 1.0)


def draws(evidence: Any) -> Any:
    """A metric of one's own that draws numbers."""
    np.random.rand(3)
    torch.rand(3)
    return np.ones(len(evidence.items))


def leaves(evidence: Any) -> Any:
    """A metric of one's own that ends the program."""
    sys.exit(0)


def test_a_valid_metric_without_a_value_stops_at_once(quick: dict[str, Any], tmp_path: Path) -> None:
    path = "tests.trainer.test_trial:undefined"
    values = {**quick, "epochs": 50, "metrics": ["NDCG", path], "valid_metric": f"{path}@10"}
    with pytest.raises(RecBoleExtError, match="the metric undefined gave nan for list 1 of 60"):
        train("BPR", overrides=values, output=tmp_path / "run", on_epoch=never)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("wrong_shape", r"returned values of the shape \(61,\): return one float for each of the 60 lists"),
        ("leaves", "ends the program with sys.exit"),
        ("imaginary", "returned complex numbers: return real ones"),
        ("rewrites", "raised ValueError: assignment destination is read-only"),
        ("rewrites_groups", "raised ValueError: assignment destination is read-only"),
    ],
)
def test_a_metric_that_would_fail_is_refused_before_training(
    name: str, words: str, quick: dict[str, Any], tmp_path: Path
) -> None:
    values = {**quick, "metrics": ["NDCG", f"tests.trainer.test_trial:{name}"]}
    with pytest.raises(DataError, match=rf"^the metric {name} {words}"):
        train("BPR", overrides=values, output=tmp_path / "run", on_epoch=never)
    assert not list(tmp_path.iterdir())


def test_a_metric_that_fails_on_lists_of_the_model_is_found_at_the_first_validation(
    quick: dict[str, Any], tmp_path: Path
) -> None:
    """It was found after the last epoch."""
    values = {**quick, "metrics": ["NDCG", "tests.trainer.test_trial:on_real_lists"]}
    with pytest.raises(DataError, match="the metric on_real_lists gave nan for list 1 of 60"):
        train("BPR", overrides=values, output=tmp_path / "run", on_epoch=never)
    assert not list(tmp_path.iterdir())


def test_trying_a_metric_at_the_first_validation_changes_no_number(
    quick: dict[str, Any], tmp_path: Path
) -> None:
    values = {**quick, "metrics": ["NDCG"]}
    alone = train("GRU4Rec", overrides=values, output=tmp_path / "alone")
    values["metrics"] = ["NDCG", "tests.trainer.test_trial:draws"]
    beside = train("GRU4Rec", overrides=values, output=tmp_path / "beside")
    assert beside.test.means["ndcg@10"] == alone.test.means["ndcg@10"]
    assert [one["loss"] for one in beside.epochs] == [one["loss"] for one in alone.epochs]
