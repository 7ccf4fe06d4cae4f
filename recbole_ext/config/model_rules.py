"""Rules of keys whose range depends on the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from recbole_ext.config.messages import config_error
from recbole_ext.config.model_source import ModelSource, host_activations, is_inside
from recbole_ext.config.problem import Origin, Problem
from recbole_ext.errors import nearest

__all__ = ["check_model_rules"]

_CLOSED_FORM = {"CEASE", "EASE", "MARec", "NCEPLRec"}
_READ_FEATURES = {"AllPositions", "BERT4Rec", "ContentScores"}
_OF_STEPS = {
    "learning_rate_schedule": "constant",
    "warmup_steps": 0,
    "ema_decay": 0.0,
    "label_smoothing": 0.0,
}
_SIZES_OF_HEADS = (("n_heads", "hidden_size"), ("n_heads", "embedding_size"), ("num_heads", "attention_size"))


def check_model_rules(model: ModelSource, values: Mapping[str, Any], origins: Mapping[str, Origin]) -> None:
    """Checks what a model would fail at while it is built or trained.

    Args:
        model: The model, as its source describes it.
        values: The merged keys, each of the right type.
        origins: Where each key was written that a user set.

    Raises:
        ConfigError: A value cannot be used with this model.
    """
    for key, reason in _mistakes(model, values):
        raise config_error(
            Problem((key,), "value_error", values.get(key), reason=reason, origin=origins.get(key))
        )


def _mistakes(model: ModelSource, values: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Keys and what is wrong with each."""
    loss = values.get("loss_type")
    if model.chooses_loss and loss not in ("CE", "BPR"):
        # The kind of training examples depends on it.
        yield "loss_type", f"must be CE or BPR for {model.name}, not {loss!r}"
    yield from _layers(model, values)
    if model.name == "RepeatLast" and values.get("mask_seen"):
        yield "mask_seen", "must be false for RepeatLast, which ranks the items that a person had before"
    yield from _no_steps(model, values)
    if {"BinnedRules", "TwoTower"} & set(model.names):
        yield from _windows(model, values)
    weight = values.get("reg_weight")
    if _CLOSED_FORM & set(model.names) and not weight:
        yield "reg_weight", f"must be above 0 for {model.name}, whose equations have no solution at {weight}"
    yield from _heads(model, values)
    yield from _features(model, values)
    act = values.get("hidden_act")
    if is_inside(model.path) and "hidden_act" in model.keys and act not in host_activations():
        known = host_activations()
        yield "hidden_act", f"must be one of {', '.join(known)}, not {act!r}{nearest(str(act), known)}"


def _layers(model: ModelSource, values: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Attention needs a layer, and states that score items are as long as their vectors."""
    if model.sequential and "n_layers" in model.keys and values.get("n_layers") == 0:
        # Graph models may have no layer, which makes them a matrix factorisation; attention must have one.
        yield "n_layers", f"must be 1 or more for {model.name}, not 0"
    sizes = (values.get("hidden_size"), values.get("embedding_size"))
    if "dense_layer" in model.keys and not values.get("dense_layer") and sizes[0] != sizes[1]:
        yield (
            "dense_layer",
            f"is false, which needs a hidden_size ({sizes[0]}) like embedding_size ({sizes[1]}): set both alike",
        )


def _no_steps(model: ModelSource, values: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """What is computed once has no steps that a schedule could follow."""
    for key, unset in ({} if model.trains else _OF_STEPS).items():
        if values.get(key, unset) != unset:
            yield key, f"must be {unset or 0} for {model.name}, which is computed once, without training"


def _windows(model: ModelSource, values: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Their losses are their own, and of windows only."""
    for key, wanted in (("loss_type", "CE"), ("sequence_training", "all_positions")):
        if values.get(key) != wanted:
            yield key, f"must be {wanted} for {model.name}, not {values.get(key)!r}"
    if values.get("sequence_loss") not in ("auto", "full_softmax"):
        yield "sequence_loss", f"must be full_softmax for {model.name}, whose loss is its own"
    for key in ("ips_power", "label_smoothing"):
        if values.get(key):
            yield key, f"must be 0 for {model.name}, whose loss is its own"


def _features(model: ModelSource, values: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Only some models read what an item is, and some read nothing else."""
    names = values.get("item_features") or ["id"]
    if names != ["id"] and not _READ_FEATURES & set(model.names):
        yield (
            "item_features",
            f"must be [id] for {model.name}, which knows items by their ids alone: leave it out, or choose a model "
            "that reads content, such as SASRec, TwoTower or ContentKNN",
        )
    if "ContentScores" in model.names and "id" in names:
        yield "item_features", f"must name content without id for {model.name}, such as [genres, year, text]"
    if values.get("feature_vectors") and "my_vectors" not in names:
        yield "feature_vectors", "is read by nobody: add my_vectors to item_features, or leave it out"


def _heads(model: ModelSource, values: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Attention cuts a vector into equal parts, one for each head."""
    for heads, size in _SIZES_OF_HEADS:
        read = {heads, size} <= model.keys and not (size == "embedding_size" and "hidden_size" in model.keys)
        if read and values[size] % values[heads]:
            yield (
                heads,
                f"is {values[heads]}, which does not divide {size} ({values[size]}): choose one that does, or another "
                f"{size}",
            )
