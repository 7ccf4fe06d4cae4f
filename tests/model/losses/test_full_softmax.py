"""The blockwise cross-entropy is PyTorch's own, in value and in both gradients."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from recbole_ext.model.losses.full_softmax import full_softmax


def random_case(
    rows: int, n_items: int, width: int, seed: int, kind: torch.dtype = torch.float64
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    output = torch.randn(rows, width, generator=generator, dtype=kind).requires_grad_()
    items = torch.randn(n_items, width, generator=generator, dtype=kind).requires_grad_()
    return output, items, torch.randint(0, n_items, (rows,), generator=generator)


def value_and_gradients(loss: torch.Tensor, *leaves: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return (loss.detach(), *torch.autograd.grad(loss, leaves))


@settings(deadline=None)
@given(
    rows=st.integers(1, 20),
    n_items=st.integers(1, 15),
    width=st.integers(1, 6),
    rows_at_once=st.integers(0, 25),
    seed=st.integers(0, 2**31),
)
def test_equals_cross_entropy(rows: int, n_items: int, width: int, rows_at_once: int, seed: int) -> None:
    output, items, targets = random_case(rows, n_items, width, seed)
    chunk_bytes = max(1, rows_at_once * n_items * 8)
    got = value_and_gradients(
        full_softmax(output, items, targets, chunk_bytes=chunk_bytes) * 2.5, output, items
    )
    expected = value_and_gradients(cross_entropy(output @ items.T, targets) * 2.5, output, items)
    for ours, theirs in zip(got, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("smoothing", [0.05, 0.5, 0.99])
@pytest.mark.parametrize("weighted", [False, True])
def test_smoothing_is_pytorchs(smoothing: float, weighted: bool) -> None:
    output, items, targets = random_case(9, 7, 4, 5)
    weights = torch.linspace(0.5, 2, 9, dtype=torch.float64) if weighted else None
    got = full_softmax(output, items, targets, weights=weights, smoothing=smoothing, chunk_bytes=1)
    rows = cross_entropy(output @ items.T, targets, label_smoothing=smoothing, reduction="none")
    expected = (rows if weights is None else rows * weights).mean()
    for ours, theirs in zip(
        value_and_gradients(got, output, items), value_and_gradients(expected, output, items), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("chunk_bytes", [1, 3 * 1000 * 4, 10**9])
def test_single_precision(chunk_bytes: int) -> None:
    output, items, targets = random_case(64, 1000, 16, 0, torch.float32)
    got = value_and_gradients(full_softmax(output, items, targets, chunk_bytes=chunk_bytes), output, items)
    expected = value_and_gradients(cross_entropy(output @ items.T, targets), output, items)
    for ours, theirs in zip(got, expected, strict=True):
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_gradients_by_finite_differences() -> None:
    output, items, targets = random_case(5, 4, 3, 1)
    assert torch.autograd.gradcheck(
        lambda left, right: full_softmax(left, right, targets, chunk_bytes=1), (output, items)
    )


def test_by_hand() -> None:
    # Two items with the logits 0 and log 3: the second has the probability 3/4.
    output = torch.tensor([[1.0]], dtype=torch.float64)
    items = torch.log(torch.tensor([[1.0], [3.0]], dtype=torch.float64))
    for chunk_bytes in (1, 10**6):
        got = full_softmax(output.repeat(2, 1), items, torch.tensor([1, 0]), chunk_bytes=chunk_bytes)
        assert float(got) == pytest.approx((torch.log(torch.tensor([4 / 3, 4.0])).sum() / 2).item())


def test_large_logits_do_not_overflow() -> None:
    output = torch.full((3, 1), 100.0, requires_grad=True)
    items = torch.tensor([[-100.0], [0.0], [100.0]], requires_grad=True)
    targets = torch.tensor([2, 2, 0])
    got = value_and_gradients(full_softmax(output, items, targets, chunk_bytes=1), output, items)
    expected = value_and_gradients(cross_entropy(output @ items.T, targets), output, items)
    for ours, theirs in zip(got, expected, strict=True):
        assert torch.isfinite(ours).all()
        torch.testing.assert_close(ours, theirs)


def test_the_arguments_are_left_alone_and_no_gradient_is_needed() -> None:
    output, items, targets = random_case(6, 5, 3, 2)
    before = output.detach().clone(), items.detach().clone()
    with torch.no_grad():
        got = full_softmax(output, items, targets, chunk_bytes=1)
    assert not got.requires_grad
    assert got.item() == pytest.approx(cross_entropy(output @ items.T, targets).item())
    assert torch.equal(output, before[0])
    assert torch.equal(items, before[1])


def test_it_flows_through_what_is_before_it() -> None:
    output, items, targets = random_case(6, 5, 3, 3)
    layer = torch.nn.Linear(3, 3).double()
    got, expected = (
        value_and_gradients(loss, *layer.parameters(), items)
        for loss in (
            full_softmax(layer(output), items, targets, chunk_bytes=1),
            cross_entropy(layer(output) @ items.T, targets),
        )
    )
    for ours, theirs in zip(got, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("weighted", [False, True])
def test_bfloat16_products_stay_near_those_of_float32(weighted: bool) -> None:
    # bfloat16 keeps 8 bits: a logit of about 3 is off by .01, a share by 2^-9 of itself.
    output, items, targets = random_case(700, 900, 32, 2, torch.float32)
    with torch.no_grad():
        items *= 0.2
    weights = torch.rand(700) if weighted else None
    expected = value_and_gradients(full_softmax(output, items, targets, weights=weights), output, items)
    got = value_and_gradients(
        full_softmax(output, items, targets, weights=weights, precision=torch.bfloat16), output, items
    )
    assert [one.dtype for one in got] == [torch.float32] * 3
    torch.testing.assert_close(got[0], expected[0], rtol=2e-3, atol=0)
    for ours, theirs in zip(got[1:], expected[1:], strict=True):
        error = (ours - theirs).norm() / theirs.norm()
        assert 0 < error < 0.01
    # No bias: errors cancel in a sum over many numbers.
    assert abs((got[2] - expected[2]).mean()) < 1e-3 * expected[2].abs().mean()


@pytest.mark.parametrize("margin", [9.0, 12.0, 16.0])
def test_bfloat16_knows_how_sure_a_sure_target_is(margin: float) -> None:
    # Targets with shares of .66 to .70, .956 to .969 and .9976 to .9988: bfloat16 cannot hold 1 minus such a share.
    torch.manual_seed(4)
    items = torch.nn.functional.normalize(torch.randn(2000, 64)).requires_grad_()
    targets = torch.randint(2000, (400,))
    output = (margin * items.detach()[targets]).requires_grad_()
    expected = value_and_gradients(full_softmax(output, items, targets), output, items)
    by_torch = cross_entropy(output.double() @ items.double().T, targets).float()
    torch.testing.assert_close(expected[0], by_torch, rtol=1e-4, atol=0)
    got = value_and_gradients(full_softmax(output, items, targets, precision=torch.bfloat16), output, items)
    torch.testing.assert_close(got[0], expected[0], rtol=0.03, atol=0)
    for ours, theirs in zip(got[1:], expected[1:], strict=True):
        along = (ours * theirs).sum() / (theirs * theirs).sum()
        assert along.item() == pytest.approx(1, abs=0.03)
        assert (ours - theirs).norm() < 0.05 * theirs.norm()


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_a_target_without_a_share_has_the_right_loss(precision: torch.dtype) -> None:
    # Logits 400 and 0: the second item's share is exp(-400), which no float32 holds; its loss is 400.
    output, items = torch.tensor([[20.0], [20.0]]), torch.tensor([[20.0], [0.0]])
    loss = full_softmax(output, items, torch.tensor([1, 0]), precision=precision)
    assert loss.item() == pytest.approx(200.0)
