"""Attention without a soft-max against its formula, pair by pair."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recbole_ext.model.kernels.pointwise_attention import RelativeBias, pointwise_attention, time_buckets


def test_buckets_by_hand() -> None:
    # 1.351, the base, is e^.301; an exact hour is 27.2 steps of it, a minute 13.6, and 2^40 s 92.1.
    seconds = torch.tensor([[0, 0, 1, 2, 60, 3600, 2**40]])
    assert time_buckets(seconds, 128)[0, :, 0].tolist() == [0, 0, 0, 2, 13, 27, 92]
    assert time_buckets(seconds, 128)[0, 0].tolist() == [0, 0, 0, 2, 13, 27, 92]
    assert time_buckets(seconds, 20)[0, :, 0].tolist() == [0, 0, 0, 2, 13, 19, 19]


@given(st.integers(0, 2**40), st.integers(1, 2**22))
def test_buckets_read_exact_times(start: int, apart: int) -> None:
    times = torch.tensor([[2**40 + start, 2**40 + start + apart]])
    wanted = math.log(apart) / 0.301
    # A number that close to an edge may fall on either side.
    near = abs(wanted - round(wanted)) < 1e-4
    assert near or time_buckets(times, 128)[0, 1, 0] == int(wanted)


def by_pair(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    bias: RelativeBias,
    times: torch.Tensor | None,
    scale: float,
) -> torch.Tensor:
    out = torch.zeros_like(value)
    for row in range(out.shape[0]):
        for head in range(out.shape[1]):
            for place in range(out.shape[2]):
                for past in range(place + 1):
                    score = query[row, head, place] @ key[row, head, past] + bias.places[place - past]
                    if times is not None:
                        seconds = max(1, int(times[row, place] - times[row, past]))
                        score = score + bias.times[int(math.log(seconds) / 0.301)]
                    weight = score / (1 + torch.exp(-score)) * scale
                    out[row, head, place] = out[row, head, place] + weight * value[row, head, past]
    return out


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("length", [1, 9, 103])
def test_sums_and_gradients_are_those_of_the_formula(length: int, timed: bool) -> None:
    torch.manual_seed(length)
    bias = RelativeBias(length, 128).double()
    inputs = [torch.randn(1, 2, length, 3, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    times = torch.randint(0, 10**6, (1, length)).cumsum(1) if timed else None
    buckets = None if times is None else time_buckets(times, 128)
    got = pointwise_attention(*inputs, bias, buckets, scale=1 / 7)
    expected = by_pair(*inputs, bias, times, 1 / 7)
    torch.testing.assert_close(got, expected)
    weights, asked = torch.randn_like(got), [*inputs, bias.places, *([bias.times] if timed else [])]
    gradients = [torch.autograd.grad((out * weights).sum(), asked) for out in (got, expected)]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_one_query_is_that_of_all() -> None:
    bias = RelativeBias(6, 128).double()
    query, key, value = (torch.randn(3, 2, 6, 4, dtype=torch.float64) for _ in range(3))
    buckets = time_buckets(torch.randint(0, 10**7, (3, 6)).cumsum(1), 128)
    whole = pointwise_attention(query, key, value, bias, buckets, scale=0.2)
    place, row = torch.tensor([5, 0, 3]), torch.arange(3)
    alone = pointwise_attention(
        query[row, :, place][:, :, None],
        key,
        value,
        bias,
        buckets[row, place][:, None],
        scale=0.2,
        first=place,
    )
    torch.testing.assert_close(alone[:, :, 0], whole[row, :, place])
