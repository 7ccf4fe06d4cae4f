"""How long a command takes that computes nothing: ``python -m benchmarks.startup``.

Each command runs in a fresh process, in turn with one that imports the libraries that any command needs; the figure is
the median over such pairs of the ratio of their wall times. Goal: at most 2.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

__all__ = ["COMMANDS", "main", "startup_table"]

_ROOT = Path(__file__).resolve().parents[1]
_RUNS = _ROOT / "tests" / "runs" / "written_by_0_1_0"
_BASE = (sys.executable, "-c", "import click, rich, yaml, pydantic")
_GRU = ("--model=GRU4Rec", "--config=toy.yaml")

COMMANDS: dict[str, tuple[str, ...]] = {
    "--help": ("--help",),
    "train --help": ("train", "--help"),
    "models": ("models",),
    "datasets": ("datasets",),
    "keys": ("keys",),
    "table of two runs": ("table", "saved/knn", "saved/gru"),
    "report of two runs": ("report", "saved/knn", "saved/gru"),
    "an unknown command": ("tarin",),
    "an unknown key": (*_GRU, "--embeding_size=3"),
    "a bad value": (*_GRU, "--learning_rate=abc"),
    "an unknown model": ("--model=GRU4Rek", "--config=toy.yaml"),
    "rerank by an unknown method": ("rerank", "saved/gru", "--method=mmmr"),
    "tune without its space": ("tune", *_GRU, "--space=spaec.yaml"),
    "compare without its study": ("compare", "--config=stduy.yaml"),
}
"""What is measured, as the arguments of ``run.py``."""


def _seconds(command: Sequence[str], folder: Path) -> float:
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if "Traceback" in done.stderr:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip().splitlines()[-1]}")
    return seconds


def _pairs(command: Sequence[str], folder: Path, repetitions: int) -> list[tuple[float, float]]:
    """Seconds of the imports and of the command, after one run of the command that fills the caches of files."""
    _seconds(command, folder)
    return [(_seconds(_BASE, folder), _seconds(command, folder)) for _ in range(repetitions)]


def startup_table(names: Sequence[str], repetitions: int) -> str:
    """Markdown: a row a command.

    Args:
        names: Keys of ``COMMANDS``.
        repetitions: Pairs of processes for each.
    """
    lines = ["| command | imports, ms | command, ms | ratio |", "| --- | ---: | ---: | ---: |"]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(shutil.copytree(_RUNS, Path(folder) / "home"))
        for name in names:
            pairs = _pairs((sys.executable, str(_ROOT / "run.py"), *COMMANDS[name]), home, repetitions)
            base, own = (statistics.median(side) * 1000 for side in zip(*pairs, strict=True))
            ratio = statistics.median(command / imports for imports, command in pairs)
            lines.append(f"| {name} | {base:.0f} | {own:.0f} | {ratio:.2f} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    options = parser.parse_args(arguments)
    print(startup_table(options.commands, options.repetitions))


if __name__ == "__main__":
    main()
