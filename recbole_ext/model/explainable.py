"""How each model's recommendations can be explained, described without opening a model."""

from __future__ import annotations

from dataclasses import dataclass

from recbole_ext.model.registry import Explained, known_spec

__all__ = ["EXPLANATIONS", "HowExplainable", "how_explainable", "how_read"]


@dataclass(frozen=True)
class HowExplainable:
    """The method used to explain a model's recommendations, and how to read the result."""

    method: str
    meaning: str


EXPLANATIONS: dict[Explained, HowExplainable] = {
    "parts": HowExplainable(
        "exact parts of the score",
        "Each item of the history adds a known amount, and the amounts sum to the score.",
    ),
    "window": HowExplainable(
        "items of the window taken away",
        "The change of score and place without an item; changes do not sum to the score, and items may stand in for "
        "each other.",
    ),
    "row": HowExplainable(
        "items of the history taken away",
        "The change of score and place without an item; changes do not sum to the score.",
    ),
    "nearest": HowExplainable(
        "nearest items of the history",
        "No item is taken away: those with the most similar item vectors are shown, which is no cause of the score.",
    ),
    "none": HowExplainable(
        "no explanation", "The model has neither a history that could be edited nor item vectors."
    ),
    "chance": HowExplainable("no explanation, only chance", "The order is drawn by chance."),
    "popularity": HowExplainable(
        "popularity alone", "The same order for everybody: the number of training interactions."
    ),
    "rule": HowExplainable(
        "a fixed rule",
        "Genres of the user's own items and popularity, as its formula states; no learned part.",
    ),
}
"""The description of each ``explained`` value of a :class:`~recbole_ext.model.registry.ModelSpec`."""

_UNKNOWN = HowExplainable(
    "found when asked", "A model from outside: the command `explain` finds out how it knows the user."
)
_WITHOUT_HISTORY = ("chance", "popularity", "rule")


def how_explainable(shown: str) -> HowExplainable:
    """Describes how a model's recommendations can be explained.

    Args:
        shown: A name accepted by ``--model``; anything after a space is ignored.
    """
    spec = known_spec(shown)
    return EXPLANATIONS[spec.explained] if spec else _UNKNOWN


def how_read(kind: Explained, stated: Explained) -> HowExplainable:
    """Describes an explanation that was computed.

    Args:
        kind: The kind of explanation that the model allowed: ``parts``, ``window``, ``row``, ``nearest`` or ``none``.
        stated: The registry's entry for the model; it gives the reason where ``kind`` is ``none``.
    """
    return EXPLANATIONS[stated if kind == "none" and stated in _WITHOUT_HISTORY else kind]
