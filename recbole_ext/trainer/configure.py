"""From what a user asked for to the final configuration, with the data set that is really there."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from recbole_ext.config.blocks import read_pareto, read_rerank
from recbole_ext.config.build import build_config
from recbole_ext.config.yaml_reader import read_yaml
from recbole_ext.data.movielens import DATASETS, is_prepared, prepare
from recbole_ext.errors import ConfigError, DataError, DownloadError
from recbole_ext.model.registry import resolve_model

__all__ = ["command_line", "configured"]

Report = Callable[[str], None]


def _ensure_data(config: Any, report: Report) -> str:
    """The name of the data set that will be used; prepared if it was not, replaced only as declared."""
    name, out = config["dataset"], Path(config["data_path"]).parent
    if is_prepared(name, out) or (name not in DATASETS and (out / name / f"{name}.inter").is_file()):
        return name
    if name not in DATASETS:
        raise DataError(
            f"{out / name / (name + '.inter')} does not exist and {name!r} is no MovieLens set: put your atomic "
            f"files there, or use one of {', '.join(DATASETS)}"
        )
    offline = config["offline_dataset"]
    try:
        prepare(
            name,
            out=out,
            download=bool(config["download"]),
            tie_break=config["tie_break"],
            seed=config["seed"],
            genome=bool(config["genome"]),
            report=report,
        )
        return name
    except DownloadError as error:
        if not offline or offline == name:
            raise
        report(
            f"NOTE: {name} is not on disk and cannot be downloaded; going on with {offline} (offline_dataset)"
        )
        if not is_prepared(offline, out):
            try:
                prepare(offline, out=out, download=False, report=report)
            except DownloadError:
                raise error from None
        return offline


def configured(
    model: str | None,
    dataset: str | None,
    files: Sequence[Path | str],
    overrides: Mapping[str, Any],
    report: Report,
) -> tuple[Any, type, Any]:
    """The final configuration, with the data set that is really there.

    Args:
        model: A name of the registry or ``package.module:Class``; the files' ``model`` if None.
        dataset: Name of the data set; the configuration's if None.
        files: YAML files, later ones win.
        overrides: Keys that win over all files.
        report: Receives each line that a user should see.

    Returns:
        The model's entry of the registry, its class, and RecBole's configuration.

    Raises:
        RecBoleExtError: No model is named, a key or value cannot be used, or the data set cannot be had.
    """
    values = dict(overrides)
    named = [read_yaml(Path(file)).values.get("model") for file in files]
    name = model or values.pop("model", None) or next(filter(None, reversed(named)), None)
    if name is None:
        raise ConfigError("no model is named: add --model=NAME, for example --model=GRU4Rec")
    spec, model_class = resolve_model(str(name))
    config = build_config(model_class, dataset, files, values)
    if config["rerank"]:
        read_rerank(config["rerank"])
    read_pareto(config["pareto"])
    found = _ensure_data(config, report)
    if found != config["dataset"]:
        values.pop("dataset", None)
        config = build_config(model_class, found, files, values)
    return spec, model_class, config


def command_line(
    model: str | None, dataset: str | None, files: Sequence[Path | str], overrides: Mapping[str, Any]
) -> str:
    """The command that repeats a run."""
    words = ["python", "run.py"]
    words += [f"--model={model}"] if model else []
    words += [f"--config={file}" for file in files]
    words += [f"--dataset={dataset}"] if dataset else []
    for key, value in overrides.items():
        if key not in ("output", "show_progress"):
            text = yaml.safe_dump(value, default_flow_style=True, width=2**20, sort_keys=False)
            words.append(f"--{key}={text.removesuffix('...' + chr(10)).strip()}")
    return shlex.join(words)
