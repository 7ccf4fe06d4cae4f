"""How long a study takes on N nodes, and what bounds it: ``python -m benchmarks.cluster``.

The study's own scheduler (:func:`recbole_ext.study.jobs.run_chains`) runs on an executor whose clock is moved by hand:
each job takes as long as it was recorded. The lengths come from a study's folder, trial by trial, or from a report of
``docs/report``, which holds the minutes of each search and the training seconds of a run: its trials are then taken to
be of equal length. ``--svg`` draws the table.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from recbole_ext.report.charts.lines import Line, lines_chart
from recbole_ext.report.document import Document, Section
from recbole_ext.report.svg_files import figure_files
from recbole_ext.study.jobs import Chain, Job, run_chains

__all__ = ["Lengths", "bound", "from_folder", "from_report", "main", "wall_seconds"]


@dataclass(frozen=True)
class Lengths:
    """Seconds of a model's jobs.

    Attributes:
        model: Its name.
        trials: Of its search, in their order; empty without one.
        cells: Of its runs.
    """

    model: str
    trials: tuple[float, ...]
    cells: tuple[float, ...]


@dataclass(frozen=True)
class _Sleep:
    seconds: float

    def __call__(self, place: Any) -> float:
        return self.seconds


class _Nodes:
    """An executor on which time is what has been recorded.

    Args:
        slots: Jobs at once.
        each: Seconds that a job costs beside its own.
    """

    def __init__(self, slots: int, each: float) -> None:
        self.slots, self.now, self._each = slots, 0.0, each
        self._numbers = itertools.count()
        self._running: list[tuple[float, int, float]] = []

    def free(self) -> bool:
        return len(self._running) < self.slots

    def start(self, job: Job) -> int:
        number, seconds = next(self._numbers), job.work(None)  # type: ignore[arg-type]
        heapq.heappush(self._running, (self.now + self._each + seconds, number, seconds))
        return number

    def ended(self) -> Iterator[tuple[int, Any]]:
        if self._running:
            self.now, number, seconds = heapq.heappop(self._running)
            yield number, seconds

    def at_work(self) -> list[str]:
        return []


def _chain(model: Lengths, at_once: int) -> Chain[None]:
    """A search of so many trials at once, then the runs: what ``compare`` makes of a model, with one."""
    for batch in _batched(model.trials, at_once):
        yield [Job("trial", _Sleep(seconds)) for seconds in batch]
    yield [Job("cell", _Sleep(seconds), later=1) for seconds in model.cells]


def _batched(values: Sequence[float], size: int) -> Iterator[tuple[float, ...]]:
    for start in range(0, len(values), size):
        yield tuple(values[start : start + size])


def wall_seconds(models: Sequence[Lengths], nodes: int, *, at_once: int = 1, each: float = 0.0) -> float:
    """Wall time of a study.

    Args:
        models: All of it.
        nodes: Jobs at once.
        at_once: Trials of one search at once; the next ones wait for the last of them.
        each: Seconds that a job costs beside its own.
    """
    executor = _Nodes(nodes, each)
    run_chains([_chain(model, at_once) for model in models], executor)
    return executor.now


def bound(models: Sequence[Lengths], *, at_once: int = 1, each: float = 0.0) -> tuple[str, float]:
    """The model whose search and longest run no number of nodes makes shorter, and their seconds."""
    alone = {
        model.model: wall_seconds([model], max(len(model.cells), at_once, 1), at_once=at_once, each=each)
        for model in models
    }
    longest = max(alone, key=lambda name: alone[name])
    return longest, alone[longest]


def from_folder(folder: Path) -> list[Lengths]:
    """The lengths of a comparison that was computed."""
    cells: dict[str, list[float]] = {}
    for file in sorted((folder / "cells").glob("*/metrics.json")):
        seconds = json.loads(file.read_text(encoding="utf-8"))["seconds"]
        total = sum(value for value in seconds.values() if isinstance(value, float))
        cells.setdefault(file.parent.name.rpartition("-seed")[0], []).append(total)
    found = []
    for model, lengths in cells.items():
        table = folder / "tune" / model / "trials.parquet"
        trials = pl.read_parquet(table, glob=False)["seconds"].to_list() if table.is_file() else []
        found.append(Lengths(model, tuple(map(float, trials)), tuple(lengths)))
    return found


def from_report(file: Path, seeds: int) -> list[Lengths]:
    """The lengths that a report of this package holds.

    Args:
        file: The report in Markdown.
        seeds: Runs of each model that learns; what takes less than a second is deterministic.
    """
    tables = file.read_text(encoding="utf-8").split("| Model | ")
    rows = {
        name: dict(re.findall(r"^\| (\w+) \| ([\d.,]+ \|[^\n]*)$", part, re.MULTILINE))
        for part in tables[1:]
        for name in ("Trials", "Training s")
        if part.startswith(name)
    }
    found = []
    for model, cells in rows["Training s"].items():
        seconds = float(cells.partition(" ")[0].replace(",", ""))
        trials: tuple[float, ...] = ()
        if model in rows["Trials"]:
            number, _, minutes = (cell.strip() for cell in rows["Trials"][model].split("|")[:3])
            trials = (60 * float(minutes) / int(number),) * int(number)
        found.append(Lengths(model, trials, (seconds,) * (seeds if seconds >= 1 else 1)))
    return found


def _table(models: Sequence[Lengths], nodes: Sequence[int], widths: Sequence[int], each: float) -> str:
    total = wall_seconds(models, 1, each=each)
    heads = [f"{width} at once, min | efficiency" for width in widths]
    lines = [f"| nodes | {' | '.join(heads)} |", "|--:|" + "--:|--:|" * len(widths)]
    for count in nodes:
        cells = []
        for width in widths:
            wall = wall_seconds(models, count, at_once=width, each=each)
            cells.append(f"{wall / 60:.1f} | {100 * total / count / wall:.0f} %")
        lines.append(f"| {count} | {' | '.join(cells)} |")
    words = []
    for width in widths:
        name, seconds = bound(models, at_once=width, each=each)
        words.append(f"{width} at once: {name}, {seconds / 60:.1f} min")
    longest = max(max((*model.trials, *model.cells)) for model in models)
    return "\n".join(
        [*lines, "", f"bound by the search and the longest run of one model ({'; '.join(words)}); "
         f"the longest job takes {longest / 60:.1f} min"]
    )  # fmt: skip


def _drawn(models: Sequence[Lengths], nodes: Sequence[int], widths: Sequence[int], each: float) -> str:
    lines = []
    for place, width in enumerate(widths, start=1):
        minutes = [wall_seconds(models, count, at_once=width, each=each) / 60 for count in nodes]
        words = f"{width} trial{'s' if width > 1 else ''} of a search at once"
        lines.append(Line(words, [float(count) for count in nodes], minutes, colour=f"c{place}"))
    figure = lines_chart(
        "Wall time of the study on N nodes",
        f"{wall_seconds(models, 1, each=each) / 60:.0f} minutes on one node",
        lines,
        ("nodes of one core", "minutes"),
        zero_x=False,
        logarithmic=True,
    )
    section = Section("cluster", "Cluster", (figure,))
    return figure_files(Document("Cluster", "", "", "", (), (section,)))["cluster-1.svg"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table, and draws it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument("study", nargs="?", type=Path, default=Path("docs/report/ml-latest-small.md"))
    parser.add_argument("--nodes", default="1,2,4,16,64,256")
    parser.add_argument("--at-once", default="1,4,20", help="trials of one search at once")
    parser.add_argument("--seeds", type=int, default=3, help="runs of a model, where a report is read")
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="of a job beside training: data, model, folder"
    )
    parser.add_argument(
        "--times", type=float, default=1.0, help="factor of all lengths, as of a larger data set"
    )
    parser.add_argument("--svg", type=Path, help="where the chart goes")
    given = parser.parse_args(arguments)
    models = from_folder(given.study) if given.study.is_dir() else from_report(given.study, given.seeds)
    models = [
        replace(
            model,
            trials=tuple(given.times * one for one in model.trials),
            cells=tuple(given.times * one for one in model.cells),
        )
        for model in models
    ]
    nodes, widths = ([int(one) for one in text.split(",")] for text in (given.nodes, given.at_once))
    print(_table(models, nodes, widths, given.seconds))
    if given.svg:
        given.svg.write_text(_drawn(models, nodes, widths, given.seconds), encoding="utf-8")


if __name__ == "__main__":
    main()
