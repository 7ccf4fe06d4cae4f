"""A whole run: its folder, its repetition, its interruption, its data."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
import yaml

from recbole_ext.config.blocks import read_rerank
from recbole_ext.errors import CheckpointError, ConfigError, DataError, DownloadError, OutputError
from recbole_ext.rerank.run import RerankResult, rerank_run
from recbole_ext.runs import folder as folder_module
from recbole_ext.trainer import build
from recbole_ext.trainer import train as training
from recbole_ext.trainer import trainer as trainer_module
from recbole_ext.trainer.checkpoint import load_tensors
from recbole_ext.trainer.opened import RunResult, evaluate, open_model
from recbole_ext.trainer.train import resume, train
from recbole_ext.trainer.trainer import EpochReport
from tests.conftest import cycle_rows, write_inter

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "config.yaml",
    "metrics.json",
    "per_user.parquet",
    "recommendations.parquet",
    "model.safetensors",
    "log.txt",
}


def figures(result: RunResult) -> dict[str, Any]:
    return {"validation": dict(result.validation.means), "test": dict(result.test.means)}


def test_the_run_folder_is_whole(quick: dict[str, Any], tmp_path: Path) -> None:
    result = train("GRU4Rec", overrides=quick, output=tmp_path / "run")
    assert {file.name for file in result.folder.iterdir()} == FILES
    assert not list(tmp_path.glob("*.partial"))
    metrics = json.loads((result.folder / "metrics.json").read_text())
    per_user = pl.read_parquet(result.folder / "per_user.parquet")
    assert per_user.height == metrics["users"]["test"] == 60
    for name in set(per_user.columns) - {"user_id"}:
        assert per_user[name].mean() == pytest.approx(metrics["test"][name])
    lists = pl.read_parquet(result.folder / "recommendations.parquet")
    # 20 items less the eleven that a user had: nine candidates for lists of ten
    assert lists.height == 60 * 9
    assert set(lists.columns) == {"user_id", "rank", "item_id", "score", "title"}
    titles = lists.select(pl.col("title") == pl.concat_str(pl.lit("Movie "), pl.col("item_id").str.slice(1)))
    assert titles["title"].all()
    assert lists.group_by("user_id").agg(pl.col("score").is_sorted(descending=True).alias("s"))["s"].all()


def test_config_yaml_repeats_the_run(quick: dict[str, Any], tmp_path: Path) -> None:
    first = train("BPR", overrides=quick, output=tmp_path / "first")
    again = train(files=[first.folder / "config.yaml"], output=tmp_path / "again")
    assert figures(again) == figures(first)
    plain = [yaml.safe_load((run.folder / "config.yaml").read_text()) for run in (first, again)]
    assert plain[0] == plain[1]


def test_another_seed_gives_other_numbers(quick: dict[str, Any], tmp_path: Path) -> None:
    runs = [train("BPR", overrides={**quick, "seed": seed}, output=tmp_path / str(seed)) for seed in (1, 2)]
    assert figures(runs[0]) != figures(runs[1])


def test_two_runs_in_one_process_are_independent(quick: dict[str, Any], tmp_path: Path) -> None:
    level, handlers = logging.getLogger().level, list(logging.getLogger().handlers)
    alone = train("GRU4Rec", overrides=quick, output=tmp_path / "alone")
    train(
        "BPR", overrides={**quick, "seed": 7, "topk": [3], "valid_metric": "MRR@3"}, output=tmp_path / "other"
    )
    after = train("GRU4Rec", overrides=quick, output=tmp_path / "after")
    assert figures(after) == figures(alone)
    logs = [(run / "log.txt").read_text() for run in (tmp_path / "alone", tmp_path / "other")]
    assert logs[0].count("epoch 1 training") == logs[1].count("epoch 1 training") == 1
    assert (logging.getLogger().level, logging.getLogger().handlers) == (level, handlers)


def test_evaluate_in_a_new_process_gives_the_same_digits(quick: dict[str, Any], tmp_path: Path) -> None:
    result = train("SASRec", overrides=quick, output=tmp_path / "run")
    program = (
        "import json, pathlib, sys; from recbole_ext.trainer.opened import evaluate; "
        "print(json.dumps(dict(evaluate(pathlib.Path(sys.argv[1])).test.means)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(result.folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == dict(result.test.means)


def never(_: EpochReport) -> None:
    raise AssertionError("an epoch was trained")


class Killed(BaseException):
    """Stands for a kill: nobody catches it."""


@pytest.mark.parametrize("name", ["GRU4Rec", "BPR", "Caser", "MultiVAE", "LightGCN"])
def test_resumed_equals_uninterrupted(name: str, quick: dict[str, Any], tmp_path: Path) -> None:
    values = {**quick, "epochs": 4}

    def kill(report: EpochReport) -> None:
        if report.epoch == 2:
            raise Killed

    whole = train(name, overrides=values, output=tmp_path / "whole")
    with pytest.raises(Killed):
        train(name, overrides=values, output=tmp_path / "broken", on_epoch=kill)
    assert not (tmp_path / "broken").exists()
    resumed = resume(tmp_path / "broken")
    assert figures(resumed) == figures(whole)
    assert [entry["loss"] for entry in resumed.epochs] == [entry["loss"] for entry in whole.epochs]
    assert np.array_equal(resumed.test.items, whole.test.items)
    assert {file.name for file in resumed.folder.iterdir()} == FILES


def test_a_killed_process_is_resumed(quick: dict[str, Any], tmp_path: Path) -> None:
    values = {**quick, "epochs": 40, "stopping_step": 100}
    options = [f"--{key}={value}" for key, value in values.items()]
    command = [sys.executable, str(ROOT / "run.py"), "--model=GRU4Rec", "--output=run", *options]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    state = tmp_path / "run.partial" / "state.safetensors"
    deadline = time.monotonic() + 120
    while not state.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert state.exists()
    resumed = resume(tmp_path / "run")
    whole = train("GRU4Rec", overrides=values, output=tmp_path / "whole")
    assert figures(resumed) == figures(whole)


def test_resuming_a_finished_run_shows_it(quick: dict[str, Any], tmp_path: Path) -> None:
    result = train("Pop", overrides=quick, output=tmp_path / "run")
    said: list[str] = []
    assert figures(resume(result.folder, report=said.append)) == figures(result)
    assert "complete already" in said[0]


def test_an_error_before_the_first_epoch_leaves_nothing(
    quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise ConfigError("as asked for")

    monkeypatch.setattr(build, "set_positive_weight", fails)
    with pytest.raises(ConfigError, match="as asked for"):
        train("BPR", overrides=quick, output=tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_taken_is_left_alone(quick: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("keep")
    with pytest.raises(OutputError, match="exists already"):
        train("Pop", overrides=quick, output=tmp_path / "run")
    assert (tmp_path / "run" / "mine.txt").read_text() == "keep"


def test_a_disk_that_is_full_at_the_end_keeps_the_training(
    quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: pl.DataFrame, file: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pl.DataFrame, "write_parquet", full)
        with pytest.raises(OutputError, match="No space left"):
            train("BPR", overrides=quick, output=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert {file.name for file in resume(tmp_path / "run").folder.iterdir()} == FILES


def test_changed_data_are_refused(quick: dict[str, Any], tmp_path: Path) -> None:
    home = tmp_path / "data"
    write_inter(home, "toy", cycle_rows())
    values = {**quick, "data_path": str(home), "dataset": "toy"}
    result = train("Pop", overrides=values, output=tmp_path / "run")
    write_inter(home, "toy", cycle_rows(seed=1))
    with pytest.raises(CheckpointError, match="not the data"):
        evaluate(result.folder)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "foreign", "pickle"])
def test_damaged_weights_are_refused(damage: str, quick: dict[str, Any], tmp_path: Path) -> None:
    result = train("BPR", overrides=quick, output=tmp_path / "run")
    file = result.folder / "model.safetensors"
    data = bytearray(file.read_bytes())
    if damage == "truncated":
        data = data[: len(data) // 2]
    elif damage == "flipped":
        data[-5] ^= 1
    elif damage == "foreign":
        data = bytearray(b"PK\x03\x04 something else")
    else:
        data = bytearray(b"cos\nsystem\n(S'touch " + str(tmp_path / "owned").encode() + b"'\ntR.")
    file.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        evaluate(result.folder)
    assert not (tmp_path / "owned").exists()


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Neither a copy on disk nor a network."""
    monkeypatch.delenv("MOVIELENS_HOME", raising=False)
    return {"data_path": str(tmp_path / "dataset"), "download": False, "epochs": 1, "show_progress": False}


@pytest.mark.slow
def test_offline_goes_on_with_the_declared_set_under_its_own_name(
    nowhere: dict[str, Any], tmp_path: Path
) -> None:
    said: list[str] = []
    file = tmp_path / "both.yaml"
    file.write_text("dataset: ml-latest-small\noffline_dataset: ml-100k\n")
    result = train("Pop", files=[file], overrides=nowhere, output=tmp_path / "run", report=said.append)
    assert any(line.startswith("NOTE: ml-latest-small") and "ml-100k" in line for line in said)
    assert result.dataset == result.metrics["dataset"] == result.config["dataset"] == "ml-100k"
    assert result.metrics["statistics"]["users"] == 943
    assert not (tmp_path / "dataset" / "ml-latest-small").exists()


def test_offline_without_a_declared_set_lists_the_three_ways(nowhere: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(DownloadError) as caught:
        train(
            "Pop", "ml-latest-small", overrides={**nowhere, "offline_dataset": None}, output=tmp_path / "run"
        )
    for way in ("--source", "MOVIELENS_HOME", "download"):
        assert way in str(caught.value)
    assert not (tmp_path / "run.partial").exists()
    assert not (tmp_path / "dataset" / "ml-latest-small").exists()


def test_runs_get_a_name_of_their_own(
    quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = train("Pop", overrides=quick)
    assert result.folder.parent == Path("saved")
    assert result.folder.name.startswith("cycle-Pop-")
    named = train("Pop", overrides={**quick, "output": "mine"})
    assert named.folder == Path("mine")
    assert os.listdir("mine")


PENALTY = {"method": "popularity_penalty", "alpha": 0.5}


@pytest.fixture
def reranking(quick: dict[str, Any]) -> dict[str, Any]:
    return {**quick, "topk": [5], "valid_metric": "NDCG@5", "rerank": PENALTY}


def same_lists(one: RerankResult | None, other: RerankResult) -> bool:
    assert one is not None
    keys = one.metrics.keys() - {"run"}
    return np.array_equal(one.after.items, other.after.items) and all(
        one.metrics[key] == other.metrics[key] for key in keys
    )


@pytest.mark.parametrize("name", ["GRU4Rec", "ItemKNN"])
def test_the_block_rerank_is_applied_after_training(
    name: str, reranking: dict[str, Any], tmp_path: Path
) -> None:
    result = train(name, overrides=reranking, output=tmp_path / "run")
    assert result.reranked is not None
    assert result.reranked.folder == tmp_path / "run-popularity_penalty-0.5"
    assert {file.name for file in result.reranked.folder.iterdir()} == {
        *("metrics.json", "per_user.parquet", "recommendations.parquet")
    }
    assert {file.name for file in result.folder.iterdir()} == FILES
    # A command on the saved run says the same.
    later = rerank_run(open_model(result.folder), read_rerank(PENALTY), output=tmp_path / "later")
    assert same_lists(result.reranked, later)
    assert result.reranked.metrics["run"] == later.metrics["run"] == str(tmp_path / "run")


def test_without_the_block_nothing_is_reranked(quick: dict[str, Any], tmp_path: Path) -> None:
    assert train("Pop", overrides=quick, output=tmp_path / "run").reranked is None
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_resumed_run_is_reranked_alike(reranking: dict[str, Any], tmp_path: Path) -> None:
    def kill(report: EpochReport) -> None:
        raise Killed

    whole = train("BPR", overrides=reranking, output=tmp_path / "whole")
    assert whole.reranked is not None
    with pytest.raises(Killed):
        train("BPR", overrides=reranking, output=tmp_path / "broken", on_epoch=kill)
    assert same_lists(resume(tmp_path / "broken").reranked, whole.reranked)


def test_a_complete_run_is_reranked_by_resuming_if_its_lists_are_missing(
    reranking: dict[str, Any], tmp_path: Path
) -> None:
    said: list[str] = []
    first = train("BPR", overrides=reranking, output=tmp_path / "run").reranked
    assert first is not None
    assert resume(tmp_path / "run", report=said.append).reranked is None
    assert said[-1] == f"re-ranked lists: {first.folder}"
    shutil.rmtree(first.folder)
    assert same_lists(resume(tmp_path / "run").reranked, first)


@pytest.mark.parametrize(
    ("block", "error", "words"),
    [
        (PENALTY, OutputError, "run-popularity_penalty-0.5, where the re-ranked lists go, exists already"),
        ({**PENALTY, "candidates": 4}, ConfigError, "candidates 4 for lists of 5"),
        ({"method": "xqad", "alpha": 0.5}, ConfigError, "did you mean 'xquad'"),
        # Everybody has had eleven of twenty items: a user's nine hold less tail than five full places.
        ({"method": "exposure", "tail_share": 1.0}, ConfigError, "rerank asks for a tail share of 1, but"),
    ],
)
def test_what_cannot_be_reranked_is_refused_before_training(
    block: dict[str, Any], error: type[Exception], words: str, reranking: dict[str, Any], tmp_path: Path
) -> None:
    taken = tmp_path / "run-popularity_penalty-0.5"
    taken.mkdir()
    with pytest.raises(error, match=words):
        train("BPR", overrides={**reranking, "rerank": block}, output=tmp_path / "run", on_epoch=never)
    assert list(tmp_path.iterdir()) == [taken]


def test_a_reranking_by_genres_that_are_not_there_is_refused_before_training(
    reranking: dict[str, Any], tmp_path: Path
) -> None:
    write_inter(tmp_path, "bare", cycle_rows())
    block = {"method": "mmr", "strength": 0.3}
    values = {**reranking, "data_path": str(tmp_path), "dataset": "bare", "rerank": block}
    with pytest.raises(DataError, match=r"^rerank has the method mmr, which compares genres, but"):
        train("Pop", overrides=values, output=tmp_path / "run", on_epoch=never)
    assert not list(tmp_path.glob("run*"))


def test_curves_by_genres_that_are_not_there_are_refused_before_training(
    quick: dict[str, Any], tmp_path: Path
) -> None:
    write_inter(tmp_path, "bare", cycle_rows())
    values = {**quick, "data_path": str(tmp_path), "dataset": "bare", "pareto": {"methods": ["mmr"]}}
    with pytest.raises(
        DataError, match=r"^the curves of pareto have no method left: rerank has the method mmr"
    ):
        train("Pop", overrides=values, output=tmp_path / "run", on_epoch=never)
    assert not list(tmp_path.glob("run*"))


def test_a_run_that_cannot_be_reranked_is_complete_and_says_so(
    reranking: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OutputError("run-popularity_penalty-0.5 cannot be written")

    with monkeypatch.context() as patch:
        patch.setattr(training, "rerank_run", full)
        with pytest.raises(
            OutputError, match=r"run is complete, but cannot be re-ranked: .* cannot be written"
        ):
            train("Pop", overrides=reranking, output=tmp_path / "run")
    assert evaluate(tmp_path / "run").metrics["model"] == "Pop"
    assert resume(tmp_path / "run").reranked is not None


def test_the_family_of_the_model_is_recorded(quick: dict[str, Any], tmp_path: Path) -> None:
    result = train("GRU4Rec", overrides={**quick, "epochs": 1}, output=tmp_path / "run")
    assert json.loads((result.folder / "metrics.json").read_text())["family"] == "sequence"


def test_a_file_in_the_final_folder_costs_no_training(quick: dict[str, Any], tmp_path: Path) -> None:
    """The state was removed before the name was found to be taken, and the folder with it."""
    final = tmp_path / "run"

    def appears(report: EpochReport) -> None:
        final.mkdir(exist_ok=True)
        (final / "notes.txt").write_text("mine")

    whole = train("GRU4Rec", overrides=quick, output=tmp_path / "whole")
    with pytest.raises(OutputError, match=r"move away what stands there; the training is kept: .* --resume"):
        train("GRU4Rec", overrides=quick, output=final, on_epoch=appears)
    assert (final / "notes.txt").read_text() == "mine"
    with pytest.raises(OutputError, match="is taken: move away what stands there"):
        resume(final, on_epoch=never)
    shutil.rmtree(final)
    assert figures(resume(final, on_epoch=never)) == figures(whole)
    assert {file.name for file in final.iterdir()} == FILES


@pytest.mark.parametrize("step", ["os.replace", "rename", "unlink"])
def test_a_kill_at_each_step_of_the_end_costs_no_training(
    step: str, quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the figures on: weights renamed, folder renamed, state removed."""

    def killed_at(name: str) -> Any:
        def kill(self: Any, *arguments: Any, **options: Any) -> None:
            if Path(self).name == name:
                raise Killed
            os.rename(self, arguments[0]) if arguments else os.remove(self)

        return kill

    with monkeypatch.context() as patch:
        if step == "os.replace":
            patch.setattr(folder_module.os, "replace", killed_at("best.safetensors"))
        else:
            patch.setattr(Path, step, killed_at("run.partial" if step == "rename" else "state.safetensors"))
        with pytest.raises(Killed):
            # The metric's file is written by os.replace as well.
            train("BPR", overrides=quick, output=tmp_path / "run")
    whole = train("BPR", overrides=quick, output=tmp_path / "whole")
    assert figures(resume(tmp_path / "run", on_epoch=never)) == figures(whole)
    assert {file.name for file in (tmp_path / "run").iterdir()} >= FILES
    assert not (tmp_path / "run.partial").exists()


def fails(evidence: Any) -> Any:
    """A metric of one's own; the first call, before training, is answered."""
    if FAILS:
        raise ZeroDivisionError("division by zero")
    return np.zeros(len(evidence.items))


FAILS: list[bool] = []


def test_a_metric_that_raises_at_the_end_costs_no_training(quick: dict[str, Any], tmp_path: Path) -> None:
    values = {**quick, "metrics": ["NDCG", "tests.trainer.test_train:fails"]}
    try:
        with pytest.raises(
            DataError,
            match=r"the metric fails raised ZeroDivisionError: .*the training is kept: finish .*/run --trust$",
        ):
            train("BPR", overrides=values, output=tmp_path / "run", on_epoch=lambda _: FAILS.append(True))
    finally:
        FAILS.clear()
    assert resume(tmp_path / "run", trust=True, on_epoch=never).metrics["test"]["fails@10"] == 0


@pytest.mark.parametrize("epochs", [6, 7])
def test_epochs_and_seconds_count_each_epoch_whether_validated_or_not(
    epochs: int, quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With eval_step 3 a run of 6 epochs said 2 epochs, and the time of these."""
    clock = iter(range(10**6))
    monkeypatch.setattr(trainer_module.time, "perf_counter", lambda: float(next(clock)))
    reports: list[EpochReport] = []
    values = {**quick, "epochs": epochs, "eval_step": 3}
    metrics = train("BPR", overrides=values, output=tmp_path / "run", on_epoch=reports.append).metrics
    assert metrics["epochs"] == epochs
    assert [report.epoch for report in reports] == [3, 6]
    # Each epoch looks at the clock before and after; a validation looks at it twice, and once at its end.
    assert [report.seconds for report in reports] == [1 + 1 + 4, 1 + 1 + 4]
    assert metrics["seconds"]["training"] == 12 + (epochs - 6)
    assert metrics["best_epoch"] in (3, 6)


def test_epochs_and_seconds_are_whole_after_an_interruption(quick: dict[str, Any], tmp_path: Path) -> None:
    values = {**quick, "epochs": 7, "eval_step": 2, "stopping_step": 100}

    def kill(report: EpochReport) -> None:
        if report.epoch == 4:
            raise Killed

    whole = train("BPR", overrides=values, output=tmp_path / "whole")
    with pytest.raises(Killed):
        train("BPR", overrides=values, output=tmp_path / "broken", on_epoch=kill)
    before = sum(entry["seconds"] for entry in state_of(tmp_path / "broken")["history"])
    resumed = resume(tmp_path / "broken")
    assert resumed.metrics["epochs"] == whole.metrics["epochs"] == 7
    assert resumed.metrics["seconds"]["training"] > before
    assert figures(resumed) == figures(whole)


def state_of(run: Path) -> dict[str, Any]:
    return load_tensors(run.with_name(f"{run.name}.partial") / "state.safetensors")


def test_a_run_that_is_being_trained_is_neither_resumed_nor_called_interrupted(
    quick: dict[str, Any], tmp_path: Path
) -> None:
    refused: list[str] = []

    def second(report: EpochReport) -> None:
        for again in (
            lambda: resume(tmp_path / "run"),
            lambda: train("Pop", overrides=quick, output=tmp_path / "run"),
        ):
            with pytest.raises(OutputError) as caught:
                again()
            refused.append(str(caught.value))

    train("Pop", overrides=quick, output=tmp_path / "run", on_epoch=second)
    assert len(refused) == 2
    assert all("is being written by another process" in sentence for sentence in refused)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("item_id:token\ttitle:token_seq\ni1\tA\ni1\tB\n", "has the item i1 twice"),
        ("item_id:token\ttitle:token_seq\ttitle:token\ni1\tA\tB\n", "has two columns named 'title'"),
        ("name:token\ttitle:token_seq\ni1\tA\n", "has no column item_id"),
        ("", "is empty"),
        ("item_id:token\ttitle:token_seq\ni1\tA\tB\tC\n", "cannot be read"),
    ],
)
def test_an_item_file_that_cannot_be_used_is_found_before_training(
    text: str, words: str, quick: dict[str, Any], tmp_path: Path
) -> None:
    write_inter(tmp_path, "toy", cycle_rows())
    (tmp_path / "toy" / "toy.item").write_text(text)
    values = {**quick, "data_path": str(tmp_path), "dataset": "toy", "metrics": ["NDCG", "Recall"]}
    with pytest.raises(DataError, match=rf"toy\.item {words}"):
        train("BPR", overrides=values, output=tmp_path / "run", on_epoch=never)
    assert not list(tmp_path.glob("run*"))


def test_a_training_that_went_wrong_without_an_error_is_told_in_a_line(
    quick: dict[str, Any], tmp_path: Path
) -> None:
    said: list[str] = []
    values = {**quick, "epochs": 4, "learning_rate": 1e3}
    train("BPR", overrides=values, output=tmp_path / "run", report=said.append)
    assert any(
        line.startswith(("NOTE: the training loss rose", "NOTE: Recall@10 on validation")) for line in said
    )
    said.clear()
    good = {**quick, "epochs": 10, "learning_rate": 0.01}
    train("GRU4Rec", overrides=good, output=tmp_path / "good", report=said.append)
    assert not any(line.startswith("NOTE") for line in said)


def test_epochs_are_counted_from_1_everywhere(
    quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log began with 0, and 'epochs: 3, the best: 2' was said of the last one."""
    reports: list[EpochReport] = []
    values = {**quick, "epochs": 3, "stopping_step": 100}
    result = train("BPR", overrides=values, output=tmp_path / "run", on_epoch=reports.append)
    assert [report.epoch for report in reports] == [1, 2, 3]
    scores = [report.score for report in reports]
    best = 1 + scores.index(max(scores))
    assert reports[-1].best_epoch == result.metrics["best_epoch"] == best
    assert [entry["epoch"] for entry in result.epochs] == [1, 2, 3]
    assert result.metrics["epochs_from"] == 1
    log = (tmp_path / "run" / "log.txt").read_text()
    for epoch, times in ((0, 0), (1, 1), (3, 1), (4, 0)):
        assert log.count(f"epoch {epoch} training") == log.count(f"epoch {epoch} evaluating") == times

    def kill(report: EpochReport) -> None:
        if report.epoch == 2:
            raise Killed

    lines: list[str] = []
    with pytest.raises(Killed):
        train("BPR", overrides=values, output=tmp_path / "broken", on_epoch=kill)
    resume(tmp_path / "broken", report=lines.append)
    assert "resuming after epoch 2" in lines


def test_area_and_propensity_metrics_of_a_run(quick: dict[str, Any], tmp_path: Path) -> None:
    names = ["NDCG", "Recall", "AUC", "RecallIPS", "NDCGSNIPS"]
    own = {
        **quick,
        "metrics": names,
        "topk": [5],
        "valid_metric": "AUC@5",
        "epochs": 1,
        "propensity_power": 0,
    }
    result = train("BPR", overrides=own, output=tmp_path / "run")
    # At power 0 every item counts 1.
    assert result.metrics["test"]["recallips@5"] == pytest.approx(result.metrics["test"]["recall@5"])
    assert result.metrics["test"]["ndcgsnips@5"] == pytest.approx(result.metrics["test"]["ndcg@5"])
    assert result.metrics["protocol"]["propensity_power"] == 0
    opened = open_model(tmp_path / "run")
    opened.trainer.begin(opened.data.test)
    (batch,) = opened.data.test
    scores = opened.trainer.masked_scores_of(batch)
    own_score = scores[batch.target_rows, batch.target_items][:, None]
    others = (scores > -torch.inf).sum(dim=1) - 1
    areas = ((scores < own_score) & (scores > -torch.inf)).sum(dim=1) / others
    np.testing.assert_allclose(result.test.per_user["auc@5"], areas.numpy(), rtol=1e-6)
