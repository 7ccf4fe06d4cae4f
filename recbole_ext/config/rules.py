"""What each key may hold, and what becomes of the keys of RecBole whose job the package has taken over."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from recbole_ext.errors import ConfigError, nearest
from recbole_ext.evaluator.register import bigger_is_better, metric_name

__all__ = ["REPLACED_KEYS", "check_values", "translate_host_keys"]

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
"""Keys of RecBole that would be ignored in silence, and what to use instead."""

_ALWAYS_REFUSED = {"eval_args", "repeatable", "valid_metric_bigger"}
_SAMPLING_KEYS = {"distribution", "sample_num", "alpha", "dynamic", "candidate_num"}
# RecBole writes a whole number where any number is meant.
_FLOATS_WRITTEN_AS_WHOLE = {"global_ratio", "spatial_ratio", "resolution"}


class _Rule(NamedTuple):
    holds: Callable[[Any], bool]
    words: str


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _whole(least: int) -> _Rule:
    return _Rule(lambda value: _is_whole(value) and value >= least, f"a whole number of {least} or more")


def _one_of(*names: str) -> _Rule:
    return _Rule(lambda value: isinstance(value, str) and value in names, "one of " + ", ".join(names))


def _or_null(rule: _Rule) -> _Rule:
    return _Rule(lambda value: value is None or rule.holds(value), f"{rule.words}, or null")


def _is_folder_name(value: Any) -> bool:
    return isinstance(value, str) and value not in ("", ".", "..") and not re.search(r"[/\\\0]", value)


def _is_ratio(value: Any) -> bool:
    shares = isinstance(value, list) and len(value) == 3 and all(_is_number(share) for share in value)
    return shares and min(value) > 0 and abs(sum(value) - 1) < 1e-6


_NUMBER = _Rule(_is_number, "a number")
_POSITIVE = _Rule(lambda value: _is_number(value) and value > 0, "a number above 0")
_NOT_NEGATIVE = _Rule(lambda value: _is_number(value) and value >= 0, "a number of 0 or more")
_FLAG = _Rule(lambda value: isinstance(value, bool), "true or false")
_TEXT = _Rule(lambda value: isinstance(value, str), "text")
_FULL_TEXT = _Rule(lambda value: isinstance(value, str) and bool(value.strip()), "text")
_BLOCK = _Rule(lambda value: isinstance(value, Mapping), "a block of keys and values")
_NAMES = _Rule(
    lambda value: isinstance(value, list) and bool(value) and all(isinstance(name, str) for name in value),
    "a list of names",
)
_LISTS = _Rule(
    lambda value: isinstance(value, list) and bool(value) and all(_is_whole(k) and k > 0 for k in value),
    "a whole number of 1 or more, or a list of these",
)
_SIZES = _Rule(
    lambda value: isinstance(value, list) and bool(value) and all(_is_whole(n) and n > 0 for n in value),
    "a list of whole numbers of 1 or more",
)
_FOLDER = _Rule(_is_folder_name, "the name of a folder under data_path, without slashes")

_RULES: dict[str, _Rule] = {
    "MAX_ITEM_LIST_LENGTH": _whole(1),
    "clip_grad_norm": _or_null(_BLOCK),
    "confidence": _Rule(lambda value: _is_number(value) and 0 < value < 1, "a number between 0 and 1"),
    "data_path": _FULL_TEXT,
    "dataset": _FOLDER,
    "dropout_prob": _Rule(lambda value: _is_number(value) and 0 <= value < 1, "a number from 0 to below 1"),
    "embedding_size": _whole(1),
    "epochs": _whole(1),
    "eval_batch_size": _whole(1),
    "eval_step": _whole(1),
    "gbce_t": _Rule(lambda value: _is_number(value) and 0 <= value <= 1, "a number from 0 to 1"),
    "gpu_id": _Rule(
        lambda value: re.fullmatch(r"[0-9]*", str(value)) is not None, "the number of one GPU, from 0 on"
    ),
    "head_rule": _one_of("interactions_80", "interactions_20", "items_20"),
    "ips_clip": _or_null(
        _Rule(lambda value: _is_number(value) and (value == 0 or value >= 1), "0 or a number of 1 or more")
    ),
    "ips_power": _NOT_NEGATIVE,
    "learner": _one_of("adam", "adamw", "sgd", "adagrad", "rmsprop", "sparse_adam"),
    "learning_rate": _POSITIVE,
    "load_col": _BLOCK,
    "logq_correction": _FLAG,
    "loss_negatives": _whole(1),
    "loss_negatives_shared": _FLAG,
    "metrics": _NAMES,
    "min_item_interactions": _whole(0),
    "min_user_interactions": _whole(0),
    "mlp_hidden_size": _SIZES,
    "offline_dataset": _or_null(_FOLDER),
    "output": _or_null(_FULL_TEXT),
    "pareto": _or_null(_BLOCK),
    "positive_weight": _POSITIVE,
    "rating_threshold": _or_null(_NUMBER),
    "recency_decay": _Rule(lambda value: _is_number(value) and 0 < value <= 1, "a number above 0, at most 1"),
    "rerank": _or_null(_BLOCK),
    "sample_num": _whole(1),
    "sampling_alpha": _NOT_NEGATIVE,
    "seed": _Rule(lambda value: _is_whole(value) and 0 <= value < 2**32, "a whole number from 0 to 2^32 - 1"),
    "sequence_loss": _one_of("full_softmax", "sampled_softmax", "gbce", "bpr"),
    "sequence_training": _one_of("all_positions", "prefixes"),
    "serve": _or_null(_BLOCK),
    "softmax_precision": _one_of("auto", "float32", "bfloat16"),
    "split": _one_of("leave_one_out", "ratio", "global_time"),
    "split_ratio": _Rule(_is_ratio, "three numbers above 0 that add up to 1"),
    "stopping_step": _whole(1),
    "tie_break": _one_of("file", "random"),
    "topk": _LISTS,
    "train_batch_size": _whole(1),
    "tune": _or_null(_BLOCK),
    "use_gpu": _or_null(_FLAG),
    "valid_metric": _FULL_TEXT,
    "weight_decay": _NOT_NEGATIVE,
    "worker": _whole(0),
}

# bool before int: True is an int.
_RULES_BY_TYPE: dict[type, _Rule] = {
    bool: _FLAG,
    int: _Rule(_is_whole, "a whole number"),
    str: _or_null(_TEXT),
    list: _or_null(_Rule(lambda value: isinstance(value, list), "a list")),
    dict: _or_null(_BLOCK),
}


def translate_host_keys(
    layer: Mapping[str, Any], origins: Mapping[str, str], below: Mapping[str, Any]
) -> dict[str, Any]:
    """Refuses keys that would be ignored, and turns ``train_neg_sample_args`` into the package's own keys.

    Args:
        layer: A user's keys, none of them unknown.
        origins: The place of each.
        below: The values that the layer is merged into.

    Returns:
        The keys to merge.

    Raises:
        ConfigError: A key has no effect here, or asks for a sampling that does not exist here.
    """
    result = dict(layer)
    for key in layer.keys() & REPLACED_KEYS.keys():
        harmless = layer[key] in (None, False, "[0,inf)") and key not in _ALWAYS_REFUSED
        if not harmless:
            raise ConfigError(f"{key} in {origins[key]} has no effect here: use {REPLACED_KEYS[key]} instead")
        del result[key]
    if "train_neg_sample_args" in layer:
        origin = origins["train_neg_sample_args"]
        for key, value in _sampling(result.pop("train_neg_sample_args"), origin, below).items():
            if result.setdefault(key, value) != value:
                raise ConfigError(f"train_neg_sample_args in {origin} contradicts {key}: keep {key}")
    return result


def _sampling(block: Any, origin: str, below: Mapping[str, Any]) -> dict[str, Any]:
    """``sample_num`` and ``sampling_alpha`` of ``train_neg_sample_args``; what it leaves out stays."""
    if block is None:
        # RecBole's way to train with cross entropy, where no negatives are drawn anyway.
        return {}
    if not isinstance(block, Mapping):
        raise ConfigError(
            f"train_neg_sample_args in {origin} must be a block of keys and values, not {block!r}"
        )
    for key in block:
        if key not in _SAMPLING_KEYS:
            raise ConfigError(
                f"unknown key 'train_neg_sample_args.{key}' in {origin}{nearest(key, _SAMPLING_KEYS)}"
            )
    if block.get("dynamic") or block.get("candidate_num"):
        raise ConfigError(
            f"train_neg_sample_args in {origin}: dynamic sampling does not exist here, use sample_num"
        )
    old_alpha = below["sampling_alpha"]
    distribution = block.get("distribution", "popularity" if old_alpha else "uniform")
    if distribution not in ("uniform", "popularity"):
        raise ConfigError(
            f"train_neg_sample_args in {origin}: distribution is uniform or popularity, not {distribution!r}"
        )
    alpha = block.get("alpha", old_alpha or 1.0)
    result = {"sampling_alpha": alpha if distribution == "popularity" else 0.0}
    return result | ({"sample_num": block["sample_num"]} if "sample_num" in block else {})


def check_values(
    values: Mapping[str, Any], defaults: Mapping[str, Any], origins: Mapping[str, str]
) -> dict[str, Any]:
    """Checks every value against its rule, else against the type of its default.

    Args:
        values: The merged keys.
        defaults: The merged defaults.
        origins: The place of each key that a user set.

    Returns:
        The values, with ``topk`` and ``metrics`` as lists, and metrics spelt as their classes are.

    Raises:
        ConfigError: A value has the wrong type or is out of range, or ``valid_metric`` is not computed.
    """
    result = dict(values)
    for key in ("topk", "metrics"):
        if not isinstance(result[key], (list, Mapping)):
            result[key] = [result[key]]
    for key, value in result.items():
        rule = _RULES.get(key) or _rule_like(key, defaults.get(key))
        if not rule.holds(value):
            raise ConfigError(f"{key}{_place(key, origins)} must be {rule.words}, not {values[key]!r}")
    result["topk"] = sorted(set(result["topk"]))
    result["metrics"] = [
        metric_name(name, _place("metrics", origins)) for name in dict.fromkeys(result["metrics"])
    ]
    result["valid_metric"] = _valid_metric(result, _place("valid_metric", origins))
    if result.get("ips_clip") and not result.get("ips_power"):
        raise ConfigError(
            f"ips_clip{_place('ips_clip', origins)} has nothing to limit: set ips_power above 0 (0.5 is usual), or "
            "leave ips_clip out"
        )
    return result


def _place(key: str, origins: Mapping[str, str]) -> str:
    return f" in {origins[key]}" if key in origins else ""


def _rule_like(key: str, default: Any) -> _Rule:
    """A rule that the default's type suggests."""
    if isinstance(default, float) or key in _FLOATS_WRITTEN_AS_WHOLE:
        return _NUMBER
    for kind, rule in _RULES_BY_TYPE.items():
        if isinstance(default, kind):
            return rule
    return _Rule(lambda value: True, "anything")


def _valid_metric(values: Mapping[str, Any], place: str) -> str:
    name, _, k = values["valid_metric"].partition("@")
    metric = metric_name(name.strip(), place)
    if bigger_is_better(metric) is None:
        raise ConfigError(
            f"valid_metric{place}: neither a large nor a small {metric} is better, choose another"
        )
    if not (k.isascii() and k.isdigit() and int(k) > 0):
        raise ConfigError(
            f"valid_metric{place} must name a length, as in {metric}@10, not {values['valid_metric']!r}"
        )
    if metric not in values["metrics"]:
        raise ConfigError(f"valid_metric {metric}@{int(k)}{place} is not computed: add {metric} to metrics")
    if int(k) not in values["topk"]:
        raise ConfigError(
            f"valid_metric {metric}@{int(k)}{place} is not computed: add {int(k)} to topk, or set "
            f"valid_metric to {metric}@{values['topk'][-1]}"
        )
    return f"{metric}@{int(k)}"
