"""Searches: repeatable, resumable, exact in number, blind to the test items."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import polars as pl
import pytest
from optuna.trial import TrialState

from recbole_ext.data.dataloader import EvaluationLoader
from recbole_ext.data.interactions import TEST
from recbole_ext.errors import ConfigError, OutputError, RecBoleExtError
from recbole_ext.study import storage as storages
from recbole_ext.study.queue import counted
from recbole_ext.study.tune import TuneOptions, tune
from recbole_ext.study.tune_result import TuneResult
from recbole_ext.study.where import Where
from recbole_ext.trainer import train as pipeline
from recbole_ext.trainer.train import train

ROOT = Path(__file__).resolve().parents[2]
Ease = Callable[..., TuneResult]


def trials_of(result: TuneResult) -> pl.DataFrame:
    return pl.read_parquet(result.folder / "trials.parquet")


def test_the_winner_runs_as_a_configuration_and_gives_the_value_of_its_trial(
    ease: Ease, tmp_path: Path
) -> None:
    result = ease()
    table = trials_of(result)
    assert table.height == 4
    assert result.value == table["ndcg@10"].max()
    run = train(files=[result.folder / "best.yaml"], output=tmp_path / "run")
    assert run.validation.means["ndcg@10"] == pytest.approx(result.value, abs=1e-12)
    assert run.config["reg_weight"] == result.best["reg_weight"]
    assert (result.folder / "best.yaml").read_text().startswith("# ")
    assert not list((result.folder / "scratch").iterdir())


def test_the_first_trial_has_the_settings_of_the_configuration(ease: Ease) -> None:
    first = trials_of(ease(trials=2))["reg_weight"].to_list()
    assert first[0] == 250.0  # RecBole's
    assert first[1] != 250.0


def test_the_same_seed_draws_the_same_and_an_interrupted_search_goes_on_with_them(
    ease: Ease, tmp_path: Path
) -> None:
    whole = trials_of(ease(output=tmp_path / "whole", trials=6))["reg_weight"].to_list()
    ease(output=tmp_path / "parts", trials=2)
    parts = trials_of(ease(output=tmp_path / "parts", trials=6))["reg_weight"].to_list()
    assert parts == whole
    other = ease(output=tmp_path / "other", trials=6, overrides={"seed": 1})
    assert trials_of(other)["reg_weight"].to_list() != whole


def test_an_interrupt_inside_a_trial_repeats_its_settings(
    ease: Ease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trials_of(ease(output=tmp_path / "whole", trials=5))["reg_weight"].to_list()
    calls = []
    original = pipeline.validate

    def third_is_interrupted(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*arguments, **options)

    monkeypatch.setattr(pipeline, "validate", third_is_interrupted)
    with pytest.raises(KeyboardInterrupt):
        ease(output=tmp_path / "parts", trials=5)
    result = ease(output=tmp_path / "parts", trials=5)
    assert trials_of(result)["reg_weight"].to_list() == whole
    assert not list((result.folder / "scratch").iterdir())


def test_no_test_item_is_ever_ranked(ease: Ease, monkeypatch: pytest.MonkeyPatch) -> None:
    phases = []
    original = EvaluationLoader.batches

    def watched(self: EvaluationLoader, users: Any) -> Any:
        phases.append(self.phase)
        return original(self, users)

    monkeypatch.setattr(EvaluationLoader, "batches", watched)
    result = ease(trials=2)
    assert phases
    assert TEST not in phases
    stored = (result.folder / "journal.log").read_text()
    assert "test" not in [key for line in stored.splitlines() for key in json.loads(line)]


def test_test_items_do_not_change_a_search(quick: dict[str, Any], tmp_path: Path, ease: Ease) -> None:
    """Two data sets that differ in every user's last item give the same trials."""
    from tests.conftest import cycle_rows, write_inter

    rows = cycle_rows()
    last = {row[0]: index for index, row in enumerate(rows)}
    changed = list(rows)
    for user, index in last.items():
        own = {row[1] for row in rows if row[0] == user}
        changed[index] = (user, next(f"i{i}" for i in range(20) if f"i{i}" not in own), *rows[index][2:])
    values = []
    for name, content in (("a", rows), ("b", changed)):
        write_inter(tmp_path / name, "toy", content)
        overrides = {"data_path": str(tmp_path / name), "dataset": "toy"}
        result = ease(output=tmp_path / f"out-{name}", trials=3, overrides=overrides)
        values.append(trials_of(result)["ndcg@10"].to_list())
    assert values[0] == values[1]


def test_several_objectives_give_the_front(ease: Ease) -> None:
    result = ease(objectives=("NDCG@10", "ItemCoverage@10"), trials=8, sampler="random", pruner="asha")
    table = trials_of(result)
    points = table.select("ndcg@10", "itemcoverage@10").to_numpy()
    beaten = [any((other >= point).all() and (other > point).any() for other in points) for point in points]
    assert list(result.front) == [number for number, lost in enumerate(beaten) if not lost]
    assert {int(file.stem) for file in (result.folder / "front").iterdir()} == set(result.front)
    assert set(table["state"]) == {"complete"}


@pytest.mark.parametrize("pruner", ["median", "asha", "hyperband"])
def test_pruning_stops_bad_trials_and_leaves_no_folder(
    pruner: str, quick: dict[str, Any], space_of: Callable[[str], Path], tmp_path: Path
) -> None:
    """Most rates are too small to learn anything in seven epochs, so that each rule has trials to stop."""
    space = space_of(
        "learning_rate: {type: categorical, choices: [0.05, 0.02, 1.0e-6, 2.0e-6, 3.0e-6, 4.0e-6]}\n"
    )
    overrides = {**quick, "epochs": 7, "embedding_size": 16}
    options = TuneOptions(space, trials=12, output=tmp_path / "search", pruner=pruner)
    result = tune("BPR", (), overrides, options)
    table = trials_of(result)
    pruned = table.filter(pl.col("state") == "pruned")
    assert pruned.height >= 1
    assert pruned["reason"].str.contains("pruned after epoch").all()
    assert table.height == 12
    assert not list(tmp_path.rglob("*.partial"))
    assert not list((tmp_path / "search" / "scratch").iterdir())


def test_equal_settings_are_trained_once(
    quick: dict[str, Any], space_of: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    original = pipeline.validate
    monkeypatch.setattr(pipeline, "validate", lambda *a, **o: calls.append(a) or original(*a, **o))
    space = space_of("reg_weight: {type: categorical, choices: [1.0, 100.0]}\n")
    result = tune("EASE", (), quick, TuneOptions(space, trials=6, output=tmp_path / "search"))
    assert len(calls) == trials_of(result)["reg_weight"].n_unique() <= 2
    assert trials_of(result).height == 6


def test_all_failures_give_the_last_reason(ease: Ease, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise RecBoleExtError("the loss is nan: lower learning_rate")

    monkeypatch.setattr(pipeline, "validate", fails)
    with pytest.raises(
        ConfigError, match=r"each of the 2 trials .*without a value \(2 failed, 0 pruned.*the loss is nan"
    ):
        ease(trials=2)


def test_one_failure_is_a_trial_and_no_end(ease: Ease, monkeypatch: pytest.MonkeyPatch) -> None:
    original, calls = pipeline.validate, []

    def first_fails(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1:
            raise RuntimeError("out of memory")
        return original(*arguments, **options)

    monkeypatch.setattr(pipeline, "validate", first_fails)
    table = trials_of(ease(trials=3))
    assert table["state"].to_list() == ["fail", "complete", "complete"]
    assert table["reason"][0] == "RuntimeError: out of memory"


def test_the_time_of_a_search_ends_it_after_at_least_one_trial(ease: Ease) -> None:
    result = ease(trials=1000, budget_minutes=1e-6)
    assert trials_of(result).height == 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"overrides": {"min_user_interactions": 3}},
            r"another configuration: min_user_interactions was 1 and is 3",
        ),
        (
            {"objectives": ("ItemCoverage@10",)},
            r"other objectives: they were \[NDCG@10\] and are \[ItemCoverage@10\] now: give .*, or remove .*search$",
        ),
    ],
)
def test_a_name_with_another_identity_is_refused(ease: Ease, change: dict[str, Any], expected: str) -> None:
    ease(trials=1)
    with pytest.raises(ConfigError, match=expected):
        ease(trials=1, **change)


def test_a_folder_holds_one_search(ease: Ease) -> None:
    best = (ease(trials=1).folder / "best.yaml").read_text()
    with pytest.raises(ConfigError, match=r"search holds the study 'cycle-EASE': give another --output"):
        ease(trials=1, name="mine", overrides={"seed": 1})
    assert (ease(trials=1).folder / "best.yaml").read_text() == best


def test_a_name_with_another_space_is_refused(
    ease: Ease, quick: dict[str, Any], space_of: Callable[[str], Path], tmp_path: Path
) -> None:
    ease(trials=1)
    space = space_of("reg_weight: {type: float, low: 1, high: 2000, log: true}\n")
    overrides = {**quick, "metrics": ["NDCG", "ItemCoverage"]}
    with pytest.raises(
        ConfigError, match=r"another space: reg_weight: high was 1000\.0 and is 2000\.0 now: give"
    ):
        tune("EASE", (), overrides, TuneOptions(space, trials=1, output=tmp_path / "search"))


@pytest.mark.parametrize(
    ("stored", "wanted", "expected"),
    [
        ({"k": {"low": 1, "high": 100}}, {"k": {"low": 1, "high": 200}}, "k: high was 100 and is 200 now"),
        ({"k": {"low": 1}}, {"k": {"low": 1, "step": None}}, "k: step was absent and is null now"),
        ({"k": {"low": 1}, "m": 3}, {"k": {"low": 1}}, "m was 3 and is absent now"),
        ({}, {"k": {"type": "int", "low": 1}}, "k was absent and is there now"),
        ({"k": "a" * 99}, {"k": 1}, f"k was {'a' * 59}… and is 1 now"),
    ],
)
def test_what_differs_is_named_by_its_innermost_key(
    stored: dict[str, Any], wanted: dict[str, Any], expected: str
) -> None:
    storage = optuna.storages.InMemoryStorage()
    storages.open_study(storage, "mine", ["maximize"], {"model": "X", "space": stored})
    with pytest.raises(ConfigError) as caught:
        storages.open_study(storage, "mine", ["maximize"], {"model": "X", "space": wanted})
    assert f"exists with another space: {expected}: give another --name" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"trials": 0}, r"--trials is 0: .*at least one"),
        ({"where": Where(workers=0)}, r"--workers is 0"),
        ({"budget_minutes": 0.0}, r"--budget-minutes is 0"),
        ({"sampler": "tpee"}, r"--sampler is 'tpee'; did you mean 'tpe'"),
        ({"pruner": "medien"}, r"--pruner is 'medien'; did you mean 'median'"),
        ({"objectives": ("NDGC@10",)}, r"'NDGC' in the option --objectives; did you mean 'NDCG'"),
        (
            {"objectives": ("NDCG",)},
            r"^the objective in the option --objectives must name a length, as in NDCG@10, not 'NDCG'",
        ),
        ({"objectives": ("NDCG@10", "ndcg@10")}, r"the same metric twice"),
        (
            {"objectives": ("NDCG@7",)},
            r"^the objective in the option --objectives is NDCG@7, which is not computed: add 7 to topk",
        ),
        ({"objectives": ("NDCG@10", " ")}, r"--objectives=NDCG@10,  has an empty part"),
        ({"name": ""}, r"--name is empty: name the study"),
        (
            {"overrides": {"reg_weight": 3.0}},
            r"^reg_weight in the option --reg_weight is also searched in .*space\.yaml, line 1: leave one out",
        ),
        ({"storage": "postgre://x"}, r"--storage=postgre://x cannot be used"),
        ({"storage": "mysql://a:secret@b/c"}, r"mysql://a:\*\*\*@b/c needs the driver MySQLdb: install"),
        ({"storage": "no url"}, r"--storage=no url cannot be used"),
        ({"storage": "mysql+nodriver://u:secret@h/d"}, r"--storage=mysql\+nodriver://u:\*\*\*@h/d cannot"),
    ],
)
def test_a_bad_option_is_answered_in_one_sentence(
    ease: Ease, options: dict[str, Any], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "MySQLdb", None)  # not there, whatever is installed
    with pytest.raises(ConfigError, match=expected) as caught:
        ease(**options)
    assert "secret" not in str(caught.value)


def test_a_range_that_the_configuration_refuses_is_found_before_the_first_trial(
    quick: dict[str, Any], space_of: Callable[[str], Path], tmp_path: Path
) -> None:
    space = space_of("dropout_prob: {type: float, low: 0.1, high: 1.0}\n")
    with pytest.raises(
        ConfigError,
        match=r"^dropout_prob in .*space\.yaml, line 1 must be a number from 0 to below 1, not 1\.0",
    ):
        tune("MLP", (), quick, TuneOptions(space, trials=1, output=tmp_path / "search"))
    assert not (tmp_path / "search").exists()


def test_a_count_below_0_is_found_before_the_first_trial(
    quick: dict[str, Any], space_of: Callable[[str], Path], tmp_path: Path
) -> None:
    space = space_of("k: {type: int, low: -5, high: 50}\n")
    with pytest.raises(ConfigError, match=r"^k in .*space\.yaml, line 1 (goes down to|must).*-5"):
        tune("ItemKNN", (), quick, TuneOptions(space, trials=1, output=tmp_path / "search"))
    assert not (tmp_path / "search").exists()


def test_a_failing_search_names_the_folder_to_remove(ease: Ease, monkeypatch: pytest.MonkeyPatch) -> None:
    original = pipeline.validate

    def fails(*_: Any, **__: Any) -> None:
        raise RecBoleExtError("the loss is nan: lower learning_rate")

    monkeypatch.setattr(pipeline, "validate", fails)
    with pytest.raises(
        ConfigError, match=r"the only trial of cycle-EASE ended .*remove the folder (.*)$"
    ) as caught:
        ease(trials=1)
    shutil.rmtree(str(caught.value).rpartition("remove the folder ")[2])
    monkeypatch.setattr(pipeline, "validate", original)
    assert trials_of(ease(trials=1))["state"].to_list() == ["complete"]


def test_a_longer_search_before_is_said_in_words(ease: Ease) -> None:
    lines: list[str] = []
    ease(trials=2)
    ease(trials=1, report=lines.append)
    assert "2 trials done where 1 would do, all of which count" in lines[-1]


def test_a_database_that_cannot_be_opened_leaves_no_folder(ease: Ease, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--storage=sqlite:////nodir/x\.db cannot be used"):
        ease(storage="sqlite:////nodir/x.db", output=tmp_path / "above" / "search")
    assert not (tmp_path / "above").exists()
    there = tmp_path / "there"
    there.mkdir()
    with pytest.raises(ConfigError):
        ease(storage="sqlite:////nodir/x.db", output=there)
    assert there.is_dir()


def test_a_journal_that_lost_any_line_never_replaces_results(ease: Ease) -> None:
    folder = ease(trials=3).folder
    files = [folder / name for name in ("trials.csv", "trials.parquet", "best.yaml", "tuning.json")]
    before = [file.read_bytes() for file in files]
    journal = folder / "journal.log"
    lines = journal.read_bytes().splitlines(keepends=True)
    refused = []
    for lost in range(len(lines)):
        journal.write_bytes(b"".join(lines[:lost] + lines[lost + 1 :]))
        with contextlib.suppress(RecBoleExtError):
            ease(trials=3)
            continue
        refused.append(lost)
        assert [file.read_bytes() for file in files] == before
    # What is not refused shows nowhere in the results: values of epochs, who made a trial, and when, what was
    # to be drawn.
    harmless = [json.loads(line) for n, line in enumerate(lines) if n not in refused]
    assert [file.read_bytes() for file in files[:3]] == before[:3]
    assert {key for record in harmless for key in record.get("user_attr", {})} <= {"owner", "place"}
    assert {record["op_code"] for record in harmless} <= {6, 7, 8, 9}
    # That a trial that waited was begun; how it ended shows.
    assert {record["state"] for record in harmless if record["op_code"] == 6} <= {TrialState.RUNNING}


def test_a_record_of_a_study_that_is_not_there_is_damage(ease: Ease) -> None:
    journal = ease(trials=1).folder / "journal.log"
    whole = journal.read_bytes()
    damaged = whole + b'{"op_code": 4, "worker_id": "a", "study_id": 1, "datetime_start": "x"}\n'
    journal.write_bytes(damaged)
    number = damaged.count(b"\n")
    with pytest.raises(OutputError, match=rf"damaged \(line {number} belongs to a study .*: restore it, or"):
        ease(trials=2)
    assert journal.read_bytes() == damaged
    journal.write_bytes(whole)
    assert trials_of(ease(trials=2)).height == 2


def test_a_lost_trial_is_named(ease: Ease) -> None:
    folder = ease(trials=3).folder
    journal = folder / "journal.log"
    lines = journal.read_bytes().splitlines(keepends=True)
    first = next(n for n, line in enumerate(lines) if json.loads(line)["op_code"] == 4)
    journal.write_bytes(b"".join(lines[:first] + lines[first + 1 :]))
    with pytest.raises(
        OutputError,
        match=r"journal\.log lacks trial 0 as .*trials\.csv shows it.*: restore it, or give another",
    ):
        ease(trials=4)
    journal.write_bytes(b"".join(lines))
    assert trials_of(ease(trials=4)).height == 4


def test_a_table_that_was_spoilt_is_written_anew(ease: Ease) -> None:
    table = ease(trials=2).folder / "trials.csv"
    before = table.read_text()
    for spoilt in ("", "nonsense\n", before[:5]):
        table.write_text(spoilt)
        ease(trials=2)
        assert table.read_text() == before


def test_a_torn_line_of_the_journal_is_cut_off(ease: Ease) -> None:
    first = ease(trials=2)
    with (first.folder / "journal.log").open("ab") as journal:
        journal.write(b'{"op_code": 4, "wor')
    assert trials_of(ease(trials=4)).height == 4


@pytest.mark.parametrize(
    "line",
    [
        b"garbage{\n",
        b"3\n",
        b"\xff\n",
        b"\n",
        b"[" * 100_000 + b"\n",
    ],
    ids=["text", "number", "bytes", "empty", "deep"],
)
def test_a_damaged_last_line_of_the_journal_is_named_and_nothing_is_written_after_it(
    ease: Ease, line: bytes
) -> None:
    journal = ease(trials=1).folder / "journal.log"
    damaged = journal.read_bytes() + line
    journal.write_bytes(damaged)
    number = damaged.count(b"\n")
    with pytest.raises(OutputError, match=rf"journal\.log is damaged in line {number}: remove") as caught:
        ease(trials=2)
    assert "\n" not in str(caught.value)
    assert journal.read_bytes() == damaged
    journal.write_bytes(damaged.removesuffix(line))
    assert trials_of(ease(trials=2)).height == 2


@pytest.mark.parametrize("loss", [Path.unlink, lambda journal: journal.write_bytes(b"")])
def test_results_whose_journal_is_lost_are_not_replaced(ease: Ease, loss: Callable[[Path], Any]) -> None:
    folder = ease(trials=2).folder
    names = ("tuning.json", "trials.csv", "best.yaml")
    before = [(folder / name).read_bytes() for name in names]
    journal = folder / "journal.log"
    kept = journal.read_bytes()
    loss(journal)
    with pytest.raises(
        OutputError, match=r"search holds results .*no trials of 'cycle-EASE'.*restore"
    ) as caught:
        ease(trials=2)
    assert "\n" not in str(caught.value)
    assert [(folder / name).read_bytes() for name in names] == before
    journal.write_bytes(kept)
    assert trials_of(ease(trials=3)).height == 3


def test_results_whose_database_is_lost_are_not_replaced(ease: Ease, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'tune.db'}"
    ease(trials=1, storage=storage)
    folder = ease(trials=2, storage=storage).folder
    before = (folder / "tuning.json").read_bytes()
    (tmp_path / "tune.db").unlink()
    with pytest.raises(OutputError, match=r"database was lost.*restore the database, or give another"):
        ease(trials=2, storage=storage)
    assert (folder / "tuning.json").read_bytes() == before


def test_a_damaged_journal_is_named(ease: Ease) -> None:
    journal = ease(trials=2).folder / "journal.log"
    journal.write_bytes(b"not a journal\n" + journal.read_bytes())
    with pytest.raises(OutputError, match=r"journal\.log is damaged"):
        ease(trials=2)


COMMAND = [sys.executable, str(ROOT / "run.py"), "tune", "--model=BPR", "--trials=9", "--output=search"]


def command_of(quick: dict[str, Any], space: Path, *more: str) -> list[str]:
    values = {**quick, "epochs": 6, "embedding_size": 16, "metrics": "[NDCG]"}
    return [*COMMAND, f"--space={space}", *(f"--{key}={value}" for key, value in values.items()), *more]


def space_file(tmp_path: Path) -> Path:
    file = tmp_path / "space.yaml"
    file.write_text("learning_rate: {type: float, low: 1e-4, high: 0.1, log: true}\n")
    return file


def lines_of(folder: Path) -> int:
    journal = folder / "journal.log"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def states(tmp_path: Path, name: str = "cycle-BPR") -> tuple[list[TrialState], optuna.Study]:
    storage = storages.open_storage(None, tmp_path / "search")
    study = optuna.load_study(storage=storage, study_name=name)
    return [trial.state for trial in counted(study)], study


@pytest.mark.slow
def test_a_killed_search_goes_on_with_the_same_command(quick: dict[str, Any], tmp_path: Path) -> None:
    command = command_of(quick, space_file(tmp_path))
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while lines_of(tmp_path / "search") < 25 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    _, study = states(tmp_path)
    before = {t.number: t.values for t in study.trials if t.state.is_finished()}
    assert 0 < len(before) < 9
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found, study = states(tmp_path)
    assert len(found) == 9
    assert all(state.is_finished() for state in found)
    after = {t.number: t.values for t in study.trials}
    assert all(after[number] == values for number, values in before.items())
    assert not any(trial.state == TrialState.RUNNING for trial in study.trials)
    assert not list((tmp_path / "search" / "scratch").iterdir())
    assert pl.read_csv(tmp_path / "search" / "trials.csv").height == 9


@pytest.mark.slow
def test_three_workers_make_each_trial_once(ease: Ease, tmp_path: Path) -> None:
    shown: list[int] = []
    result = ease(
        trials=9,
        where=Where(workers=3),
        sampler="random",
        pruner="none",
        on_trial=lambda trial: shown.append(trial.done),
    )
    found, study = states(tmp_path, "cycle-EASE")
    assert found == [TrialState.COMPLETE] * 9
    assert [trial.number for trial in study.trials] == list(range(9))
    assert len({trial.params["reg_weight"] for trial in study.trials}) == 9
    assert len({trial.user_attrs["place"] for trial in study.trials}) >= 2
    assert result.summary["trials"] == 9
    assert result.value == max(trial.values[0] for trial in study.trials)
    assert shown[-1] == 9
    assert shown == sorted(set(shown))
