"""A folder of results has its name only when it is whole."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from recbole_ext.errors import OutputError
from recbole_ext.runs.files import (
    alone_in,
    is_busy,
    made_folder,
    new_folder,
    partial_of,
)


def test_a_folder_is_named_when_the_block_has_ended_well(tmp_path: Path) -> None:
    final = tmp_path / "below" / "run"
    with new_folder(final) as folder:
        (folder / "a").write_text("1")
        assert folder.parent == final.parent
        assert folder != partial_of(final) == partial_of(partial_of(final))
        assert not final.exists()
    assert (final / "a").read_text() == "1"
    with pytest.raises(OutputError, match="exists already"), new_folder(final):
        pass
    assert (final / "a").read_text() == "1"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError(), KeyboardInterrupt()])
def test_nothing_is_left_of_a_folder_that_failed(error: BaseException, tmp_path: Path) -> None:
    def torn() -> None:
        with new_folder(tmp_path / "run") as folder:
            (folder / "a").write_text("1")
            raise error

    with pytest.raises(OutputError if isinstance(error, OSError) else type(error)):
        torn()
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for make in (made_folder, lambda path: new_folder(path).__enter__()):
        with pytest.raises(
            OutputError, match=r"file/run\S* cannot be written \(.*\): free some space, or choose"
        ):
            make(tmp_path / "file" / "run")


def test_an_interrupted_run_of_the_same_name_is_left_alone(tmp_path: Path) -> None:
    """rerank --output=saved/gru removed saved/gru.partial, the training that was to become saved/gru."""
    state = tmp_path / "gru.partial" / "state.safetensors"
    state.parent.mkdir()
    state.write_text("hours of training")
    with (
        pytest.raises(OutputError, match=r"gru\.partial holds an interrupted run .*--resume .*gru"),
        new_folder(tmp_path / "gru"),
    ):
        pass
    assert state.read_text() == "hours of training"
    assert os.listdir(tmp_path) == ["gru.partial"]


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    with new_folder(tmp_path / "lists") as folder:
        name = folder.name.removesuffix(str(os.getpid()))
    shutil.rmtree(tmp_path / "lists")
    for pid in (killed.pid, os.getppid()):
        (tmp_path / f"{name}{pid}").mkdir()
    with new_folder(tmp_path / "lists"):
        pass
    assert sorted(os.listdir(tmp_path)) == sorted(["lists", f"{name}{os.getppid()}"])


HOLD = """
import pathlib, sys
from recbole_ext.runs.files import alone_in
with alone_in(pathlib.Path(sys.argv[1]), shared=sys.argv[2] == "shared"):
    print("in", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize(("held", "fits"), [("alone", False), ("shared", True)])
def test_a_folder_is_busy_as_long_as_its_process_lives(held: str, fits: bool, tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path), held]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "in\n"
        assert is_busy(tmp_path)
        with (
            pytest.raises(OutputError, match=r"another process is running in .*: wait until"),
            alone_in(tmp_path),
        ):
            pass
        if fits:
            with alone_in(tmp_path, shared=True):
                pass
        other.kill()
    assert not is_busy(tmp_path)
    assert not is_busy(tmp_path / "none")


LOOK = """
import pathlib, sys, time
from recbole_ext.runs.files import alone_in
with alone_in(pathlib.Path(sys.argv[1])):
    print("in", flush=True)
    time.sleep(0.1)
"""


@pytest.mark.parametrize("shared", [False, True])
def test_one_that_looks_for_a_moment_keeps_nobody_out(shared: bool, tmp_path: Path) -> None:
    """Two that began at once could refuse each other: one looked whether the folder is busy, the other wanted it."""
    command = [sys.executable, "-c", LOOK, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "in\n"
        with alone_in(tmp_path, shared=shared):
            pass


def test_the_files_of_a_folder_are_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync = os.fsync

    def forced(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        done.append("folder" if path.name.startswith("lists.new-") else path.name)
        assert (tmp_path / "lists").exists() == (path == tmp_path)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", forced)
    with new_folder(tmp_path / "lists") as folder:
        (folder / "a").write_text("1")
    assert done == ["a", "folder", tmp_path.name]
