"""Attention in PyTorch's kernels against sums by place, and RecBole's layers against themselves."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from recbole.model.layers import FeedForward, MultiHeadAttention, TransformerEncoder
from torch import nn

from recbole_ext.model.kernels.attention import (
    attention,
    causal_states,
    in_pieces,
    last_states,
    quicken_attention,
)
from recbole_ext.model.kernels.dropout import QuickDropout, quicken_dropout


class Nothing(nn.Dropout):
    """A dropout that takes the path of training and drops nothing."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return input


def by_place(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, allowed: torch.Tensor
) -> torch.Tensor:
    """Vaswani et al. 2017, equation 1, one query at a time; ``allowed (B, Q, K) bool``."""
    out = torch.empty(*query.shape[:3], value.shape[3], dtype=query.dtype)
    for row in range(query.shape[0]):
        for head in range(query.shape[1]):
            for place in range(query.shape[2]):
                seen = allowed[row, place]
                scores = key[row, head, seen] @ query[row, head, place] / query.shape[3] ** 0.5
                weights = scores.exp() / scores.exp().sum()
                out[row, head, place] = weights @ value[row, head, seen]
    return out


def random_qkv(length: int, queries: int | None = None) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(length)
    shapes = [(2, 2, queries or length, 3), (2, 2, length, 3), (2, 2, length, 3)]
    return tuple(
        torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True) for shape in shapes
    )


@pytest.mark.parametrize("dropout", [nn.Dropout(0.5).eval(), Nothing(0.5)], ids=["evaluation", "training"])
@pytest.mark.parametrize("length", [1, 7, 100, 101, 207])
def test_causal_attention_is_the_sum_by_place(length: int, dropout: nn.Dropout) -> None:
    inputs = random_qkv(length)
    expected = by_place(*inputs, torch.ones(2, length, length, dtype=torch.bool).tril())
    got = attention(*inputs, dropout=dropout, causal=True)
    torch.testing.assert_close(got, expected)
    weights = torch.randn_like(got)
    gradients = [torch.autograd.grad((out * weights).sum(), inputs) for out in (got, expected)]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("dropout", [nn.Dropout(0.5).eval(), Nothing(0.5)], ids=["evaluation", "training"])
@pytest.mark.parametrize("added", [False, True], ids=["bool", "added"])
def test_a_mask_leaves_keys_out(dropout: nn.Dropout, added: bool) -> None:
    inputs = random_qkv(6, queries=1)
    seen = torch.tensor([[True, True, False, False, True, False], [True, False, False, False, False, False]])
    mask = seen[:, None, None]
    given = torch.where(mask, 0.0, -1e9).double() if added else mask
    torch.testing.assert_close(
        attention(*inputs, dropout=dropout, mask=given), by_place(*inputs, seen[:, None])
    )


def test_training_drops_weights_and_scales_the_rest() -> None:
    torch.manual_seed(0)
    query, key = (torch.randn(8, 2, 30, 4) for _ in range(2))
    shown = torch.eye(30).expand(8, 2, 30, 30)  # so that the output is the weights themselves
    whole = attention(query, key, shown, dropout=nn.Dropout(0.25).eval(), causal=True)
    some = attention(query, key, shown, dropout=QuickDropout(0.25).train(), causal=True)
    past = torch.ones(30, 30, dtype=torch.bool).tril().expand_as(whole)
    kept = some != 0
    torch.testing.assert_close(some[kept], whole[kept] / 0.75)
    assert not kept[~past].any()
    # 7,440 draws: four standard deviations of a share are .02.
    assert kept[past].float().mean().item() == pytest.approx(0.75, abs=0.02)


def encoder(act: str = "gelu") -> Any:
    torch.manual_seed(1)
    made = TransformerEncoder(2, 2, 8, 16, 0.3, 0.3, act, 1e-12).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return made.eval()


@pytest.mark.parametrize("act", ["gelu", "relu", "swish", "tanh", "sigmoid"])
def test_a_quickened_encoder_keeps_names_and_function(act: str) -> None:
    slow = encoder(act)
    quick = copy.deepcopy(slow)
    quicken_attention(quick)
    assert list(quick.state_dict()) == list(slow.state_dict())
    assert not any(type(module) is MultiHeadAttention for module in quick.modules())
    states = torch.randn(3, 5, 8, dtype=torch.float64)
    mask = torch.where(torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]]) > 0, 0.0, -10000.0)
    mask = mask[:, None, None].double()
    for got, expected in zip(quick(states, mask), slow(states, mask), strict=True):
        torch.testing.assert_close(got, expected)


def test_only_hand_written_activations_are_replaced() -> None:
    relu, gelu = (FeedForward(4, 4, 0.0, act, 1e-12) for act in ("relu", "gelu"))
    quicken_attention(nn.ModuleList([relu, gelu]))
    assert relu.intermediate_act_fn is nn.functional.relu
    assert gelu.intermediate_act_fn is nn.functional.gelu


def test_the_last_place_alone_is_that_of_all() -> None:
    quick = encoder()
    quicken_attention(quick)
    states, place = torch.randn(4, 6, 8, dtype=torch.float64), torch.tensor([5, 0, 3, 2])
    whole = causal_states(quick, states)
    torch.testing.assert_close(last_states(quick, states, place), whole[torch.arange(4), place])


def test_the_last_place_alone_with_a_mask_on_both_sides() -> None:
    quick = encoder()
    quicken_attention(quick)
    states, length = torch.randn(4, 6, 8, dtype=torch.float64), torch.tensor([6, 1, 4, 3])
    mask = (torch.arange(6) < length[:, None])[:, None, None]
    whole = quick(states, torch.where(mask, 0.0, -10000.0).double())[-1]
    got = last_states(quick, states, length - 1, mask)
    torch.testing.assert_close(got, whole[torch.arange(4), length - 1])


def test_quickened_layers_still_drop() -> None:
    quick = encoder().train()
    quicken_dropout(quick)
    quicken_attention(quick)
    states = torch.randn(2, 6, 8, dtype=torch.float64)
    assert not torch.allclose(causal_states(quick, states), causal_states(quick, states))


def test_pieces_are_small_without_gradients_only() -> None:
    seen: list[int] = []

    def double(windows: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        seen.append(len(windows))
        return windows.sum(dim=1) + lengths

    windows, lengths = torch.arange(5 * 2**13).view(5, 2**13), torch.arange(5)
    expected = windows.sum(dim=1) + lengths
    assert torch.equal(in_pieces(double, windows, lengths), expected)
    with torch.no_grad():
        assert torch.equal(in_pieces(double, windows, lengths), expected)
    assert seen == [5, 2, 2, 1]
