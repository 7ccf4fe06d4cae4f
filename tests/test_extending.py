"""Every example of docs/extending.md, run as a reader would run it."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
QUICK = ["--epochs=2", "--min_user_interactions=1", "--min_item_interactions=1", "--show_progress=false"]


def sections() -> dict[str, str]:
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("title", sections())
def test_the_example_runs(title: str, tmp_path: Path, cycle_home: Path) -> None:
    blocks = BLOCK.findall(sections()[title])
    assert {kind for kind, _ in blocks} == {"python", "sh"}
    shutil.copytree(cycle_home / "cycle", tmp_path / "dataset" / "cycle")
    shutil.copytree(ROOT / "config", tmp_path / "config")
    for kind, text in blocks:
        if kind == "python":
            name = re.match(r"# (\w+\.py)\n", text)
            assert name, "the first line of an example names its file"
            (tmp_path / name[1]).write_text(text, encoding="utf-8")
            continue
        for line in text.strip().splitlines():
            program, *options = shlex.split(line)
            if program == "recbole-ext":
                options += QUICK if "--dataset=books" in options else [*QUICK, "--dataset=cycle"]
                options = [str(ROOT / "run.py"), *options, "--output=run"]
            else:
                assert program == "python"
            done = subprocess.run(
                [sys.executable, *options], cwd=tmp_path, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
    table = done.stdout
    assert "NDCG" in table
    if "metric" in title:
        assert "FirstFromTail" in table
        assert "KnownGenres" in table
    assert (tmp_path / "run" / "metrics.json").is_file()
