"""What answers without training answers at once: neither torch nor RecBole nor pandas is imported for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from recbole_ext.cli import entry

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "runs" / "written_by_0_1_0"
HEAVY = ("torch", "recbole", "pandas")
# The program, and on its last line of errors what it has imported.
CODE = f"""
import sys
from recbole_ext.cli import main
code = 0
try:
    main(sys.argv[1:])
except SystemExit as stop:
    code = stop.code
packages = {{name.partition(".")[0] for name in sys.modules}}
print(sorted(packages & set({HEAVY!r})), file=sys.stderr)
sys.exit(code)
"""


@dataclass(frozen=True)
class Answer:
    """What a command says.

    Attributes:
        arguments: Of the program.
        words: In its output, or in its error.
        refused: Whether it ends with exit code 2.
    """

    arguments: tuple[str, ...]
    words: str
    refused: bool = True


def helped(*arguments: str) -> Answer:
    return Answer((*arguments, "--help"), "Usage: run.py", refused=False)


def shown(words: str, *arguments: str) -> Answer:
    return Answer(arguments, words, refused=False)


def refused(words: str, *arguments: str) -> Answer:
    return Answer(arguments, words)


OTHER = """
source: {title: Another, table: "1"}
dataset: {name: toy, users: 6040, items: 3416, interactions: 999611}
protocol: {}
models: [{label: Pop, model: Pop}, {label: New, model: NewModel, needs: [NewModel]}]
"""
GRU = ("--model=GRU4Rec", "--config=toy.yaml")

ANSWERS = {
    "help": helped(),
    **{f"help of {name}": helped(name) for name in entry.COMMANDS},
    "nothing": shown("Usage: run.py"),
    "version": shown("recbole-ext, version", "--version"),
    "models": shown("GRU4Rec", "models"),
    "datasets": shown("ml-1m", "datasets"),
    "keys": shown("learning_rate", "keys"),
    "keys of a model": shown("dropout_prob *", "keys", "dropout", "--model=GRU4Rec"),
    "keys without a match": refused("add --model=NAME", "keys", "dropout"),
    "table": shown(" ItemKNN ", "table", "saved/knn", "saved/gru"),
    "table in Markdown": shown("| ItemKNN |", "table", "saved/knn", "saved/gru", "--format=markdown"),
    "table against a run": shown(
        "p |", "table", "saved/knn", "saved/gru", "--against=saved/knn", "--format=markdown"
    ),
    "report": shown("report: report.html", "report", "saved/knn", "saved/gru"),
    "report of a study": shown("report: report.html", "report", "saved/study"),
    "unknown command": refused("did you mean 'train'?", "tarin"),
    "unknown option": refused("No such option", "evaluate", "saved/gru", "--fast"),
    "unknown model": refused("did you mean 'GRU4Rec'?", "--model=GRU4Rek", "--config=toy.yaml"),
    "no model": refused("no model is named", "--epochs=3"),
    "unknown key": refused("did you mean 'embedding_size'?", *GRU, "--embeding_size=3"),
    "unknown key in a file": refused("line 1", "--model=GRU4Rec", "--config=space.yaml"),
    "bad value": refused("learning_rate", *GRU, "--learning_rate=abc"),
    "misspelt option": refused("did you mean '--model'?", "--modle=GRU4Rec"),
    "misspelt key, no model": refused("did you mean 'embedding_size'?", "--embeding-size", "3"),
    "bad form": refused("write --key=value", *GRU, "epochs", "3"),
    "missing configuration": refused("to.yaml", "--model=GRU4Rec", "--config=to.yaml"),
    "bad metric": refused("did you mean 'NDCG'?", *GRU, "--metrics=[NDGC]"),
    "unknown data set": refused("is no MovieLens set", "--model=Pop", "--config=toy.yaml", "--dataset=tyo"),
    "taken output": refused("exists already", "--model=Pop", "--config=toy.yaml", "--output=saved"),
    "interrupted output": refused("--resume", "--model=Pop", "--config=toy.yaml", "--output=saved/stopped"),
    "resume no run": refused("does not exist", "train", "--resume=saved/nothing"),
    "empty output": refused("--output is empty", "--model=Pop", "--config=toy.yaml", "--output="),
    "resume with a model": refused(
        "takes the run folder alone", "train", "--resume=saved/gru", "--model=Pop"
    ),
    "table of no run": refused("run folder", "table", "saved/nothing"),
    "table with a bad column": refused("unknown metric", "table", "saved/gru", "--columns=NDGC"),
    "report of no run": refused("nothing", "report", "saved/nothing"),
    "evaluate no run": refused("is not a finished run folder", "evaluate", "saved/nothing"),
    "explain nobody": refused("whose history?", "explain", "saved/gru"),
    "recommend no run": refused("is not a finished run folder", "recommend", "saved/nothing", "--likes=i1"),
    "recommend to nobody": refused("for whom?", "recommend", "saved/gru"),
    "recommend by a bad re-ranker": refused(
        "did you mean 'mmr'?", "recommend", "saved/gru", "--user=u1", "--rerank=mmmr"
    ),
    "recommend to a strange file": refused(
        "ends in .txt", "recommend", "saved/gru", "--user=u1", "--output=a.txt"
    ),
    "explain no run": refused("is not a finished run folder", "explain", "saved/nothing", "--user=u1"),
    "serve no run": refused("is not a finished run folder", "serve", "saved/nothing"),
    "serve to the world": refused("--token", "serve", "saved/gru", "--host=0.0.0.0"),
    "serve with a short token": refused("16 or more", "serve", "saved/gru", "--token=abc"),
    "export no feedback": refused(
        "does not exist", "feedback", "export", "--feedback=none.db", "--output=new.inter"
    ),
    "merge with nothing": refused("--source", "prepare", "--dataset=new", "--merge=feedback.inter"),
    "rerank no run": refused(
        "is not a finished run folder", "rerank", "saved/nothing", "--method=mmr", "--lambda=0.5"
    ),
    "rerank with a bad head rule": refused(
        "head_rule", "rerank", "saved/gru", "--method=mmr", "--lambda=0.5", "--head_rule=half"
    ),
    "rerank into a taken folder": refused(
        "exists already", "rerank", "saved/gru", "--method=mmr", "--lambda=0.5", "--output=saved"
    ),
    "pareto of no run": refused("is not a finished run folder", "pareto", "saved/nothing"),
    "rerank with a bad method": refused("did you mean 'mmr'?", "rerank", "saved/gru", "--method=mmmr"),
    "rerank with a bad option": refused("lambda", "rerank", "saved/gru", "--method=mmr", "--lambda=7"),
    "pareto with a bad method": refused("did you mean 'mmr'?", "pareto", "saved/gru", "--methods=mmmr"),
    "tune without a space": refused("--space", "tune", *GRU),
    "tune with a missing space": refused("spaec.yaml does not exist", "tune", *GRU, "--space=spaec.yaml"),
    "tune with a bad pruner": refused("--pruner", "tune", *GRU, "--space=space.yaml", "--pruner=medina"),
    "compare without a study": refused("--config", "compare"),
    "compare a missing study": refused("stduy.yaml does not exist", "compare", "--config=stduy.yaml"),
    "compare a configuration": refused("unknown key 'dataset'", "compare", "--config=toy.yaml"),
    "ablate a configuration": refused("unknown key 'dataset'", "ablate", "--config=toy.yaml"),
    "papers": shown("sasrec-plus-2023", "papers"),
    "reproduce an unknown paper": refused(
        "did you mean 'sasrec-plus-2023'?", "reproduce", "sasrec-plus-2032"
    ),
    "reproduce an unknown row": refused(
        "did you mean 'BERT4Rec'?", "reproduce", "sasrec-plus-2023", "--models=BERT4Rek"
    ),
    "reproduce what waits": refused("waits for NewModel", "reproduce", "other.yaml", "--models=New"),
    "reproduce with a bad key": refused(
        "did you mean 'epochs'?", "reproduce", "sasrec-plus-2023", "--epoch=3"
    ),
    "reproduce other data": refused(
        "30 users instead of 6,040", "reproduce", "other.yaml", "--data_path=dataset"
    ),
    "prepare an unknown set": refused("did you mean 'ml-1m'?", "prepare", "--dataset=ml-1n"),
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A working folder with runs, studies and their data."""
    place = Path(shutil.copytree(SAMPLES, tmp_path / "home"))
    (place / "other.yaml").write_text(OTHER, encoding="utf-8")
    return place


@pytest.mark.parametrize("name", ANSWERS)
def test_it_answers_without_the_host(name: str, home: Path) -> None:
    answer = ANSWERS[name]
    done = subprocess.run(
        [sys.executable, "-c", CODE, *answer.arguments],
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    *said, imported = done.stderr.splitlines()
    assert done.returncode == (2 if answer.refused else 0), done.stderr
    assert answer.words in ("\n".join(said) if answer.refused else done.stdout)
    assert imported == "[]"
