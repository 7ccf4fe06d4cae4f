"""How numbers become words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recbole_ext.data.movielens.catalog import DATASETS
from recbole_ext.evaluator.difference import Difference
from recbole_ext.report.comparison import Estimate

__all__ = [
    "METRIC_NAMES",
    "Nouns",
    "against",
    "interval_note",
    "interval_words",
    "joined",
    "level_name",
    "nouns_of",
    "number",
    "p_text",
    "percent",
    "points",
    "seconds",
    "signed",
    "with_interval",
]

METRIC_NAMES = {
    "ndcg": "NDCG",
    "hit": "Hit",
    "recall": "Recall",
    "mrr": "MRR",
    "itemcoverage": "Coverage",
    "tailcoverage": "Tail coverage",
    "tailshare": "Tail share",
    "novelty": "Novelty",
    "avgpopularity": "Mean popularity",
    "gini": "Gini",
    "intralistdiversity": "Diversity",
}
"""Metrics in the order in which they are shown."""


@dataclass(frozen=True)
class Nouns:
    """What is recommended, and what people do with it.

    Attributes:
        one, a_one, many: The thing, alone, with its article, and several.
        choose, chosen: The deed.
        times: How often it was done, after a number.
    """

    one: str
    a_one: str
    many: str
    choose: str
    chosen: str
    times: str


_FILMS = Nouns("film", "a film", "films", "rate", "rated", "ratings")
_ITEMS = Nouns("item", "an item", "items", "choose", "chosen", "interactions")


def nouns_of(dataset: str) -> Nouns:
    """Films and ratings for a MovieLens set, items and interactions for any other data."""
    return _FILMS if dataset in DATASETS else _ITEMS


def number(value: float) -> str:
    """An accuracy: four digits."""
    return f"{value:.4f}"


def percent(share: float) -> str:
    """A share: one digit, or two where it is below one per cent."""
    # A no-break space: the sign must not begin a line.
    return f"{100 * share:.2f}\u00a0%" if 0 < abs(share) < 0.01 else f"{100 * share:.1f}\u00a0%"


def signed(value: float) -> str:
    """A difference of accuracies, with a sign that is not a hyphen."""
    text = f"{value:+.4f}".replace("-", "−")
    return text if float(f"{value:.4f}") else "0.0000"


def points(share: float) -> str:
    """A difference of shares, with its sign."""
    return f"{100 * share:+.1f} points".replace("-", "−")


def with_interval(estimate: Estimate) -> str:
    """``0.0354 [0.0251, 0.0460]``, or the number alone."""
    if estimate.low is None or estimate.high is None:
        return number(estimate.mean)
    return f"{estimate.mean:.4f} [{estimate.low:.4f}, {estimate.high:.4f}]"


def level_name(level: float) -> str:
    """The coverage of an interval, such as ``95 %`` for 0.95."""
    return f"{100 * level:g} %"


def interval_words(levels: Mapping[str, float], noun: str = "interval") -> str:
    """``95 % interval``, or ``interval of 95 % (EASE) and 80 % (MLP)`` where the names have different levels."""
    if len(set(levels.values())) == 1:
        return f"{level_name(next(iter(levels.values())))} {noun}"
    return f"{noun} of {joined([f'{level_name(level)} ({name})' for name, level in levels.items()])}"


def interval_note(low: float | None, high: float | None, spread: float | None = None) -> str:
    """What stands below a figure: its interval, and the standard deviation over seeds; empty if neither is known."""
    parts = [] if low is None or high is None else [f"{low:.3f}–{high:.3f}"]
    return "\n".join([*parts, *([] if spread is None else [f"±{spread:.4f}"])])


def p_text(p: float) -> str:
    """A p-value as it is reported."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def against(difference: Difference) -> str:
    """A difference with interval and corrected p-value, and the verdict in words."""
    words = "undecided: " if difference.undecided else "no significant difference: "
    words = "" if difference.significant else words
    return (
        f"{words}{signed(difference.mean)} [{signed(difference.low)}, {signed(difference.high)}], "
        f"{p_text(difference.p_holm)} after Holm's correction"
    )


def joined(names: Sequence[str]) -> str:
    """``A``, ``A and B``, ``A, B and C``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def seconds(value: float) -> str:
    """A duration."""
    if value < 1:
        return "under 1 s"
    if value < 120:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.1f} h"
