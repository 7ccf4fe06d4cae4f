"""Folders that version 0.1.0 has written: each command reads them, and computes nothing again that is finished."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from recbole_ext.cli import main
from recbole_ext.report import write_report
from recbole_ext.report.comparison import comparison_of
from recbole_ext.report.inputs import read_inputs
from recbole_ext.runs.lists import read_table
from recbole_ext.runs.results import read_ablation, read_comparison, write_result
from recbole_ext.runs.run import read_run
from recbole_ext.trainer import train as training
from recbole_ext.trainer.opened import evaluate

SAMPLES = Path(__file__).parent / "written_by_0_1_0"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the samples; their paths are relative to it."""
    shutil.copytree(SAMPLES, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def nothing_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("computed again")

    for name in ("train", "validate", "resume"):
        monkeypatch.setattr(training, name, never)


def content(file: str) -> dict[str, Any]:
    return json.loads(Path(file).read_text(encoding="utf-8"))


def without_masking_at_the_test(figures: Any) -> Any:
    """Without PopRSP and the expectation of Random at the test: version 0.1.0 counted the validation item, which no
    list shows, among a user's candidates. Everything else is compared exactly; GRU4Rec's scores have no ties."""
    if not isinstance(figures, dict):
        return figures
    kept = {key: one for key, one in figures.items() if key != "random" and not key.startswith("poprsp")}
    return {key: without_masking_at_the_test(one) for key, one in kept.items()}


def drawn_anew(found: dict[str, Any], saved: dict[str, Any]) -> None:
    """Differences are equal but for p: version 0.1.0 drew 9,999 flips, from another generator, and did not say
    which p are undecided. Two p of one test lie within five standard errors of each other."""
    for key, old in saved.items():
        new = found[key]
        assert {name: new[name] for name in ("mean", "low", "high")} == {
            name: old[name] for name in ("mean", "low", "high")
        }
        assert abs(new["p"] - old["p"]) <= 5 * math.sqrt(old["p"] * (1 - old["p"]) / 9_999)
        assert new["significant"] == old["significant"]


def test_the_samples_know_no_family() -> None:
    """Otherwise these tests would not test what they are for."""
    assert "family" not in content("saved/gru/metrics.json")
    assert all("family" not in row for row in content("saved/study/comparison.json")["rows"])


def test_evaluation_gives_the_figures_that_are_saved() -> None:
    saved, found = content("saved/gru/metrics.json"), evaluate(Path("saved/gru")).metrics
    for part in ("validation", "test_intervals", "test_by_user_group", "users"):
        assert found[part] == saved[part], part
    for part in ("test", "test_bounds"):
        assert without_masking_at_the_test(found[part]) == without_masking_at_the_test(saved[part]), part


def test_a_table_shows_the_runs(capsys: pytest.CaptureFixture[str]) -> None:
    main(["table", "saved/gru", "saved/knn", "--against=saved/knn", "--format=markdown"])
    rows = [line.split("|")[1:3] for line in capsys.readouterr().out.splitlines()[2:4]]
    for (name, cell), run in zip(rows, ("gru", "knn"), strict=True):
        figures = content(f"saved/{run}/metrics.json")
        assert name.strip() == figures["model"]
        assert cell.strip().startswith(f"{figures['test']['ndcg@5']:.4f} [")


@pytest.mark.parametrize(
    "folders",
    [
        ["saved/gru", "saved/knn", "saved/gru-rerank", "saved/gru-pareto", "saved/tuned", "saved/ablation"],
        ["saved/study"],
    ],
)
def test_a_report_is_written(folders: list[str]) -> None:
    paths = [Path(folder) for folder in folders]
    text = write_report(paths, output=Path("report.md")).read_text(encoding="utf-8")
    for run in read_inputs(paths).runs:
        if folders != ["saved/study"]:
            assert f"{run.figures.test['ndcg@5']:.4f}" in text
    assert "neighbours" in write_report(paths, output=Path("report.html")).read_text(encoding="utf-8")


def test_the_rows_of_a_report_are_those_of_the_study() -> None:
    saved = {row["model"]: row for row in content("saved/study/comparison.json")["rows"]}
    found = comparison_of(read_inputs([Path("saved/study")]))
    assert {row.model: row.family for row in found.rows} == {
        "Pop": "floor",
        "ItemKNN": "classic",
        "BPR": "classic",
    }
    for row in found.rows:
        assert {name: vars(one) for name, one in row.metrics.items()} == saved[row.model]["metrics"]
        drawn_anew({name: vars(one) for name, one in row.difference.items()}, saved[row.model]["difference"])
        assert row.seeds == [run.figures.protocol.seed for run in row.runs] == saved[row.model]["seeds"]
    assert (found.baseline, found.k, found.users) == ("BPR", 5, 30)


def test_a_reranking_gives_the_lists_that_are_saved() -> None:
    options = ["--method=popularity_penalty", "--alpha=0.1", "--candidates=10"]
    main(["rerank", "saved/gru", *options, "--output=again"])
    saved, found = content("saved/gru-rerank/metrics.json"), content("again/metrics.json")
    for part in ("rerank", "rule", "difference"):
        assert found[part] == saved[part], part
    for part in ("before", "after", "bounds"):
        assert without_masking_at_the_test(found[part]) == without_masking_at_the_test(saved[part]), part
    for table in ("per_user.parquet", "recommendations.parquet"):
        assert read_table(Path("again") / table).equals(read_table(Path("saved/gru-rerank") / table))


def test_curves_are_those_that_are_saved() -> None:
    main(["pareto", "saved/gru", "--methods=popularity_penalty", "--candidates=10", "--output=again"])
    saved, found = content("saved/gru-pareto/metrics.json"), content("again/metrics.json")
    for part in ("rule", "bounds", "test"):
        assert found[part] == saved[part], part
    # Intervals of the change stand beside each point since.
    former = [
        {key: point[key] for key in old}
        for point, old in zip(found["validation"], saved["validation"], strict=True)
    ]
    assert former == saved["validation"]


@pytest.mark.parametrize("run", ["gru", "knn"])
def test_a_recommendation_is_explained(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    user = read_run(Path("saved") / run).lists["user_id"][0]
    main(["explain", f"saved/{run}", f"--user={user}"])
    assert user in capsys.readouterr().out


@pytest.mark.slow
def test_an_interrupted_run_goes_on_to_the_figures_of_a_whole_one() -> None:
    """With the batches that it began with: windows of all lengths share one."""
    main(["train", "--resume=saved/stopped"])
    keys = {"epochs": 4, "hidden_size": 8, "window_batches": "random"}
    whole = training.train("GRU4Rec", files=["toy.yaml"], overrides=keys, output=Path("saved/whole"))
    found = content("saved/stopped/metrics.json")
    assert found["epochs"] == whole.metrics["epochs"] == 4
    assert found["test"] == whole.metrics["test"]
    assert found["family"] == "sequence"


@pytest.mark.usefixtures("nothing_is_trained")
def test_a_finished_comparison_is_written_anew_with_the_same_figures() -> None:
    saved = content("saved/study/comparison.json")
    main(["compare", "--config=study.yaml", "--output=saved/study"])
    found = content("saved/study/comparison.json")
    assert {key: found[key] for key in ("title", "baseline", "protocol", "curves")} == {
        key: saved[key] for key in ("title", "baseline", "protocol", "curves")
    }
    for old, new in zip(saved["rows"], found["rows"], strict=True):
        # Epochs were counted from 0.
        expected = {**old, "best_epoch": old["best_epoch"] + 1}
        assert {key: new[key] for key in old if key != "difference"} == {
            key: one for key, one in expected.items() if key != "difference"
        }
        drawn_anew(new["difference"], old["difference"])
    assert [row["family"] for row in found["rows"]] == ["floor", "classic", "classic"]
    assert read_comparison(Path("saved/study")).model_dump(mode="json") == found


@pytest.mark.usefixtures("nothing_is_trained")
def test_a_finished_ablation_is_written_anew_with_the_same_figures() -> None:
    saved = content("saved/ablation/ablation.json")
    main(["ablate", "--config=ablation.yaml", "--output=saved/ablation"])
    found = content("saved/ablation/ablation.json")
    assert found["sweeps"] == saved["sweeps"]
    assert found["protocol"] == saved["protocol"]
    assert read_ablation(Path("saved/ablation")).sweeps[0].points[0].value == 4


TUNE = ["tune", "--model=ItemKNN", "--config=toy.yaml", "--space=space.yaml", "--output=saved/tuned"]


@pytest.mark.usefixtures("nothing_is_trained")
def test_a_finished_search_is_shown() -> None:
    saved = content("saved/tuned/tuning.json")
    main([*TUNE, "--trials=3"])
    found = content("saved/tuned/tuning.json")
    assert {**found, "command": "", "minutes": 0} == {**saved, "command": "", "minutes": 0}


def test_a_search_goes_on_from_its_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    validate = training.validate
    monkeypatch.setattr(training, "validate", lambda *a, **o: done.append(1) or validate(*a, **o))
    main([*TUNE, "--trials=4"])
    assert len(done) <= 1  # a trial of settings that were tried before is not computed
    assert content("saved/tuned/tuning.json")["states"] == {"complete": 4}


def test_epochs_are_counted_from_1_whatever_the_file_did(capsys: pytest.CaptureFixture[str]) -> None:
    """Version 0.1.0 counted from 0, without saying so."""
    saved, read = content("saved/gru/metrics.json"), read_run(Path("saved/gru"))
    assert "epochs_from" not in saved
    assert read.figures.best_epoch == saved["best_epoch"] + 1
    assert read.figures.epochs_from == 1
    assert [entry["epoch"] for entry in read.metrics["history"]] == [
        entry["epoch"] + 1 for entry in saved["history"]
    ]
    main(["evaluate", "saved/gru"])
    assert f"epochs: {saved['epochs']}, the best: {saved['best_epoch'] + 1}, " in capsys.readouterr().out
    rows = content("saved/study/comparison.json")["rows"]
    comparison = read_comparison(Path("saved/study"))
    assert [row.best_epoch for row in comparison.rows] == [row["best_epoch"] + 1 for row in rows]
    # Written and read again, nothing moves.
    (Path("again")).mkdir()
    write_result(Path("again"), "comparison", comparison, "")
    assert [row.best_epoch for row in read_comparison(Path("again")).rows] == [
        row.best_epoch for row in comparison.rows
    ]
