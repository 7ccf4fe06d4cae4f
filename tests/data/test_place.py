"""What killed processes leave is mended, what living ones write is left alone."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from recbole_ext.data.movielens import is_prepared, prepare
from recbole_ext.errors import ConfigError, DataError
from tests.data.movielens.raw_sets import CSV, write_set

NAME = "ml-latest-small"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder with the prepared set."""
    prepare(NAME, source=write_set(tmp_path / "raw", CSV), out=tmp_path / "out")
    return tmp_path / "out"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def move_aside(out: Path) -> None:
    """The state between the two renames of a second ``prepare``."""
    aside = out / f".{NAME}-old-a1b2"
    aside.mkdir()
    (out / NAME).rename(aside / NAME)
    new = out / f".{NAME}-new-c3d4"
    new.mkdir()
    (new / f"{NAME}.inter").write_text("user_id:token\n", "utf-8")


def test_a_set_that_was_moved_aside_by_a_killed_prepare_comes_back(out: Path) -> None:
    before = (out / NAME / f"{NAME}.inter").read_bytes()
    move_aside(out)
    assert is_prepared(NAME, out)
    assert (out / NAME / f"{NAME}.inter").read_bytes() == before
    assert names(out) == [NAME]


def test_prepare_takes_the_set_that_was_moved_aside(out: Path, tmp_path: Path) -> None:
    move_aside(out)
    shutil.rmtree(tmp_path / "raw")
    assert prepare(NAME, out=out, download=False).interactions == 5
    assert names(out) == [NAME]


def test_what_killed_processes_left_is_removed(out: Path) -> None:
    for kind in ("raw", "new", "old"):
        (out / f".{NAME}-{kind}-dead").mkdir()
        (out / f".{NAME}-{kind}-dead" / "x").write_text("x", "utf-8")
    (out / ".ml-1m-new-other").mkdir()
    assert is_prepared(NAME, out)
    assert names(out) == [".ml-1m-new-other", NAME]


def test_a_living_process_keeps_its_folders(out: Path) -> None:
    move_aside(out)
    before = names(out)
    lock = os.open(out / f".{NAME}.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    assert not is_prepared(NAME, out)
    assert names(out) == sorted([*before, f".{NAME}.lock"])
    os.close(lock)
    assert is_prepared(NAME, out)
    assert names(out) == [NAME]


def test_a_second_process_waits_and_takes_what_the_first_has_prepared(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    lock = os.open(out / f".{NAME}.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    lines: list[str] = []
    found = []
    second = threading.Thread(
        target=lambda: found.append(prepare(NAME, out=out, download=False, report=lines.append))
    )
    second.start()
    while not lines:
        time.sleep(0.01)
    assert lines == [f"{NAME}: waiting for another process, which prepares it"]
    prepare(NAME, source=write_set(tmp_path / "raw", CSV), out=tmp_path / "first")
    (tmp_path / "first" / NAME).rename(out / NAME)
    (out / f".{NAME}.lock").unlink()
    os.close(lock)
    second.join(timeout=30)
    assert [prepared.interactions for prepared in found] == [5]
    assert names(out) == [NAME]


def test_a_failure_leaves_no_folder_that_was_not_there(tmp_path: Path) -> None:
    raw = write_set(tmp_path / "raw", CSV, ratings="userId,movieId,rating,timestamp\n")
    with pytest.raises(DataError):
        prepare(NAME, source=raw, out=tmp_path / "a" / "b")
    assert names(tmp_path) == ["raw"]


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_refused(tmp_path: Path, seed: int) -> None:
    with pytest.raises(ConfigError, match="seed"):
        prepare(NAME, source=write_set(tmp_path / "raw", CSV), out=tmp_path, tie_break="random", seed=seed)


@pytest.mark.parametrize("column", ["userId", "movieId", "rating", "timestamp"])
def test_two_columns_of_one_name_are_refused(tmp_path: Path, column: str) -> None:
    ratings = f"userId,movieId,rating,timestamp,{column}\n1,1,3,5,7\n"
    with pytest.raises(DataError, match=f"line 1: the column '{column}' is listed twice"):
        prepare(NAME, source=write_set(tmp_path / "raw", CSV, ratings=ratings), out=tmp_path / "out")


@pytest.mark.parametrize("rating", ["1e39", "inf", "3.5e38", "1" * 60])
def test_a_rating_beyond_float32_is_refused_with_its_line(tmp_path: Path, rating: str) -> None:
    ratings = f"userId,movieId,rating,timestamp\n1,1,3,5\n1,2,{rating},6\n"
    with pytest.raises(DataError, match="line 3: the rating"):
        prepare(NAME, source=write_set(tmp_path / "raw", CSV, ratings=ratings), out=tmp_path / "out")


def test_a_long_value_is_shortened_in_the_message(tmp_path: Path) -> None:
    ratings = f"userId,movieId,rating,timestamp\n1,1,3,{'9' * 6000}\n"
    with pytest.raises(DataError, match=r"line 2: the timestamp '9{57}\.\.\.'"):
        prepare(NAME, source=write_set(tmp_path / "raw", CSV, ratings=ratings), out=tmp_path / "out")
