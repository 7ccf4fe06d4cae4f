"""The door to the host: whoever imports a module of the package, in whatever order, has the repaired RecBole."""

from __future__ import annotations

import ast
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

import recbole_ext

PACKAGE = Path(recbole_ext.__file__).parent
MODULES = sorted(
    ".".join(("recbole_ext", *file.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    for file in PACKAGE.rglob("*.py")
)
# What fails in an unrepaired host is looked up after each import, as soon as RecBole is there at all.
CODE = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
    if any(module.startswith("recbole.") for module in sys.modules):
        import numpy, torch
        from recbole.config import Config
        from recbole.trainer import trainer
        assert Config.compatibility_settings.__module__ == "recbole_ext._compat.repairs", name
        assert trainer.torch is not torch, name
        assert numpy.float is numpy.float64, name
        assert not torch.is_anomaly_enabled(), name
"""


def imports_of(file: Path) -> set[str]:
    """Top-level packages that a file imports, wherever the statement stands."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module).partition(".")[0])
    return found


def test_only_the_door_imports_the_host() -> None:
    guests = {file.relative_to(PACKAGE) for file in PACKAGE.rglob("*.py") if "recbole" in imports_of(file)}
    assert guests
    assert {file.parts[0] for file in guests} == {"_compat"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_imports_leaves_the_host_repaired(seed: int, tmp_path: Path) -> None:
    order = random.Random(seed).sample(MODULES, len(MODULES))
    path = os.pathsep.join([str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CODE, *order],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_host_that_was_imported_first_is_repaired_too(tmp_path: Path) -> None:
    # On a numpy of today RecBole cannot be imported before the names that it needs are back.
    before = "import numpy\nnumpy.float_, numpy.complex_, numpy.unicode_ = float, complex, str\nimport recbole.config\n"
    path = os.pathsep.join([str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", before + CODE, "recbole_ext.data.dataset"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
