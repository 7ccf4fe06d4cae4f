"""One contract for every model that ``--model`` takes."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recbole.data.interaction import Interaction

from recbole_ext.data.histories import Histories
from recbole_ext.data.interactions import TEST, VALID
from recbole_ext.errors import ConfigError
from recbole_ext.model.explainable import EXPLANATIONS
from recbole_ext.model.fold_in import history_scores
from recbole_ext.model.registry import known_models, model_spec
from recbole_ext.recommend.explain import explain
from recbole_ext.trainer.trainer import model_state
from tests.conformance import contract
from tests.conformance.contract import Subject

NAMES = [*contract.FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in contract.SLOW)]


@pytest.fixture(scope="module")
def walks_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    threads = torch.get_num_threads()
    # Two threads wait for each other longer than such small products take.
    torch.set_num_threads(1)
    yield contract.write_walks(tmp_path_factory.mktemp("walks"))
    torch.set_num_threads(threads)


@pytest.fixture(scope="module", params=NAMES)
def subject(
    request: pytest.FixtureRequest, walks_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Subject:
    return contract.trained(request.param, walks_home, tmp_path_factory.mktemp("run") / "run")


def test_the_loss_is_finite_and_reaches_the_parameters(subject: Subject) -> None:
    with subject.training() as (model, batch):
        if hasattr(model, "e_step"):  # its trainer's part of an epoch
            model.e_step()
        # RecVAE trains encoder and decoder in turn
        turn = {"encoder_flag": True} if subject.name == "RecVAE" else {}
        loss = model.calculate_loss(batch, **turn)
        loss = sum(loss) if isinstance(loss, tuple) else loss
        assert torch.isfinite(loss).all()
        if loss.requires_grad:
            loss.backward()
        gradients = [p.grad.to_dense() for p in model.parameters() if p.grad is not None]
        assert all(torch.isfinite(gradient).all() for gradient in gradients)
        reached = any(gradient.abs().sum() > 0 for gradient in gradients)
    assert reached != (subject.name in contract.WITHOUT_GRADIENTS)


def test_predict_equals_full_sort_predict(subject: Subject) -> None:
    whole = subject.scores(subject.users.interaction)
    assert torch.isfinite(whole[:, 1:]).all()
    same = all(
        torch.allclose(subject.pair_scores(subject.users.interaction, row), whole[row, 1:], atol=1e-5)
        for row in range(3)
    )
    assert same != (subject.name in contract.PREDICT_DIFFERS)


def test_a_user_is_scored_alike_in_every_batch(subject: Subject) -> None:
    batch = subject.users.interaction
    whole, few = subject.scores(batch), subject.scores(batch[torch.arange(3)])
    same = torch.allclose(few, whole[:3], atol=1e-5)
    assert same != (subject.name in contract.DEPENDS_ON_THE_BATCH)


def narrower(batch: Interaction, width: int) -> Interaction:
    """The same histories with fewer columns of padding."""
    columns = {}
    for name in batch.columns:
        values = batch[name]
        if name.startswith("Inverse_"):  # padded on the left
            values = values[:, -width:]
        elif values.ndim > 1:
            values = values[:, :width]
        columns[name] = values
    return Interaction(columns)


def test_padding_changes_nothing(subject: Subject) -> None:
    if not subject.sequential:
        pytest.skip("no window")
    length = subject.users.interaction[subject.model.ITEM_SEQ_LEN]
    rows = torch.nonzero(length < contract.WINDOW).flatten()
    batch = subject.users.interaction[rows]
    wide = subject.scores(batch)
    if subject.name in contract.WINDOW_OF_FIXED_WIDTH:
        with pytest.raises((RuntimeError, IndexError)):
            subject.scores(narrower(batch, int(length[rows].max())))
        return
    same = torch.allclose(subject.scores(narrower(batch, int(length[rows].max()))), wide, atol=1e-5)
    assert same != (subject.name in contract.PADDING_COUNTS)


def test_the_future_does_not_leak(subject: Subject) -> None:
    if not hasattr(subject.model, "encode"):
        pytest.skip("answers one position at a time")
    items = torch.tensor([[3, 1, 4, 2], [3, 1, 9, 7]])
    with torch.no_grad():
        states = subject.model.encode(items, torch.tensor([4, 4]), torch.tensor([1, 1]))
    assert torch.allclose(states[0, :2], states[1, :2], atol=1e-6)
    assert not torch.allclose(states[0, 2], states[1, 2], atol=1e-4)


def test_encode_is_forward_at_each_position(subject: Subject) -> None:
    if not hasattr(subject.model, "encode"):
        pytest.skip("answers one position at a time")
    items, length = torch.tensor([[3, 1, 4, 2, 0, 0]]), torch.tensor([4])
    with torch.no_grad():
        states = subject.model.encode(items, length, torch.tensor([1]))
        for last in range(4):
            prefix = torch.where(torch.arange(6) <= last, items, 0)
            alone = subject.model.encode(prefix, torch.tensor([last + 1]), torch.tensor([1]))
            assert torch.allclose(states[0, last], alone[0, last], atol=1e-5)


def same_numbers(one: Any, other: Any) -> None:
    assert dict(one.means) == dict(other.means)
    np.testing.assert_array_equal(one.items, other.items)
    np.testing.assert_array_equal(one.scores, other.scores)


def test_the_checkpoint_gives_the_same_numbers(subject: Subject) -> None:
    run = subject.run
    torch.manual_seed(run.config["seed"])
    same_numbers(subject.result.validation, run.trainer.rank(run.data.validation))
    same_numbers(subject.result.test, run.trainer.rank(run.data.test))


def test_the_same_seed_gives_the_same_numbers_even_after_a_kill(subject: Subject) -> None:
    again = contract.interrupted_and_resumed(subject)
    same_numbers(subject.result.test, again.test)
    losses = [[epoch["loss"] for epoch in result.epochs] for result in (subject.result, again)]
    assert losses[0] == losses[1]


def test_a_recommendation_is_explained_as_the_table_says(subject: Subject) -> None:
    stated = model_spec(subject.name).explained
    found = explain(subject.result.folder, "u5", top=3)
    assert found.how == EXPLANATIONS[stated]
    without_reasons = {"none", "chance", "popularity", "rule"}
    assert found.kind == ("none" if stated in without_reasons else stated)


def test_a_history_is_scored_as_the_same_history_of_a_training_user(subject: Subject) -> None:
    """Fold-in: exact for windows, 1e-5 for every other model whose scores are a function of the history."""
    kind = model_spec(subject.name).fold_in
    data, config = subject.run.data, subject.run.config
    users = data.test.users[:7]
    histories = Histories.before(data.split, TEST if subject.sequential else VALID, users)
    torch.manual_seed(0)
    if kind == "none":
        with pytest.raises(ConfigError, match=f"of {subject.name} a person is known only by"):
            history_scores(subject.model, data.dataset, config, histories)
        return
    found = history_scores(subject.model, data.dataset, config, histories).float()
    again = subject.scores(subject.users.interaction[torch.arange(7)])
    assert found.shape == again.shape == (7, data.dataset.item_num)
    assert torch.isfinite(found[:, 1:]).all()
    if kind == "window":
        assert torch.equal(found, again)
    elif kind not in ("solve", "neighbours"):
        torch.testing.assert_close(found, again, atol=1e-5, rtol=1e-5)


def test_a_person_never_seen_is_scored_like_a_user_that_the_model_does_not_know_by_id(
    subject: Subject,
) -> None:
    if model_spec(subject.name).fold_in in ("none", "counts"):
        pytest.skip("reads no history")
    data, config = subject.run.data, subject.run.config
    known = Histories.before(data.split, TEST, data.test.users[:3])
    unseen = dataclasses.replace(known, users=np.zeros(3, dtype=np.int64))
    before = copy.deepcopy(model_state(subject.model))
    scores = []
    for one in (known, unseen):
        torch.manual_seed(0)
        scores.append(history_scores(subject.model, data.dataset, config, one))
    assert torch.isfinite(scores[1][:, 1:]).all()
    assert torch.equal(*scores) != (subject.name in contract.KNOWS_THE_PERSON)
    for name, value in model_state(subject.model)["state_dict"].items():
        assert torch.equal(value, before["state_dict"][name])


def test_no_layer_stands_between_the_tables_of_a_classic_model(subject: Subject) -> None:
    """Neighbours, linear models and factors hold their numbers in matrices and embeddings alone."""
    if model_spec(subject.name).is_neural:
        pytest.skip("a neural network")
    layers = [
        module
        for module in subject.model.modules()
        if module is not subject.model and next(module.parameters(recurse=False), None) is not None
    ]
    assert all(isinstance(layer, torch.nn.Embedding) for layer in layers)


@pytest.mark.parametrize("name", [name for name in known_models() if model_spec(name).deterministic])
def test_a_deterministic_model_gives_every_seed_the_same_scores(
    name: str, walks_home: Path, tmp_path: Path
) -> None:
    one, other = (contract.trained(name, walks_home, tmp_path / str(seed), seed=seed) for seed in (1, 2))
    same_numbers(one.result.test, other.result.test)


@pytest.mark.parametrize("name", ["Random", "BPR", "SLIMElastic"])
def test_a_model_with_chance_in_it_does_not(name: str, walks_home: Path, tmp_path: Path) -> None:
    """SLIMElastic, too: its lasso descends the coordinates in random order and stops at a tolerance."""
    one, other = (contract.trained(name, walks_home, tmp_path / str(seed), seed=seed) for seed in (1, 2))
    assert not model_spec(name).deterministic
    assert not np.array_equal(one.result.test.scores, other.result.test.scores)
