"""Histories that a model was not trained on: where they go, what is solved for them, what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from recbole_ext._compat.host import Interaction
from recbole_ext.data.histories import Histories
from recbole_ext.data.interactions import TEST, VALID
from recbole_ext.errors import ConfigError, DataError
from recbole_ext.model.fold_in import fold_in, history_scores
from recbole_ext.model.foldable import FOLD_INS, check_histories
from recbole_ext.model.history_rows import UserRows
from recbole_ext.model.history_vectors import HistorySolver
from recbole_ext.model.registry import ModelSpec, known_models, model_spec
from recbole_ext.model.scoring import catalogue_scores
from recbole_ext.trainer.opened import OpenedRun, open_model
from recbole_ext.trainer.train import train

TWO = Histories(
    items=np.array([3, 1, 3, 2]),
    indptr=np.array([0, 3, 4]),
    times=np.array([5, 6, 9, 1]),
    users=np.array([7, 0]),
)


def opened(name: str, quick: dict[str, Any], folder: Path, **values: Any) -> OpenedRun:
    own = {**quick, **values}
    if name not in ("SASRec", "Caser"):
        own.pop("MAX_ITEM_LIST_LENGTH")
    train(name, overrides={**own, "epochs": 1}, output=folder)
    run = open_model(folder)
    run.trainer.begin(run.data.test)
    return run


def scores(run: OpenedRun, histories: Histories) -> torch.Tensor:
    return history_scores(run.trainer.model, run.data.dataset, run.config, histories)


def test_ages_rows_and_lengths() -> None:
    assert len(TWO) == 2
    assert TWO.lengths.tolist() == [3, 1]
    assert TWO.rows.tolist() == [0, 0, 0, 1]
    assert TWO.ages.tolist() == [2, 1, 0, 0]
    assert TWO.matrix(5).toarray().tolist() == [[0, 1, 0, 1, 0], [0, 0, 1, 0, 0]]


def test_each_item_is_left_out_once() -> None:
    shorter = TWO.without_each()
    assert shorter.items.reshape(3, 2).tolist() == [[1, 3], [3, 3], [3, 1]]
    assert shorter.times is not None
    assert shorter.times.reshape(3, 2).tolist() == [[6, 9], [5, 9], [5, 6]]
    assert shorter.users.tolist() == [7, 7, 7]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"items": np.array([1, 2])}, "histories have 2 items, but their offsets need 4"),
        ({"users": np.array([1])}, "histories have 1 users, but their offsets need 2"),
        ({"times": np.array([1])}, "histories have 1 times, but their offsets need 4"),
        ({"items": np.array([0, 1, 2, 3])}, "histories hold the item id 0: leave padding"),
    ],
)
def test_histories_that_do_not_fit_together_are_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        dataclasses.replace(TWO, **change)


def test_what_users_had_before_a_phase(quick: dict[str, Any], tmp_path: Path) -> None:
    run = opened("Pop", quick, tmp_path / "run")
    split, user = run.data.split, 4
    rows = np.arange(*split.interactions.indptr[user : user + 2])
    for phase, held_out in ((VALID, 2), (TEST, 1)):
        found = Histories.before(split, phase, np.array([user, 2]))
        assert found.indptr.tolist() == [0, len(rows) - held_out, 2 * (len(rows) - held_out)]
        first = slice(*found.indptr[:2])
        np.testing.assert_array_equal(found.items[first], split.interactions.items[rows[:-held_out]])
        assert found.times is not None
        np.testing.assert_array_equal(found.times[first], split.interactions.times[rows[:-held_out]])


def test_a_row_holds_no_larger_count_than_the_training_rows_and_is_put_back() -> None:
    for largest, first in ((1.0, [0, 1, 0, 1]), (2.0, [0, 1, 0, 2])):
        matrix = sp.csr_matrix(np.array([[0, 0, 0, 0], [0, largest, 1, 0]], dtype=np.float32))
        model = SimpleNamespace(interaction_matrix=matrix, n_items=4, named_parameters=lambda: ())
        with UserRows(model, np.arange(2) > 0).holding(TWO):
            assert model.interaction_matrix.toarray().tolist() == [first, [0, 0, 1, 0]]
        assert model.interaction_matrix is matrix


def test_vectors_of_users_are_taken_by_id_and_the_mean_for_a_person_never_seen() -> None:
    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.h_user = torch.nn.Embedding.from_pretrained(torch.arange(18.0).view(9, 2), freeze=False)
            self.history_item_id = torch.zeros(9, 2, dtype=torch.int64)
            self.history_item_value = torch.zeros(9, 2)

    model = Model()
    table = model.h_user.weight
    with UserRows(model, np.arange(9) > 0).holding(TWO):
        assert model.h_user(torch.tensor([0, 1])).tolist() == [[14, 15], [9, 10]]
        assert model.history_item_id.tolist() == [[1, 3], [2, 0]]
        assert model.history_item_value.tolist() == [[1, 1], [1, 0]]
    assert model.h_user.weight is table


def test_a_solved_vector_minimises_the_loss_that_its_class_states() -> None:
    """Against the gradient of the loss, written from the formula in float64."""
    items = torch.randn(6, 3, generator=torch.Generator().manual_seed(1))
    items[0] = 0
    solver = HistorySolver(items, weight_of_all=0.2, ridge=0.5)
    found = solver.scores(TWO)
    v = items.double()
    for row, history in enumerate(([1, 3], [2])):
        w = torch.zeros(3, dtype=torch.float64, requires_grad=True)
        loss = ((v[history] @ w - 1) ** 2).sum() + 0.2 * ((v @ w) ** 2).sum() + 0.5 * (w @ w)
        gradient = torch.autograd.grad(loss, w, create_graph=True)[0]
        hessian = torch.stack([torch.autograd.grad(one, w, retain_graph=True)[0] for one in gradient])
        best = -torch.linalg.solve(hessian, gradient.detach())  # one step of Newton ends a quadratic
        np.testing.assert_allclose(found[row].numpy(), (v @ best).numpy(), rtol=1e-4, atol=1e-5)


def test_the_solver_takes_the_ridge_that_gives_back_the_trained_vectors() -> None:
    """Users whose vectors are the solution for a = 0.01 and λ = 1: that cell of the grid has cosine 1."""
    rng = np.random.default_rng(0)
    items = torch.from_numpy(rng.normal(size=(30, 4))).float()
    items[0] = 0
    dense = (rng.random((50, 30)) < 0.2).astype(np.float32)
    dense[0], dense[:, 0] = 0, 0
    training = sp.csr_matrix(dense)
    unit = float(items.square().sum(dim=1).mean())
    truth = HistorySolver(items, 0.01, 1.0 * unit)
    model = SimpleNamespace(
        user_embedding=SimpleNamespace(weight=truth._solved(training)),
        item_embedding=SimpleNamespace(weight=items),
    )
    found = HistorySolver.of(model, training)
    assert (found.weight_of_all, found.ridge) == (0.01, pytest.approx(unit))


def test_an_unseen_history_is_scored_as_the_formula_of_the_model_says(
    quick: dict[str, Any], tmp_path: Path
) -> None:
    history = Histories(np.array([2, 5]), np.array([0, 2]), None, np.array([0]))
    ease = opened("EASE", quick, tmp_path / "ease")
    weights = np.asarray(ease.trainer.model.item_similarity)
    np.testing.assert_allclose(scores(ease, history)[0], weights[2] + weights[5], atol=1e-6)
    near = opened("UserKNN", quick, tmp_path / "near", k=3)
    x = near.data.dataset.inter_matrix(form="csr").toarray()
    cosine = x[:, [2, 5]].sum(axis=1) / (np.sqrt(2 * x.sum(axis=1)) + 1e-6)
    best = np.lexsort((np.arange(len(x)), -cosine))[:3]
    np.testing.assert_allclose(scores(near, history)[0], cosine[best] @ x[best], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["MLP", "NeuMF", "ConvNCF", "NNCF", "GCMC"])
def test_a_history_has_the_mean_vector_of_its_nearest_training_users(
    name: str, quick: dict[str, Any], tmp_path: Path
) -> None:
    small = {"cnn_channels": [1, 2, 2], "cnn_kernels": [4, 4], "cnn_strides": [4, 4], "embedding_size": 16}
    run = opened(name, quick, tmp_path / "run", **(small if name == "ConvNCF" else {}))
    model, x = run.trainer.model, run.data.dataset.inter_matrix(form="csr").toarray()
    known = np.array([0, 3])  # a person never seen, and user 3, who is no neighbour of its own
    items = [np.array([2, 5]), np.flatnonzero(x[3])[:5]]
    histories = Histories(np.concatenate(items), np.array([0, 2, 7]), None, known)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    found = scores(run, histories)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    means = []
    for own, read in zip(known, items, strict=True):
        cosine = x[:, read].sum(axis=1) / (np.sqrt(len(read) * x.sum(axis=1)) + 1e-6)
        cosine[own] = 0
        best = np.lexsort((np.arange(len(x)), -cosine))[:20]
        means.append(best[cosine[best] > 0])
    # The same by hand: user 1 gets the mean vector, and is scored as a user.
    for row, near in enumerate(means):
        if name == "GCMC":
            users, catalogue = model.GcEncoder(model.user_features, model.item_features)
            users[1] = users[near].mean(dim=0)
            expected = model.BiDecoder(users, catalogue, torch.tensor([1]), None)[:, 1]
        else:
            model.load_state_dict(before)
            for key, table in model.named_parameters():
                if key in ("user_embedding.weight", "user_mf_embedding.weight", "user_mlp_embedding.weight"):
                    table.data[1] = table.data[near].mean(dim=0)
            if name == "NNCF":
                padded = torch.zeros_like(model.u_neigh[1])
                padded[: len(items[row])] = torch.from_numpy(items[row])
                model.u_neigh[1] = padded
            one = Interaction({"user_id": torch.tensor([1])})
            expected = catalogue_scores(model, one, run.data.dataset, torch.device("cpu"), 4096)[0]
        np.testing.assert_allclose(found[row], expected.detach().numpy().ravel(), rtol=1e-4, atol=1e-5)


def test_a_window_takes_the_last_items_only(quick: dict[str, Any], tmp_path: Path) -> None:
    run = opened("SASRec", quick, tmp_path / "run")
    items = np.array([4, 9, 2, 7, 1, 3, 8, 6, 5, 10])
    long, short = (
        Histories(items[skipped:], np.array([0, len(items) - skipped]), None, np.array([0]))
        for skipped in (0, 2)
    )
    assert torch.equal(scores(run, long), scores(run, short))


def test_what_cannot_be_scored_is_refused_in_a_sentence(quick: dict[str, Any], tmp_path: Path) -> None:
    run = opened("EASE", quick, tmp_path / "run")
    catalogue = run.data.dataset.item_num
    empty = Histories(np.array([2]), np.array([0, 1, 1]), None, np.array([0, 0]))
    with pytest.raises(DataError, match="a history is empty, and EASE ranks from histories alone"):
        scores(run, empty)
    with pytest.raises(DataError, match=f"the item id {catalogue}, but the largest of the catalogue"):
        scores(run, Histories(np.array([catalogue]), np.array([0, 1]), None, np.array([0])))
    outside = ModelSpec("Own", "own:Own")
    with pytest.raises(ConfigError, match=r"same_history: true needs .* of Own a person is known only by"):
        check_histories(outside, {"same_history": True})
    rated = SimpleNamespace(inter_matrix_type="rating")
    assert fold_in(rated, model_spec("DMF")).kind == "none"
    assert fold_in(None, model_spec("DMF")).kind == "row"


def test_every_model_says_how_it_reads_a_history() -> None:
    for name in known_models():
        spec = model_spec(name)
        found = fold_in(None, spec)
        assert found.sentence == FOLD_INS[found.kind]
        sequential = "sequential_recommender" in spec.path
        assert (found.kind == "window") == sequential


def test_an_item_counts_once_where_a_row_has_one_value_for_it() -> None:
    assert TWO.last_of_each().tolist() == [False, True, True, True]
    assert TWO.weighted("place", np.log(2)).matrix(4, most=9).toarray().tolist() == [
        [0, 0.5, 0, 1.25],
        [0, 0, 1, 0],
    ]


@pytest.mark.parametrize(("by", "weights"), [("place", [1 / 9, 1 / 3, 1, 1]), ("time", [3**-4, 3**-3, 1, 1])])
def test_an_item_weighs_less_the_older_it_is(by: str, weights: list[float]) -> None:
    in_days = dataclasses.replace(TWO, times=86_400 * np.array([5, 6, 9, 1]))
    found = in_days.weighted(by, float(np.log(3))).weights
    np.testing.assert_allclose(found, weights)


def test_weighing_by_time_needs_times() -> None:
    with pytest.raises(DataError, match="history_weighting by time needs the times"):
        dataclasses.replace(TWO, times=None).weighted("time", 0.1)
