"""What each key may hold: one table of types, which pydantic checks, and the rules over several keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

from recbole_ext.config.blocks import read_candidates, read_history_weighting, read_pareto, read_rerank
from recbole_ext.config.columns import check_columns
from recbole_ext.config.messages import config_error, describe_schema
from recbole_ext.config.problem import Origin, Problem, first_error, from_pydantic
from recbole_ext.errors import ConfigError
from recbole_ext.evaluator.metric_info import METRIC_INFO
from recbole_ext.evaluator.register import bigger_is_better, known_metrics, metric_name, reads_lists

__all__ = ["check_values", "described_type", "read_metric_at_k"]


def _folder_name(value: str) -> str:
    if value in ("", ".", "..") or set(value) & set("/\\\0"):
        raise ValueError("not a folder's name")
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("blank")
    if "\0" in value:
        raise ValueError("a NUL byte")
    return value


def _shares(value: list[float]) -> list[float]:
    if abs(sum(value) - 1) >= 1e-6:
        raise ValueError("the sum is not 1")
    return value


def _second(value: int | str) -> int:
    """Seconds since 1970 of a date or a time, in UTC where it names no zone."""
    if isinstance(value, int):
        return value
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("not a date") from None
    return int((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp())


def _earlier_first(value: list[int | str]) -> list[int | str]:
    if _second(value[0]) >= _second(value[1]):
        raise ValueError("not the earlier one first")
    return value


def _ascending(value: list[int]) -> list[int]:
    if any(later <= earlier for earlier, later in pairwise(value)):
        raise ValueError("not ascending")
    return value


def _with_max_norm(value: dict[str, float]) -> dict[str, float]:
    if "max_norm" not in value:
        raise ValueError("no max_norm")
    return value


def _whole(least: int) -> Any:
    return Annotated[int, Field(ge=least)]


def _list_of(kind: Any, words: str) -> Any:
    return Annotated[list[kind], Field(min_length=1, description=words)]


def _ends_of_bins(least: int) -> Any:
    return Annotated[
        list[_whole(least)],  # type: ignore[misc]
        AfterValidator(_ascending),
        Field(min_length=1, description=f"ascending whole numbers of {least} or more"),
    ]


_Number = Annotated[float, Field(allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Text = Annotated[str, AfterValidator(_not_blank)]
_Block = dict[str, Any]
_Clip = Annotated[
    _Positive
    | Annotated[
        dict[Literal["max_norm", "norm_type"], Annotated[float, Field(gt=0)]], AfterValidator(_with_max_norm)
    ],
    Field(description="a number above 0, or a block such as {max_norm: 5} with norm_type where it is not 2"),
]
_Columns = Annotated[list[_Text], Field(min_length=1)]
_LoadedColumns = Annotated[
    dict[Literal["inter", "user", "item"], _Columns | Literal["*"]],
    Field(
        description="a block of inter, user and item, each with a list of columns (user and item also '*' for all)"
    ),
]
_LeftOutColumns = Annotated[
    dict[Literal["user", "item"], _Columns],
    Field(description="a block of user and item, each with a list of columns"),
]
_Discretization = Annotated[
    dict[_Text, dict[Literal["method", "bucket"], Literal["ED", "LD"] | Annotated[int, Field(ge=1)]]],
    Field(description="a block such as {age: {method: ED, bucket: 5}} or {age: {method: LD}}"),
]
_Folder = Annotated[
    str,
    AfterValidator(_folder_name),
    Field(description="the name of a folder under data_path, without slashes"),
]

_TimePoints = Annotated[
    list[Annotated[int, Field(ge=-(2**60), le=2**60)] | str],
    Field(
        min_length=2,
        max_length=2,
        description="two dates such as [2000-06-01, 2000-09-01], the earlier one first, or epoch seconds",
    ),
    AfterValidator(_earlier_first),
]

_Feature = Literal["id", "genres", "year", "tags", "text", "genome", "my_vectors"]
# kernels.sequence_pairs.DISTANCE_WEIGHTS, which needs torch.
_Fall = Literal["linear", "inverse", "exponential", "quadratic", "flat"]
# recbole.data.transform.construct_transform, which needs torch.
_Transform = Literal["mask_itemseq", "inverse_itemseq", "crop_itemseq", "reorder_itemseq", "user_defined"]

_TYPES: dict[str, Any] = {
    "LIST_SUFFIX": _Text,
    "MAX_ITEM_LIST_LENGTH": _whole(1),
    "NEG_PREFIX": _Text,
    "alignment": _NotNegative,
    "asymmetry": Annotated[float, Field(ge=0, le=1)],
    "backoff": _NotNegative,
    "batch_negatives": bool,
    "bpr_max_elu": _NotNegative,
    "bpr_max_penalty": _NotNegative,
    "candidates": _Block | None,
    "clip_grad_norm": _Clip | None,
    "cold_percentile": Annotated[float, Field(ge=0, le=100)],
    "cold_weight": _NotNegative,
    "cold_history": _whole(1),
    "confidence": Annotated[float, Field(gt=0, lt=1)],
    "data_path": _Text,
    "dataset": _Folder,
    "day_scale": _Positive | None,
    "directed": bool,
    "distance_bins": _ends_of_bins(1),
    "distance_decay": _NotNegative,
    "distance_weight": _Fall,
    "discretization": _Discretization | None,
    "dropout_prob": Annotated[float, Field(ge=0, lt=1)],
    "ema_decay": Annotated[float, Field(ge=0, lt=1)],
    "embedding_size": _whole(1),
    "epochs": _whole(1),
    "eval_batch_size": _whole(1),
    "eval_step": _whole(1),
    "feature_merge": Literal["sum", "concat"],
    "feature_size": _whole(1),
    "feature_tokens": _Text | None,
    "feature_vectors": _Text | None,
    "fold": _whole(1),
    "folds": _whole(3),
    "gbce_t": Annotated[float, Field(ge=0, le=1)],
    "gpu_id": Annotated[
        _whole(0) | Annotated[str, Field(pattern=r"^[0-9]*$")],
        Field(description="the number of one GPU, from 0 on"),
    ],
    "half_life_days": _Positive | None,
    "head_rule": Literal["interactions_80", "interactions_20", "items_20"],
    "hidden_dropout_prob": Annotated[float, Field(ge=0, lt=1)],
    "hidden_size": _whole(1),
    "history_decay": _NotNegative,
    "history_decay_by": Literal["place", "time"],
    "history_weighting": _Block | None,
    "idf_weight": _NotNegative,
    "in_batch_negatives": _whole(1),
    "inner_size": _whole(1),
    "ips_clip": Annotated[
        Literal[0, 0.0] | Annotated[float, Field(ge=1, allow_inf_nan=False)],
        Field(description="0 or a number of 1 or more"),
    ]
    | None,
    "ips_power": _NotNegative,
    "item_features": _list_of(_Feature, "a list of id, genres, year, tags, text, genome and my_vectors"),
    "item_weight": Literal["none", "idf", "bm25"],
    "iterations": _whole(1),
    "k": _whole(1) | None,
    "label_smoothing": Annotated[float, Field(ge=0, lt=1)],
    "lag_bins": _ends_of_bins(0),
    "last_days": _Positive | None,
    "l1": _Positive,
    "l2": _Positive,
    "learner": Literal["adam", "adamw", "sgd", "adagrad", "rmsprop", "sparse_adam"],
    "learning_rate": _Positive,
    "learning_rate_schedule": Literal["constant", "linear", "cosine"],
    "layer_norm_eps": _Positive,
    "load_col": _LoadedColumns,
    "logq_correction": bool,
    "loss_decimal_place": Annotated[int, Field(ge=1, le=15)],
    "loss_negatives": _whole(1),
    "loss_negatives_shared": bool,
    "match_weight": _Fall,
    "max_iterations": _whole(1),
    "metrics": _list_of(str, "a list of names"),
    "min_item_interactions": _whole(0),
    "min_user_interactions": _whole(0),
    "mlp_hidden_size": _list_of(_whole(1), "a list of whole numbers of 1 or more"),
    "n_heads": _whole(1),
    "n_layers": _whole(0),
    "neighbour_scale": _Positive | None,
    "normalise": bool,
    "normalize_all": bool | None,
    "normalize_field": _Columns | None,
    "num_layers": _whole(1),
    "offline_dataset": _Folder | None,
    "output": _Text | None,
    "output_embedding": Literal["tied", "separate"],
    "pareto": _Block | None,
    "place_decay": _NotNegative,
    "place_scale": _Positive | None,
    "place_weight": _Fall,
    "positive_weight": _Positive,
    "preload_weight": Annotated[
        dict[_Text, _Text], Field(description="a block of a column of tokens and a column of numbers")
    ]
    | None,
    "rating_threshold": _Number | None,
    "propensity_power": _NotNegative,
    "recency_decay": Annotated[float, Field(gt=0, le=1)],
    "reg_weight": _NotNegative,
    "relative_time_buckets": _whole(0),
    "regularisation": _Positive,
    "regularisation_power": _NotNegative,
    "rerank": _Block | None,
    "rules_rate": _Positive,
    "same_history": bool,
    "sample_num": _whole(1),
    "sampling_alpha": _NotNegative,
    "schedule_epochs": _whole(1) | None,
    "seed": Annotated[int, Field(ge=0, lt=2**32, description="a whole number from 0 to 2^32 - 1")],
    "sequence_loss": Literal["auto", "full_softmax", "sampled_softmax", "gbce", "bpr", "bpr_max"],
    "sequence_training": Literal["all_positions", "prefixes"],
    "shrink": _NotNegative,
    "softmax_precision": Literal["auto", "float32", "bfloat16"],
    "similarity": Literal["cosine", "product"],
    "side_weight": _NotNegative,
    "source_popularity": _NotNegative,
    "split": Literal["leave_one_out", "ratio", "global_time", "k_fold", "cold_items", "cold_users"],
    "split_ratio": Annotated[
        list[_Positive],
        Field(min_length=3, max_length=3, description="three numbers above 0 that add up to 1"),
        AfterValidator(_shares),
    ],
    "split_seed": Annotated[int, Field(ge=0, lt=2**32, description="a whole number from 0 to 2^32 - 1")],
    "split_targets": Literal["all", "last", "first", "random"],
    "split_time": _TimePoints | None,
    "stopping_step": _whole(1),
    "target_popularity": _NotNegative,
    "temperature": _Positive,
    "text_model": Literal["tfidf", "wordllama"],
    "tie_break": Literal["file", "random"],
    "history_shuffle": Literal["none", "seconds", "sessions", "all"],
    "session_gap": _whole(0),
    "transform": _Transform | None,
    "tolerance": _Positive,
    "time_bins": _ends_of_bins(0),
    "topk": _list_of(_whole(1), "a whole number of 1 or more, or a list of these"),
    "train_batch_size": _whole(1),
    "unload_col": _LeftOutColumns | None,
    "uniform_negatives": _whole(1),
    "unobserved_weight": _NotNegative,
    "use_gpu": bool | None,
    "user_features": list[_Text],
    "user_weight": Literal["none", "idf", "bm25"],
    "valid_metric": _Text,
    "valid_users": Annotated[
        _whole(1) | Literal["auto"], Field(description="a whole number of 1 or more, or auto")
    ]
    | None,
    "walk_power": _NotNegative,
    "warmup_steps": _whole(0),
    "weight_decay": _NotNegative,
    "window": _whole(1),
    "window_batches": Literal["by_length", "random"],
    "windows_per_user": _whole(1) | None,
    "zero_weight": _NotNegative,
    "worker": _whole(0),
}
# A key without a type of its own takes what its default is. bool before int: True is an int.
_TYPES_BY_DEFAULT: dict[type, Any] = {
    bool: bool,
    int: int,
    float: _Number,
    str: str | None,
    list: list[Any] | None,
    dict: dict[Any, Any] | None,
}
# RecBole writes a whole number where any number is meant.
_FLOATS_WRITTEN_AS_WHOLE = {"global_ratio", "spatial_ratio", "resolution"}


def described_type(key: str, default: type) -> str:
    """What a key may hold, in words; empty if anything.

    Args:
        key: Its name.
        default: Type of its default value, which decides where the key has no type of its own.
    """
    schema = _type_of(key, default).json_schema()
    return describe_schema(schema) if schema else ""


@cache
def _type_of(key: str, default: type) -> TypeAdapter[Any]:
    kind = _TYPES.get(key) if (key, default) != ("reg_weight", list) else list[_NotNegative]
    if kind is None:
        kind = _Number if key in _FLOATS_WRITTEN_AS_WHOLE else _TYPES_BY_DEFAULT.get(default, Any)
    return TypeAdapter(kind, config=ConfigDict(strict=True))


def check_values(
    values: Mapping[str, Any], defaults: Mapping[str, Any], origins: Mapping[str, Origin]
) -> dict[str, Any]:
    """Checks every value against its type, and the rules over several keys.

    Args:
        values: The merged keys.
        defaults: The merged defaults.
        origins: Where each key was written that a user set.

    Returns:
        The values, with ``topk`` and ``metrics`` as lists, and metrics spelt as their classes are.

    Raises:
        ConfigError: A value has the wrong type or is out of range, a block cannot be used, or ``valid_metric`` is
            not computed.
    """
    result = dict(values)
    for key in ("topk", "metrics"):
        if not isinstance(result[key], (list, Mapping)):
            result[key] = [result[key]]
    for key, value in result.items():
        _check_type(key, value, type(defaults.get(key)), values[key], origins.get(key))
    if isinstance(clip := result.get("clip_grad_norm"), (int, float)):
        result["clip_grad_norm"] = {"max_norm": clip}
    check_columns(result, origins)
    result["topk"] = sorted(set(result["topk"]))
    result["metrics"] = [
        _metric(name, "metrics", origins.get("metrics")) for name in dict.fromkeys(result["metrics"])
    ]
    _check_candidates(result, origins)
    metric, k = read_metric_at_k(
        result["valid_metric"], result["metrics"], result["topk"], origin=origins.get("valid_metric")
    )
    result["valid_metric"] = f"{metric}@{k}"
    _check_split(result, origins)
    if result.get("ips_clip") and not result.get("ips_power"):
        reason = "has nothing to limit: set ips_power above 0 (0.5 is usual), or leave ips_clip out"
        raise config_error(
            Problem(
                ("ips_clip",),
                "value_error",
                result["ips_clip"],
                reason=reason,
                origin=origins.get("ips_clip"),
            )
        )
    if result.get("log_wandb") and find_spec("wandb") is None:
        reason = (
            "needs the package wandb, which is not installed: install it with pip, or set log_wandb: false"
        )
        raise config_error(
            Problem(("log_wandb",), "value_error", True, reason=reason, origin=origins.get("log_wandb"))
        )
    if result.get("rerank"):
        read_rerank(result["rerank"], origins.get("rerank"))
    read_pareto(result.get("pareto"), origins.get("pareto"))
    weighting = read_history_weighting(result.get("history_weighting"), origins.get("history_weighting"))
    result["history_weighting"] = None if weighting is None else weighting.model_dump()
    return result


def _check_candidates(result: dict[str, Any], origins: Mapping[str, Origin]) -> None:
    """Lists of sampled candidates hold at least K items, and only accuracy is computed on them.

    What such a list shows was drawn by the sampler: coverage, popularity and the like would describe the draw.
    """
    sampling = read_candidates(result.get("candidates"), origins.get("candidates"))
    result["candidates"] = None if sampling is None else sampling.model_dump()
    if sampling is None:
        return

    def refused(key: str, value: Any, reason: str) -> ConfigError:
        return config_error(Problem((key,), "value_error", value, reason=reason, origin=origins.get(key)))

    if sampling.kind == "cold" and result["split"] != "cold_items":
        reason = (
            f"has kind: cold, which belongs to split: cold_items, not to {result['split']}: choose another"
        )
        raise refused("candidates", result["candidates"], reason)
    if sampling.kind != "cold" and sampling.n < (longest := max(result["topk"])):
        reason = (
            f"has n = {sampling.n}, fewer than the longest list of topk ({longest}): raise n, or lower topk"
        )
        raise refused("candidates", result["candidates"], reason)
    for key in ("rerank", "pareto"):
        if result.get(key):
            raise refused(key, result[key], "needs the whole catalogue: set candidates: null")
    chosen = str(result["valid_metric"]).partition("@")[0].strip()
    if any(name.lower() == chosen.lower() and reads_lists(name) for name in METRIC_INFO):
        reason = f"is {result['valid_metric']}, which says nothing of sampled candidates: choose one such as NDCG@10"
        raise refused("valid_metric", result["valid_metric"], reason)
    kept = [name for name in result["metrics"] if not reads_lists(name)]
    if not kept:
        reason = "has no metric of accuracy, and no other says anything of sampled candidates: add NDCG"
        raise refused("metrics", result["metrics"], reason)
    result["metrics"] = kept


_SPLITS_OF: dict[str, tuple[Any, tuple[str, ...]]] = {
    "split_targets": ("all", ("global_time", "cold_users")),
    "split_time": (None, ("global_time",)),
    "folds": (5, ("k_fold",)),
    "fold": (1, ("k_fold",)),
    "cold_history": (5, ("cold_users",)),
    "split_seed": (0, ("k_fold", "cold_items", "cold_users")),
}
"""What each key is where it says nothing, and the splits that read it."""


def _check_split(result: dict[str, Any], origins: Mapping[str, Origin]) -> None:
    """Each key belongs to some splits; dates become seconds; of a user never met, every model reads the history."""
    split = result["split"]

    def refused(key: str, reason: str) -> ConfigError:
        return config_error(
            Problem((key,), "value_error", result[key], reason=reason, origin=origins.get(key))
        )

    for key, (unset, splits) in _SPLITS_OF.items():
        if result.get(key, unset) != unset and split not in splits:
            those = " or ".join(splits)
            raise refused(key, f"belongs to split: {those}, not to {split}: set split, or leave {key} out")
    if split == "cold_users" and result["split_targets"] not in ("all", "first"):
        raise refused(
            "split_targets", "must be all or first with split: cold_users, whose history ends at cold_history"
        )
    if result["fold"] > result["folds"]:
        raise refused(
            "fold", f"is {result['fold']}, but there are {result['folds']} folds: give 1 to {result['folds']}"
        )
    if split == "cold_users":
        result["same_history"] = True
    if result.get("split_time") is not None:
        result["split_time"] = [_second(value) for value in result["split_time"]]


def _check_type(key: str, value: Any, default: type, given: Any, origin: Origin | None) -> None:
    """Checks only: the value stays as it was written, a whole number where any number may stand too."""
    adapter = _type_of(key, default)
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        first = first_error(error)
        problem = from_pydantic({**first, "loc": (), "input": given}, (key,), origin)
        raise config_error(
            Problem(problem.key, problem.kind, given, problem.limits, adapter.json_schema(), origin=origin)
        ) from None


def _metric(name: str, key: str, origin: Origin | None) -> str:
    """A metric's own spelling."""
    try:
        return metric_name(name, "" if origin is None else f" in {origin}")
    except ConfigError as error:
        problem = Problem((key,), "unknown_name", name, known=tuple(known_metrics()), origin=origin)
        raise ConfigError(str(error), problem) from error


def read_metric_at_k(
    given: str,
    metrics: Sequence[str],
    topk: Sequence[int],
    *,
    key: str = "valid_metric",
    origin: Origin | None = None,
) -> tuple[str, int]:
    """Reads a metric with its K that a model or a trial is chosen by.

    Args:
        given: Such as ``NDCG@10``.
        metrics: The metrics that are computed.
        topk: The lengths at which they are.
        key: What a message calls the value.
        origin: Where it was written.

    Returns:
        The metric's own spelling, and K.

    Raises:
        ConfigError: The metric is unknown, has no direction, has no K, or is not computed.
    """
    name, _, k = given.partition("@")
    metric = _metric(name.strip(), key, origin)

    def refused(reason: str) -> ConfigError:
        return config_error(Problem((key,), "value_error", given, reason=reason, origin=origin))

    if bigger_is_better(metric) is None:
        raise refused(f"is {given}, but neither a large nor a small {metric} is better: choose another")
    if not (k.isascii() and k.isdigit() and int(k) > 0):
        raise refused(f"must name a length, as in {metric}@10, not {given!r}")
    if metric not in metrics:
        raise refused(f"is {metric}@{int(k)}, which is not computed: add {metric} to metrics")
    if int(k) not in topk:
        raise refused(
            f"is {metric}@{int(k)}, which is not computed: add {int(k)} to topk, or choose {metric}@{topk[-1]}"
        )
    return metric, int(k)
