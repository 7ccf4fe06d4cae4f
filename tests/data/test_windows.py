"""Windows, by hand."""

from __future__ import annotations

import numpy as np

from recbole_ext.data.windows import cut_windows


def test_cut_windows_by_hand() -> None:
    items = np.array([10, 11, 12, 13, 14])
    windows = cut_windows(items, np.array([3, 5]), np.array([2, 4]), 4)
    assert windows.tolist() == [[11, 12, 0, 0], [11, 12, 13, 14]]
