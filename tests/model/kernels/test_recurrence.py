"""The written-out recurrence is PyTorch's, in states and in all gradients."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from recbole_ext.model.kernels.recurrence import gru_states


def states_and_gradients(layers: nn.GRU, inputs: torch.Tensor, written: bool) -> list[torch.Tensor]:
    inputs = inputs.clone().requires_grad_()
    states = gru_states(layers, inputs) if written else layers(inputs)[0]
    # Another weight for each number, so that no error can cancel.
    weights = torch.arange(states.numel(), dtype=states.dtype).view_as(states).sin()
    leaves = [inputs, *layers.parameters()]
    return [states.detach(), *torch.autograd.grad((states * weights).sum(), leaves)]


@settings(deadline=None, max_examples=30)
@given(
    batch=st.integers(1, 4),
    steps=st.integers(1, 7),
    width=st.integers(1, 4),
    size=st.integers(1, 5),
    layers=st.integers(1, 2),
    seed=st.integers(0, 2**31),
)
def test_equals_pytorch(batch: int, steps: int, width: int, size: int, layers: int, seed: int) -> None:
    torch.manual_seed(seed)
    host = nn.GRU(width, size, layers, bias=False, batch_first=True).double()
    inputs = 2 * torch.randn(batch, steps, width, dtype=torch.float64)
    for ours, theirs in zip(
        states_and_gradients(host, inputs, True), states_and_gradients(host, inputs, False), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)


def test_by_hand() -> None:
    # All weights 1, input 1: reset = update = σ(1), new = tanh(1), and the first state is (1 - update) · new.
    host = nn.GRU(1, 1, bias=False, batch_first=True).double()
    for weight in host.parameters():
        nn.init.ones_(weight)
    one = torch.ones((), dtype=torch.float64)
    first = (1 - one.sigmoid()) * one.tanh()
    gate = (one + first).sigmoid()
    second = (1 - gate) * (one + gate * first).tanh() + gate * first
    got = gru_states(host, torch.ones(1, 2, 1, dtype=torch.float64))
    assert got.flatten().tolist() == pytest.approx([first.item(), second.item()])


@pytest.mark.parametrize("changed", [{"bias": True}, {"bidirectional": True}])
def test_what_it_does_not_cover_is_left_to_pytorch(changed: dict[str, bool]) -> None:
    host = nn.GRU(2, 3, **{"bias": False, "batch_first": True, **changed})
    inputs = torch.randn(2, 4, 2)
    torch.testing.assert_close(gru_states(host, inputs), host(inputs)[0])
