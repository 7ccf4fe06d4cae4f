"""How long a command says nothing: ``python -m benchmarks.silence -- compare --config=study.yaml``.

The command runs with its output in a pipe, as in a log file; the figures are the longest pauses between two pieces of
output, and what was said before each.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Pause", "main", "pauses"]

_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Pause:
    """A stretch of silence.

    Attributes:
        seconds: How long it lasted.
        after: The last line before it.
    """

    seconds: float
    after: str


def pauses(arguments: Sequence[str]) -> tuple[list[Pause], float, int]:
    """Runs ``run.py`` and listens.

    Args:
        arguments: Of the program.

    Returns:
        All pauses in their order, the seconds of the whole command, and its exit code.
    """
    command = [sys.executable, str(_ROOT / "run.py"), *arguments]
    began = last = time.perf_counter()
    found, said = [], ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        while piece := os.read(process.stdout.fileno(), 2**16):
            now = time.perf_counter()
            found.append(Pause(now - last, said))
            last, said = now, piece.decode(errors="replace").rstrip().rpartition("\n")[2]
    ended = time.perf_counter()
    found.append(Pause(ended - last, said))
    return found, ended - began, process.returncode


def main(arguments: list[str] | None = None) -> None:
    """Prints the longest pauses."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.silence", description=__doc__)
    parser.add_argument("--most", type=int, default=5, help="How many pauses are shown.")
    parser.add_argument("command", nargs="+", help="Arguments of run.py, behind --.")
    options = parser.parse_args(arguments)
    found, seconds, code = pauses(options.command)
    print(f"exit code {code}, {seconds:.1f} s, {len(found)} pieces of output; the longest pauses:")
    for pause in sorted(found, key=lambda one: -one.seconds)[: options.most]:
        print(f"{pause.seconds:6.2f} s after {pause.after[:90]!r}")


if __name__ == "__main__":
    main()
