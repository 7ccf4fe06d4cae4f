"""eSASRec against the formula of its layers, and against RecTools' layers where these are installed."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from recbole_ext.config.build import build_config
from recbole_ext.data.build import prepare_data
from recbole_ext.model.sequential_recommender.esasrec import LiGRLayer, eSASRec

CLOSE: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-9}


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def silu(x: np.ndarray) -> np.ndarray:
    return x * sigmoid(x)


class Weights:
    """The parameters of a module as arrays, and the operations that they stand for."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.of = {name: value.detach().double().numpy() for name, value in module.state_dict().items()}

    def linear(self, name: str, x: np.ndarray) -> np.ndarray:
        out = x @ self.of[f"{name}.weight"].T
        return out + self.of[f"{name}.bias"] if f"{name}.bias" in self.of else out

    def norm(self, name: str, x: np.ndarray, eps: float) -> np.ndarray:
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + eps)
        return scaled * self.of[f"{name}.weight"] + self.of[f"{name}.bias"]


def ligr(weights: Weights, prefix: str, x: np.ndarray, heads: int, eps: float) -> np.ndarray:
    """One layer on one history ``(n, d)``, by place and head."""
    normal = weights.norm(f"{prefix}norm_1", x, eps)
    query, key, value = (weights.linear(f"{prefix}{name}", normal) for name in ("query", "key", "value"))
    mixed, size = np.zeros_like(x), x.shape[1] // heads
    for place, head in itertools.product(range(len(x)), range(heads)):
        part = slice(head * size, (head + 1) * size)
        scores = np.exp(key[: place + 1, part] @ query[place, part] / np.sqrt(size))
        mixed[place, part] = scores / scores.sum() @ value[: place + 1, part]
    x = x + sigmoid(weights.linear(f"{prefix}gate_1", x)) * weights.linear(f"{prefix}output", mixed)
    normal = weights.norm(f"{prefix}norm_2", x, eps)
    inner = silu(weights.linear(f"{prefix}dense_1", normal)) * weights.linear(f"{prefix}dense_2", normal)
    return x + sigmoid(weights.linear(f"{prefix}gate_2", x)) * weights.linear(f"{prefix}dense_3", inner)


@pytest.fixture(params=["tied", "separate"])
def model(request: pytest.FixtureRequest, quick: dict[str, Any]) -> Any:
    values = {"hidden_size": 8, "inner_size": 12, "n_heads": 2, "output_embedding": request.param}
    config = build_config(eSASRec, None, (), {**quick, **values})
    torch.manual_seed(0)
    made = eSASRec(config, prepare_data(config).dataset).double().eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    made.config_says = request.param
    return made


def test_scores_are_those_of_the_formula(model: Any) -> None:
    weights = Weights(model)
    histories = [[3, 1, 4, 1, 5, 9, 2, 6], [5, 3, 5], [7]]
    items = torch.tensor([[*history, *[0] * (8 - len(history))] for history in histories])
    length = torch.tensor([len(history) for history in histories])
    batch = {model.ITEM_SEQ: items, model.ITEM_SEQ_LEN: length}
    scores = model.full_sort_predict(batch).detach().numpy()
    out = "output_embedding" if model.config_says == "separate" else "item_embedding"
    for row, history in enumerate(histories):
        x = (
            weights.of["item_embedding.weight"][history]
            + weights.of["position_embedding.weight"][: len(history)]
        )
        for layer in range(2):
            x = ligr(weights, f"layers.{layer}.", x, 2, 1e-5)
        np.testing.assert_allclose(scores[row], x[-1] @ weights.of[f"{out}.weight"].T, **CLOSE)
        encoded = model.encode(items, length, torch.ones(3)).detach().numpy()
        np.testing.assert_allclose(encoded[row, : len(history)], x, **CLOSE)


def test_layers_equal_rectools() -> None:
    theirs_module = pytest.importorskip(
        "rectools.models.nn.transformers.ligr", reason="RecTools not installed"
    )
    torch.manual_seed(0)
    theirs = theirs_module.LiGRLayer(8, 2, 0.1, ff_factors_multiplier=4).double().eval()
    ours = LiGRLayer(8, 32, 2, 0.1, 0.1, 1e-5).double().eval()
    state, packed = theirs.state_dict(), theirs.multi_head_attn
    names = {
        "norm_1": "layer_norm_1",
        "norm_2": "layer_norm_2",
        "gate_1": "gating_linear_1",
        "gate_2": "gating_linear_2",
        "output": "multi_head_attn.out_proj",
        "dense_1": "feed_forward.ff_linear_1",
        "dense_2": "feed_forward.ff_linear_2",
        "dense_3": "feed_forward.ff_linear_3",
    }
    found = {
        f"{our}.{kind}": state[f"{their}.{kind}"]
        for our, their in names.items()
        for kind in ("weight", "bias")
        if f"{their}.{kind}" in state
    }
    for place, name in enumerate(("query", "key", "value")):
        found[f"{name}.weight"] = packed.in_proj_weight.chunk(3)[place]
        found[f"{name}.bias"] = packed.in_proj_bias.chunk(3)[place]
    ours.load_state_dict(found)
    states = torch.randn(3, 6, 8, dtype=torch.float64)
    future = torch.ones(6, 6, dtype=torch.bool).triu(1)
    torch.testing.assert_close(ours(states, None), theirs(states, future, None))
