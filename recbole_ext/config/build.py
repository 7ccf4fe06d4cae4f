"""The only caller of RecBole's ``Config``: layers, checks and plain copies of a configuration.

Layers, later wins: RecBole's defaults, ``properties/overall.yaml``, the model's defaults (RecBole's, then the
package's), files, overrides. Nested blocks are merged. Values are YAML and never evaluated, neither the
command line nor the environment is looked at, and nothing is written. RecBole's defaults for single data sets
and its quick-start files are left out: the protocol is the same for every data set and family.
"""

from __future__ import annotations

import inspect
import logging
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, cast

import recbole
import torch
import yaml

from recbole_ext._compat.host import AbstractRecommender, Config, ModelType, argument_list, get_model
from recbole_ext.config.host_metrics import enter_metrics
from recbole_ext.config.precision import resolved_precision
from recbole_ext.config.rules import REPLACED_KEYS, check_values, translate_host_keys
from recbole_ext.config.yaml_reader import parse_value, read_yaml
from recbole_ext.errors import ConfigError, OutputError, nearest

__all__ = ["build_config", "dump", "known_keys", "parse_overrides", "to_plain", "user_values"]

_OURS = Path(__file__).parents[1] / "properties"
_HOST = Path(recbole.__file__).parent / "properties"
_CONFIG_KEY = re.compile(r"""config(?:\.get\(|\[)\s*["'](\w+)["']""")
# Computed from other keys: no user sets them.
_COMPUTED = {
    "MODEL_INPUT_TYPE",
    "MODEL_TYPE",
    "device",
    "eval_type",
    "local_rank",
    "single_spec",
    "test_neg_sample_args",
    "valid_neg_sample_args",
}
_LEFT_OUT_OF_COPIES = _COMPUTED | REPLACED_KEYS.keys() | {"train_neg_sample_args", "output"}
_log = logging.getLogger(__name__)


class _IsolatedConfig(Config):
    """RecBole's ``Config`` on values merged and checked already, cut off from the process around it."""

    def __init__(self, model: type, dataset: str, values: dict[str, Any], known: frozenset[str]) -> None:
        self.known_keys = known
        super().__init__(model, dataset, config_dict=values)

    def _build_yaml_loader(self) -> None:
        """RecBole's changes ``yaml.FullLoader`` for the whole process, and no file is read here."""

    def _load_cmd_line(self) -> dict[str, Any]:
        return {}

    def _load_variable_config_dict(self, config_dict: dict[str, Any]) -> dict[str, Any]:
        return config_dict

    def _load_internal_config_dict(self, model: str, model_class: Any, dataset: str) -> None:
        self.internal_config_dict = {"MODEL_TYPE": model_class.type}

    def _set_default_parameters(self) -> None:
        root = self.final_config_dict["data_path"]
        super()._set_default_parameters()
        # RecBole goes to its own copy for the name ml-100k.
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
            _log.warning("use_gpu is true, but there is no GPU to use: going on with the CPU")
        values.update(gpu_id=gpu, use_gpu=use_gpu, single_spec=True, local_rank=0)
        values["device"] = torch.device("cuda", int(gpu)) if use_gpu else torch.device("cpu")
        # Written out, so that a saved run goes on in the precision it began with, on whatever machine.
        values["softmax_precision"] = resolved_precision(values["softmax_precision"], values["device"])


def build_config(
    model: str | type,
    dataset: str | None,
    files: Sequence[Path | str] = (),
    overrides: Mapping[str, Any] | None = None,
    extra_known_keys: Collection[str] = (),
) -> Config:
    """Merges all layers, checks them, and hands them to RecBole.

    Args:
        model: A name of RecBole's, or a recommender class.
        dataset: Folder under ``data_path``; the merged key ``dataset`` if None.
        files: YAML files, later ones win.
        overrides: Values that win over the files (see :func:`parse_overrides`).
        extra_known_keys: Keys to accept beyond those of RecBole, the package and the model's own source.

    Returns:
        RecBole's ``Config``. ``sample_num`` and ``sampling_alpha`` are also written as
        ``train_neg_sample_args`` (none for the sequential models' cross entropy), ``split`` as ``eval_args``.

    Raises:
        ConfigError: A file is missing or malformed, a key is unknown, or a value cannot be used.
    """
    model_class = _model_class(model)
    defaults = _defaults(model_class)
    known = known_keys(model_class, extra_known_keys)
    values, origins = defaults, dict[str, str]()
    for layer, origin in _user_layers(files, overrides or {}):
        for key in layer:
            if key not in known:
                raise ConfigError(
                    f"unknown key {key!r} in {origin[key]}{nearest(key, known) or ': remove it'}"
                )
        values = _merged(values, translate_host_keys(layer, origin, values))
        origins.update(origin)
    if dataset is not None:
        values["dataset"] = dataset
    values = check_values(values, defaults, origins)
    values["eval_args"] = _eval_args(values)
    values["repeatable"] = model_class.type == ModelType.SEQUENTIAL
    values["train_neg_sample_args"] = _negatives(model_class, values)
    enter_metrics()
    try:
        return _IsolatedConfig(model_class, values["dataset"], values, known)
    except (KeyError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        raise ConfigError(
            f"RecBole cannot use this configuration of {model_class.__name__}: {error}"
        ) from error


def known_keys(model_class: type, extra: Collection[str] = ()) -> frozenset[str]:
    """Every key that this model's configuration may set: RecBole's, ours, and those that its source reads."""
    lists = ("general", "training", "evaluation", "dataset")
    keys = {key for name in lists for key in getattr(argument_list, f"{name}_arguments")}
    keys |= set(_defaults(model_class)) | {"model", "encoding", *extra}
    modules = {inspect.getmodule(base) for base in model_class.__mro__}
    for module in [inspect.getmodule(Config), *modules]:
        if module is None or module.__name__.split(".")[0] in {"builtins", "abc", "torch", "typing"}:
            continue
        try:
            keys.update(_CONFIG_KEY.findall(inspect.getsource(module)))
        except (OSError, TypeError):
            continue
    return frozenset(keys - _COMPUTED)


def parse_overrides(argv: Sequence[str]) -> dict[str, Any]:
    """Reads ``--key=value`` arguments; ``--block.key=value`` sets a key of a nested block.

    Args:
        argv: The arguments, without the program's name.

    Returns:
        The values, parsed as YAML.

    Raises:
        ConfigError: An argument has another form, no value, a value that is no YAML, or comes twice.
    """
    found: dict[str, Any] = {}
    seen: dict[str, str] = {}
    for argument in argv:
        match = re.fullmatch(r"--([A-Za-z_]\w*(?:\.\w+)*)=(.*)", argument, flags=re.DOTALL)
        if match is None:
            raise ConfigError(f"{argument!r} is no option: write --key=value, with no blanks around the '='")
        key, text = match.groups()
        if not text.strip():
            raise ConfigError(f"--{key}= has no value: write --{key}=null for none")
        if seen.setdefault(key, text) != text:
            raise ConfigError(f"--{key} is given twice, as {seen[key]} and as {text}: keep one")
        value = parse_value(text, f"--{argument[2:]}")
        for part in reversed(key.split(".")):
            value = {part: value}
        found = _merged(found, value)
    return found


def user_values(files: Sequence[Path | str], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """What a user has set, files and overrides merged, without any default and unchecked.

    Raises:
        ConfigError: A file is missing or malformed.
    """
    values: dict[str, Any] = {}
    for layer, _ in _user_layers(files, overrides):
        values = _merged(values, layer)
    return values


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
    inside = model_class.__module__.split(".")[0] in ("recbole", "recbole_ext")
    plain["model"] = (
        model_class.__name__ if inside else f"{model_class.__module__}:{model_class.__qualname__}"
    )
    plain["data_path"] = os.path.dirname(values["data_path"])
    return plain


def dump(config: Config, path: Path | str) -> None:
    """Writes :func:`to_plain` as a YAML file that ``--config`` reads.

    Raises:
        OutputError: The file cannot be written.
    """
    try:
        Path(path).write_text(yaml.safe_dump(to_plain(config), sort_keys=False, allow_unicode=True), "utf-8")
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}): choose another place") from error


def _model_class(model: str | type) -> Any:
    if not isinstance(model, str):
        if isinstance(model, type) and issubclass(model, AbstractRecommender):
            return model
        raise ConfigError(f"model {model!r} is no RecBole model: derive it from a recommender of RecBole")
    try:
        return get_model(model)
    except (AttributeError, ImportError, ValueError) as error:
        names = [file.stem for file in (_HOST / "model").glob("*.yaml")]
        raise ConfigError(f"model {model!r} is unknown{nearest(model, [*names, 'Random'])}") from error


def _defaults(model_class: type) -> dict[str, Any]:
    """The layers below the user's; a subclass inherits the defaults of the models that it is derived from."""
    names = [base.__name__ for base in reversed(model_class.__mro__)]
    layers = [_HOST / "overall.yaml", _HOST / "dataset" / "sample.yaml", _OURS / "overall.yaml"]
    layers += [folder / "model" / f"{name}.yaml" for folder in (_HOST, _OURS) for name in names]
    values: dict[str, Any] = {}
    for file in layers:
        if file.is_file():
            values = _merged(values, read_yaml(file)[0])
    return values


def _user_layers(
    files: Sequence[Path | str], overrides: Mapping[str, Any]
) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """Each layer with the place of each of its keys."""
    for file in files:
        layer, lines = read_yaml(Path(file))
        yield layer, {key: f"{file}, line {line}" for key, line in lines.items()}
    layer = cast(dict[str, Any], _merged({}, overrides))
    yield layer, {key: f"the option --{key}" for key in layer}


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """A new dictionary: nested blocks are merged, everything else is replaced."""
    result = dict(below)
    for key, value in above.items():
        if isinstance(value, Mapping):
            old = result.get(key)
            result[key] = _merged(old if isinstance(old, Mapping) else {}, value)
        else:
            result[key] = list(value) if isinstance(value, (list, tuple)) else value
    return result


def _eval_args(values: Mapping[str, Any]) -> dict[str, Any]:
    """What RecBole calls the split; the data layer reads ``split`` itself."""
    by_user, one_out = values["split"] != "global_time", values["split"] == "leave_one_out"
    held_out = {"LS": "valid_and_test"} if one_out else {"RS": values["split_ratio"]}
    return {"split": held_out, "order": "TO", "group_by": "user" if by_user else "none", "mode": "full"}


def _negatives(model_class: Any, values: Mapping[str, Any]) -> dict[str, Any] | None:
    """``train_neg_sample_args`` as RecBole expects it of this model and loss."""
    if not hasattr(model_class, "input_type"):
        loss = values.get("loss_type")
        if loss not in ("CE", "BPR"):
            raise ConfigError(f"loss_type of {model_class.__name__} must be CE or BPR, not {loss!r}")
        if loss == "CE" and model_class.type == ModelType.SEQUENTIAL:
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
