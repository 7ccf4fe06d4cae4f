"""Builds RecBole's ``Config`` from a configuration checked by :mod:`recbole_ext.config.read`; its only caller."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import torch

from recbole_ext._compat.host import AbstractRecommender, Config, get_model
from recbole_ext.config.host_keys import REPLACED_KEYS
from recbole_ext.config.host_metrics import enter_metrics
from recbole_ext.config.model_source import ModelSource, host_folder, is_inside, model_source, source_of_class
from recbole_ext.config.precision import resolved_precision
from recbole_ext.config.read import COMPUTED_KEYS, CheckedConfig, read_config
from recbole_ext.errors import ConfigError, nearest
from recbole_ext.evaluator.register import metric_path

__all__ = ["build_config", "host_config", "source_of", "to_plain"]

_LEFT_OUT_OF_COPIES = COMPUTED_KEYS | REPLACED_KEYS.keys() | {"train_neg_sample_args", "output"}
_log = logging.getLogger(__name__)


class _IsolatedConfig(Config):
    """RecBole's ``Config`` on merged and checked values, isolated from files, command line and environment."""

    def __init__(self, model: type, dataset: str, values: dict[str, Any], known: frozenset[str]) -> None:
        self.known_keys = known
        super().__init__(model, dataset, config_dict=values)

    def _build_yaml_loader(self) -> None:
        """Does nothing: RecBole's version changes ``yaml.FullLoader`` process-wide, and no file is read here."""

    def _load_cmd_line(self) -> dict[str, Any]:
        return {}

    def _load_variable_config_dict(self, config_dict: dict[str, Any]) -> dict[str, Any]:
        return config_dict

    def _load_internal_config_dict(self, model: str, model_class: Any, dataset: str) -> None:
        self.internal_config_dict = {"MODEL_TYPE": model_class.type}

    def _set_default_parameters(self) -> None:
        root = self.final_config_dict["data_path"]
        super()._set_default_parameters()
        # RecBole uses its packaged copy for the name ml-100k.
        self.final_config_dict["data_path"] = os.path.join(os.path.expanduser(root), self.dataset)

    def _init_device(self) -> None:
        """Honours ``use_gpu``, which RecBole ignores, and leaves ``CUDA_VISIBLE_DEVICES`` as it is."""
        values = self.final_config_dict
        gpu = str(values["gpu_id"])
        wanted = values["use_gpu"] is not False and gpu != ""
        use_gpu = wanted and torch.cuda.is_available()
        if use_gpu and int(gpu) >= torch.cuda.device_count():
            raise ConfigError(f"gpu_id is {gpu}, but there are {torch.cuda.device_count()} GPUs, from 0 on")
        if values["use_gpu"] and not use_gpu:
            _log.warning("use_gpu is true, but no GPU is available: using the CPU")
        values.update(gpu_id=gpu, use_gpu=use_gpu, single_spec=True, local_rank=0)
        values["device"] = torch.device("cuda", int(gpu)) if use_gpu else torch.device("cpu")
        # Stored explicitly, so that a saved run resumes in its original precision on any machine.
        values["softmax_precision"] = resolved_precision(values["softmax_precision"], values["device"])


def build_config(
    model: str | type,
    dataset: str | None,
    files: Sequence[Path | str] = (),
    overrides: Mapping[str, Any] | None = None,
    extra_known_keys: Collection[str] = (),
) -> Config:
    """Merges and checks all layers, and passes them to RecBole.

    Args:
        model: A name of RecBole's, or a recommender class.
        dataset: Folder under ``data_path``; the merged key ``dataset`` if None.
        files: YAML files, later ones win.
        overrides: Values that override the files (see :func:`~recbole_ext.config.read.parse_overrides`).
        extra_known_keys: Keys to accept beyond those of RecBole, the package and the model's own source.

    Returns:
        As :func:`host_config`.

    Raises:
        ConfigError: A file is missing or malformed, a key is unknown, or a value cannot be used.
    """
    model_class = _model_class(model)
    checked = read_config(
        source_of(model_class), files, overrides, dataset=dataset, extra_known_keys=extra_known_keys
    )
    return host_config(checked, model_class)


def host_config(checked: CheckedConfig, model_class: Any) -> Config:
    """Converts a checked configuration to RecBole's ``Config``.

    Args:
        checked: From :func:`~recbole_ext.config.read.read_config`.
        model_class: The class that ``checked.model`` describes.

    Returns:
        RecBole's ``Config``. ``sample_num`` and ``sampling_alpha`` are also written as
        ``train_neg_sample_args`` (none for the sequential models' cross entropy), ``split`` as ``eval_args``.

    Raises:
        ConfigError: RecBole rejects the configuration, or the GPU does not exist.
    """
    values = copy.deepcopy(dict(checked.values))
    values["eval_args"] = _eval_args(values)
    values["repeatable"] = checked.model.sequential
    values["train_neg_sample_args"] = _negatives(checked.model, values)
    enter_metrics()
    try:
        return _IsolatedConfig(model_class, values["dataset"], values, checked.known)
    except (KeyError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        raise ConfigError(
            f"RecBole cannot use this configuration of {model_class.__name__}: {error}"
        ) from error


def source_of(model_class: type) -> ModelSource:
    """Describes an imported model class for the configuration."""
    path = f"{model_class.__module__}:{model_class.__qualname__}"
    return model_source(path) if is_inside(path) else source_of_class(model_class)


def to_plain(config: Config) -> dict[str, Any]:
    """A complete copy in plain data: ``build_config(model, None, (), copy)`` gives the same configuration.

    Values that follow from others (``device``, ``eval_args``, ``MODEL_TYPE`` and the like) are left out.
    So are the keys that the package has replaced. ``model`` is the name, or ``package.module:Class`` for a
    class from outside; ``data_path`` is the folder above the data set's.

    Args:
        config: What :func:`build_config` returned.

    Returns:
        Keys to str, int, float, bool, None, lists and dictionaries of these.
    """
    values = config.final_config_dict
    known = getattr(config, "known_keys", None) or frozenset(values)
    plain = {
        key: _plain(value)
        for key, value in values.items()
        if key in known and key not in _LEFT_OUT_OF_COPIES and _is_plain(value)
    }
    model_class = config.model_class
    path = f"{model_class.__module__}:{model_class.__qualname__}"
    plain["model"] = model_class.__name__ if is_inside(path) else path
    plain["data_path"] = os.path.dirname(values["data_path"])
    plain["metrics"] = [metric_path(name) for name in plain["metrics"]]
    return plain


def _model_class(model: str | type) -> Any:
    if not isinstance(model, str):
        if isinstance(model, type) and issubclass(model, AbstractRecommender):
            return model
        raise ConfigError(f"model {model!r} is not a RecBole model: derive it from a RecBole recommender")
    try:
        return get_model(model)
    except (AttributeError, ImportError, ValueError) as error:
        names = [file.stem for file in (host_folder() / "properties" / "model").glob("*.yaml")]
        raise ConfigError(f"model {model!r} is unknown{nearest(model, [*names, 'Random'])}") from error


def _eval_args(values: Mapping[str, Any]) -> dict[str, Any]:
    """RecBole's ``eval_args`` for the split; the data layer reads ``split`` itself."""
    by_user, one_out = values["split"] != "global_time", values["split"] == "leave_one_out"
    held_out = {"LS": "valid_and_test"} if one_out else {"RS": values["split_ratio"]}
    return {"split": held_out, "order": "TO", "group_by": "user" if by_user else "none", "mode": "full"}


def _negatives(model: ModelSource, values: Mapping[str, Any]) -> dict[str, Any] | None:
    """``train_neg_sample_args`` as RecBole expects it of this model and loss."""
    if model.sequential and model.chooses_loss and values["loss_type"] == "CE":
        return None
    alpha = float(values["sampling_alpha"])
    return {
        "distribution": "popularity" if alpha else "uniform",
        "sample_num": values["sample_num"],
        "alpha": alpha,
        "dynamic": False,
        "candidate_num": 0,
    }


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(entry) for key, entry in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str, Enum, Path)) or hasattr(value, "item")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Path):
        return str(value)
    return value.item() if hasattr(value, "item") else value
