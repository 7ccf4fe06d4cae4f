"""Opening a folder runs none of the code that its files name, unless the command says so."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from recbole_ext.cli import main
from recbole_ext.errors import CheckpointError, ConfigError
from recbole_ext.evaluator.metric_info import METRIC_INFO
from recbole_ext.evaluator.metrics.beyond_accuracy import BEYOND_ACCURACY
from recbole_ext.model.registry import family_of, known_spec, resolve_model
from recbole_ext.runs.folder import read_trusted_config
from recbole_ext.trainer.opened import evaluate, open_model
from recbole_ext.trainer.train import resume, train
from recbole_ext.trainer.trainer import EpochReport

CODE = """
import pathlib
pathlib.Path(__file__).with_name("ran").touch()
from recbole.model.general_recommender import BPR

class Foo(BPR):
    pass

def Length(evidence):
    return (evidence.items > 0).sum(axis=1)
"""
NAMED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a model": lambda config: config.update(model="evil:Foo"),
    "a metric": lambda config: config.update(metrics=["NDCG", "evil:Length"]),
    "the only metric": lambda config: config.update(metrics="evil:Length"),
    "valid_metric": lambda config: config.update(valid_metric="evil:Length@5"),
}
COMMANDS = {
    "evaluate": ["evaluate", "run"],
    "resume": ["train", "--resume", "run"],
    "rerank": ["rerank", "run", "--method=mmr", "--lambda=0.5", "--output=out"],
    "pareto": ["pareto", "run", "--output=out"],
    "explain": ["explain", "run", "--user=u1"],
    "vectors": ["vectors", "run", "--output=out"],
}


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module in the working folder that leaves a file when it is imported; that file's path."""
    (tmp_path / "evil.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    sys.modules.pop("evil", None)
    yield tmp_path / "ran"
    sys.modules.pop("evil", None)
    BEYOND_ACCURACY.pop("Length", None)
    METRIC_INFO.pop("Length", None)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, cycle_home: Path) -> Path:
    values = {
        **{
            "data_path": str(cycle_home),
            "dataset": "cycle",
            "topk": [5],
            "valid_metric": "NDCG@5",
            "epochs": 1,
        },
        **{"min_user_interactions": 1, "min_item_interactions": 1, "show_progress": False, "use_gpu": False},
    }
    return train("BPR", overrides=values, output=tmp_path_factory.mktemp("trust") / "run").folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


def edit(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    file = folder / "config.yaml"
    config = yaml.safe_load(file.read_text())
    change(config)
    file.write_text(yaml.safe_dump(config))


def called(*arguments: str) -> int:
    try:
        main(list(arguments))
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


@pytest.mark.parametrize("named", NAMED)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_runs_nothing_by_itself(
    command: str, named: str, evil: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(folder, NAMED[named])
    before = list(sys.path)
    assert called(*COMMANDS[command]) == 2
    said = capsys.readouterr().err
    assert re.fullmatch(r"error: run/config\.yaml names code from outside \(.*evil:.*--trust.*\n", said)
    assert not evil.exists()
    assert "evil" not in sys.modules
    assert sys.path == before


@pytest.mark.parametrize("call", [open_model, evaluate, resume])
def test_the_functions_ask_too(call: Callable[..., Any], evil: Path, folder: Path) -> None:
    edit(folder, NAMED["a model"])
    with pytest.raises(CheckpointError, match="in Python trust=True"):
        call(folder)
    assert not evil.exists()
    call(folder, trust=True)
    assert evil.exists()


def test_trust_opens_it(evil: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(folder, NAMED["a model"])
    assert called("evaluate", "run", "--trust") == 0
    assert "run folder: run" in capsys.readouterr().out
    assert evil.exists()


def test_trust_without_a_folder_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert called("--model=Pop", "--trust") == 2
    assert "--trust belongs to --resume" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["table", "run"], ["report", "run", "--output=page.html"]])
def test_what_only_shows_needs_no_trust_and_imports_nothing(
    command: list[str], evil: Path, folder: Path
) -> None:
    edit(folder, lambda config: [change(config) for change in NAMED.values()])
    file = folder / "metrics.json"
    metrics = json.loads(file.read_text())
    metrics.update(model="evil:Foo", family=None)
    file.write_text(json.dumps(metrics))
    assert called(*command) == 0
    assert not evil.exists()


def test_a_name_of_a_table_is_never_imported(evil: Path) -> None:
    assert known_spec("evil:Foo") is None
    assert family_of("evil:Foo run") == "neural"
    assert not evil.exists()


def test_classes_of_the_two_packages_need_no_trust(folder: Path) -> None:
    inside = "recbole_ext.model.general_recommender.bpr:BPR"
    edit(folder, lambda config: config.update(model=inside))
    assert read_trusted_config(folder, False)["model"] == inside


def test_a_metric_of_ones_own_is_found_again_by_whoever_trusts_the_folder(
    evil: Path, quick: dict[str, Any], tmp_path: Path
) -> None:
    first = train("Pop", overrides={**quick, "metrics": ["NDCG", "evil:Length"]}, output=tmp_path / "own")
    # Another process knows nothing of the metric.
    BEYOND_ACCURACY.pop("Length")
    METRIC_INFO.pop("Length")
    assert evaluate(first.folder, trust=True).test.means == first.test.means


def test_an_interrupted_run_of_ones_own_model_goes_on_when_trusted(
    evil: Path, quick: dict[str, Any], tmp_path: Path
) -> None:
    class Killed(BaseException):
        pass

    def kill(report: EpochReport) -> None:
        if report.epoch == 2:
            raise Killed

    with pytest.raises(Killed):
        train("evil:Foo", overrides=quick, output=tmp_path / "own", on_epoch=kill)
    with pytest.raises(CheckpointError, match="evil:Foo"):
        resume(tmp_path / "own")
    assert resume(tmp_path / "own", trust=True).epochs[-1]["epoch"] == 3


def test_the_working_folder_shadows_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_shadow_model.py").write_text(CODE)
    (tmp_path / "plotly.py").write_text("1 / 0")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    for name in [name for name in sys.modules if name.partition(".")[0] == "plotly"]:
        monkeypatch.delitem(sys.modules, name)
    assert resolve_model("own_shadow_model:Foo")[0].name == "Foo"
    import plotly

    assert plotly.__version__


def test_a_module_that_ends_the_program_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "leaves_at_once.py").write_text("import sys\nsys.exit(0)\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"cannot be imported .*sys\.exit\(0\)"):
        resolve_model("leaves_at_once:Foo")
