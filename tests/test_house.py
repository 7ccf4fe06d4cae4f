"""The package's structure: rooms at its root, layers of the contract, and how branched a function may be."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest
from radon.complexity import cc_visit

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "recbole_ext"
ROOMS = {
    "cli",
    "api",
    "study",
    "report",
    "rerank",
    "recommend",
    "serve",
    "trainer",
    "model",
    "runs",
    "data",
    "config",
    "evaluator",
}
# Conditions, loops, comprehensions and boolean operators of one function.
MOST_COMPLEX = 15


def test_the_root_holds_rooms_the_door_and_the_errors() -> None:
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders == ROOMS | {"_compat"}
    assert {path.name for path in PACKAGE.glob("*.py")} == {
        "__init__.py",
        "compiled.py",
        "errors.py",
        "progress.py",
    }


def test_the_contract_has_at_most_nine_layers() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    assert len(layers) <= 9
    named = {room.strip() for line in layers for room in line.split("|")}
    assert named == ROOMS | {"_compat", "compiled", "errors", "progress"}


@pytest.mark.parametrize("folder", ["recbole_ext", "benchmarks"])
def test_no_function_is_more_branched_than_a_reader_can_follow(folder: str) -> None:
    above = [
        f"{file.relative_to(ROOT)}:{block.lineno} {block.name} {block.complexity}"
        for file in sorted((ROOT / folder).rglob("*.py"))
        for block in cc_visit(file.read_text(encoding="utf-8"))
        if block.letter in "FM" and block.complexity > MOST_COMPLEX
    ]
    assert not above, "\n".join(above)


def test_nothing_imports_late_to_please_the_host() -> None:
    files = [file for file in PACKAGE.rglob("*.py") if "noqa: E402" in file.read_text(encoding="utf-8")]
    assert files == []


@pytest.mark.parametrize("folder", ["recbole_ext", "benchmarks"])
def test_polars_takes_every_path_as_it_is(folder: str) -> None:
    """By default it reads ``run[1]`` as a pattern, that is, another folder's file."""
    readers = (
        "read_csv",
        "scan_csv",
        "read_parquet",
        "scan_parquet",
        "read_ndjson",
        "scan_ndjson",
        "scan_ipc",
    )
    patterns = [
        f"{file.relative_to(ROOT)}:{call.lineno}"
        for file in sorted((ROOT / folder).rglob("*.py"))
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and any(ast.unparse(call.func) == f"pl.{reader}" for reader in readers)
        and not ast.unparse(call.args[0]).startswith("io.BytesIO(")
        and not any(one.arg == "glob" and ast.unparse(one.value) == "False" for one in call.keywords)
        # Bytes have no path, and polars' reader of JSON lines has no switch.
        and not ast.unparse(call.args[0]).startswith("io.BytesIO(")
    ]
    assert not patterns, "\n".join(patterns)
