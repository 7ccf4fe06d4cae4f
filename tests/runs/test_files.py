"""A folder of results has its name only when it is whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from recbole_ext.errors import OutputError
from recbole_ext.runs.files import made_folder, new_folder, partial_of


def test_a_folder_is_named_when_the_block_has_ended_well(tmp_path: Path) -> None:
    final = tmp_path / "below" / "run"
    with new_folder(final) as folder:
        (folder / "a").write_text("1")
        assert folder == partial_of(final) == partial_of(folder)
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
