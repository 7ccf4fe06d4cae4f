"""The order of places in which a set is looked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from recbole_ext.data.movielens import DATASETS, find_source, prepare
from recbole_ext.errors import ConfigError, DataError, DownloadError
from tests.data.movielens.raw_sets import CSV, DAT, write_set, write_zip


def test_catalogue_is_whole() -> None:
    assert list(DATASETS) == [
        *("ml-latest-small", "ml-latest", "ml-32m", "ml-25m", "ml-20m", "ml-10m", "ml-1m", "ml-100k")
    ]
    for name, dataset in DATASETS.items():
        assert dataset.name == name
        assert dataset.url == f"https://files.grouplens.org/datasets/movielens/{name}.zip"
        assert dataset.md5 is None or len(bytes.fromhex(dataset.md5)) == 16
        assert "research" in dataset.licence
        assert "redistributed" in dataset.licence
        assert "Harper" in dataset.citation
    assert {name for name, dataset in DATASETS.items() if dataset.has_users} == {"ml-1m", "ml-100k"}


@pytest.mark.parametrize("below", ["", "ml-1m"])
def test_source_is_the_set_or_its_parent(tmp_path: Path, below: str) -> None:
    folder = write_set(tmp_path / "data" / "ml-1m", DAT)
    assert find_source("ml-1m", tmp_path / "data" / below) == folder


def test_source_goes_before_home_and_home_has_an_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write_set(tmp_path / "first" / "ml-1m", DAT)
    second = write_set(tmp_path / "second" / "ml-1m", DAT)
    archive = write_zip(tmp_path / "second" / "ml-10m.zip", "ml-10M100K", DAT)
    homes = [tmp_path / "missing", tmp_path / "first", tmp_path / "second"]
    assert find_source("ml-1m") is None
    monkeypatch.setenv("MOVIELENS_HOME", os.pathsep.join(map(str, homes)))
    assert find_source("ml-1m") == first
    assert find_source("ml-1m", second) == second
    assert find_source("ml-10m") == archive
    assert find_source("ml-20m") is None


def test_packaged_set_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = find_source("ml-100k")
    assert packaged is not None
    assert packaged.name == "ml-100k"
    archive = write_zip(tmp_path / "ml-100k.zip", "ml-100k", {"u.data": ""})
    monkeypatch.setenv("MOVIELENS_HOME", str(tmp_path))
    assert find_source("ml-100k") == archive


def test_prepared_files_are_no_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare("ml-latest-small", source=write_set(tmp_path / "raw", CSV), out=tmp_path / "out")
    monkeypatch.setenv("MOVIELENS_HOME", str(tmp_path / "out"))
    assert find_source("ml-latest-small") is None


def test_bad_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="does not exist"):
        find_source("ml-1m", tmp_path / "nowhere")
    (tmp_path / "ratings.csv").write_text("x")
    with pytest.raises(DataError, match="neither a folder nor a"):
        find_source("ml-1m", tmp_path / "ratings.csv")
    with pytest.raises(DataError, match=r"holds neither ratings\.dat nor ml-1m/ nor ml-1m\.zip"):
        find_source("ml-1m", tmp_path)
    (tmp_path / "ml-1m").mkdir()
    monkeypatch.setenv("MOVIELENS_HOME", str(tmp_path))
    with pytest.raises(DataError, match=r"ml-1m has no ratings\.dat"):
        find_source("ml-1m")
    with pytest.raises(ConfigError, match="did you mean 'ml-1m'"):
        find_source("ml-1n")


def test_nothing_found_lists_the_three_ways(tmp_path: Path) -> None:
    with pytest.raises(DownloadError) as raised:
        prepare("ml-latest-small", out=tmp_path / "out", download=False)
    for way in ("MOVIELENS_HOME", "--source=PATH", "connect and prepare again", "ml-100k"):
        assert way in str(raised.value)
    assert not (tmp_path / "out").exists()
