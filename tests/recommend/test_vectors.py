"""Vectors of both towers: their products are the scores, and an index finds nearly all of the best."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from recbole_ext.cli import main
from recbole_ext.errors import ConfigError, OutputError
from recbole_ext.recommend.vectors import Towers, indexed, recall_of_index, towers_of, write_towers
from recbole_ext.trainer.opened import OpenedRun, open_model
from recbole_ext.trainer.train import train
from tests.conformance.contract import overrides, write_walks


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_walks(tmp_path_factory.mktemp("walks"))


def run_of(name: str, home: Path, folder: Path) -> OpenedRun:
    train(name, overrides={**overrides(name, home), "epochs": 1}, output=folder)
    return open_model(folder)


@pytest.mark.parametrize("name", ["TwoTower", "MLPSeq", "SASRec"])
def test_their_products_are_the_scores(name: str, home: Path, tmp_path: Path) -> None:
    run = run_of(name, home, tmp_path / "run")
    towers = towers_of(run)
    with torch.no_grad():
        batch = next(iter(run.data.test))
        scores = run.trainer.model.eval().full_sort_predict(batch.interaction)[:, 1:].numpy()
    np.testing.assert_allclose(towers.people @ towers.items.T, scores, atol=1e-5)
    assert towers.people_tokens == [
        str(token) for token in run.data.split.interactions.user_tokens[batch.users]
    ]


def test_a_model_without_towers_is_refused(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Pop has no vectors of people and items"):
        towers_of(run_of("Pop", home, tmp_path / "run"))


def some_towers(people: int, items: int) -> Towers:
    rng = np.random.default_rng(0)
    values = [rng.standard_normal((n, 8)).astype(np.float32) for n in (people, items)]
    return Towers(values[0], values[1], [f"u{n}" for n in range(people)], [f"i{n}" for n in range(items)])


def test_an_index_finds_nearly_all_of_the_best() -> None:
    pytest.importorskip("usearch")
    towers = some_towers(20, 400)
    assert recall_of_index(indexed(towers.items), towers, 5) > 0.9


class _HalfRight:
    """Finds the best item and the worst one."""

    def search(self, people: np.ndarray, k: int) -> object:
        order = np.argsort(-(people @ some_towers(6, 30).items.T), axis=1)
        return type("Found", (), {"keys": order[:, [0, -1]]})


def test_recall_counts_what_is_found() -> None:
    assert recall_of_index(_HalfRight(), some_towers(6, 30), 2) == 0.5


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.raises(ConfigError, match=r"pip install 'recbole_ext\[index\]'"):
        indexed(np.ones((3, 2), dtype=np.float32))


def test_the_command_writes_both_towers(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("usearch")
    run = run_of("TwoTower", home, tmp_path / "run")
    main(["vectors", str(run.folder), f"--output={tmp_path / 'towers'}", "--index", "--k=5"])
    shown = capsys.readouterr().out
    assert "recall@5 of the index against exact search: 1.0000 over 30 people" in shown
    towers = towers_of(run)
    np.testing.assert_array_equal(np.load(tmp_path / "towers" / "items.npy"), towers.items)
    assert (tmp_path / "towers" / "people.txt").read_text("utf-8").split() == towers.people_tokens
    assert (tmp_path / "towers" / "items.usearch").stat().st_size > 0
    with pytest.raises(OutputError):
        write_towers(tmp_path / "towers", towers)
