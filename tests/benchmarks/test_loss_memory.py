"""The losses over a large catalogue stay small: peak memory of a process of their own."""

from __future__ import annotations

import pytest

from benchmarks.loss_memory import LOSSES, measure


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
def test_memory_does_not_grow_with_positions_times_items(loss: str) -> None:
    """3,000 positions and 85,000 items: logits of .95 GiB, with their gradient 1.9 GiB."""
    peak = measure(loss, positions=3000)
    assert peak.peak_gib - peak.before_gib < 0.4
    assert peak.peak_gib < 2
