"""A study of seconds, and everything in its folder that no clock decides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from recbole_ext.study.compare import compare
from recbole_ext.study.where import Where
from tests.faults.jobs import JOBS, figures


def write_study(folder: Path, quick: Mapping[str, Any], **changes: Any) -> Path:
    """A comparison of a search, deterministic models and a neural one of two seeds."""
    (folder / "space.yaml").write_text("reg_weight: {type: float, low: 1, high: 100, log: true}\n")
    metrics = ["NDCG", "ItemCoverage", "TailShare"]
    base = {**quick, "epochs": 2, "topk": [5], "valid_metric": "NDCG@5", "metrics": metrics}
    content = {
        "base": base,
        "models": ["Pop", "EASE", "GRU4Rec"],
        "seeds": [1, 2],
        "trials": 3,
        "spaces": {"EASE": "space.yaml"},
        **changes,
    }
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def numbers(folder: Path) -> dict[str, Any]:
    """Figures, lists, weights and tables of a study, by path."""
    found = figures(replace(JOBS["train"], result=folder.name), folder.parent)
    prefix = f"{folder.name}/"
    return {name.removeprefix(prefix): value for name, value in found.items()}


def check_same(folder: Path, other: Path) -> None:
    """Two folders hold the same files with the same numbers, and nothing unfinished."""
    left, right = numbers(folder), numbers(other)
    assert left.keys() == right.keys()
    for name, value in left.items():
        if name.endswith((".json", ".yaml")):  # paths in them name the folder itself
            assert _nameless(value, folder) == _nameless(right[name], other), name
        else:
            assert value == right[name], name
    assert not list(folder.rglob("*.partial"))
    assert not list(folder.rglob(".ray-*"))


def _nameless(value: Any, folder: Path) -> str:
    return json.dumps(value, default=str).replace(str(folder), "")


def computed(file: Path, folder: Path, where: Where, **options: Any) -> Path:
    """Runs the comparison; returns its folder."""
    compare(file, output=folder, where=where, **options)
    return folder
