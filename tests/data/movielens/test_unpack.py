"""Truncated and hostile zips: a clear error, and not one byte outside the target."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from recbole_ext.data.movielens import prepare
from recbole_ext.data.movielens.unpack import unpack
from recbole_ext.errors import DataError
from tests.data.movielens.raw_sets import CSV, write_zip


def _entry(name: str, mode: int = 0) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


@pytest.mark.parametrize(
    "entry",
    [
        _entry("../evil.txt"),
        _entry("ml-1m/../../evil.txt"),
        _entry("/tmp-evil/evil.txt"),
        _entry("..\\evil.txt"),
        _entry("C:/evil.txt"),
        _entry("ml-1m/link", stat.S_IFLNK | 0o777),
        _entry("ml-1m/pipe", stat.S_IFIFO | 0o644),
    ],
    ids=lambda entry: entry.filename,
)
def test_hostile_entry(tmp_path: Path, entry: zipfile.ZipInfo) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("ml-1m/good.txt", "good")
        archive.writestr(entry, "/etc/passwd")
    target = tmp_path / "deep" / "target"
    target.mkdir(parents=True)
    with pytest.raises(DataError, match=r"leave the target|a link or a device"):
        unpack(tmp_path / "a.zip", target)
    assert not list(target.iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "deep"]


def test_bomb(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ratings.csv", bytes(4 * 1024**2))
    with pytest.raises(DataError, match="200-fold"):
        unpack(tmp_path / "a.zip", tmp_path)
    with pytest.raises(DataError, match="more than 1,000"):
        unpack(tmp_path / "a.zip", tmp_path, max_total_bytes=1000)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_entry_twice(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", "1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a", "2")
    with pytest.raises(DataError, match="twice"):
        unpack(tmp_path / "a.zip", tmp_path)


def test_only_wanted_files_are_written(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", "ml", CSV)
    (tmp_path / "out").mkdir()
    unpack(archive, tmp_path / "out", wanted={"links.csv"})
    assert [path.name for path in (tmp_path / "out").rglob("*.csv")] == ["links.csv"]
    assert (tmp_path / "out" / "ml" / "links.csv").read_text(encoding="utf-8") == CSV["links.csv"]


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.98])
def test_truncated_zip(tmp_path: Path, keep: float) -> None:
    archive = write_zip(tmp_path / "ml-latest-small.zip", "ml-latest-small", CSV)
    content = archive.read_bytes()
    archive.write_bytes(content[: int(keep * len(content) if keep < 1 else keep)])
    with pytest.raises(DataError, match="not a complete zip"):
        prepare("ml-latest-small", source=archive, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_damaged_content(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "ml-latest-small.zip", "ml-latest-small", CSV)
    content = bytearray(archive.read_bytes())
    content[60:70] = b"0123456789"
    archive.write_bytes(bytes(content))
    with pytest.raises(DataError, match="not a complete zip"):
        prepare("ml-latest-small", source=archive, out=tmp_path / "out")


def test_zip_of_something_else(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "ml-latest-small.zip", "holiday", {"photo.txt": "x", "movies.csv": "x"})
    with pytest.raises(DataError, match=r"ml-latest-small\.zip holds no ratings\.csv"):
        prepare("ml-latest-small", source=archive, out=tmp_path / "out")
