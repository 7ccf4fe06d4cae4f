"""YAML as people write it, with the line of each key; what grows, turns in circles or never ends is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from recbole_ext.config import read
from recbole_ext.config.model_source import host_folder
from recbole_ext.config.problem import Origin
from recbole_ext.config.yaml_reader import parse_value, read_packaged_yaml, read_yaml
from recbole_ext.errors import ConfigError

OURS = Path(read.__file__).parents[1] / "properties"
PACKAGED = [
    file for folder in (OURS, host_folder() / "properties") for file in sorted(folder.rglob("*.yaml"))
]

DOUBLING_MAPS = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{x: *a{n - 1}, y: *a{n - 1}}}\n" for n in range(1, 34)
)
DOUBLING_MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}], k{n}: 1}}\n" for n in range(1, 34)
)


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


@pytest.mark.parametrize("text", [DOUBLING_MAPS, DOUBLING_MERGES])
def test_aliases_that_double_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=r"a\.yaml, line \d+ .*aliases grow"):
        read_yaml(tmp_path / "a.yaml")


@pytest.mark.parametrize("text", ["&a [1, *a]", "&a {b: *a}", "&a {<<: *a}", "&a [[[*a]]]"])
def test_a_value_that_holds_itself_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="alias names a value that holds it"):
        parse_value(text, "--key")


def test_an_alias_beside_its_anchor_is_plain_yaml() -> None:
    assert parse_value("{a: &a [1, {b: 2}], c: *a, d: [*a, *a]}", "--key") == {
        "a": [1, {"b": 2}],
        "c": [1, {"b": 2}],
        "d": [[1, {"b": 2}], [1, {"b": 2}]],
    }


@pytest.mark.parametrize(
    "text",
    ["[" * 4000 + "]" * 4000, "[" * 100_000, "{a: " * 4000, "".join(f"{' ' * n}-\n" for n in range(2000))],
)
def test_values_nested_beyond_reason_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="nested more than 50 levels"):
        parse_value(text, "--key")


def test_forty_levels_are_read() -> None:
    value = parse_value("[" * 40 + "]" * 40, "--key")
    for _ in range(39):
        (value,) = value
    assert value == []


@pytest.mark.parametrize(
    "text", ["9" * 6000, "-" + "9" * 6000, "0x" + "f" * 6000, "0b" + "1" * 6000, "1" + ":59" * 3000]
)
def test_an_integer_of_thousands_of_digits_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"integer of [0-9,]+ characters is too long"):
        parse_value(text, "--key")


@pytest.mark.parametrize(
    ("text", "value"), [("1_000", 1000), ("-0x1f", -31), ("0b11", 3), ("017", 15), ("1:30", 90)]
)
def test_the_integers_of_yaml_are_read(text: str, value: int) -> None:
    assert parse_value(text, "--key") == value


def test_a_long_option_is_shortened_in_the_message() -> None:
    with pytest.raises(ConfigError) as refused:
        parse_value("[" * 5000, f"--key={'[' * 5000}")
    assert len(str(refused.value)) < 250
