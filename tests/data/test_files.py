"""A file is written as a whole or not at all, and what cannot be written is said in one sentence."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from recbole_ext.data.files import whole, write_whole, writing
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
