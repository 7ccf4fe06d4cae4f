"""HSTU against its formula, with and without times."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch

from recbole_ext.config.build import build_config
from recbole_ext.data.build import prepare_data, train_loader
from recbole_ext.errors import RecBoleExtError
from recbole_ext.model.sequential_recommender.hstu import HSTU
from tests.model.test_esasrec import CLOSE, Weights, silu

HISTORIES = [
    [(3, 0), (1, 0), (4, 1), (1, 70), (5, 4000), (9, 4000), (2, 10**6), (6, 10**8)],
    [(5, 10), (3, 20), (5, 40)],
    [(7, 5)],
]


def normal(x: np.ndarray, eps: float) -> np.ndarray:
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + eps)


def layer(
    weights: Weights, prefix: str, x: np.ndarray, times: list[int], heads: int, length: int
) -> np.ndarray:
    """One layer on one history ``(n, d)``, by pair of places and head (Zhai et al. 2024, equations 1 to 3)."""
    gate, value, query, key = np.split(silu(weights.linear(f"{prefix}uvqk", normal(x, 1e-6))), 4, axis=1)
    by_place, mixed = weights.of[f"{prefix}bias.places"], np.zeros_like(x)
    by_time = weights.of.get(f"{prefix}bias.times")
    size = x.shape[1] // heads
    for place, head in itertools.product(range(len(x)), range(heads)):
        part = slice(head * size, (head + 1) * size)
        for past in range(place + 1):
            score = query[place, part] @ key[past, part] + by_place[place - past]
            if by_time is not None:
                score += by_time[int(math.log(max(1, times[place] - times[past])) / 0.301)]
            mixed[place, part] += silu(score) / length * value[past, part]
    return x + weights.linear(f"{prefix}output", gate * normal(mixed, 1e-6))


def built(quick: dict[str, Any], **values: Any) -> tuple[Any, Any, Any]:
    config = build_config(HSTU, None, (), {**quick, "hidden_size": 8, "n_heads": 2, **values})
    data = prepare_data(config)
    torch.manual_seed(0)
    made = HSTU(config, data.dataset).double().eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return made, config, data


def batch_of(model: Any) -> dict[str, torch.Tensor]:
    padded = [[*history, *[(0, 0)] * (8 - len(history))] for history in HISTORIES]
    both = torch.tensor(padded)
    length = torch.tensor([len(history) for history in HISTORIES])
    return {model.ITEM_SEQ: both[..., 0], model.TIME_SEQ: both[..., 1], model.ITEM_SEQ_LEN: length}


@pytest.mark.parametrize("buckets", [0, 128])
@pytest.mark.parametrize("similarity", ["cosine", "product"])
def test_scores_are_those_of_the_formula(quick: dict[str, Any], buckets: int, similarity: str) -> None:
    model, config, _ = built(quick, relative_time_buckets=buckets, similarity=similarity)
    weights, batch = Weights(model), batch_of(model)
    scores = model.full_sort_predict(batch).detach().numpy()
    items = weights.of["item_embedding.weight"]
    for row, history in enumerate(HISTORIES):
        ids, times = [item for item, _ in history], [time for _, time in history]
        x = items[ids] * math.sqrt(8) + weights.of["position_embedding.weight"][: len(ids)]
        for number in range(2):
            x = layer(weights, f"layers.{number}.", x, times, 2, int(config["MAX_ITEM_LIST_LENGTH"]))
        expected = items @ x[-1]
        if similarity == "cosine":
            expected /= np.linalg.norm(items, axis=1) * np.linalg.norm(x[-1]) * 0.05
        np.testing.assert_allclose(scores[row], expected, **CLOSE)


def test_training_reads_the_times_of_the_window(quick: dict[str, Any]) -> None:
    model, config, data = built(quick)
    batch = next(iter(train_loader(config, data, HSTU)))
    torch.manual_seed(0)
    before = model.calculate_loss(batch)
    before.backward()
    assert model.layers[0].bias.times.grad.abs().sum() > 0
    batch[model.TIME_SEQ] = batch[model.TIME_SEQ] * 100
    torch.manual_seed(0)
    assert model.calculate_loss(batch) != before


def test_a_state_does_not_know_the_time_of_what_comes(quick: dict[str, Any]) -> None:
    model, _, _ = built(quick)
    batch = batch_of(model)
    later = batch[model.TIME_SEQ].clone()
    later[:, 5:] += 10**6
    columns = batch[model.ITEM_SEQ], batch[model.ITEM_SEQ_LEN], torch.ones(3)
    one, other = (model.encode(*columns, times=times) for times in (batch[model.TIME_SEQ], later))
    torch.testing.assert_close(one[:, :5], other[:, :5])
    assert not torch.allclose(one[0, 5], other[0, 5])


def test_a_history_without_times_is_refused(quick: dict[str, Any]) -> None:
    model, _, _ = built(quick)
    batch = batch_of(model)
    del batch[model.TIME_SEQ]
    with pytest.raises(RecBoleExtError, match="this history has no times: add times"):
        model.full_sort_predict(batch)
