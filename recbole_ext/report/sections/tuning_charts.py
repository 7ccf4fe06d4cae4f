"""A search in pictures: its course, its parameters, and the front of one with several aims."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from recbole_ext.config.messages import pluralize
from recbole_ext.report.charts import Line, Point, bars, intervals, lines_chart
from recbole_ext.report.document import Block, Cell, Paragraph, Table, cell
from recbole_ext.report.wording import METRIC_NAMES, joined
from recbole_ext.runs.results import Objective
from recbole_ext.runs.trials import Trials

__all__ = ["as_number", "by_chance", "explained", "front_of", "front_of_search", "search_charts"]

# Fewer trials let chance reach nearly everything.
_ENOUGH = 8
_NAMED = 12

Floats = npt.NDArray[np.float64]


def _name(objective: Objective) -> str:
    """As the rest of the report calls the metric."""
    metric, at, k = objective.name.partition("@")
    return f"{METRIC_NAMES.get(metric.lower(), metric)}{at}{k}"


def _axis(objective: Objective) -> str:
    return f"{_name(objective)} on validation ({'more' if objective.bigger else 'less'} is better)"


def _best(done: pl.DataFrame, objective: Objective) -> int:
    """The row of the best trial; of equals the earlier one, as the search itself chooses."""
    values = done[objective.key].to_numpy()
    return int(np.argmax(values) if objective.bigger else np.argmin(values))


def _setting(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _classes(column: pl.Series) -> npt.NDArray[Any] | None:
    """Halves to quarters of a number, of four trials or more each, or the choices; None where they are too many."""
    n = len(column)
    if column.dtype.is_numeric() and column.n_unique() > 4:
        numbers = column.to_numpy().astype(float)
        groups = min(max(n // 4, 2), 4)
        return np.searchsorted(np.quantile(numbers, np.linspace(0, 1, groups + 1)[1:-1]), numbers)
    return column.cast(pl.String).rank("dense").to_numpy() if 2 * column.n_unique() <= n else None


def _shares(values: Floats, classes: npt.NDArray[Any]) -> Floats:
    """Epsilon squared of each row of ``values``, not below 0; Kelley 1935."""
    n, members = values.shape[1], np.unique(classes)[:, None] == classes
    centred = values - values.mean(axis=1, keepdims=True)
    between = ((centred @ members.T) ** 2 / members.sum(axis=1)).sum(axis=1)
    left = 1 - between / (centred**2).sum(axis=1)
    return np.maximum(1 - left * (n - 1) / (n - len(members)), 0.0)


def _grouped(trials: pl.DataFrame, value: str, parameters: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    if len(trials) < 2 or trials[value].n_unique() < 2:
        return {}
    found = {name: _classes(trials[name]) for name in _varied(trials, parameters)}
    return {name: classes for name, classes in found.items() if classes is not None}


def explained(trials: pl.DataFrame, value: str, parameters: Sequence[str]) -> dict[str, float]:
    """Share of the variance of ``value`` that goes along with the groups of each parameter, largest first.

    It is epsilon squared of a one-way analysis of variance, between 0 and 1: eta squared less what chance gives on
    average, since groups of a few trials differ anyway. Parameters are looked at one by one.

    Args:
        trials: One row a finished trial.
        value: Column of the value.
        parameters: Columns of what was searched.
    """
    y = trials[value].to_numpy().astype(float)[None, :]
    shares = {
        name: float(_shares(y, groups)[0]) for name, groups in _grouped(trials, value, parameters).items()
    }
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def by_chance(trials: pl.DataFrame, value: str, parameters: Sequence[str], repeats: int = 999) -> float:
    """What the largest share of :func:`explained` passes in one of twenty searches whose parameters do nothing.

    Args:
        trials, value, parameters: As for :func:`explained`.
        repeats: How often the values are dealt to the trials anew.
    """
    y = trials[value].to_numpy().astype(float)
    dealt = np.random.default_rng(0).permuted(np.tile(y, (repeats, 1)), axis=1)
    largest = [_shares(dealt, groups) for groups in _grouped(trials, value, parameters).values()]
    return float(np.quantile(np.max(largest, axis=0), 0.95)) if largest else 0.0


def _varied(done: pl.DataFrame, parameters: Sequence[str]) -> list[str]:
    """Parameters that every trial has and that are not the same in all."""
    return [name for name in parameters if not done[name].null_count() and done[name].n_unique() > 1]


def _importance(title: str, done: pl.DataFrame, objective: Objective, shares: dict[str, float]) -> Block:
    name = _name(objective)
    chance = by_chance(done, objective.key, list(shares))
    above = [parameter for parameter, share in shares.items() if share > chance]
    lies = "lies" if len(above) == 1 else "lie"
    verdict = (
        f"{'only ' * (len(above) < len(shares))}{joined(above)} {lies} above that"
        if above
        else "none is above that"
    )
    figures = "; ".join(f"{parameter} {share:.0%}" for parameter, share in shares.items())
    words = (
        f"How much of the differences in {name} between {len(done)} trials goes along with one parameter, each looked "
        f"at alone, less what chance gives on average (epsilon squared): {figures}. If no parameter mattered, the "
        f"largest figure would still pass {chance:.0%} in one search of twenty; {verdict}. A hint, no proof: trials "
        "are few, and a search does not try its settings independently"
    )
    rows = [Point(parameter, share) for parameter, share in shares.items()]
    label = "share of the differences"
    return intervals(title, words, rows, label, lines=[(chance, "chance")], caption=f"{words}.")


def _history(title: str, done: pl.DataFrame, objective: Objective) -> Block:
    number, y = [float(n) for n in done["number"]], done[objective.key].to_list()
    running = (np.maximum if objective.bigger else np.minimum).accumulate(y)
    best = _best(done, objective)
    words = f"The best of {len(y)} finished trials, {y[best]:.4f}, is number {int(number[best])}"
    if not objective.bigger:
        words += f": the smallest, since a smaller {_name(objective)} is better"
    return lines_chart(
        title,
        words,
        [
            Line("a trial", number, y, colour="c5", joined=False),
            Line(
                "best so far",
                np.repeat(number, 2)[1:].tolist(),
                np.repeat(running, 2)[:-1].tolist(),
                dots=False,
            ),
        ],
        ("trial", _axis(objective)),
        caption=words + ".",
        zero_y=False,
    )


def _choices(title: str, done: pl.DataFrame, objective: Objective, name: str) -> Block:
    """The best value of each choice of a parameter that is no number."""
    best = pl.col(objective.key).max() if objective.bigger else pl.col(objective.key).min()
    groups = done.group_by(name).agg(best.alias("best"), pl.len().alias("n"))
    rows = [
        (f"{choice} ({pluralize(n, 'trial')})", float(top), f"{top:.4f}")
        for choice, top, n in groups.sort("best", name, descending=[objective.bigger, False]).iter_rows()
    ]
    words = "; ".join(f"{choice} {shown}" for choice, _, shown in rows)
    return bars(title, words, rows, f"best {_axis(objective)}")


def _slice(model: str, done: pl.DataFrame, objective: Objective, name: str) -> Block:
    column = done[name]
    if not (column.dtype.is_numeric() and column.is_finite().all()):
        return _choices(f"{model}: best {_name(objective)} by {name}", done, objective, name)
    x, y = column.cast(pl.Float64).to_list(), done[objective.key].to_list()
    order, best = np.argsort(x), _best(done, objective)
    words = (
        f"The best of {len(x)} different trials, number {done['number'][best]}, has {name} = {x[best]:.4g}"
    )
    return lines_chart(
        f"{model}: {_name(objective)} by {name}",
        words,
        [Line("a trial", [x[i] for i in order], [y[i] for i in order], joined=False)],
        (name, _axis(objective)),
        caption=words + ".",
        zero_x=False,
        zero_y=False,
        logarithmic=min(x) > 0 and max(x) / min(x) >= 50,
    )


def _different(trials: Trials) -> pl.DataFrame:
    """Without those that came upon settings already tried, and took over their values."""
    return trials.finished.filter(pl.col("same_as").is_null())


def search_charts(model: str, trials: Trials) -> list[Block]:
    """The course of a search in its first objective, and that objective by each of up to four parameters."""
    done, objective = _different(trials), trials.objectives[0]
    shares = explained(done, objective.key, trials.parameters)
    extra = f" in {_name(objective)}, its first aim" if len(trials.objectives) > 1 else ""
    blocks = [_history(f"{model}: history of the tuning{extra}", trials.finished, objective)]
    if shares and len(done) >= _ENOUGH:
        title = f"{model}: what goes along with {_name(objective)}, as far as {len(done)} trials can tell"
        blocks.append(_importance(title, done, objective, shares))
    others = [name for name in _varied(done, trials.parameters) if name not in shares]
    return [*blocks, *(_slice(model, done, objective, name) for name in [*shares, *others][:4])]


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
    aims = joined([_name(objective) for objective in objectives])
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
    columns = ("Trial", *(_name(objective) for objective in trials.objectives), *trials.parameters)
    first = len(trials.objectives) + 1
    words = [first + i for i, name in enumerate(trials.parameters) if not front[name].dtype.is_numeric()]
    return Table(title, columns, tuple(rows), text_columns=(0, *words))


def as_number(value: Any) -> float | None:
    """The value of a parameter as a number; None for one that has no order."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _dots(name: str, rows: pl.DataFrame, axes: tuple[Objective, Objective], **style: Any) -> Line:
    x, y = (rows[objective.key].to_list() for objective in axes)
    across, up = (_name(objective) for objective in axes)
    tips = [
        f"trial {n}: {up} {b:.4f}, {across} {a:.4f}" for n, a, b in zip(rows["number"], x, y, strict=True)
    ]
    return Line(name, x, y, tips=tips, **style)


def front_of_search(model: str, trials: Trials) -> list[Block]:
    """Which trials of a search with several objectives are on the front, what that means, and all trials in a chart."""
    up, across = trials.objectives[:2]
    done = _different(trials)
    front = front_of(done, trials.objectives)
    rest = done.filter(~pl.col("number").is_in(front["number"].to_list()))
    named = len(front) <= _NAMED
    # With a third objective, what no other trial beats is no line in the plane of the first two.
    line = _dots(
        "on the front",
        front,
        (across, up),
        marked=range(len(front)) if named else (),
        names=[str(number) for number in front["number"]] if named else (),
        joined=len(trials.objectives) == 2,
    )
    words = f"{len(done)} different trials ran to their end, {len(front)} of them on the front"
    remark = f"{words}{', with their numbers' if named else ''}."
    if len(trials.objectives) > 2:
        remark += f" The chart shows the first two of {len(trials.objectives)} aims."
    lines = [_dots("another trial", rest, (across, up), colour="c5", joined=False)] if len(rest) else []
    chart = lines_chart(
        f"{model}: {_name(up)} against {_name(across)}",
        words,
        [*lines, line],
        (_axis(across), _axis(up)),
        caption=remark,
        zero_x=False,
        zero_y=False,
    )
    return [
        Paragraph(_front_words(front, len(done), trials.objectives)),
        chart,
        _front_table(f"{model}: the trials on the front", front, trials),
    ]
