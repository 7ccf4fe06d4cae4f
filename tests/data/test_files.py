"""A file is written as a whole or not at all, and what cannot be written is said in one sentence."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from recbole_ext.data.files import remove_abandoned, whole, write_whole, writing
from recbole_ext.errors import OutputError
from recbole_ext.runs.lists import write_table


def test_the_content_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "a.txt"
    for content in ("first", b"second", "dritte Zeile: ä\n"):
        write_whole(file, content)
        assert file.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert [path.name for path in file.parent.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), KeyboardInterrupt(), ValueError("x")]
)
def test_whatever_ends_the_block_leaves_the_old_file_and_nothing_else(
    error: BaseException, tmp_path: Path
) -> None:
    file = tmp_path / "a.txt"
    file.write_text("old")
    raised = OutputError if isinstance(error, OSError) else type(error)

    def torn() -> None:
        with whole(file) as partial:
            partial.write_text("half of the n")
            assert file.read_text() == "old"
            raise error

    with pytest.raises(raised):
        torn()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.txt": "old"}


def test_what_cannot_be_written_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError) as error:
        write_whole(tmp_path / "file" / "a.txt", "text", "--figures")
    assert str(error.value) == (
        f"{tmp_path}/file/a.txt cannot be written (File exists): free some space, or choose another --figures"
    )
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match=r"folder is a folder: name a file with --output$"):
        write_whole(tmp_path / "folder", "text")
    words = r"^x cannot be written \(first line\): free"
    with pytest.raises(OutputError, match=words), writing(Path("x"), also=(LookupError,)):
        raise LookupError("first line\nsecond line")


def test_a_table_is_whole_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.parquet"
    write_table(file, pl.DataFrame({"user_id": ["1"]}))
    before = file.read_bytes()

    def torn(table: pl.DataFrame, target: Path) -> None:
        target.write_bytes(b"PAR1")
        raise pl.exceptions.ComputeError("disk full")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", torn)
    with pytest.raises(OutputError, match=r"a\.parquet cannot be written \(disk full\)"):
        write_table(file, pl.DataFrame({"user_id": ["2"]}))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


def ended_process() -> int:
    """The number of a process that is gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_a_killed_process_left_of_a_file_is_removed_by_the_next_that_writes_it(tmp_path: Path) -> None:
    """new.md.1234.partial stayed beside new.md for ever."""
    host, gone = socket.gethostname(), ended_process()
    left = tmp_path / f"a.txt.{host}-{gone}.partial"
    others = [
        tmp_path / f"a.txt.{host}-{os.getppid()}.partial",  # it lives
        tmp_path / f"a.txt.elsewhere-{gone}.partial",
        tmp_path / f"b.txt.{host}-{gone}.partial",
        tmp_path / f"a.txt.{host}-x.partial",
        tmp_path / "a.txt.partial",
    ]
    for path in (left, *others):
        path.write_text("half")
    write_whole(tmp_path / "a.txt", "text")
    assert sorted(tmp_path.iterdir()) == sorted([*others, tmp_path / "a.txt"])
    remove_abandoned(tmp_path, after=".partial")
    assert not others[2].exists()
    assert others[0].exists()


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_on_the_disk_before_it_has_its_name(
    durable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut after the rename would leave an empty file where file systems write names first."""
    done: list[tuple[str, str]] = []
    fsync, replace = os.fsync, os.replace

    def forced(descriptor: int) -> None:
        done.append(("fsync", Path(os.readlink(f"/proc/self/fd/{descriptor}")).name.partition(".txt")[0]))
        fsync(descriptor)

    def renamed(source: Path, target: Path) -> None:
        done.append(("rename", target.stem))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", forced)
    monkeypatch.setattr(os, "replace", renamed)
    with whole(tmp_path / "a.txt", durable=durable) as partial:
        partial.write_text("text")
    steps = [("fsync", "a"), ("rename", "a"), ("fsync", tmp_path.name)]
    assert done == (steps if durable else steps[1:2])


def test_a_disk_that_fails_to_take_the_content_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OutputError, match=r"a\.txt cannot be written \(No space left on device\)"):
        write_whole(tmp_path / "a.txt", "text")
    assert not list(tmp_path.iterdir())
