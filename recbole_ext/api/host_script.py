"""RecBole's ``run_recbole`` on this package: a script moves over by one changed import line."""

from __future__ import annotations

import re
import sys
import tempfile
import warnings
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recbole_ext.errors import ConfigError

__all__ = ["run_recbole"]

# RecBole's own defaults, where this package has others.
_DEFAULTS: dict[str, Any] = {
    "topk": [10],
    "metrics": ["Recall", "MRR", "NDCG", "Hit", "Precision"],
    "valid_metric": "MRR@10",
    "min_user_interactions": 1,
    "min_item_interactions": 1,
    "offline_dataset": None,
}
_INTERVALS = {
    "user_inter_num_interval": "min_user_interactions",
    "item_inter_num_interval": "min_item_interactions",
}


def run_recbole(
    model: str | None = None,
    dataset: str | None = None,
    config_file_list: Sequence[str | Path] | None = None,
    config_dict: Mapping[str, Any] | None = None,
    saved: bool = True,
    queue: Any = None,
) -> dict[str, Any]:
    """Trains and tests a model from RecBole's arguments and configuration.

    RecBole's keys for the split, the filters and repeats (``eval_args``, ``user_inter_num_interval``,
    ``item_inter_num_interval``, ``val_interval``, ``repeatable``) are translated, its defaults for metrics, K and
    filters apply, and ``--key=value`` arguments of the script count as they do there. Two things differ, and a
    warning names the first: held-out items are the latest ones where RecBole draws them at random (``order: RO``),
    and ties of scores are valued exactly.

    Args:
        model: A model's name; the configuration's if None.
        dataset: Name of the data set; the configuration's if None.
        config_file_list: YAML files, later ones win.
        config_dict: Keys that win over the files.
        saved: Whether the run folder is kept, under ``saved/``.
        queue: Receives the result, too.

    Returns:
        ``best_valid_score``, ``valid_score_bigger``, ``best_valid_result`` and ``test_result``: metrics such as
        ``ndcg@10`` to values, rounded to ``metric_decimal_place``.

    Raises:
        ConfigError: A key cannot be translated, such as an evaluation on sampled candidates.
        RecBoleExtError: As :func:`~recbole_ext.trainer.train.train`.
    """
    from recbole_ext.config.read import user_values
    from recbole_ext.model.registry import model_spec
    from recbole_ext.trainer.configure import source_of_model
    from recbole_ext.trainer.train import train

    given = user_values([Path(file) for file in config_file_list or ()], dict(config_dict or {}))
    given |= _of_command_line()
    name = model or given.get("model")
    spec = model_spec(str(name) if name else "")
    values = _translated(given, sequential=source_of_model(spec).sequential)
    digits = int(values.pop("metric_decimal_place", 4))
    with tempfile.TemporaryDirectory() as scratch:
        output = None if saved else Path(scratch) / "run"
        trained = train(str(name), dataset, (), values, output=output)
    shown, k = str(trained.config["valid_metric"]).split("@")
    validation = trained.metrics["validation"]
    result = {
        "best_valid_score": round(validation[f"{shown.lower()}@{k}"], digits),
        "valid_score_bigger": _bigger(shown),
        "best_valid_result": _rounded(validation, digits),
        "test_result": _rounded(trained.metrics["test"], digits),
    }
    if queue is not None:
        queue.put(result)
    return result


def _bigger(metric: str) -> bool:
    from recbole_ext.evaluator.register import bigger_is_better, metric_name

    return bigger_is_better(metric_name(metric)) is not False


def _rounded(figures: Mapping[str, float], digits: int) -> OrderedDict[str, float]:
    return OrderedDict((name, round(value, digits)) for name, value in figures.items())


def _of_command_line() -> dict[str, Any]:
    """The script's arguments that set a key; as in RecBole, others are the script's own."""
    from recbole_ext.config.read import parse_overrides

    words = [word for word in sys.argv[1:] if re.fullmatch(r"--[A-Za-z_]\w*=.+", word)]
    found = parse_overrides(words)
    return {key: value for key, value in found.items() if key not in ("model", "dataset", "config_files")}


def _translated(given: Mapping[str, Any], *, sequential: bool) -> dict[str, Any]:
    """RecBole's keys as ours, over RecBole's defaults."""
    values: dict[str, Any] = {**_DEFAULTS, **given}
    values.pop("model", None)
    bigger = values.pop("valid_metric_bigger", None)
    if bigger is not None and bool(bigger) is not _bigger(str(values["valid_metric"]).partition("@")[0]):
        raise ConfigError(
            f"valid_metric_bigger is {bigger}, which is not the direction of {values['valid_metric']}: leave it out"
        )
    if "mask_seen" not in values:
        values["mask_seen"] = not values.get("repeatable", sequential)
    values.pop("repeatable", None)
    for theirs, ours in _INTERVALS.items():
        if (interval := values.pop(theirs, None)) is not None:
            values[ours] = _lowest(theirs, interval)
    if (intervals := values.pop("val_interval", None)) is not None:
        values["rating_threshold"] = _threshold(intervals, str(values.get("RATING_FIELD", "rating")))
    if (protocol := values.pop("eval_args", None)) is not None:
        values |= _split(protocol)
    return values


def _lowest(key: str, interval: Any) -> int:
    """The k of an interval that is open upwards, such as ``[5,inf)``."""
    match = re.fullmatch(r"\[\s*(\d+)\s*,\s*inf\s*\)", str(interval))
    if match is None:
        raise ConfigError(f"{key} is {interval!r}: give an interval without an upper end, such as [5,inf)")
    return int(match[1])


def _threshold(intervals: Any, rating: str) -> float:
    fields = dict(intervals) if isinstance(intervals, Mapping) else {}
    match = re.fullmatch(r"\[\s*([\d.]+)\s*,\s*inf\s*\)", str(fields.get(rating)))
    if match is None or len(fields) != 1:
        raise ConfigError(
            f"val_interval is {intervals!r}: give the ratings to keep, such as {{{rating}: '[4,inf)'}}"
        )
    return float(match[1])


def _split(protocol: Any) -> dict[str, Any]:
    """``split`` and ``split_ratio`` of RecBole's ``eval_args``."""
    if not isinstance(protocol, Mapping):
        raise ConfigError(f"eval_args is {protocol!r}: give a block with split, order, group_by and mode")
    modes = protocol.get("mode", "full")
    for mode in modes.values() if isinstance(modes, Mapping) else [modes]:
        if mode != "full":
            raise ConfigError(
                f"eval_args asks for the mode {mode!r}: every model ranks the whole catalogue here, so give full"
            )
    split = protocol.get("split", {"RS": [0.8, 0.1, 0.1]})
    if protocol.get("order", "RO") != "TO":
        warnings.warn(
            "eval_args has the order RO: held-out items are the latest ones here, not random ones",
            stacklevel=5,
        )
    if isinstance(split, Mapping) and split.get("LS") == "valid_and_test":
        return {"split": "leave_one_out"}
    ratio = split.get("RS") if isinstance(split, Mapping) else None
    if not isinstance(ratio, (list, tuple)) or len(ratio) != 3:
        raise ConfigError(
            f"eval_args has the split {split!r}: give {{LS: valid_and_test}} or {{RS: [0.8, 0.1, 0.1]}}"
        )
    whole = sum(ratio)
    in_time = protocol.get("group_by", "user") in ("none", None)
    return {
        "split": "global_time" if in_time else "ratio",
        "split_ratio": [part / whole for part in ratio],
    }
