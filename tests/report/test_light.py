"""The report is written without torch, RecBole and pandas: it opens in a second, also where they are slow to load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "runs" / "written_by_0_1_0"
HEAVY = ("torch", "recbole", "pandas", "plotly", "optuna")

SCRIPT = """
import sys
from recbole_ext.cli import main
main(["report", *sys.argv[1:]])
print("loaded:", *sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize(
    "folders",
    [
        ["saved/study"],
        ["saved/gru", "saved/knn", "saved/gru-rerank", "saved/gru-pareto", "saved/tuned", "saved/ablation"],
    ],
)
def test_nothing_heavy_is_imported(folders: list[str], tmp_path: Path) -> None:
    output = tmp_path / "report.html"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *folders, f"--output={output}"],
        cwd=SAMPLES,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    # With the chapters that need the data set, which RecBole used to read.
    assert 'id="data"' in output.read_text(encoding="utf-8")
    assert "Activity: training interactions of a user" in output.read_text(encoding="utf-8")
    loaded = done.stdout.splitlines()[-1].removeprefix("loaded: ").split()
    assert "recbole_ext" in loaded
    assert not set(HEAVY) & set(loaded)
