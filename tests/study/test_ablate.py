"""Ablations: every point from its own runs, nothing computed twice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from recbole_ext.data import interactions as data_module
from recbole_ext.errors import CheckpointError, ConfigError
from recbole_ext.runs.results import read_ablation
from recbole_ext.study.ablate import ablate
from recbole_ext.trainer import train as pipeline


def study(quick: dict[str, Any], tmp_path: Path, *sweeps: dict[str, Any], **changes: Any) -> Path:
    file = tmp_path / "ablation.yaml"
    base = {**quick, "epochs": 2, "metrics": ["NDCG", "ItemCoverage"]}
    base.pop("MAX_ITEM_LIST_LENGTH")
    file.write_text(yaml.safe_dump({"base": base, "seeds": [1, 2], "sweeps": list(sweeps), **changes}))
    return file


LENGTHS = {
    "model": "GRU4Rec",
    "key": "MAX_ITEM_LIST_LENGTH",
    "values": [1, 8],
    "settings": {"dropout_prob": 0.0},
}
SIZES = {"model": "BPR", "key": "embedding_size", "values": [4, 16]}


def test_points_are_means_of_their_cells_and_are_kept(
    quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    original = data_module.read_interactions
    monkeypatch.setattr(
        data_module, "read_interactions", lambda *a, **o: reads.append(a) or original(*a, **o)
    )
    file = study(quick, tmp_path, LENGTHS, SIZES)
    result = ablate(file, output=tmp_path / "out", command="python run.py ablate")
    assert len(reads) == 1
    assert read_ablation(tmp_path / "out") == result
    assert [(sweep.model, sweep.key) for sweep in result.sweeps] == [
        ("GRU4Rec", "MAX_ITEM_LIST_LENGTH"), ("BPR", "embedding_size")
    ]  # fmt: skip
    for sweep in result.sweeps:
        for point in sweep.points:
            cells = [
                tmp_path / "out" / "cells" / f"{sweep.model}-{sweep.key}-{point.value}-seed{seed}"
                for seed in (1, 2)
            ]
            figures = [json.loads((cell / "metrics.json").read_text())["test"] for cell in cells]
            assert point.ndcg.mean == pytest.approx(sum(f["ndcg@10"] for f in figures) / 2)
            assert point.itemcoverage == pytest.approx(sum(f["itemcoverage@10"] for f in figures) / 2)
            assert point.ndcg.low <= point.ndcg.mean <= point.ndcg.high
    assert "GRU4Rec: MAX_ITEM_LIST_LENGTH" in (tmp_path / "out" / "ablation.md").read_text()

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(pipeline, "train", never)
    assert ablate(file, output=tmp_path / "out", command="python run.py ablate") == result


@pytest.mark.parametrize(
    ("sweep", "expected"),
    [
        (
            {**SIZES, "key": "embeding_size"},
            r"entry 2 of sweeps in .*line \d+ names the unknown key 'embeding_size' of BPR; did you mean",
        ),
        (
            {**SIZES, "values": [4]},
            r"values in entry 2 of sweeps in .*line \d+ needs at least 2 entries: add one",
        ),
        (
            {**SIZES, "values": [4, 4]},
            r"entry 2 of sweeps in .*line \d+ has the value 4 of embedding_size twice",
        ),
        (
            {**SIZES, "values": [4, 0]},
            r"^the sweep of BPR cannot be made: embedding_size in .*ablation\.yaml, line \d+ must .*1 or more, not 0$",
        ),
        (
            {**SIZES, "key": "split"},
            r"entry 2 of sweeps in .*line \d+ has the key split, which decides what is measured",
        ),
        (
            {**SIZES, "key": "epochs"},
            r"^epochs in .*ablation\.yaml, line \d+ is also swept in .*ablation\.yaml, line \d+: leave one out",
        ),
        (
            {**SIZES, "settings": {"embedding_size": 3}},
            r"entry 2 of sweeps in .* sweeps and sets embedding_size: remove one",
        ),
        ({**SIZES, "keys": 3}, r"unknown key 'keys' of entry 2 of sweeps in .*line \d+; did you mean 'key'"),
        (
            {**SIZES, "model": "BRP"},
            r"model in entry 2 of sweeps in .*line \d+ names BRP, which is not a known model; did you mean 'BPR'",
        ),
    ],
)
def test_a_mistake_is_found_before_the_first_run(
    quick: dict[str, Any], tmp_path: Path, sweep: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ConfigError, match=expected):
        ablate(study(quick, tmp_path, LENGTHS, sweep), output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_misspelt_key_of_the_settings_names_the_file(quick: dict[str, Any], tmp_path: Path) -> None:
    file = study(quick, tmp_path, SIZES, settings={"epocs": 2})
    lines = file.read_text().splitlines()
    line = next(number for number, text in enumerate(lines, start=1) if "epocs" in text)
    expected = (
        rf"^the sweep of BPR cannot be made: unknown key 'epocs' in [^ ]*ablation\.yaml, line {line}; did you mean "
        r"'epochs'"
    )
    with pytest.raises(ConfigError, match=expected):
        ablate(file, output=tmp_path / "out")


def test_a_model_without_chance_is_trained_once(quick: dict[str, Any], tmp_path: Path) -> None:
    sweep = {"model": "EASE", "key": "reg_weight", "values": [1.0, 100.0]}
    result = ablate(study(quick, tmp_path, sweep), output=tmp_path / "out")
    cells = sorted(path.name for path in (tmp_path / "out" / "cells").iterdir())
    assert cells == ["EASE-reg_weight-1.0-seed1", "EASE-reg_weight-100.0-seed1"]
    assert [point.ndcg.sd_over_seeds for point in result.sweeps[0].points] == [None, None]
    assert "±" not in (tmp_path / "out" / "ablation.md").read_text()


def test_a_damaged_cell_is_found_before_anything_is_trained(
    quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = {"model": "EASE", "key": "reg_weight", "values": [1.0, 100.0]}
    file = study(quick, tmp_path, sweep)
    ablate(file, output=tmp_path / "out")
    cells = tmp_path / "out" / "cells"
    shutil.rmtree(cells / "EASE-reg_weight-1.0-seed1")
    (cells / "EASE-reg_weight-100.0-seed1" / "per_user.parquet").write_bytes(b"PAR1")

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(pipeline, "train", never)
    with pytest.raises(CheckpointError, match=r"remove the folder .*EASE-reg_weight-100\.0-seed1 and repeat"):
        ablate(file, output=tmp_path / "out")
