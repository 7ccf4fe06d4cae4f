"""The page on data of one's own says what really happens."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from recbole_ext.cli import main
from recbole_ext.data.own.columns import ROLES

PAGE = (Path(__file__).parents[3] / "docs/own-data.md").read_text(encoding="utf-8")


def test_the_example_prints_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    shown = re.search(r"\$ recbole-ext (prepare [^\n]*)\n(.*?)\n```", PAGE, re.DOTALL)
    assert code is not None
    assert shown is not None
    subprocess.run([sys.executable, "-c", code[1]], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    main(shown[1].split())
    assert capsys.readouterr().out.rstrip() == shown[2]


def test_the_page_lists_every_name_that_is_guessed() -> None:
    for role in ROLES.values():
        assert f"| {role.name} | `{role.option}` | {', '.join(sorted(role.guesses))} |" in PAGE
