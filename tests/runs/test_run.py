"""A finished run as it is read: from its folder alone, and with little more than the standard library."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import recbole_ext
from recbole_ext.errors import CheckpointError, ConfigError
from recbole_ext.runs.compare import choose_baseline
from recbole_ext.runs.figures import CurveFigures, RunFigures
from recbole_ext.runs.forms import read_form, write_form
from recbole_ext.runs.protocol import by_settings, check_same_protocol
from recbole_ext.runs.run import Run, read_run

SAMPLES = Path(__file__).parent / "written_by_0_1_0"

READ = """
import sys
from pathlib import Path
from recbole_ext.runs.protocol import by_settings
from recbole_ext.runs.run import read_run
import recbole_ext.runs.compare, recbole_ext.runs.results, recbole_ext.runs.files
run = read_run(Path(sys.argv[1]))
assert (run.model, run.k, run.level) == ("GRU4Rec", 5, 0.95)
assert by_settings([run])
heavy = {"torch", "recbole", "pandas", "scipy", "polars"} & set(sys.modules)
assert not heavy, heavy
run.per_user, run.lists
heavy = {"torch", "recbole", "pandas", "scipy"} & set(sys.modules)
assert not heavy, heavy
"""


def test_reading_a_run_imports_no_model_and_no_table() -> None:
    done = subprocess.run(
        [sys.executable, "-c", READ, str(SAMPLES / "saved" / "gru")],
        cwd=Path(recbole_ext.__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_data_set_of_a_run_is_read_by_its_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SAMPLES)
    run = read_run(Path("saved/gru"))
    split = run.split()
    lines = (Path("dataset/toy/toy.inter")).read_text().splitlines()[1:]
    assert len(split.interactions) == len(lines)
    assert len(run.per_user) == 30
    assert run.trained_on(split)


def test_another_data_set_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(SAMPLES, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    file = Path("dataset/toy/toy.inter")
    file.write_text("\n".join(file.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(
        CheckpointError, match=r"toy\.inter is not the data that saved/gru was trained on: prepare"
    ):
        read_run(Path("saved/gru")).split()


def test_a_part_that_readers_need_is_named(tmp_path: Path) -> None:
    whole = json.loads((SAMPLES / "saved" / "gru" / "metrics.json").read_text())
    file = tmp_path / "metrics.json"
    protocol = {key: value for key, value in whole["protocol"].items() if key != "shown_k"}
    cases = [
        (
            json.dumps({key: value for key, value in whole.items() if key != "seconds"}),
            "lacks seconds: again",
        ),
        (json.dumps({**whole, "protocol": protocol}), "lacks shown_k in protocol: again"),
        (
            json.dumps({**whole, "epochs": "many"}),
            "is damaged (epochs must be a whole number, not 'many'): again",
        ),
        ("[1]", "is damaged (not a JSON object): again"),
    ]
    for text, words in cases:
        file.write_text(text)
        with pytest.raises(CheckpointError) as error:
            read_form(file, RunFigures, "again")
        assert str(error.value) == f"{file} {words}"
    file.unlink()
    with pytest.raises(CheckpointError, match=r"metrics\.json does not exist: again"):
        read_form(file, RunFigures, "again")


def test_what_a_later_version_adds_is_kept(tmp_path: Path) -> None:
    whole = json.loads((SAMPLES / "saved" / "gru-pareto" / "metrics.json").read_text())
    write_form(tmp_path / "a.json", {**whole, "later": [1, 2]}, CurveFigures)
    found = read_form(tmp_path / "a.json", CurveFigures, "")
    assert found.model_dump(exclude_unset=True) == {**whole, "later": [1, 2]}


def test_nothing_is_written_that_no_reader_takes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rule"):
        write_form(tmp_path / "a.json", {"validation": [], "test": [], "bounds": {}}, CurveFigures)
    assert list(tmp_path.iterdir()) == []


def run_of(folder: Path, model: str, score: float, seed: int = 1, **config: object) -> Run:
    whole = json.loads((SAMPLES / "saved" / "gru" / "metrics.json").read_text())
    metrics = {**whole, "model": model, "validation": {"ndcg@5": score}}
    metrics["protocol"] = {**whole["protocol"], "seed": seed}
    run = Run(folder, metrics)
    run.__dict__["config"] = {"model": model, "seed": seed, **config}
    return run


def test_runs_that_differ_in_seed_and_place_alone_are_one_row() -> None:
    runs = [
        run_of(Path("a"), "MLP", 0.1, 1, data_path="x", gpu_id="0"),
        run_of(Path("b"), "MLP", 0.1, 2, data_path="y", gpu_id="1"),
        run_of(Path("c"), "MLP", 0.1, 1, epochs=3),
        run_of(Path("d"), "Pop", 0.1),
    ]
    found = {name: [str(run.path) for run in members] for name, members in by_settings(runs).items()}
    assert found == {"MLP (a)": ["a", "b"], "MLP (c)": ["c"], "Pop": ["d"]}


def test_the_baseline_is_the_best_model_that_is_no_neural_network() -> None:
    groups = {
        "SASRec": [run_of(Path("a"), "SASRec", 0.9)],
        "Pop": [run_of(Path("b"), "Pop", 0.2)],
        "EASE": [run_of(Path("c"), "EASE", 0.3), run_of(Path("d"), "EASE", 0.1)],
        "ItemKNN": [run_of(Path("e"), "ItemKNN", 0.25)],
    }
    families = {"SASRec": "sequence", "Pop": "floor", "EASE": "classic", "ItemKNN": "classic"}
    # EASE has 0.2 on average, as much as Pop, and ItemKNN more than both.
    chosen, rule = choose_baseline(groups, families, "ndcg@5")
    assert (chosen, rule) == (
        "ItemKNN",
        "best mean ndcg@5 on validation among the models that are no neural networks",
    )
    assert choose_baseline(groups, families, "ndcg@5", bigger=False)[0] == "Pop"
    neural = {"SASRec": groups["SASRec"], "GRU4Rec": [run_of(Path("f"), "GRU4Rec", 0.95)]}
    chosen, rule = choose_baseline(neural, dict.fromkeys(neural, "sequence"), "ndcg@5")
    assert (chosen, rule) == ("GRU4Rec", "best mean ndcg@5 on validation of all models")


def test_the_key_that_explains_most_is_named() -> None:
    one = {
        "dataset": "toy",
        "data": "f1",
        "split": "ratio",
        "seed": 1,
        "topk": [5],
        "shown_k": 5,
        "confidence": 0.9,
    }
    a, b = Path("a"), Path("b")
    check_same_protocol([(a, one), (b, {**one, "seed": 2, "topk": [5, 10]})])
    for changes, named in (
        ({"data": "f2", "split": "leave_one_out"}, "split is 'ratio' and 'leave_one_out'"),
        ({"data": "f2"}, "data is 'f1' and 'f2'"),
        ({"data": "f2", "dataset": "other", "confidence": 0.8}, "dataset is 'toy' and 'other'"),
        ({"shown_k": 10}, "shown_k is 5 and 10"),
    ):
        with pytest.raises(ConfigError, match=f"^a and b are not comparable: {named}; write two reports$"):
            check_same_protocol([(a, one), (b, {**one, **changes})])
    check_same_protocol([(a, one), (b, {**one, "shown_k": 10})], free=frozenset({"shown_k"}))
    # An ablation has its own K and level, and says less than a run.
    check_same_protocol([(a, one)], [(b, {"split": "ratio", "shown_k": 10, "confidence": 0.8})])
    with pytest.raises(ConfigError, match="split is 'ratio' and 'leave_one_out'"):
        check_same_protocol([(a, one)], [(b, {"split": "leave_one_out"})])
