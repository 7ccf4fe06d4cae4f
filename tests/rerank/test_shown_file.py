"""The state of an online re-ranker on disk: nothing lost, nothing counted twice, damage named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recbole_ext.errors import CheckpointError
from recbole_ext.rerank import shown_file
from recbole_ext.rerank.exposure.online import OnlineExposure
from recbole_ext.rerank.shown_file import ShownFile
from tests.rerank.exposure.test_online import prices_of


def online() -> OnlineExposure:
    return OnlineExposure(prices_of(), half_life=50.0)


def lists(count: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.permutation(40)[:4] + 1 for _ in range(count)]


def same(one: OnlineExposure, other: OnlineExposure) -> bool:
    a, b = one.shown, other.shown
    return (a.lists, a.tails, a.served) == (b.lists, b.tails, b.served) and np.array_equal(
        a.exposure, b.exposure
    )


@pytest.mark.parametrize("each", [3, 1000])
def test_a_restart_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, each: int) -> None:
    monkeypatch.setattr(shown_file, "_EACH", each)
    never_left, path = online(), tmp_path / "deep" / "state.npz"
    for start in range(0, 20, 5):
        file = ShownFile(path, online())
        for items in lists(20)[start : start + 5]:
            file.count(items)
            never_left.count(items)
        again = online()
        ShownFile(path, again)
        assert same(again, never_left)


def test_a_death_between_snapshot_and_journal_counts_nothing_twice(tmp_path: Path) -> None:
    path, first = tmp_path / "state.npz", online()
    file = ShownFile(path, first)
    for items in lists(4):
        file.count(items)
    journal = path.with_name("state.npz.journal").read_bytes()
    ShownFile(path, online())  # writes the snapshot
    path.with_name("state.npz.journal").write_bytes(journal)
    again = online()
    ShownFile(path, again)
    assert same(again, first)


@pytest.mark.parametrize("cut", [1, 20, 43])
def test_a_record_that_was_cut_off_is_left_out(tmp_path: Path, cut: int) -> None:
    path, three = tmp_path / "state.npz", online()
    file = ShownFile(path, online())
    for number, items in enumerate(lists(4)):
        file.count(items)
        if number < 3:
            three.count(items)
    journal = path.with_name("state.npz.journal")
    journal.write_bytes(journal.read_bytes()[:-cut])
    again = online()
    more = ShownFile(path, again)
    assert same(again, three)
    more.count(lists(4)[3])
    last = online()
    ShownFile(path, last)
    assert last.shown.served == 4


def test_damage_is_named(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    path.write_bytes(b"no archive")
    with pytest.raises(CheckpointError, match=r"state\.npz is damaged .*remove it"):
        ShownFile(path, online())
    path.unlink()
    ShownFile(path, OnlineExposure(prices_of(n_items=21)))
    with pytest.raises(CheckpointError, match="another catalogue"):
        ShownFile(path, online())
