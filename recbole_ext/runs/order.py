"""``sequentiality.json``: what the order of a data set is worth to some models, and how that is said."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from recbole_ext.evaluator.difference import Difference
from recbole_ext.runs.forms import Form, read_form
from recbole_ext.runs.results import Estimate, Protocol

__all__ = [
    "KEPT",
    "ModelOrder",
    "OrderPoint",
    "Sequentiality",
    "fact_texts",
    "order_words",
    "read_sequentiality",
]

KEPT = "in order"
"""The condition in which nothing is shuffled."""

_FACTS = {
    "equal_seconds": ("steps of a user within one second", ".1%"),
    "below_a_minute": ("steps of a user below a minute", ".1%"),
    "sessions_a_user": ("sessions of the median user", ".0f"),
    "users_with_one_session": ("users with one session", ".1%"),
    "tied_targets": ("users whose held-out item shares its second with the item before", ".1%"),
    "ascending_ids": ("steps within one second that go to a larger item id (50 % by chance)", ".1%"),
    "id_correlation": ("rank correlation of place and item id, mean over users", "+.3f"),
    "popularity_correlation": ("rank correlation of place and popularity at the time", "+.3f"),
}


class OrderPoint(Form):
    """A model on histories in one order.

    Attributes:
        condition: What was done to the order.
        ndcg: Test NDCG at the shown K.
        difference: To the histories in order, user by user; None for these.
        tied, untied: Means over users whose held-out item shares, or does not share, its second with the item before.
    """

    condition: str
    ndcg: Estimate
    difference: Difference | None = None
    tied: float | None = None
    untied: float | None = None


class ModelOrder(Form):
    """What order is worth to one model."""

    model: str
    family: str
    points: list[OrderPoint]


class Sequentiality(Form):
    """``sequentiality.json``; ``facts`` are those of :func:`~recbole_ext.data.order_statistics.order_statistics`."""

    command: str = ""
    protocol: Protocol = Field(default_factory=dict)
    facts: dict[str, float | None]
    models: list[ModelOrder]


def read_sequentiality(folder: Path) -> Sequentiality:
    """The study of order in a folder.

    Raises:
        CheckpointError: There is none, or it is damaged.
    """
    return read_form(
        folder / "sequentiality.json", Sequentiality, "repeat 'sequentiality', it keeps its cells"
    )


def fact_texts(result: Sequentiality) -> list[tuple[str, str]]:
    """Each fact of the data set: its words and its value, a dash where it does not exist."""
    return [
        (name, format(value, form) if (value := result.facts.get(key)) is not None else "–")
        for key, (name, form) in _FACTS.items()
    ]


def order_words(result: Sequentiality) -> list[str]:
    """One sentence a model: what order is worth, and at which distance in time."""
    return [_words(model, str(result.protocol["dataset"])) for model in result.models]


def _words(model: ModelOrder, dataset: str) -> str:
    points = {point.condition: point for point in model.points}
    kept = points[KEPT].ndcg.mean
    parts = [
        f"{_worth(points[condition], kept)} {where}"
        for condition, where in (
            ("shuffled whole", "in all"),
            ("shuffled within sessions", "inside sessions"),
            ("shuffled within equal seconds", "inside one second"),
        )
    ]
    return f"On {dataset}, order is worth to {model.model} ({kept:.4f} in order): {'; '.join(parts)}."


def _worth(point: OrderPoint, kept: float) -> str:
    loss, difference = kept - point.ndcg.mean, point.difference
    share = f"{loss:+.4f} ({loss / kept:.0%} of its NDCG)" if kept else f"{loss:+.4f}"
    if difference is None or difference.significant:
        return share
    return f"{share}, {'undecided' if difference.undecided else 'not significant'},"
