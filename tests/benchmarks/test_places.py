"""The table of filled places: short histories fill a batch only with others of their length."""

from __future__ import annotations

import pytest

from benchmarks.places import main


def test_windows_of_like_length_fill_the_places(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--datasets", "short", "--users", "3000", "--lengths", "40"])
    row = capsys.readouterr().out.splitlines()[-1].strip("| ").split(" | ")
    at_random, by_length = (float(cell.rstrip("%")) for cell in row[2:])
    assert row[:2] == ["short", "40"]
    # Nine items on average in windows of 40.
    assert at_random < 30
    assert by_length > 85
