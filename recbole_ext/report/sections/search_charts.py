"""A search in pictures: its course, and its values by parameter."""

from __future__ import annotations

import numpy as np
import polars as pl

from recbole_ext.config.messages import pluralize
from recbole_ext.report.charts import Line, Point, bars, intervals, lines_chart
from recbole_ext.report.document import Block
from recbole_ext.report.importance import by_chance, explained, varied
from recbole_ext.report.sections.search_words import axis_label, different_trials, shown_name
from recbole_ext.report.wording import joined
from recbole_ext.runs.results import Objective
from recbole_ext.runs.trials import Trials

__all__ = ["search_charts"]

# Fewer trials let chance reach nearly everything.
_ENOUGH = 8


def _best(done: pl.DataFrame, objective: Objective) -> int:
    """The row of the best trial; of equals the earlier one, as the search itself chooses."""
    values = done[objective.key].to_numpy()
    return int(np.argmax(values) if objective.bigger else np.argmin(values))


def _importance(title: str, done: pl.DataFrame, objective: Objective, shares: dict[str, float]) -> Block:
    name = shown_name(objective)
    chance = by_chance(done, objective.key, list(shares))
    above = [parameter for parameter, share in shares.items() if share > chance]
    verdict = "no parameter does"
    if above:
        only = "only " if len(above) < len(shares) else ""
        verdict = f"{only}{joined(above)} {'does' if len(above) == 1 else 'do'}"
    figures = "; ".join(f"{parameter} {share:.0%}" for parameter, share in shares.items())
    words = (
        f"How much of the differences in {name} between {len(done)} trials goes along with one parameter, each looked "
        f"at alone, less what chance gives on average (epsilon squared): {figures}. If no parameter mattered, the "
        f"largest figure would still exceed {chance:.0%} in one search out of twenty; here {verdict}. This is a hint, "
        "not a proof: the trials are few, and a search does not choose its settings independently"
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
        words += f": the smallest, since a smaller {shown_name(objective)} is better"
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
        ("trial", axis_label(objective)),
        caption=words + ".",
        zero_y=False,
    )


def _choices(title: str, done: pl.DataFrame, objective: Objective, name: str) -> Block:
    """The best value of each choice of a parameter without numbers."""
    best = pl.col(objective.key).max() if objective.bigger else pl.col(objective.key).min()
    groups = done.group_by(name).agg(best.alias("best"), pl.len().alias("n"))
    rows = [
        (f"{choice} ({pluralize(n, 'trial')})", float(top), f"{top:.4f}")
        for choice, top, n in groups.sort("best", name, descending=[objective.bigger, False]).iter_rows()
    ]
    words = "; ".join(f"{choice} {shown}" for choice, _, shown in rows)
    return bars(title, words, rows, f"best {axis_label(objective)}")


def _slice(model: str, done: pl.DataFrame, objective: Objective, name: str) -> Block:
    column = done[name]
    if not (column.dtype.is_numeric() and column.is_finite().all()):
        return _choices(f"{model}: best {shown_name(objective)} by {name}", done, objective, name)
    x, y = column.cast(pl.Float64).to_list(), done[objective.key].to_list()
    order, best = np.argsort(x), _best(done, objective)
    words = (
        f"The best of {len(x)} different trials, number {done['number'][best]}, has {name} = {x[best]:.4g}"
    )
    return lines_chart(
        f"{model}: {shown_name(objective)} by {name}",
        words,
        [Line("a trial", [x[i] for i in order], [y[i] for i in order], joined=False)],
        (name, axis_label(objective)),
        caption=words + ".",
        zero_x=False,
        zero_y=False,
        logarithmic=min(x) > 0 and max(x) / min(x) >= 50,
    )


def search_charts(model: str, trials: Trials) -> list[Block]:
    """The course of a search in its first objective, and that objective by each of up to four parameters."""
    done, objective = different_trials(trials), trials.objectives[0]
    shares = explained(done, objective.key, trials.parameters)
    extra = f" in {shown_name(objective)}, its first aim" if len(trials.objectives) > 1 else ""
    blocks = [_history(f"{model}: history of the tuning{extra}", trials.finished, objective)]
    if shares and len(done) >= _ENOUGH:
        title = (
            f"{model}: what goes along with {shown_name(objective)}, as far as {len(done)} trials can tell"
        )
        blocks.append(_importance(title, done, objective, shares))
    others = [name for name in varied(done, trials.parameters) if name not in shares]
    return [*blocks, *(_slice(model, done, objective, name) for name in [*shares, *others][:4])]
