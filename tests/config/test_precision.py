"""What softmax_precision means on a machine, and that a run keeps it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import yaml

from recbole_ext.config.precision import resolved_precision
from recbole_ext.trainer.train import train


@pytest.mark.parametrize(("native", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_auto_is_bfloat16_where_the_hardware_has_it(
    native: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    assert resolved_precision("auto") == expected
    assert resolved_precision("bfloat16") == "bfloat16"
    assert resolved_precision("float32") == "float32"
    assert resolved_precision(None) == "float32"


@pytest.mark.parametrize(("native", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_a_run_says_which_precision_it_had(
    native: bool, expected: str, quick: dict[str, Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the same configuration gives the same numbers on a processor without bfloat16."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    folder = train("GRU4Rec", overrides={**quick, "epochs": 1}, output=tmp_path / "run").folder
    assert yaml.safe_load((folder / "config.yaml").read_text())["softmax_precision"] == expected
