"""Training in every form, studies, reports and the tables of what there is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import recbole_ext as rx
from recbole_ext.errors import ConfigError, OutputError
from tests.api.conftest import VALUES


def test_a_configuration_is_files_a_dict_or_keys(tmp_path: Path, cycle_home: Path) -> None:
    keys = {**VALUES, "data_path": str(cycle_home)}
    file, later = tmp_path / "base.yaml", tmp_path / "later.yaml"
    file.write_text(json.dumps({**keys, "model": "ItemKNN", "seed": 1}), encoding="utf-8")
    later.write_text("seed: 2\n", encoding="utf-8")
    runs = [
        rx.train(config=str(file), output=tmp_path / "a", progress=False),
        rx.train(config=[file, str(later)], output=str(tmp_path / "b"), progress=False),
        rx.train("ItemKNN", config={**keys, "seed": 3}, output=tmp_path / "c", progress=False, seed=4),
    ]
    assert [run.config["seed"] for run in runs] == [1, 2, 4]
    assert {run.model for run in runs} == {"ItemKNN"}
    assert rx.evaluate(runs[0], progress=False).equals(runs[0].metrics)
    assert rx.resume(tmp_path / "b", progress=False).folder == tmp_path / "b"


def test_progress_is_printed_where_it_is_wanted(
    tmp_path: Path, cycle_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {**VALUES, "data_path": str(cycle_home)}
    rx.train("Pop", output=tmp_path / "silent", progress=False, **values)
    assert capsys.readouterr().out == ""
    rx.train("Pop", output=tmp_path / "loud", **values)
    said = capsys.readouterr().out
    assert "60 users" in said
    assert "epoch " in said


def test_lists_are_written_as_they_are_returned(folders: dict[str, Path], tmp_path: Path) -> None:
    run = rx.load(folders["EASE"])
    people = {"a": ["i1", "i2"], "b": ["i3"]}
    assert run.write_recommendations(tmp_path / "l.parquet", history=people, k=3) == 6
    written = pl.read_parquet(tmp_path / "l.parquet", glob=False).to_pandas()
    pd.testing.assert_frame_equal(written, run.recommend(history=people, k=3))
    with pytest.raises(OutputError, match="exists already"):
        run.write_recommendations(str(tmp_path / "l.parquet"))


@pytest.fixture
def base(tmp_path: Path, cycle_home: Path) -> Path:
    path = tmp_path / "base.yaml"
    values = {**VALUES, "data_path": str(cycle_home), "metrics": ["NDCG", "Hit", "ItemCoverage", "TailShare"]}
    path.write_text(
        json.dumps({key: value for key, value in values.items() if key != "epochs"}), encoding="utf-8"
    )
    return path


def test_a_comparison_and_its_report(base: Path, tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    plan: dict[str, Any] = {"base": "base.yaml", "models": ["Pop", "EASE"], "seeds": [1], "trials": 1}
    study.write_text(json.dumps({**plan, "curves": {"models": 0}}), encoding="utf-8")
    found = rx.compare(str(study), output=tmp_path / "out", progress=False)
    written = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    table = found.table.set_index(["model", "metric"])
    for row in written["rows"]:
        for metric, value in row["metrics"].items():
            assert table.loc[(row["model"], metric), "value"] == value["mean"]
    assert found.baseline == written["baseline"]
    assert "EASE" in repr(found)
    assert "<table" in found._repr_html_()
    page = rx.report(found, output=tmp_path / "page.html")
    assert page.read_text(encoding="utf-8").startswith("<!")
    assert rx.report([str(tmp_path / "out")], output=str(tmp_path / "page.md")).is_file()


def test_an_ablation(base: Path, tmp_path: Path) -> None:
    study = tmp_path / "ablation.yaml"
    sweep = {"model": "EASE", "key": "reg_weight", "values": [1.0, 250.0]}
    study.write_text(json.dumps({"base": "base.yaml", "seeds": [1], "sweeps": [sweep]}), encoding="utf-8")
    found = rx.ablate(study, output=tmp_path / "out", progress=False)
    assert set(found.table["setting"]) == {"1.0", "250.0"}
    assert set(found.table["metric"]) == {"ndcg@5", "itemcoverage@5", "seconds"}
    assert "reg_weight" in repr(found)


def test_a_search(base: Path, tmp_path: Path) -> None:
    space = tmp_path / "space.yaml"
    space.write_text("reg_weight: {type: categorical, choices: [1.0, 250.0]}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="no search space"):
        rx.tune("EASE", config=base)
    found = rx.tune("EASE", space, base, trials=2, output=tmp_path / "tune", progress=False)
    assert set(found.best) == {"reg_weight"}
    assert (found.folder / "best.yaml").is_file()


def test_the_package_report_can_be_called_before_and_after_it_is_imported() -> None:
    code = (
        "import recbole_ext as rx; first = rx.report; import recbole_ext.report; "
        "print(callable(first), callable(rx.report), 'figures' in str(__import__('inspect').signature(rx.report)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"] * 3


def test_models_and_datasets(cycle_home: Path) -> None:
    models = rx.models()
    assert models.loc["EASE", ["source", "explained", "deterministic"]].tolist() == ["RecBole", "parts", True]
    assert models.loc["MarkovChain", "source"] == "recbole_ext"
    assert set(models["new_people"]) <= {"window", "row", "solve", "neighbours", "counts", "none"}
    sets = rx.datasets(str(cycle_home))
    assert bool(sets.loc["cycle", "prepared"])
    assert sets.loc["ml-100k", "users"] == 943
