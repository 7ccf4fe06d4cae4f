"""The folder of a search: its trials, what the columns of their table are, and which way of each aim is better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from recbole_ext.errors import CheckpointError
from recbole_ext.evaluator.metrics.accuracy import METRICS
from recbole_ext.evaluator.metrics.beyond_accuracy import BEYOND_ACCURACY
from recbole_ext.runs.lists import check_table
from recbole_ext.runs.results import Objective, TuneFigures

__all__ = ["Trials", "by_model", "read_trials"]

_COLUMNS = ("number", "state", "seconds", "best_epoch", "same_as")
_AGAIN = "remove this file and repeat the search, which writes it anew"


@dataclass(frozen=True, eq=False)
class Trials:
    """A search.

    Attributes:
        path: Its folder.
        model: Whose parameters were searched.
        total: Trials, those that were cut short or failed too.
        finished: One row for each trial that ran to its end, in their order.
        objectives: At least one.
        parameters: Columns of what was searched.
    """

    path: Path
    model: str
    total: int
    finished: pl.DataFrame
    objectives: tuple[Objective, ...]
    parameters: tuple[str, ...]


def _table(file: Path) -> pl.DataFrame:
    try:
        trials = pl.read_csv(file, infer_schema_length=None, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise CheckpointError(f"{file} is damaged ({error}): {_AGAIN}") from error
    lacking = [name for name in _COLUMNS if name not in trials.columns]
    if lacking:
        raise CheckpointError(f"{file} lacks the column {lacking[0]}: {_AGAIN}")
    return trials


def _numbers(file: Path, rows: pl.DataFrame, column: str) -> pl.Series:
    """The column as numbers; what is none is named with its row."""
    numbers = rows[column].cast(pl.Float64, strict=False)
    for row, raw, value in zip(rows["row"], rows[column], numbers, strict=True):
        if value is None or not math.isfinite(value):
            found = "nothing" if raw is None else repr(raw)
            raise CheckpointError(
                f"{file} has {found} in the column {column} of row {row}, where a number belongs: {_AGAIN}"
            )
    return numbers


def _bigger(key: str, facts: TuneFigures, done: pl.DataFrame) -> bool:
    """The metric's own direction; of a metric that only the search knew, the one in which its winner is best."""
    metric = key.partition("@")[0].lower()
    known = {name.lower(): one.bigger for name, one in BEYOND_ACCURACY.items()}
    if metric in known or metric in METRICS:
        return bool(known.get(metric, True))
    winner = done.filter(pl.col("number") == (-1 if facts.best_number is None else facts.best_number))[
        key
    ].to_list()
    return not winner or winner[0] == max(done[key]) or winner[0] != min(done[key])


def read_trials(path: Path, facts: TuneFigures) -> Trials:
    """Reads ``trials.csv`` of a search.

    Args:
        path: The folder of the search.
        facts: Its ``tuning.json``; without content where no trial gave a value.

    Raises:
        CheckpointError: The table is damaged: a column is missing, or no number stands where one belongs.
    """
    file = path / "trials.csv"
    check_table(path / "trials.parquet")
    trials = _table(file).with_row_index("row", offset=1)
    names = trials.columns
    keys = names[names.index("state") + 1 : names.index("seconds")]
    if not keys:
        raise CheckpointError(f"{file} lacks the value of each trial between state and seconds: {_AGAIN}")
    rows = trials.filter(pl.col("state").cast(pl.String) == "complete")
    values = [_numbers(file, rows, name) for name in ("number", *keys)]
    done = rows.with_columns(values[0].cast(pl.Int64), *values[1:]).sort("number")
    spelled = {name.lower(): name for name in facts.objectives}
    return Trials(
        path,
        facts.model or path.resolve().name,
        len(trials),
        done.drop("row"),
        tuple(Objective(spelled.get(key, key), _bigger(key, facts, done)) for key in keys),
        tuple(names[names.index("best_epoch") + 1 : names.index("same_as")]),
    )


def _tail(path: Path, others: Sequence[Path]) -> str:
    """As much of the end of a path as no other one has."""
    parts = [other.resolve().parts for other in others]
    own = path.resolve().parts
    depth = next((n for n in range(1, len(own)) if sum(p[-n:] == own[-n:] for p in parts) == 1), len(own))
    return "/".join(own[-depth:])


def by_model(searches: Sequence[Trials]) -> dict[str, Trials]:
    """Searches by the model's name, with the folder's where a model was searched twice; a folder named twice is one."""
    distinct = list({one.path.resolve(): one for one in searches}.values())
    result = {}
    for one in distinct:
        twins = [other.path for other in distinct if other.model == one.model]
        result[one.model if len(twins) == 1 else f"{one.model} ({_tail(one.path, twins)})"] = one
    return result
