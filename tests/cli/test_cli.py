"""The command line as a tired new user meets it: one table of mistakes, each answered in one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recbole_ext.cli import main
from tests.conftest import write_inter

HEADER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
GOOD = "".join(f"u{user}\ti{item}\t4\t{100 + item}\n" for user in range(6) for item in range(6))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a good data set ``toy`` and a configuration file; nothing on disk or in the network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MOVIELENS_HOME", raising=False)
    write_inter(
        tmp_path / "dataset", "toy", [(f"u{u}", f"i{i}", 4.0, 100 + i) for u in range(6) for i in range(6)]
    )
    (tmp_path / "toy.yaml").write_text(
        "dataset: toy\ntopk: [2]\nvalid_metric: NDCG@2\nepochs: 1\ndownload: false\n"
    )
    return tmp_path


def run(*arguments: str) -> int:
    """Exit code of the program."""
    try:
        main(list(arguments))
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def pop(*options: str) -> list[str]:
    return ["--model=Pop", "--config=toy.yaml", *options]


def data(text: str | bytes) -> Callable[[Path], None]:
    """Puts other content in the place of the good data set."""

    def write(home: Path) -> None:
        raw = text.encode() if isinstance(text, str) else text
        (home / "dataset" / "toy" / "toy.inter").write_bytes(raw)

    return write


def config(text: str) -> Callable[[Path], None]:
    return lambda home: (home / "toy.yaml").write_text(text, encoding="utf-8") and None


def nothing(home: Path) -> None:
    """The good data set stays."""


def taken(home: Path) -> None:
    (home / "run").mkdir()
    (home / "run" / "mine").write_text("keep")


def interrupted(home: Path) -> None:
    (home / "run.partial").mkdir()
    (home / "run.partial/config.yaml").write_text("model: Pop\n")


# one line a case reads as a table
MISTAKES: dict[str, tuple[list[str], Callable[[Path], Any], str]] = {
    "command": (["tarin"], nothing, r"'tarin' is not a command; did you mean 'train'\?"),
    "no model": (["--config=toy.yaml"], nothing, r"no model is named: add --model="),
    "model": (
        ["--model=GRU4Rek", "--config=toy.yaml"],
        nothing,
        r"GRU4Rek is not a known model; did you mean 'GRU4Rec'\?",
    ),
    "module": (["--model=no.module:X", "--config=toy.yaml"], nothing, r"no\.module:X cannot be imported"),
    "class": (
        ["--model=collections:OrderedDic", "--config=toy.yaml"],
        nothing,
        r"did you mean 'OrderedDict'\?",
    ),
    "no recommender": (
        ["--model=collections:OrderedDict", "--config=toy.yaml"],
        nothing,
        r"is not a RecBole model",
    ),
    "needs a graph": (["--model=KSR", "--config=toy.yaml"], nothing, r"KSR needs a knowledge graph"),
    "data set": (pop("--dataset=ml-latest-smal"), nothing, r"ml-latest-smal.*ml-latest-small"),
    "data set as a path": (pop("--dataset=../toy"), nothing, r"dataset.*without slashes"),
    "metric": (pop("--metrics=[NDGC]"), nothing, r"unknown metric 'NDGC' .*did you mean 'NDCG'\?"),
    "metric of another meaning": (
        pop("--metrics=[NDCG, GiniIndex]"),
        nothing,
        r"GiniIndex .*refused.*use Gini",
    ),
    "metric that is not computed": (
        pop("--valid_metric=MRR@3"),
        nothing,
        r"MRR@3.*is not computed: add 3 to topk",
    ),
    "metric without K": (pop("--valid_metric=NDCG"), nothing, r"NDCG@10, not 'NDCG'"),
    "key": (
        pop("--learning_rat=0.1"),
        nothing,
        r"unknown key 'learning_rat' .*did you mean 'learning_rate'\?",
    ),
    "key in a file": (
        pop(),
        config("dataset: toy\nepoch: 3\n"),
        r"'epoch' in toy\.yaml, line 2; did you mean 'epochs'\?",
    ),
    "text for a number": (
        pop("--epochs=many"),
        nothing,
        r"epochs .*must be a whole number of 1 or more, not 'many'",
    ),
    "fraction for a whole number": (pop("--epochs=1.5"), nothing, r"epochs .*must be a whole number.*1\.5"),
    "negative": (pop("--learning_rate=-1"), nothing, r"learning_rate .*above 0, not -1"),
    "split": (pop("--split=leave_two_out"), nothing, r"split .*one of leave_one_out, ratio, global_time"),
    "K of nothing": (pop("--topk=[0]"), nothing, r"topk .*1 or more"),
    "K above the catalogue": (pop("--topk=[2, 9]"), nothing, r"topk asks for 9 items, .*catalogue has 6"),
    "option without a word": (
        ["--model=Pop", "--config=toy.yaml", "epochs", "3"],
        nothing,
        r"'epochs' is not an option: write --key=value or --key value",
    ),
    "option at the end": (pop("--epochs"), nothing, r"--epochs= has no value"),
    "option of ours": (
        ["--modle=GRU4Rec"],
        nothing,
        r"--modle is not an option; did you mean '--model'\?",
    ),
    "option of ours before a key": (
        ["--config=toy.yaml", "--modle", "GRU4Rec", "--epochs", "3"],
        nothing,
        r"--modle is not an option; did you mean '--model'\?",
    ),
    "key without a model": (["--embeding-size=3"], nothing, r"did you mean 'embedding_size'\?"),
    "option of a re-ranking": (
        ["rerank", "run", "--mehtod=mmr"],
        nothing,
        r"--mehtod is not an option; did you mean '--method'\?",
    ),
    "option twice, in two spellings": (
        pop("--learning-rate=1", "--learning_rate", "2"),
        nothing,
        r"--learning_rate is given twice",
    ),
    "option without a value": (pop("--epochs="), nothing, r"--epochs= has no value"),
    "option twice": (pop("--epochs=1", "--epochs=2"), nothing, r"--epochs is given twice"),
    "no file": (["--model=Pop", "--config=to.yaml"], nothing, r"to\.yaml"),
    "no YAML": (pop(), config("dataset: [toy\nepochs: 3\n"), r"toy\.yaml.*line"),
    "key twice in a file": (pop(), config("dataset: toy\nepochs: 1\nepochs: 2\n"), r"toy\.yaml.*epochs"),
    "list for a file": (pop(), config("- toy\n"), r"toy\.yaml"),
    "threshold for nobody": (pop("--rating_threshold=6"), nothing, r"rating_threshold|no interaction"),
    "core for nobody": (pop("--min_user_interactions=7"), nothing, r"min_user_interactions"),
    "empty data": (pop(), data(""), r"toy\.inter.*empty"),
    "header only": (pop(), data(HEADER), r"toy\.inter"),
    "missing column": (pop(), data("user_id:token\titem_id:token\nu\ti\n"), r"toy\.inter.*timestamp"),
    "time stamp of letters": (
        pop(),
        data(HEADER + GOOD + "u9\ti1\t4\tyesterday\n"),
        r"toy\.inter.*(38|yesterday)",
    ),
    "time stamp that is not there": (
        pop(),
        data(HEADER + GOOD + "u9\ti1\t4\tNaN\n"),
        r"toy\.inter.*(38|NaN)",
    ),
    "rating of letters": (
        pop("--rating_threshold=3"),
        data(HEADER + GOOD + "u9\ti1\tgood\t7\n"),
        r"toy\.inter.*(38|good)",
    ),
    "row twice": (pop(), data(HEADER + GOOD + "u0\ti0\t4\t100\n"), r"same item twice.*mask_seen"),
    "row too short": (pop(), data(HEADER + GOOD + "u9\ti1\n"), r"toy\.inter"),
    "binary": (pop(), data(b"PK\x03\x04\xff\xfe\x00\x00"), r"toy\.inter"),
    "output that is taken": (pop("--output=run"), taken, r"run exists already: choose another --output"),
    "output of an interrupted run": (pop("--output=run"), interrupted, r"--resume run"),
    "output below a file": (pop("--output=toy.yaml/run"), nothing, r"toy\.yaml/run\S* cannot be written"),
    "output nobody may write": (pop("--output=/proc/run"), nothing, r"/proc/run\S* cannot be written"),
    "resume of nothing": (["train", "--resume", "run"], nothing, r"run\S* does not exist"),
    "resume with a model": (
        ["train", "--resume", "run", "--model=Pop"],
        nothing,
        r"--resume takes the run folder alone",
    ),
    "evaluate nothing": (["evaluate", "run"], nothing, r"run is not a finished run folder"),
    "evaluate an interrupted run": (["evaluate", "run"], interrupted, r"--resume run"),
    "evaluate another folder": (["evaluate", "dataset"], nothing, r"dataset has no config\.yaml"),
    "table of nothing": (["table"], nothing, r"at least one run folder"),
    "prepare another set": (["prepare", "--dataset=ml-1n"], nothing, r"ml-1n.*ml-1m"),
    "prepare from nowhere": (["prepare", "--dataset=ml-1m", "--source=gone"], nothing, r"gone"),
    "tune without a space": (["tune", "--model=Pop", "--config=toy.yaml"], nothing, r"--space"),
    "tune with no space": (
        ["tune", "--model=BPR", "--config=toy.yaml", "--space=spaec.yaml"],
        nothing,
        r"spaec\.yaml does not exist",
    ),
    "tune into nothing": (
        ["tune", "--model=EASE", "--config=toy.yaml", "--space=space.yaml", "--output="],
        lambda home: (home / "space.yaml").write_text("reg_weight: {type: float, low: 1, high: 9}\n"),
        r"--output is empty: name a folder",
    ),
    "compare into nothing": (
        ["compare", "--config=study.yaml", "--output="],
        lambda home: (home / "study.yaml").write_text("base: toy.yaml\nmodels: [Pop]\n"),
        r"--output is empty: name a folder",
    ),
    "ablate into nothing": (
        ["ablate", "--config=study.yaml", "--output", ""],
        nothing,
        r"--output is empty: name a folder",
    ),
    "tune no model": (["tune", "--config=toy.yaml", "--space=toy.yaml"], nothing, r"no model is named"),
    "tune no trial": (
        ["tune", "--model=BPR", "--config=toy.yaml", "--space=toy.yaml", "--trials=0"],
        nothing,
        r"--trials is 0",
    ),
    "tune a configuration": (
        ["tune", "--model=BPR", "--config=toy.yaml", "--space=toy.yaml"],
        nothing,
        r"dataset in toy\.yaml, line 1 decides what is measured",
    ),
    "compare without a study": (["compare"], nothing, r"--config"),
    "compare a configuration": (
        ["compare", "--config=toy.yaml"],
        nothing,
        r"unknown key 'dataset' in toy\.yaml, line 1",
    ),
    "compare in no time": (
        ["compare", "--config=study.yaml", "--budget-minutes=0"],
        lambda home: (home / "study.yaml").write_text("base: toy.yaml\nmodels: [Pop]\n"),
        r"--budget-minutes is 0",
    ),
    "ablate a configuration": (
        ["ablate", "--config=toy.yaml"],
        nothing,
        r"unknown key 'dataset' in toy\.yaml, line 1",
    ),
    "weight without a loss": (
        ["--model=BPR", "--config=toy.yaml", "--positive_weight=2"],
        nothing,
        r"no point-wise loss",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_one_sentence(mistake: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, prepare, expected = MISTAKES[mistake]
    prepare(home)
    before = sorted(str(path.relative_to(home)) for path in home.rglob("*"))
    assert run(*arguments) == 2
    # A line of three dots says that a slow machine is at work.
    lines = capsys.readouterr().err.splitlines(keepends=True)
    said = "".join(line for line in lines if not line.startswith("... ")).strip()
    assert said.startswith("error: ")
    assert "Traceback" not in said
    assert len(said.splitlines()) == 1
    assert re.search(expected, said), said
    after = sorted(str(path.relative_to(home)) for path in home.rglob("*"))
    # The column cache is whole and right whatever else was wrong: the atomic file was read before the mistake showed.
    after = [path for path in after if path not in ("saved", "dataset/toy/toy.inter.arrow")]
    assert after == before


@pytest.mark.parametrize(
    ("case", "raw"),
    {
        "byte-order mark": b"\xef\xbb\xbf" + (HEADER + GOOD).encode(),
        "CRLF": (HEADER + GOOD).replace("\n", "\r\n").encode(),
        "no newline at the end": (HEADER + GOOD).rstrip("\n").encode(),
        "accents in a token": (HEADER + GOOD.replace("i0", "Amélie")).encode(),
        "other order of the columns": b"timestamp:float\tuser_id:token\trating:float\titem_id:token\n"
        + "".join(f"{100 + i}\tu{u}\t4\ti{i}\n" for u in range(6) for i in range(6)).encode(),
    }.items(),
)
def test_what_looks_odd_but_is_right_runs(case: str, raw: bytes, home: Path) -> None:
    data(raw)(home)
    assert run(*pop("--output=run")) == 0
    assert (home / "run" / "metrics.json").is_file()


def test_debug_adds_the_traceback(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*pop("--debug", "--epochs=many")) == 2
    assert "Traceback" in capsys.readouterr().err


def test_train_is_the_default_and_ends_with_the_tables(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*pop("--output=run")) == 0
    said = capsys.readouterr().out
    for part in (
        "Pop on toy, test",
        "NDCG",
        "ItemCoverage",
        "ceiling",
        "seen items masked",
        "run folder: run",
    ):
        assert part in said
    assert run("evaluate", "run") == 0
    again = capsys.readouterr().out
    rows = [line for line in said.splitlines() if line.strip().startswith(("NDCG", "ItemCoverage", "Hit"))]
    assert rows
    assert set(rows) <= set(again.splitlines())
    assert run("table", "run") == 0
    assert " Pop " in capsys.readouterr().out
    assert run("table", "run", "--format", "markdown") == 0
    assert "| Pop |" in capsys.readouterr().out


def test_lists(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models") == run("datasets") == run("--help") == run() == 0
    said = capsys.readouterr().out
    for part in ("GRU4Rec", "ml-32m", "Usage"):
        assert part in said
