"""Searches, comparisons and ablations: their files, options, folders, journals and storages."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.harness.client import Outcome
from tests.hostile.case import Case, Setup, append, both, cut, edit_json, remove, replace, write

_TUNE = "tune --model=ItemKNN --config=toy.yaml --space=space.yaml --trials=3"


def tune(what: str, options: str, words: str, setup: Setup | None = None, real: bool = False) -> Case:
    """An option of ``tune``."""
    return Case(f"tune: {what}", f"{_TUNE} --output=saved/new {options}", words, setup, real=real)


def space(what: str, content: str, words: str = r"bad\.yaml|k") -> Case:
    """A search space."""
    command = "tune --model=ItemKNN --config=toy.yaml --space=bad.yaml --trials=2 --output=saved/new"
    return Case(f"space: {what}", command, words, write("bad.yaml", content))


def again(what: str, setup: Setup, words: str = "saved/tuned", options: str = "") -> Case:
    """A finished search, damaged or taken up with other settings."""
    return Case(f"tune again: {what}", f"{_TUNE} --output=saved/tuned {options}", words, setup)


_TUNES = [
    tune("no trial", "--trials=0", "trials"),
    tune("a negative number of trials", "--trials=-3", "trials"),
    tune("trials of text", "--trials=many", "trials"),
    tune("no worker", "--workers=0", "workers"),
    tune("workers of text", "--workers=all", "workers"),
    tune("an unknown sampler", "--sampler=magic", "magic"),
    tune("an unknown pruner", "--pruner=magic", "magic"),
    tune("an unknown objective", "--objectives=Foo@5", "Foo"),
    tune("an objective without K", "--objectives=NDCG", "NDCG"),
    tune("an objective that is not computed", "--objectives=NDCG@7", "NDCG@7|7"),
    tune("an objective without a direction", "--objectives=Entropy@5,Gini@5,PopularityLift@5", "PopularityLift"),
    tune("an objective twice", "--objectives=NDCG@5,NDCG@5", "NDCG"),
    tune("empty objectives", "--objectives=", "objectives"),
    tune("objectives of commas", "--objectives=,", "objectives|metric"),
    tune("a negative budget", "--budget-minutes=-1", "budget"),
    tune("a budget of NaN", "--budget-minutes=nan", "budget"),
    tune("a budget of text", "--budget-minutes=long", "budget"),
    tune("an empty name", "--name=", "name"),
    tune("an unknown key", "--hiden=8", "hiden"),
    tune("a key that is searched too", "--k=5", "k"),
    tune("a fixed seed of text", "--seed=x", "seed"),
    tune("an empty storage", "--storage=", "storage"),
    tune("a storage of nothing", "--storage=nothing", "storage"),
    tune("a storage that cannot be reached", "--storage=postgresql://me:secret@127.0.0.1:9/x", "storage|127"),
    tune("a storage of an unknown kind", "--storage=magic://x", "magic|storage"),
    tune("a storage in a folder that is not there", "--storage=sqlite:///nothing/x.db", "storage|sqlite"),
    tune("a storage that is a text file", "--storage=sqlite:///toy.yaml", "storage|sqlite|toy"),
    tune("a storage with a password at the real command line", "--storage=postgresql://me:secret@127.0.0.1:9/x", "storage|127", real=True),
    Case("tune: no space", "tune --model=ItemKNN --config=toy.yaml", "space"),
    Case("tune: no model", "tune --config=toy.yaml --space=space.yaml", "model"),
    Case("tune: a space that does not exist", "tune --model=ItemKNN --config=toy.yaml --space=nothing.yaml", "nothing"),
    Case("tune: an empty space path", "tune --model=ItemKNN --config=toy.yaml --space=", "space"),
    Case("tune: a space for another model", "tune --model=Pop --config=toy.yaml --space=space.yaml --output=saved/new", "k"),
    *(
        Case(f"tune --output: {what}", f"{_TUNE} '--output={path}'", words)
        for what, path, words in (
            ("empty", "", "output"),
            ("the folder itself", ".", "output|exists|folder"),
            ("the root", "/", "output|/"),
            ("with a NUL", "a\0b", "output|a"),
            ("a run", "saved/gru", "saved/gru"),
            ("an interrupted run", "saved/stopped.partial", "stopped"),
            ("a study", "saved/study", "saved/study"),
            ("a file", "toy.yaml", r"toy\.yaml"),
            ("below a file", "toy.yaml/x", r"toy\.yaml"),
        )
    ),
]

_SPACES = [
    space("empty", ""),
    space("a list", "- k\n"),
    space("an unknown key", "kk: {type: int, low: 1, high: 3}\n", "kk"),
    space("a range upside down", "k: {type: int, low: 8, high: 2}\n"),
    space("a range of text", "k: {type: int, low: a, high: b}\n"),
    space("a range of NaN", "k: {type: float, low: .nan, high: 3}\n"),
    space("a range of infinity", "shrink: {type: float, low: 0, high: .inf}\n", "shrink"),
    space("a range of 6,000 digits", f"k: {{type: int, low: 1, high: {'9' * 6000}}}\n"),
    space("a range beyond 64 bits", f"k: {{type: int, low: 1, high: {10**30}}}\n"),
    space("a range that includes 0", "k: {type: int, low: 0, high: 3}\n"),
    space("a logarithm of 0", "shrink: {type: float, low: 0, high: 3, log: true}\n", "shrink"),
    space("no type", "k: {low: 1, high: 3}\n"),
    space("an unknown type", "k: {type: magic, low: 1, high: 3}\n"),
    space("an unknown option", "k: {type: int, low: 1, high: 3, lg: true}\n"),
    space("a step of 0", "k: {type: int, low: 1, high: 3, step: 0}\n"),
    space("choices of nothing", "k: {type: categorical, choices: []}\n"),
    space("choices of lists that cannot be used", "k: {type: categorical, choices: [[1], [2]]}\n"),
    space("choices of text", "k: {type: categorical, choices: [a, b]}\n"),
    space("choices twice", "k: {type: categorical, choices: [2, 2]}\n"),
    space("a condition on nothing", "k: {type: int, low: 1, high: 3, when: {nothing: 1}}\n"),
    space("a condition on itself", "k: {type: int, low: 1, high: 3, when: {k: 1}}\n"),
    space("a key of the protocol", "topk: {type: categorical, choices: [5, 10]}\n", "topk"),
    space("the model as a key", "model: {type: categorical, choices: [Pop, BPR]}\n", "model"),
    space("a list that holds itself", "k: &a {type: categorical, choices: [1, *a]}\n"),
    space("33 nested maps", "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{x: *a{n - 1}, y: *a{n - 1}}}\n" for n in range(1, 33))),
    space("choices 4,000 deep", f"k: {{type: categorical, choices: {'[' * 4000}{']' * 4000}}}\n"),
]


def _journal(change: Any) -> Setup:
    """The journal's lines changed."""

    def setup(root: Path) -> None:
        path = root / "saved/tuned/journal.log"
        path.write_bytes(change(path.read_bytes().splitlines(keepends=True)))

    return setup


_MORE = "--trials=4"
_AGAIN = [
    again("another space", replace("space.yaml", "high: 8", "high: 9"), "space|saved/tuned", _MORE),
    again("another objective", lambda root: None, "objective|NDCG|Hit", "--objectives=Hit@5 --trials=4"),
    again("another model", lambda root: None, "model|ItemKNN|k", "--model=BPR --trials=4"),
    again("another key", lambda root: None, "seed|saved/tuned|config", "--seed=7 --trials=4"),
    again("other data", replace("dataset/toy/toy.inter", "u0\ti19\t4.0\t1000000000\n", ""), "data|toy", _MORE),
    again("an empty line inside the journal", _journal(lambda lines: b"".join([*lines[:3], b"\n", *lines[3:]])), "journal", _MORE),
    again("text inside the journal", _journal(lambda lines: b"".join([*lines[:3], b"hello\n", *lines[3:]])), "journal", _MORE),
    again("bytes inside the journal", _journal(lambda lines: b"".join([*lines[:3], bytes(range(128, 256)) + b"\n", *lines[3:]])), "journal", _MORE),
    again("a line of null in the journal", _journal(lambda lines: b"".join([*lines[:3], b"null\n", *lines[3:]])), "journal", _MORE),
    again("an unknown operation in the journal", _journal(lambda lines: b"".join([*lines, b'{"op_code":99,"worker_id":"a"}\n'])), "journal", _MORE),
    again("an operation on a study that is not there", _journal(lambda lines: b"".join([*lines, b'{"op_code":4,"worker_id":"a","study_id":9,"datetime_start":"x"}\n'])), "journal", _MORE),
    again("a journal without its first line", _journal(lambda lines: b"".join(lines[1:])), "journal|database", _MORE),
    again("a journal of 6,000 digits", _journal(lambda lines: b"".join([*lines, b'{"op_code":' + b"9" * 6000 + b"}\n"])), "journal", _MORE),
    again("a journal 100,000 deep", _journal(lambda lines: b"".join([*lines, b"[" * 100_000 + b"\n"])), "journal", _MORE),
    again("a journal that is a folder", both(remove("saved/tuned/journal.log"), lambda root: (root / "saved/tuned/journal.log").mkdir()), "journal", _MORE),
    again("a value of text in the journal", _journal(lambda lines: b"".join(lines).replace(b'"values":[0', b'"values":["high"],"x":[0')), "journal", _MORE),
    again("a value of NaN in the journal", _journal(lambda lines: __import__("re").sub(rb'"values":\[[0-9.e-]+\]', b'"values":[NaN]', b"".join(lines))), "journal|NaN|finite|value", _MORE),
]


def comparison(what: str, content: str, words: str = r"bad\.yaml", options: str = "") -> Case:
    """The file of a comparison."""
    return Case(f"compare: {what}", f"compare --config=bad.yaml --output=saved/new {options}", words, write("bad.yaml", content))


_GOOD = "models: [Pop, ItemKNN]\nseeds: [1]\nbase: toy.yaml\n"
_COMPARES = [
    comparison("an empty file", ""),
    comparison("a list", "- Pop\n"),
    comparison("no models", "seeds: [1]\nbase: toy.yaml\n", "models"),
    comparison("an empty list of models", "models: []\nbase: toy.yaml\n", "models"),
    comparison("models of text", "models: Pop\nbase: toy.yaml\n", "models"),
    comparison("an unknown model", "models: [Popp]\nbase: toy.yaml\n", "Popp"),
    comparison("a model twice", "models: [Pop, Pop]\nbase: toy.yaml\n", "Pop"),
    comparison("a model that is a number", "models: [3]\nbase: toy.yaml\n", "models"),
    comparison("no base", "models: [Pop]\n", "base"),
    comparison("a base that does not exist", "models: [Pop]\nbase: nothing.yaml\n", "nothing"),
    comparison("a base of a number", "models: [Pop]\nbase: 3\n", "base"),
    comparison("a seed twice", "models: [Pop]\nseeds: [1, 1]\nbase: toy.yaml\n", "seeds"),
    comparison("a negative seed", "models: [Pop]\nseeds: [-1]\nbase: toy.yaml\n", "seeds"),
    comparison("no seeds", "models: [Pop]\nseeds: []\nbase: toy.yaml\n", "seeds"),
    comparison("a seed of text", "models: [Pop]\nseeds: [one]\nbase: toy.yaml\n", "seeds"),
    comparison("a seed of 6,000 digits", f"models: [Pop]\nseeds: [{'9' * 6000}]\nbase: toy.yaml\n"),
    comparison("no trials", _GOOD + "trials: 0\nspaces: {ItemKNN: space.yaml}\n", "trials"),
    comparison("trials of text", _GOOD + "trials: many\n", "trials"),
    comparison("a space of a model that is not compared", _GOOD + "spaces: {BPR: space.yaml}\n", "BPR"),
    comparison("a space that does not exist", _GOOD + "spaces: {ItemKNN: nothing.yaml}\n", "nothing"),
    comparison("spaces of text", _GOOD + "spaces: space.yaml\n", "spaces"),
    comparison("an unknown re-ranker", _GOOD + "curves: {models: 1, methods: [magic]}\n", "magic"),
    comparison("curves of a negative number", _GOOD + "curves: {models: -1}\n", "curves"),
    comparison("an unknown key", _GOOD + "budget: 3\n", "budget"),
    comparison("a setting that does not exist", _GOOD + "settings: {epoch: 3}\n", "epoch"),
    comparison("a setting of the wrong type", _GOOD + "settings: {epochs: none}\n", "epochs"),
    comparison("a seed in the settings", _GOOD + "settings: {seed: 3}\n", "seed"),
    comparison("a baseline that is not compared", _GOOD + "baseline: BPR\n", "BPR|baseline"),
    comparison("a list that holds itself", "models: &a [Pop, *a]\nbase: toy.yaml\n"),
    comparison("33 nested maps", _GOOD + "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{x: *a{n - 1}, y: *a{n - 1}}}\n" for n in range(1, 33))),
    comparison("a negative budget", _GOOD, "budget", "--budget-minutes=-1"),
    comparison("an unknown option", _GOOD, "epoch", "--epoch=3"),
    comparison("a model as an option", _GOOD, "model", "--model=BPR"),
    Case("compare: no file", "compare", "config"),
    Case("compare: a file that does not exist", "compare --config=nothing.yaml", "nothing"),
    Case("compare: an empty file name", "compare --config=", "config"),
    Case("compare: a run's configuration", "compare --config=saved/gru/config.yaml --output=saved/new", r"config\.yaml"),
    *(
        Case(f"compare --output: {what}", f"compare --config=study.yaml '--output={path}'", words)
        for what, path, words in (
            ("empty", "", "output"),
            ("the folder itself", ".", "output|exists|folder"),
            ("the root", "/", "output|/"),
            ("with a NUL", "a\0b", "output|a"),
            ("a run", "saved/gru", "saved/gru"),
            ("an interrupted run", "saved/stopped.partial", "stopped"),
            ("a search", "saved/tuned", "saved/tuned"),
            ("an ablation", "saved/ablation", "saved/ablation"),
            ("a file", "toy.yaml", r"toy\.yaml"),
            ("below a file", "toy.yaml/x", r"toy\.yaml"),
        )
    ),
    Case("compare: a run folder at the real command line", "compare --config=study.yaml --output=saved/gru", "saved/gru", real=True),
]


def ablation(what: str, content: str, words: str = r"bad\.yaml") -> Case:
    """The file of an ablation."""
    return Case(f"ablate: {what}", "ablate --config=bad.yaml --output=saved/new", words, write("bad.yaml", content))


_BASE = "base: toy.yaml\nseeds: [1]\n"
_ABLATES = [
    ablation("an empty file", ""),
    ablation("no sweeps", _BASE, "sweeps"),
    ablation("empty sweeps", _BASE + "sweeps: []\n", "sweeps"),
    ablation("a sweep of text", _BASE + "sweeps: [BPR]\n", "sweeps"),
    ablation("an unknown key", _BASE + "sweeps: [{model: BPR, key: embeding_size, values: [4, 6]}]\n", "embeding_size|embedding_size"),
    ablation("no values", _BASE + "sweeps: [{model: BPR, key: embedding_size, values: []}]\n", "values"),
    ablation("a value of the wrong type", _BASE + "sweeps: [{model: BPR, key: embedding_size, values: [4, x]}]\n", "embedding_size"),
    ablation("a value that cannot be used", _BASE + "sweeps: [{model: BPR, key: embedding_size, values: [0, 4]}]\n", "embedding_size"),
    ablation("a value twice", _BASE + "sweeps: [{model: BPR, key: embedding_size, values: [4, 4]}]\n", "embedding_size|values"),
    ablation("a sweep twice", _BASE + "sweeps: [{model: BPR, key: embedding_size, values: [4]}, {model: BPR, key: embedding_size, values: [4]}]\n", "embedding_size|sweep"),
    ablation("an unknown model", _BASE + "sweeps: [{model: BPRR, key: embedding_size, values: [4]}]\n", "BPRR"),
    ablation("a key of the protocol", _BASE + "sweeps: [{model: BPR, key: topk, values: [[5], [10]]}]\n", "topk"),
    ablation("a value of 6,000 digits", _BASE + f"sweeps: [{{model: BPR, key: embedding_size, values: [{'9' * 6000}]}}]\n"),
    ablation("values that hold themselves", _BASE + "sweeps: [{model: BPR, key: embedding_size, values: &a [4, *a]}]\n"),
    ablation("values with slashes", _BASE + "sweeps: [{model: BPR, key: dataset, values: [../toy, toy]}]\n", "dataset"),
    Case("ablate --output: a run", "ablate --config=ablation.yaml --output=saved/gru", "saved/gru"),
    Case("ablate --output: a study", "ablate --config=ablation.yaml --output=saved/study", "saved/study"),
    Case("ablate --output: a file", "ablate --config=ablation.yaml --output=toy.yaml", r"toy\.yaml"),
    Case("ablate --output: empty", "ablate --config=ablation.yaml --output=", "output"),
    Case("ablate --output: with a NUL", "ablate --config=ablation.yaml '--output=a\0b'", "output|a"),
]

_CELL = "saved/study/cells/Pop-seed1"
_STUDY_AGAIN = [
    Case(f"compare again: {what}", "compare --config=study.yaml --output=saved/study", words, setup)
    for what, setup, words in (
        ("a cell without figures", remove(f"{_CELL}/metrics.json"), "Pop-seed1"),
        ("a cell with cut figures", cut(f"{_CELL}/metrics.json"), "Pop-seed1"),
        ("a cell with figures of null", write(f"{_CELL}/metrics.json", "null"), "Pop-seed1"),
        ("a cell with a test of null", edit_json(f"{_CELL}/metrics.json", "test", None), "Pop-seed1"),
        ("a cell without values of users", remove(f"{_CELL}/per_user.parquet"), "Pop-seed1"),
        ("a cell with cut values of users", cut(f"{_CELL}/per_user.parquet"), "Pop-seed1"),
        ("a cell of another model", both(lambda root: shutil.rmtree(root / _CELL), lambda root: shutil.copytree(root / "saved/gru", root / _CELL)), "Pop-seed1"),
        ("another study in the folder", append("study.yaml", "title: another\nsettings: {learning_rate: 0.5}\n"), "saved/study|study"),
    )
]


def _no_secret(outcome: Outcome, root: Path) -> None:
    texts = [path.read_bytes() for path in root.rglob("*") if path.is_file() and path.name != "storage.db"]
    assert not any(b"secret123" in text for text in texts), "a password was written"
    assert "secret123" not in outcome.out + outcome.err


_SECRETS = [
    Case(
        "tune: a password of the storage is written nowhere",
        f"{_TUNE} --output=saved/new '--storage=sqlite:///storage.db?password=secret123'",
        survives=_no_secret,
    ),
    Case(
        "tune: a cut last line of the journal is a killed writer's and harmless",
        f"{_TUNE} --output=saved/tuned --trials=4",
        setup=lambda root: (root / "saved/tuned/journal.log").write_bytes((root / "saved/tuned/journal.log").read_bytes() + b'{"op_code":4,"wor'),
        survives=lambda outcome, root: _trials(root, 4),
    ),
]


def _trials(root: Path, wanted: int) -> None:
    assert json.loads((root / "saved/tuned/tuning.json").read_text())["trials"] == wanted


CASES = [*_TUNES, *_SPACES, *_AGAIN, *_COMPARES, *_ABLATES, *_STUDY_AGAIN, *_SECRETS]
