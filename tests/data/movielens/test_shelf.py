"""Which sets can be named, how large they are, and where they lie."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recbole_ext.data.movielens.atomic import prepare
from recbole_ext.data.movielens.catalog import DATASETS
from recbole_ext.data.movielens.shelf import shelf
from tests.conftest import write_inter


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOVIELENS_HOME", "")


@pytest.mark.usefixtures("nowhere")
def test_published_sets_have_their_size_and_only_recboles_copy_is_here(tmp_path: Path) -> None:
    sets = {one.name: one for one in shelf(tmp_path / "dataset")}
    assert list(sets) == list(DATASETS)
    assert all(one.users and one.items and one.interactions and not one.prepared for one in sets.values())
    assert (sets["ml-1m"].users, sets["ml-1m"].interactions) == (6040, 1_000_209)
    assert [name for name, one in sets.items() if one.place] == ["ml-100k"]


@pytest.mark.usefixtures("nowhere")
def test_a_prepared_set_says_what_was_counted(tmp_path: Path) -> None:
    out = tmp_path / "dataset"
    done = prepare("ml-100k", out=out, download=False)
    (one,) = [one for one in shelf(out) if one.name == "ml-100k"]
    assert one.prepared
    assert one.place == out / "ml-100k"
    assert (one.users, one.items, one.interactions) == (done.users, done.items, done.interactions)
    # RecBole's copy of the published set is whole.
    assert (one.users, one.items, one.interactions) == tuple(
        getattr(DATASETS["ml-100k"], name) for name in ("users", "items", "ratings")
    )


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("record", [None, "{", "[]", json.dumps({"users": "many"})])
def test_a_set_of_ones_own_is_listed_whatever_its_record(tmp_path: Path, record: str | None) -> None:
    write_inter(tmp_path, "shop", [("u", "i", 1.0, 1)])
    if record is not None:
        (tmp_path / "shop" / "prepared.json").write_text(record)
    one = shelf(tmp_path)[-1]
    assert (one.name, one.users, one.prepared) == ("shop", None, True)


def test_a_raw_copy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ml-1m.zip").write_bytes(b"")
    (tmp_path / "ml-10m").mkdir()  # without ratings: no copy
    monkeypatch.setenv("MOVIELENS_HOME", str(tmp_path))
    sets = {one.name: one for one in shelf(tmp_path / "dataset")}
    assert sets["ml-1m"].place == tmp_path / "ml-1m.zip"
    assert not sets["ml-1m"].prepared
    assert sets["ml-10m"].place is None
