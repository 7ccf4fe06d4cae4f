"""YAML as people write it, with the line of each key."""

from __future__ import annotations

from pathlib import Path

import pytest

from recbole_ext.config import read
from recbole_ext.config.model_source import host_folder
from recbole_ext.config.problem import Origin
from recbole_ext.config.yaml_reader import read_packaged_yaml, read_yaml

OURS = Path(read.__file__).parents[1] / "properties"
PACKAGED = [
    file for folder in (OURS, host_folder() / "properties") for file in sorted(folder.rglob("*.yaml"))
]


@pytest.mark.parametrize("file", PACKAGED, ids=[f"{file.parts[-4]}-{file.stem}" for file in PACKAGED])
def test_files_of_packages_are_read_alike_by_both_readers(file: Path) -> None:
    values = read_packaged_yaml(file)
    assert values == read_yaml(file).values
    assert repr(values) == repr(read_yaml(file).values)  # 1 and 1.0 are equal, but not the same


def test_each_key_knows_its_line(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("one: 1\ntwo:\n  three: 3\n  four:\n    - 4\n    - {five: 5}\nsix: [6,\n  7]\n")
    document = read_yaml(file)
    assert document.lines == {
        ("one",): 1, ("two",): 2, ("two", "three"): 3, ("two", "four"): 4, ("two", "four", 0): 5,
        ("two", "four", 1): 6, ("two", "four", 1, "five"): 6, ("six",): 7, ("six", 0): 7, ("six", 1): 8,
    }  # fmt: skip
    assert document.origin("two", "four", 1, "none") == Origin(str(file), 6)
    assert document.origin("seven") == Origin(str(file))
    assert document.origins() == {
        "one": Origin(str(file), 1),
        "two": Origin(str(file), 2),
        "six": Origin(str(file), 7),
    }


def test_an_anchor_that_holds_itself_ends(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("one: &x [1, *x]\n")
    assert read_yaml(file).lines["one",] == 1
