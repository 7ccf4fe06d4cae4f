"""Windows of sequences, cut from one flat array."""

from __future__ import annotations

import numpy as np

__all__ = ["cut_windows"]


def cut_windows(items: np.ndarray, stop: np.ndarray, length: np.ndarray, width: int) -> np.ndarray:
    """Cuts windows of items that end before ``stop``, left-aligned and padded with 0 on the right.

    Args:
        items: ``(N,)`` item ids.
        stop: ``(B,) int64`` row after each window's last item.
        length: ``(B,) int64`` items in each window, at most ``width``.
        width: Columns of the result.

    Returns:
        ``(B, width) int64``, 0 = padding.
    """
    column = np.arange(width)
    inside = column < length[:, None]
    rows = (stop - length)[:, None] + column
    return np.where(inside, items[np.where(inside, rows, 0)], 0).astype(np.int64)
