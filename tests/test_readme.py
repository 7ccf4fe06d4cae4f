"""Every command and program of the README, typed in its order in an empty folder, with short settings."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
MOST_WORDS = 900


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def steps() -> list[list[str]]:
    """What a reader types, one program each; what installs the package is left to ``.ci/run``."""
    found = []
    for kind, text in BLOCKS:
        if kind == "python":
            found.append([sys.executable, "-c", text.replace("output=", "epochs=1, output=")])
            continue
        for line in text.splitlines():
            program, *words = shlex.split(line, comments=True)
            if program == "pip":
                continue
            assert program == "recbole-ext", line
            short = ["--epochs=1"] if words[0].startswith("--model=") else []
            short += [f"--port={free_port()}"] if words[0] == "serve" else []
            found.append([sys.executable, str(ROOT / "run.py"), *words, *short])
    return found


def test_it_is_short() -> None:
    assert len(README.split()) <= MOST_WORDS


def test_the_line_of_the_tests_is_where_the_checks_look_for_it() -> None:
    assert len(re.findall(r"^pip install .*pytest$", README, flags=re.MULTILINE)) == 1


def served(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """What a server says until it is ready; then it is asked to end, and ends well."""
    server = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    said = ""
    assert server.stdout is not None
    for line in server.stdout:
        said += line
        if line.startswith("ready"):
            break
    server.terminate()
    rest, _ = server.communicate(timeout=60)
    assert server.returncode == 0, said + rest
    return said


@pytest.mark.slow
def test_everything_runs_from_top_to_bottom(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    environment.pop("MOVIELENS_HOME", None)
    typed = steps()
    assert len(typed) > 8
    said = ""
    for command in typed:
        if "serve" in command:
            assert "ready: rules (SequentialRules), gru (GRU4Rec)" in served(command, tmp_path, environment)
            continue
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        said += done.stdout
    assert (tmp_path / "lists.csv").read_text(encoding="utf-8").count("\n") == 943 * 10 + 1
    assert all(name in said for name in ("SequentialRules", "GRU4Rec", "NDCG"))


def test_every_link_leads_to_a_file() -> None:
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", README)]
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []
