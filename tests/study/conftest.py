"""A search of seconds on the cyclic set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recbole_ext.study.tune import TuneOptions, tune
from recbole_ext.study.tune_result import TuneResult


@pytest.fixture
def space_of(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a search space."""

    def write(text: str) -> Path:
        file = tmp_path / "space.yaml"
        file.write_text(text)
        return file

    return write


@pytest.fixture
def ease(quick: dict[str, Any], space_of: Callable[[str], Path], tmp_path: Path) -> Callable[..., TuneResult]:
    """Tunes EASE's one key; keyword arguments are options."""

    def search(**options: Any) -> TuneResult:
        space = space_of("reg_weight: {type: float, low: 1, high: 1000, log: true}\n")
        overrides = {**quick, "metrics": ["NDCG", "ItemCoverage"], **options.pop("overrides", {})}
        calls = {key: options.pop(key) for key in ("on_trial", "report") if key in options}
        options = {"output": tmp_path / "search", "trials": 4, **options}
        return tune("EASE", (), overrides, TuneOptions(space, **options), **calls)

    return search
