"""RecBole keys replaced by this package: rejected with the replacement to use, or translated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from recbole_ext.config.messages import as_yaml, config_error
from recbole_ext.config.problem import Origin, Problem, first_error, from_pydantic

__all__ = [
    "FORMER_KEYS",
    "IGNORED_KEYS",
    "REPLACED_KEYS",
    "translate_host_keys",
    "without_ignored_keys",
]

REPLACED_KEYS = {
    "additional_feat_suffix": "load_col",
    "benchmark_filename": "split",
    "config_file": "--config=FILE",
    "dataloaders_save_path": "output",
    "dataset_save_path": "output",
    "eval_args": "split, split_ratio and mask_seen",
    "filter_inter_by_user_or_item": "min_user_interactions and min_item_interactions",
    "item_inter_num_interval": "min_item_interactions",
    "repeatable": "mask_seen (false allows repeats)",
    "rm_dup_inter": "a data set without repeated rows, or mask_seen: false, which allows them",
    "save_dataloaders": "output",
    "save_dataset": "output",
    "threshold": "rating_threshold",
    "user_inter_num_interval": "min_user_interactions",
    "val_interval": "rating_threshold",
    "valid_metric_bigger": "valid_metric, which decides it",
}
"""RecBole keys that would be silently ignored, with their replacements."""

_NAMES = "the files name this column {}: rename it there, and leave the key out"
_ONE_INDEX = "only user_id and item_id have an index: leave the key out"
_NO_GRAPH = "knowledge graphs are not read: leave the key out"
IGNORED_KEYS: dict[str, tuple[Any, str]] = {
    "ITEM_ID_FIELD": ("item_id", _NAMES.format("item_id")),
    "RATING_FIELD": ("rating", _NAMES.format("rating")),
    "TIME_FIELD": ("timestamp", _NAMES.format("timestamp")),
    "USER_ID_FIELD": ("user_id", _NAMES.format("user_id")),
    "alias_of_entity_id": (None, _NO_GRAPH),
    "alias_of_item_id": (None, _ONE_INDEX),
    "alias_of_relation_id": (None, _NO_GRAPH),
    "alias_of_user_id": (None, _ONE_INDEX),
    "encoding": ("utf-8", "every file is read as UTF-8: convert the files, and leave the key out"),
    "entity_kg_num_interval": ("[0,inf)", _NO_GRAPH),
    "field_separator": ("\t", "columns are separated by tabs: convert the files, and leave the key out"),
    "kg_reverse_r": (False, _NO_GRAPH),
    "metric_decimal_place": (4, "figures are stored exactly: leave the key out"),
    "relation_kg_num_interval": ("[0,inf)", _NO_GRAPH),
    "seq_separator": (
        " ",
        "the parts of a sequence are separated by blanks: convert the files, and leave the key out",
    ),
    "state": ("INFO", "a run's log is always complete: leave the key out"),
    "unused_col": (None, "load_col decides which columns are used: name the others there"),
}
"""RecBole keys that have one value here: that value, and why another one would have no effect."""

FORMER_KEYS = frozenset({"serve", "tune"})
"""Keys stored by runs and searches of version 0.1.0, always null and never read."""

_ALWAYS_REFUSED = {"eval_args", "repeatable", "valid_metric_bigger"}
_SAMPLING = "train_neg_sample_args"


class _Sampling(BaseModel):
    """RecBole's ``train_neg_sample_args``; the numbers are checked as the package's own keys."""

    model_config = ConfigDict(extra="forbid")

    distribution: Literal["uniform", "popularity"] | None = None
    sample_num: Any = None
    alpha: Any = None
    dynamic: Any = False
    candidate_num: Any = 0


def translate_host_keys(
    layer: Mapping[str, Any], origins: Mapping[str, Origin], below: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Origin]]:
    """Rejects keys that would be ignored, and converts ``train_neg_sample_args`` into the package's own keys.

    Args:
        layer: A user's keys, none of them unknown.
        origins: Where each was written.
        below: The values that the layer is merged into.

    Returns:
        The keys to merge, and where each was written.

    Raises:
        ConfigError: A key has no effect here, or requests unsupported sampling.
    """
    values, places = dict(layer), dict(origins)
    for key in layer.keys() & REPLACED_KEYS.keys():
        harmless = layer[key] in (None, False, "[0,inf)") and key not in _ALWAYS_REFUSED
        if not harmless:
            reason = f"has no effect here: use {REPLACED_KEYS[key]} instead"
            raise config_error(
                Problem((key,), "replaced_key", layer[key], reason=reason, origin=origins[key])
            )
        del values[key]
    for key in layer.keys() & IGNORED_KEYS.keys():
        value, reason = IGNORED_KEYS[key]
        if layer[key] != value or type(layer[key]) is not type(value):
            words = f"is {as_yaml(layer[key])}, which has no effect, since {reason}"
            raise config_error(Problem((key,), "replaced_key", layer[key], reason=words, origin=origins[key]))
    if _SAMPLING in layer:
        origin = origins[_SAMPLING]
        for key, value in _sampling(values.pop(_SAMPLING), origin, below["sampling_alpha"]).items():
            if values.setdefault(key, value) != value:
                reason = f"contradicts {key}: keep {key}"
                raise config_error(Problem((_SAMPLING,), "value_error", value, reason=reason, origin=origin))
            places.setdefault(key, origin)
    return values, places


def without_ignored_keys(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a run of an earlier version, which took any value of keys that have no effect.

    Args:
        stored: The keys of its ``config.yaml``.
    """
    values = {key: value for key, value in stored.items() if key not in IGNORED_KEYS}
    if isinstance(load := values.get("load_col"), Mapping):
        values["load_col"] = {source: columns for source, columns in load.items() if source != "inter"}
    return values


def _sampling(block: Any, origin: Origin, old_alpha: float) -> dict[str, Any]:
    """``sample_num`` and ``sampling_alpha`` of ``train_neg_sample_args``; what it leaves out stays."""
    if block is None:
        # RecBole's way to train with cross entropy, where no negatives are drawn anyway.
        return {}
    try:
        sampling = _Sampling.model_validate(block)
    except ValidationError as error:
        raise config_error(from_pydantic(first_error(error), (_SAMPLING,), origin, _Sampling)) from None
    if sampling.dynamic or sampling.candidate_num:
        reason = "requests dynamic sampling, which is not supported: use sample_num"
        raise config_error(Problem((_SAMPLING,), "value_error", block, reason=reason, origin=origin))
    distribution = sampling.distribution or ("popularity" if old_alpha else "uniform")
    alpha = sampling.alpha if "alpha" in sampling.model_fields_set else old_alpha or 1.0
    result = {"sampling_alpha": alpha if distribution == "popularity" else 0.0}
    return result | ({"sample_num": block["sample_num"]} if "sample_num" in block else {})
