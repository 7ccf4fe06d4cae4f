"""Comparisons: complete, continued after any interruption, never computed twice, mistakes found at once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
import yaml

from recbole_ext.errors import CheckpointError, ConfigError, OutputError
from recbole_ext.report.charts.curves import curves_page
from recbole_ext.runs.folder import open_run
from recbole_ext.runs.results import Comparison, read_comparison
from recbole_ext.study import cells as cells_module
from recbole_ext.study import curve_work
from recbole_ext.study import space as space_module
from recbole_ext.study import tune_all as searches_module
from recbole_ext.study.compare import compare
from recbole_ext.trainer import train as pipeline
from recbole_ext.trainer.trainer import EpochReport

Study = Callable[..., Path]


@pytest.fixture
def study(quick: dict[str, Any], tmp_path: Path) -> Study:
    """Writes a study of seconds; keyword arguments replace its keys."""

    def write(**changes: Any) -> Path:
        (tmp_path / "space.yaml").write_text("reg_weight: {type: float, low: 1, high: 100, log: true}\n")
        metrics = ["NDCG", "Hit", "ItemCoverage", "TailShare"]
        base = {**quick, "epochs": 2, "topk": [5], "valid_metric": "NDCG@5", "metrics": metrics}
        content = {
            "title": "Toy",
            "base": base,
            "models": ["Random", "Pop", "EASE", "GRU4Rec"],
            "seeds": [1, 2],
            "trials": 2,
            "spaces": {"EASE": "space.yaml"},
            "curves": {"models": 1, "methods": ["popularity_penalty"]},
            **changes,
        }
        file = tmp_path / "study.yaml"
        file.write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}))
        return file

    return write


def untimed(comparison: Comparison) -> dict[str, Any]:
    """All that does not depend on the clock."""
    plain = comparison.model_dump()
    del plain["created"]
    for search in plain["tuning"].values():
        del search["minutes"]
    for row in plain["rows"]:
        for key in ("seconds_training", "users_per_second"):
            del row[key]
    return plain


def test_final_runs_have_keys_of_their_own(study: Study, tmp_path: Path) -> None:
    result = compare(
        study(models=["Pop", "EASE", "GRU4Rec"], seeds=[1], final={"epochs": 1}), output=tmp_path / "out"
    )
    metrics = json.loads((tmp_path / "out" / "cells" / "GRU4Rec-seed1" / "metrics.json").read_text())
    assert metrics["epochs"] == 1  # the study's settings say two
    assert result.protocol["final_runs"] == {"epochs": 1}


def test_a_comparison_is_complete_and_its_figures_are_those_of_its_cells(
    study: Study, tmp_path: Path
) -> None:
    result = compare(study(), output=tmp_path / "out", command="python run.py compare", draw=curves_page)
    assert read_comparison(tmp_path / "out") == result
    assert [row.model for row in result.rows] == ["Random", "Pop", "EASE", "GRU4Rec"]
    assert {row.model: row.seeds for row in result.rows} == {
        "Random": [1, 2], "Pop": [1], "EASE": [1], "GRU4Rec": [1, 2]
    }  # fmt: skip
    # EASE walks the cycle better than popularity and chance, and GRU4Rec is neural
    assert result.baseline == "EASE"
    for row in result.rows:
        runs = [tmp_path / "out" / "cells" / f"{row.model}-seed{seed}" for seed in row.seeds]
        figures = [json.loads((open_run(run) / "metrics.json").read_text())["test"]["ndcg@5"] for run in runs]
        assert row.metrics["ndcg@5"].mean == pytest.approx(sum(figures) / len(figures))
        assert set(row.groups) <= {"heavy", "light", "head", "tail"}
        assert row.groups["head"]["n"] + row.groups["tail"]["n"] == 60
        assert bool(row.difference) == (row.model != "EASE")
    best = json.loads((tmp_path / "out" / "tune" / "EASE" / "tuning.json").read_text())["best"]
    assert result.row("EASE").tuned == best
    stored = yaml.safe_load((tmp_path / "out" / "cells" / "EASE-seed1" / "config.yaml").read_text())
    assert stored["reg_weight"] == best["reg_weight"]
    on_validation = {
        row.model: mean(
            json.loads((tmp_path / "out" / "cells" / f"{row.model}-seed{seed}" / "metrics.json").read_text())[
                "validation"
            ]["ndcg@5"]
            for seed in row.seeds
        )
        for row in result.rows
    }
    best_model = max(on_validation, key=on_validation.__getitem__)
    assert result.curves == {best_model: f"curves/{best_model}"}
    assert (tmp_path / "out" / "curves" / best_model / "curves.html").is_file()
    text = (tmp_path / "out" / "comparison.md").read_text()
    for part in (
        "# Toy",
        "Difference from EASE",
        "head rule interactions_80",
        "heavy (n = 15)",
        "seeds: [1, 2]",
    ):
        assert part in text


def test_a_finished_comparison_computes_nothing_again(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = compare(study(), output=tmp_path / "out")

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(pipeline, "train", never)
    monkeypatch.setattr(pipeline, "validate", never)
    monkeypatch.setattr(curve_work, "pareto_run", never)
    assert untimed(compare(study(), output=tmp_path / "out")) == untimed(first)


class Killed(BaseException):
    """Stands for a kill: nobody catches it."""


def test_a_killed_comparison_goes_on_inside_the_cell(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = compare(study(), output=tmp_path / "whole")
    original = pipeline.train

    def killed_in_gru(model: str, *arguments: Any, **options: Any) -> Any:
        def kill(_: EpochReport) -> None:
            raise Killed

        return original(model, *arguments, **{**options, "on_epoch": kill if model == "GRU4Rec" else None})

    with monkeypatch.context() as patch:
        patch.setattr(cells_module.pipeline, "train", killed_in_gru)
        with pytest.raises(Killed):
            compare(study(), output=tmp_path / "parts")
    assert (tmp_path / "parts" / "cells" / "GRU4Rec-seed1.partial").is_dir()
    assert not (tmp_path / "parts" / "comparison.json").exists()
    assert untimed(compare(study(), output=tmp_path / "parts")) == untimed(whole)


def test_a_cell_of_another_configuration_is_not_taken(study: Study, tmp_path: Path) -> None:
    file = study(models=["Pop"], spaces=None, curves=None)
    compare(file, output=tmp_path / "out")
    with pytest.raises(
        ConfigError, match=r"Pop-seed1 was computed with min_user_interactions 1, but now it is 3"
    ):
        compare(file, {"min_user_interactions": 3}, output=tmp_path / "out")


@pytest.mark.parametrize("content", [b"PAR1 cut off", None])
def test_a_damaged_cell_is_named_before_any_search(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    file = study(models=["EASE", "Pop"], curves=None)
    compare(file, output=tmp_path / "out")
    cell = tmp_path / "out" / "cells" / "Pop-seed1"
    whole = (cell / "per_user.parquet").read_bytes()
    (cell / "per_user.parquet").write_bytes(whole[: len(whole) // 2] if content is None else content)

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError

    with monkeypatch.context() as patch:
        patch.setattr(searches_module, "search_chain", never)
        with pytest.raises(
            CheckpointError, match=r"per_user\.parquet is damaged: remove the folder"
        ) as caught:
            compare(file, output=tmp_path / "out")
    assert f"remove the folder {cell} and repeat the command" in str(caught.value)
    shutil.rmtree(cell)
    assert compare(file, output=tmp_path / "out").row("Pop").seeds == [1]


def test_a_missing_table_of_a_cell_is_not_called_damaged(study: Study, tmp_path: Path) -> None:
    file = study(models=["Pop"], spaces=None, curves=None)
    compare(file, output=tmp_path / "out")
    (tmp_path / "out" / "cells" / "Pop-seed1" / "per_user.parquet").unlink()
    with pytest.raises(
        CheckpointError, match=r"per_user\.parquet does not exist: remove the folder .*Pop-seed1"
    ):
        compare(file, output=tmp_path / "out")


def test_a_longer_search_does_not_pull_the_ground_from_finished_runs(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = {"curves": None, "models": ["Pop", "EASE"]}
    first = compare(study(**kinds), output=tmp_path / "out")
    files = sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file())
    contents = [path.read_bytes() for path in files]

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "validate", never)
        patch.setattr(pipeline, "train", never)
        with pytest.raises(ConfigError) as caught:
            compare(study(**kinds, trials=3), output=tmp_path / "out")
        assert [path.read_bytes() for path in files] == contents
        assert untimed(compare(study(**kinds), output=tmp_path / "out")) == untimed(first)
    cells, tuned = tmp_path / "out" / "cells", tmp_path / "out" / "tune" / "EASE"
    assert str(caught.value) == (
        f"{cells / 'EASE-seed1'} was trained after 2 trials in {tuned}, and a search of 3 trials might find other "
        f"settings: set trials to 2, give another --output, or remove {cells / 'EASE'}-seed* to retrain"
    )
    shutil.rmtree(cells / "EASE-seed1")
    assert compare(study(**kinds, trials=3), output=tmp_path / "out").tuning["EASE"].trials == 3


def test_a_study_of_fewer_trials_counts_the_first_ones(study: Study, tmp_path: Path) -> None:
    """The same budget for every model, whatever an earlier study has searched here."""
    kinds = {"curves": None, "models": ["EASE"]}
    short = compare(study(**kinds, trials=1), output=tmp_path / "short")
    compare(study(**kinds, trials=3), output=tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "cells")
    again = compare(study(**kinds, trials=1), output=tmp_path / "out")
    assert again.tuning["EASE"].trials == 1
    # The first trial has the configuration's settings, however long the search.
    assert again.row("EASE").tuned == short.row("EASE").tuned == {"reg_weight": 100.0}


def test_runs_of_other_settings_are_found_before_the_search_of_another_model(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare(study(curves=None, models=["Pop"], spaces=None), output=tmp_path / "out")

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(searches_module, "search_chain", never)
    with pytest.raises(ConfigError, match=r"Pop-seed1 was computed with epochs 2, but now it is 1"):
        compare(study(curves=None, models=["EASE", "Pop"], final={"epochs": 1}), output=tmp_path / "out")


def test_a_space_is_held_against_the_configuration_before_any_search(study: Study, tmp_path: Path) -> None:
    file = study(curves=None, models=["EASE", "BPR"], spaces={"EASE": "space.yaml", "BPR": "bpr.yaml"})
    (tmp_path / "bpr.yaml").write_text("learning_rate: {type: float, low: 0, high: 1}\n")
    with pytest.raises(
        ConfigError, match=r"^learning_rate in .*bpr\.yaml, line 1 must be a number above 0, not 0"
    ):
        compare(file, output=tmp_path / "out")
    with pytest.raises(
        ConfigError,
        match=r"^reg_weight in .*study\.yaml, line \d+ is also searched in .*space\.yaml, line 1: leave one out",
    ):
        compare(study(curves=None, models=["EASE"], settings={"reg_weight": 3.0}), output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_space_is_checked_once(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, original = [], space_module.read_space
    monkeypatch.setattr(space_module, "read_space", lambda *a: read.append(a[0].name) or original(*a))
    compare(study(curves=None, models=["EASE"]), output=tmp_path / "out")
    assert read == ["space.yaml"]


def test_a_mistake_in_an_option_is_not_put_down_to_the_study(study: Study, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^unknown key 'epocs' in the option --epocs"):
        compare(study(), {"epocs": 2}, output=tmp_path / "out")
    with pytest.raises(ConfigError, match=r"^epochs in the option --epochs must be"):
        compare(study(), {"epochs": 0}, output=tmp_path / "out")
    with pytest.raises(ConfigError, match=r"^epochs in .*study\.yaml, line \d+ must be"):
        compare(study(final={"epochs": 0}), {"epochs": 2}, output=tmp_path / "out")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"modles": ["Pop"]}, r"unknown key 'modles' in .*study\.yaml, line \d+; did you mean 'models'"),
        (
            {"models": ["Popp"]},
            r"^models in .*study\.yaml, line \d+ names Popp, which is not a known model; did you mean 'Pop'",
        ),
        (
            {"settings": {"epocs": 2}},
            r"^unknown key 'epocs' in .*study\.yaml, line \d+; did you mean 'epochs'",
        ),
        (
            {"settings": {"epochs": "many"}},
            r"^epochs in .*study\.yaml, line \d+ must be a whole number of 1 or more, not 'many'",
        ),
        ({"models": []}, r"^models in .*study\.yaml, line \d+ is empty: give at least one"),
        ({"models": ["Pop", "Pop"], "spaces": None}, r"^models in .*line \d+ names Pop twice"),
        ({"models": None}, r"^models in .*study\.yaml is missing: add it"),
        ({"seeds": []}, r"^seeds in .*line \d+ is empty: give at least one"),
        ({"seeds": [1, 1]}, r"^seeds in .*line \d+ names 1 twice: remove one"),
        ({"seeds": ["one"]}, r"^entry 1 of seeds in .*line \d+ must be a whole number, not 'one'$"),
        ({"seeds": [-1]}, r"^entry 1 of seeds in .*line \d+ must be 0 or more, not -1$"),
        ({"final": {"split": "ratio"}}, r"^final in .*line \d+ sets split, which decides what is measured"),
        (
            {"final": {"stoping_step": 9}},
            r"unknown key 'stoping_step' in .*study\.yaml, line \d+; did you mean 'stopping_step'",
        ),
        ({"trials": 0}, r"^trials in .*study\.yaml, line \d+ must be 1 or more, not 0$"),
        ({"budget_minutes": -1}, r"^budget_minutes in .*line \d+ must be above 0, not -1$"),
        ({"spaces": {"EASY": "space.yaml"}}, r"^spaces in .*line \d+ names 'EASY'.*did you mean 'EASE'"),
        ({"spaces": {"EASE": "spacy.yaml"}}, r"spacy\.yaml does not exist"),
        ({"spaces": {"Pop": "space.yaml"}}, r"unknown key 'reg_weight' in .*space\.yaml"),
        ({"curves": {"models": 1, "methods": ["mmx"]}}, r"the method 'mmx'; did you mean 'mmr'"),
        ({"curves": {"model": 1}}, r"unknown key 'model' of curves in .*line \d+; did you mean 'models'"),
        ({"settings": {"metrics": ["NDCG"]}}, r"curves need the metric ItemCoverage"),
        ({"settings": {"epoch": 3}}, r"unknown key 'epoch'.*did you mean 'epochs'"),
        ({"settings": {"seed": 3}}, r"^settings in .*line \d+ sets model, seed or output"),
        ({"base": "gone.yaml"}, r"gone\.yaml does not exist"),
        ({"trials": 2.5}, r"^trials in .*line \d+ must be a whole number, not 2\.5$"),
        (
            {"base": 3},
            r"^base in .*line \d+ must be the name of a configuration file, or a block of keys and values$",
        ),
        (
            {"pruner": "medium"},
            r"^pruner in .*line \d+ must be median, asha, hyperband or none, not 'medium'$",
        ),
    ],
)
def test_a_mistake_in_a_study_is_found_before_anything_is_computed(
    study: Study, tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ConfigError, match=expected) as caught:
        compare(study(**changes), output=tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_reading_what_is_not_there_or_damaged(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"comparison\.json does not exist"):
        read_comparison(tmp_path)
    (tmp_path / "comparison.json").write_text('{"title": 3}')
    with pytest.raises(
        CheckpointError, match=r"comparison\.json is damaged \(title must be text, not 3\): run"
    ):
        read_comparison(tmp_path)


def test_a_second_comparison_on_a_live_output_says_that_it_is_running(study: Study, tmp_path: Path) -> None:
    """It removed the cell that the first one was training, or told to remove it."""
    file, out = (
        study(models=["Pop", "Random"], seeds=[1], spaces=None, curves={"models": 0}),
        tmp_path / "out",
    )
    refused: list[str] = []

    def again(line: str) -> None:
        if line.startswith("cell Pop"):
            with pytest.raises(OutputError) as caught:
                compare(file, output=out)
            refused.append(str(caught.value))

    compare(file, output=out, report=again)
    assert refused == [
        f"another process is running in {out}: wait until it has ended, or choose another --output"
    ]
