"""Finished runs side by side: as a table for the terminal, or as Markdown with the command of each row."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from recbole_ext.cli.tables import Grid
from recbole_ext.config.safe_text import markdown, markdown_code
from recbole_ext.errors import ConfigError, nearest
from recbole_ext.evaluator.difference import Difference
from recbole_ext.evaluator.register import is_accuracy, known_metrics
from recbole_ext.runs.figures import RunFigures
from recbole_ext.runs.protocol import check_same_protocol, origin_of, protocol_line
from recbole_ext.runs.run import Run, read_run

__all__ = ["DEFAULT_COLUMNS", "RunsTable", "runs_table"]

_IMPORTANT = ("NDCG", "ItemCoverage", "TailShare", "seconds", "Hit", "Novelty", "epochs", "MRR")
DEFAULT_COLUMNS = ("NDCG", "Hit", "MRR", "ItemCoverage", "TailShare", "Novelty", "epochs", "seconds")

# What a run cost, beside what it reached; the words are the headers.
_COSTS: dict[str, tuple[str, Callable[[RunFigures], str]]] = {
    "epochs": ("epochs", lambda figures: str(figures.epochs)),
    "seconds": ("training s", lambda figures: f"{figures.seconds.training:.0f}"),
    "parameters": ("parameters", lambda figures: f"{figures.parameters:,}"),
}


@dataclass(frozen=True)
class _Columns:
    """What a table shows.

    Attributes:
        metrics: Names as they are shown.
        costs: Keys of ``_COSTS``, which stand behind the metrics.
        k: Length of the lists.
    """

    metrics: tuple[str, ...]
    costs: tuple[str, ...]
    k: int

    @property
    def keys(self) -> list[str]:
        """The metrics as figures name them."""
        return [f"{name.lower()}@{self.k}" for name in self.metrics]

    @property
    def headers(self) -> list[str]:
        """Of the columns behind the model's name."""
        return [*(f"{name}@{self.k}" for name in self.metrics), *(_COSTS[cost][0] for cost in self.costs)]

    def cells(self, figures: RunFigures) -> list[str]:
        """A run under the headers."""
        return [
            *(_cell(figures, key) for key in self.keys),
            *(_COSTS[cost][1](figures) for cost in self.costs),
        ]


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) >= 0.01 or value == 0 else f"{value:.1e}"


def _cell(figures: RunFigures, key: str) -> str:
    value = figures.test.get(key)
    if value is None:
        return "–"
    interval = figures.test_intervals.get(key)
    if interval is None or not is_accuracy(key.partition("@")[0]):
        return _number(value)
    return f"{value:.4f} [{interval[0]:.3f}, {interval[1]:.3f}]"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _columns(names: Sequence[str], k: int | None, first: Run) -> _Columns:
    """The columns of a table.

    Raises:
        ConfigError: A metric is unknown or named twice, or the first run has none of them at K.
    """
    known = {name.lower(): name for name in (*known_metrics(), *_COSTS)}
    for name in names:
        if name.lower() not in known:
            raise ConfigError(f"unknown metric {name!r} in the columns{nearest(name, known.values())}")
    chosen = [known[name.lower()] for name in names]
    if double := next((name for name in chosen if chosen.count(name) > 1), None):
        raise ConfigError(f"--columns names {double} twice: remove one")
    columns = _Columns(
        tuple(name for name in chosen if name not in _COSTS),
        tuple(name for name in chosen if name in _COSTS),
        k or first.k,
    )
    if not any(key in first.figures.test for key in columns.keys):
        raise ConfigError(
            f"{first.path} has no figures at {columns.k}: choose one of {first.figures.protocol.topk}"
        )
    return columns


def _difference(one: Difference) -> str:
    # Other flips of the randomisation test could put such a p on the other side of the level.
    words = " (undecided)" if one.undecided else ""
    return f"{one.mean:+.4f} [{one.low:+.4f}, {one.high:+.4f}], {one.p_holm:.2g}{words}"


def _differences(runs: Sequence[Run], base: Run, key: str) -> list[str]:
    """For each run the mean difference to the base over users, its interval, and p with Holm's correction."""
    # Only a comparison needs numpy, whose import is most of the time of a table.
    from recbole_ext.runs.compare import check_same_users, differences, over_seeds

    places = {str(run.path.resolve()): run for run in (base, *runs)}
    for run in (*runs, base):
        if key not in run.per_user.columns:
            raise ConfigError(
                f"{key} has no value for each user in {run.path}: put an accuracy metric, such as NDCG, first in "
                "--columns"
            )
    check_same_users(list(places.values()))
    values = {place: over_seeds([run]) for place, run in places.items()}
    found = differences(values, str(base.path.resolve()), [key], runs[0].level)
    shown = (found[str(run.path.resolve())].get(key) for run in runs)
    return [_difference(one) if one else "" for one in shown]


def _bounds(figures: RunFigures, columns: _Columns, width: int) -> list[list[str]]:
    """The expectation of Random and the ceiling, where a metric beyond accuracy is shown."""
    if all(is_accuracy(name) for name in columns.metrics):
        return []
    rows = []
    for label, kind in (("Random, expected", "random"), ("ceiling", "ceiling")):
        values = [figures.test_bounds.get(kind, {}).get(key) for key in columns.keys]
        shown = ["–" if value is None else _number(value) for value in values]
        rows.append([label, *shown, *[""] * (width - len(shown))])
    return rows


def _median_half(runs: Sequence[Run], key: str) -> float:
    """Median over runs of half the width of a figure's interval."""
    ends = [run.figures.test_intervals.get(key, (0.0, 0.0)) for run in runs]
    return statistics.median((high - low) / 2 for low, high in ends)


@dataclass(frozen=True)
class RunsTable:
    """Finished runs side by side.

    Attributes:
        runs: The rows.
        columns: What is shown of each.
        base: The run to which the first column is compared, if any.
        cells: A row for each run, without its name.
        bounds: The expectation of Random and the ceiling, with their names.
        order: Positions of columns by importance, the name's being 0.
    """

    runs: Sequence[Run]
    columns: _Columns
    base: Run | None
    cells: Sequence[Sequence[str]]
    bounds: Sequence[Sequence[str]]
    order: Sequence[int]

    @property
    def headers(self) -> list[str]:
        """Of all columns, as they are shown in a terminal."""
        return ["model", *self.columns.headers, *self._comparison(lambda text: text)]

    def _comparison(self, escape: Callable[[str], str]) -> list[str]:
        if self.base is None:
            return []
        return [f"{self.columns.headers[0]} - {escape(self.base.model)}, p"]

    def grid(self) -> Grid:
        """For a terminal."""
        rows = [[run.model, *cells] for run, cells in zip(self.runs, self.cells, strict=True)]
        return Grid("", self.headers, [*rows, *self.bounds], self.order)

    def notes(self) -> list[str]:
        """What the brackets are, and the protocol."""
        return [
            f"In brackets: {self._intervals()} Protocol: {protocol_line(self.runs[0].metrics)}. Head rule: "
            f"{self.runs[0].figures.protocol.head_rule}."
        ]

    def _intervals(self) -> str:
        half = _median_half(self.runs, self.columns.keys[0])
        return (
            f"{self.runs[0].level:.0%} bootstrap interval over users (median half-width of "
            f"{self.columns.headers[0]}: {half:.3f})."
        )

    def markdown(self) -> str:
        """One row a run, the ceiling and the expectation of Random, the protocol, the commands."""
        first = self.runs[0]
        headers = ["model", *self.columns.headers, *self._comparison(markdown)]
        # Only the data set's name can hold marks of Markdown.
        protocol = protocol_line({**first.metrics, "dataset": markdown(str(first.metrics["dataset"]))})
        return "\n".join(
            [
                _row(headers),
                _row(["---"] + ["---:"] * (len(headers) - 1)),
                *(
                    _row([markdown(run.model), *cells])
                    for run, cells in zip(self.runs, self.cells, strict=True)
                ),
                *(_row([f"*{name}*", *cells]) for name, *cells in self.bounds),
                "",
                f"In brackets: {self._intervals()} Protocol: {protocol}. "
                f"Head rule: {markdown_code(first.figures.protocol.head_rule)}.",
                "",
                *(f"- {markdown(run.model)}: {markdown_code(run.figures.command)}" for run in self.runs),
            ]
        )


def runs_table(
    runs: Sequence[Path],
    *,
    columns: Sequence[str] | None = None,
    k: int | None = None,
    against: Path | None = None,
) -> RunsTable:
    """Reads runs and puts them side by side.

    Args:
        runs: Finished run folders of one data set and protocol.
        columns: Names of metrics, and ``epochs``, ``seconds`` (of training) and ``parameters``, which come last; the
            first ones are the most important. ``DEFAULT_COLUMNS`` if None.
        k: Length of the lists; that of the first run's ``valid_metric`` if None.
        against: A run to which the first column is compared, user by user: mean difference, interval, and the p of
            the paired randomisation test with Holm's correction for the number of rows.

    Raises:
        CheckpointError: A folder is not a complete run.
        ConfigError: The runs are not comparable, or a metric or K was not computed.
    """
    if not runs:
        raise ConfigError("a table needs at least one run folder: name those that 'train' has written")
    rows = [read_run(run) for run in runs]
    base = None if against is None else read_run(against)
    check_same_protocol(
        [(run.path, origin_of(run.metrics)) for run in (*rows, *([base] if base else []))],
        free=frozenset({"shown_k"}),
        remedy="show them in two tables",
    )
    chosen = _columns(columns or DEFAULT_COLUMNS, k, rows[0])
    cells = [chosen.cells(run.figures) for run in rows]
    width = len(chosen.headers)
    # The default columns in the order in which a narrow terminal shows them; a user's as they were named.
    names = [*chosen.metrics, *chosen.costs]
    order = [1 + names.index(name) for name in (_IMPORTANT if columns is None else ()) if name in names]
    if base is not None:
        tests = _differences(rows, base, chosen.keys[0])
        cells = [[*row, test] for row, test in zip(cells, tests, strict=True)]
        width += 1
        order = [1, width, *order[1:]]
    return RunsTable(rows, chosen, base, cells, _bounds(rows[0].figures, chosen, width), order)
