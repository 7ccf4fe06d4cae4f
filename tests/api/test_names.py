"""What ``import recbole_ext`` hands on: every public name is there, and importing the package imports nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import recbole_ext as rx


def test_every_public_name_is_there_and_documented() -> None:
    assert sorted(rx.__all__) == sorted({*rx._MODULES, "__version__"})
    for name in rx._MODULES:
        assert getattr(rx, name).__doc__, name


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, recbole_ext; print(sorted({n.partition('.')[0] for n in sys.modules}))"
    names = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in ("torch", "recbole", "pandas", "polars", "numpy", "pydantic", "click", "yaml"):
        assert f"'{heavy}'" not in names


def test_the_stub_names_the_same_modules() -> None:
    stub = ast.parse((Path(rx.__file__).with_suffix(".pyi")).read_text(encoding="utf-8"))
    named = {
        alias.name: node.module
        for node in ast.walk(stub)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert named == {name: f"recbole_ext.{module}" for name, module in rx._MODULES.items()}
    (stated,) = (node for node in stub.body if isinstance(node, ast.Assign))
    assert sorted(ast.literal_eval(stated.value)) == sorted(rx.__all__)
