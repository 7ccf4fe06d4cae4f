"""How each model reads a history that it was not trained on, described without opening or importing a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recbole_ext.errors import ConfigError
from recbole_ext.model.registry import FoldInKind, ModelSpec

__all__ = ["FOLD_INS", "FoldIn", "check_fold_in", "check_histories", "fold_in"]

FOLD_INS: dict[FoldInKind, str] = {
    "window": "the last items of any history are read as those of a training user",
    "row": "the items of any history are read in the place of a training user's",
    "solve": "a vector is solved for the history, by least squares on the trained vectors of the items",
    "neighbours": "a person has the mean of the vectors of the training users whose items are most like the history",
    "counts": "nothing is learnt about a person, so that any history will do",
    "none": "a person is known only by the vector learnt in training, so that no other history can be read",
}
"""How a model reads a history that it was not trained on, in the words of every message."""

_BY_RATINGS = "the row holds ratings (inter_matrix_type: rating), which a history does not have"


@dataclass(frozen=True)
class FoldIn:
    """How a model reads a history that it was not trained on.

    Attributes:
        kind: ``window``, ``row``, ``solve``, ``neighbours``, ``counts`` or ``none``.
        sentence: The same in words.
    """

    kind: FoldInKind
    sentence: str


def fold_in(model: Any, spec: ModelSpec) -> FoldIn:
    """How a model reads a history that it was not trained on.

    Args:
        model: The built model; None if only its name is known.
        spec: Its entry in the table.
    """
    if getattr(model, "inter_matrix_type", "01") == "rating":
        return FoldIn("none", _BY_RATINGS)
    return FoldIn(spec.fold_in, FOLD_INS[spec.fold_in])


def check_fold_in(found: FoldIn, spec: ModelSpec, who: str) -> FoldIn:
    """Refuses a model that reads no other histories.

    Args:
        found: From :func:`fold_in`.
        spec: The model.
        who: What needs the fold-in, as the start of a sentence: ``same_history: true``.

    Raises:
        ConfigError: The model reads no other histories.
    """
    if found.kind == "none":
        raise ConfigError(
            f"{who} needs a model that reads any history, but of {spec.name} {found.sentence}: choose another model, "
            "such as ItemKNN or SASRec"
        )
    return found


def check_histories(spec: ModelSpec, config: Mapping[str, Any]) -> None:
    """Refuses what a model cannot do with the histories that a configuration asks for, before it is built.

    Args:
        spec: The model.
        config: The merged configuration.

    Raises:
        ConfigError: ``same_history``, ``history_weighting`` or ``split: cold_items`` cannot be had of the model.
    """
    # Models of content know what they are told to read.
    of_content = config.get("item_features", ["id"]) != ["id"] or (
        spec.new_items and spec.family != "content"
    )
    if config.get("split") == "cold_items" and not (of_content or spec.family == "floor"):
        raise ConfigError(
            f"split: cold_items holds out items that nobody had in training, but {spec.name} knows items by their "
            "interactions alone: name content in item_features, choose a model that reads it such as ContentKNN, or "
            "the floor Random"
        )
    by_ratings = spec.name == "DMF" and config.get("inter_matrix_type") == "rating"
    found = FoldIn("none", _BY_RATINGS) if by_ratings else fold_in(None, spec)
    if config.get("same_history"):
        unmet = config.get("split") == "cold_users"
        check_fold_in(found, spec, "split: cold_users" if unmet else "same_history: true")
    if config.get("history_weighting") and not spec.weighable:
        raise ConfigError(
            f"history_weighting weighs the items of a user's row, but {spec.name} has no row with weights: leave it "
            "out, or choose ItemKNN, EASE or another linear model, neighbours or an auto-encoder"
        )
