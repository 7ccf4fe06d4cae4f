"""Every block of docs/python.md, run in order as a reader would run it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "python.md"
BLOCK = re.compile(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)


def test_the_page_runs_and_shows_the_same_columns(
    tmp_path: Path, movielens_small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOVIELENS_HOME", str(movielens_small.parent))
    space: dict[str, Any] = {}
    for code, output in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        *_, last = code.strip().splitlines()
        capsys.readouterr()
        exec(compile(code, str(PAGE), "exec"), space)
        if last.startswith(("run.", "less.")):
            shown = eval(last, space)
            assert isinstance(shown, pd.DataFrame)
            # Figures of a closed form: nearly the same on every machine.
            for name in [*shown.columns, *map(str, shown.index)]:
                assert name in output
            numbers = [float(text) for text in re.findall(r"-?\d+\.\d+", output)]
            for value in shown.select_dtypes("float").stack().dropna():
                assert any(value == pytest.approx(number, rel=1e-3, abs=1e-6) for number in numbers)
        elif output:
            assert capsys.readouterr().out.splitlines()[0] == output.splitlines()[0]
