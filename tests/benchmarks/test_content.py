"""The table of what content brings, from an ablation of two models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.content import main, placed
from recbole_ext.errors import ConfigError
from recbole_ext.study.ablate import ablate
from tests.conformance.contract import overrides, write_walks


def test_an_ablation_of_features_becomes_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = write_walks(tmp_path / "data")
    settings: dict[str, Any] = {**overrides("MLPSeq", home), "epochs": 1}
    settings["metrics"] = ["NDCG", "Hit", "ItemCoverage", "TailShare", "AvgPopularity"]
    sweeps = [
        {"model": "MLPSeq", "key": "item_features", "values": [["id"], ["id", "genres"], ["genres"]]},
        {
            "model": "CEASE",
            "key": "side_weight",
            "values": [0.0, 5.0],
            "settings": {"item_features": ["genres"]},
        },
    ]
    study = tmp_path / "study.yaml"
    study.write_text(yaml.safe_dump({"base": settings, "seeds": [1, 2], "sweeps": sweeps}), encoding="utf-8")
    ablate(study, output=tmp_path / "out")
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- content: walks -->\nold\n<!-- end -->\nafter\n", encoding="utf-8")
    main([str(tmp_path / "out"), f"--write={page}"])
    assert "5 rows of walks" in capsys.readouterr().out
    lines = page.read_text("utf-8").splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    assert "old" not in lines
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")][2:]
    assert [(row[0], row[1], row[2]) for row in rows] == [
        ("CEASE", "id", "1"),
        ("CEASE", "genres", "1"),
        ("MLPSeq", "id", "2"),
        ("MLPSeq", "id, genres", "2"),
        ("MLPSeq", "genres", "2"),
    ]
    assert [bool(row[4]) for row in rows] == [False, True, False, True, True]


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ConfigError, match="no marks <!-- content: walks -->"):
        placed("nothing", "walks", [])
