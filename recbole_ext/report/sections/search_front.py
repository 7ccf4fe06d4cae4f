"""The front of a search with several aims: the trials that no other one beats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from recbole_ext.report.charts import Line, lines_chart
from recbole_ext.report.document import Block, Cell, Paragraph, Table, cell
from recbole_ext.report.sections.search_words import as_number, axis_label, different_trials, shown_name
from recbole_ext.report.wording import joined
from recbole_ext.runs.results import Objective
from recbole_ext.runs.trials import Trials

__all__ = ["front_of", "front_of_search"]

# Longer fronts are drawn without the numbers of their trials.
_NAMED = 12


def front_of(done: pl.DataFrame, objectives: Sequence[Objective]) -> pl.DataFrame:
    """The trials that no other one beats: as good in every objective, and better in one. Best first objective first."""
    signs = np.array([1.0 if objective.bigger else -1.0 for objective in objectives])
    values = done.select(objective.key for objective in objectives).to_numpy() * signs
    one, other = values[:, None, :], values[None, :, :]
    beaten = ((one >= other).all(axis=2) & (one > other).any(axis=2)).any(axis=0)
    return done.filter(~beaten).sort(objectives[0].key, "number", descending=[objectives[0].bigger, False])


def _front_words(front: pl.DataFrame, tried: int, objectives: Sequence[Objective]) -> str:
    numbers = [str(number) for number in front["number"].sort()]
    if len(numbers) == 1:
        return f"Trial {numbers[0]} is the whole front of the search: no other trial is better in any aim."
    which = f"trials {joined(numbers)}" if len(numbers) <= _NAMED else f"{len(numbers)} trials"
    aims = joined([shown_name(objective) for objective in objectives])
    return (
        f"The front of the search is {which}, out of {tried}: no other trial is better than one of them in one aim "
        "without being worse in another, while each of the rest is beaten by one of them, which is at least as good "
        f"in {'both aims' if len(objectives) == 2 else 'all aims'} and better in one. Which of them to take depends on "
        f"how much {aims} are worth to you. The file front/NUMBER.yaml in the folder of the search holds the settings "
        "of each."
    )


def _front_table(title: str, front: pl.DataFrame, trials: Trials) -> Table:
    rows = [
        (
            Cell(str(row["number"]), float(row["number"])),
            *(cell(float(row[objective.key])) for objective in trials.objectives),
            *(
                cell(None) if row[name] is None else Cell(_setting(row[name]), as_number(row[name]))
                for name in trials.parameters
            ),
        )
        for row in front.iter_rows(named=True)
    ]
    columns = ("Trial", *(shown_name(objective) for objective in trials.objectives), *trials.parameters)
    first = len(trials.objectives) + 1
    words = [first + i for i, name in enumerate(trials.parameters) if not front[name].dtype.is_numeric()]
    return Table(title, columns, tuple(rows), text_columns=(0, *words))


def _setting(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _dots(name: str, rows: pl.DataFrame, axes: tuple[Objective, Objective], **style: Any) -> Line:
    x, y = (rows[objective.key].to_list() for objective in axes)
    across, up = (shown_name(objective) for objective in axes)
    tips = [
        f"trial {n}: {up} {b:.4f}, {across} {a:.4f}" for n, a, b in zip(rows["number"], x, y, strict=True)
    ]
    return Line(name, x, y, tips=tips, **style)


def front_of_search(model: str, trials: Trials) -> list[Block]:
    """Which trials of a search with several objectives are on the front, what that means, and all trials in a chart."""
    up, across = trials.objectives[:2]
    done = different_trials(trials)
    front = front_of(done, trials.objectives)
    rest = done.filter(~pl.col("number").is_in(front["number"].to_list()))
    named = len(front) <= _NAMED
    # With a third objective the front is a surface: its trials do not lie on a line in the plane of the first two.
    line = _dots(
        "on the front",
        front,
        (across, up),
        marked=range(len(front)) if named else (),
        names=[str(number) for number in front["number"]] if named else (),
        joined=len(trials.objectives) == 2,
    )
    words = f"{len(done)} different trials finished, {len(front)} of them on the front"
    remark = f"{words}{', with their numbers' if named else ''}."
    if len(trials.objectives) > 2:
        remark += f" The chart shows the first two of {len(trials.objectives)} aims."
    lines = [_dots("another trial", rest, (across, up), colour="c5", joined=False)] if len(rest) else []
    chart = lines_chart(
        f"{model}: {shown_name(up)} against {shown_name(across)}",
        words,
        [*lines, line],
        (axis_label(across), axis_label(up)),
        caption=remark,
        zero_x=False,
        zero_y=False,
    )
    return [
        Paragraph(_front_words(front, len(done), trials.objectives)),
        chart,
        _front_table(f"{model}: the trials on the front", front, trials),
    ]
