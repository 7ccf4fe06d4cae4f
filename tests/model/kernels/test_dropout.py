"""Dropout from quarters of random numbers: its shares, its expectation, its independence."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from recbole_ext.model.kernels.dropout import QuickDropout, quicken_dropout


@pytest.mark.parametrize("p", [0.1, 0.5, 0.73])
def test_share_scale_and_independence(p: float) -> None:
    torch.manual_seed(3)
    ones = torch.ones(400, 1001)
    out = QuickDropout(p)(ones)
    kept = out != 0
    # 400,400 draws: four standard deviations of a share are below .0032.
    assert kept.float().mean().item() == pytest.approx(1 - p, abs=0.0032)
    assert out[kept].unique().tolist() == pytest.approx([1 / (1 - p)], rel=1e-4)
    # Of the four decisions of a random number, each pair agrees as often as independent ones do.
    four = kept.flatten()[:400_000].view(-1, 4).float() - kept.float().mean()
    together = four.T @ four / len(four) / (p * (1 - p))
    assert (together - torch.eye(4)).abs().max() < 0.015


def test_gradients_go_where_values_went() -> None:
    values = torch.randn(7, 3, dtype=torch.float64, requires_grad=True)
    out = QuickDropout(0.4)(values)
    (gradient,) = torch.autograd.grad(out.sum(), values)
    torch.testing.assert_close(gradient * values, out)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_all_and_nothing(p: float) -> None:
    assert torch.equal(QuickDropout(p)(torch.ones(9)), torch.full((9,), 1 - p))


def test_the_seed_decides_and_evaluation_changes_nothing() -> None:
    layer, values = QuickDropout(0.5), torch.randn(50)
    torch.manual_seed(1)
    first = layer(values)
    torch.manual_seed(1)
    assert torch.equal(layer(values), first)
    assert not torch.equal(layer(values), first)
    assert layer.eval()(values) is values


def test_every_plain_dropout_is_replaced() -> None:
    model = nn.Sequential(nn.Dropout(0.3), nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.2)), nn.Dropout1d(0.1))
    before = dict(model.state_dict())
    quicken_dropout(model)
    assert [type(m) for m in model.modules() if hasattr(m, "p")] == [QuickDropout, QuickDropout, nn.Dropout1d]
    assert [m.p for m in model.modules() if hasattr(m, "p")] == [0.3, 0.2, 0.1]
    assert model.state_dict().keys() == before.keys()
