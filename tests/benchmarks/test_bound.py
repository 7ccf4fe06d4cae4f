"""Operations of a training step, counted by hand."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.bound import counter


def test_products_in_place_count_as_others_do() -> None:
    """(2, 3) by (3, 4): 24 products and as many sums, once plain and once in place."""
    a, b, result = torch.ones(2, 3), torch.ones(3, 4), torch.zeros(2, 4)
    with counter() as counted:
        torch.mm(a, b)
        result.addmm_(a, b)
    assert isinstance(counted, FlopCounterMode)
    assert counted.get_total_flops() == 2 * 48
