"""From what a user asked for to a checked configuration, with the data set that is really there; without torch."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from recbole_ext.config.model_source import ModelSource, is_inside, model_source, source_of_class
from recbole_ext.config.presets import is_preset, read_layer
from recbole_ext.config.problem import Origin
from recbole_ext.config.read import CheckedConfig, read_config
from recbole_ext.data.movielens.catalog import DATASETS
from recbole_ext.data.place import mend_leftovers
from recbole_ext.errors import ConfigError, DataError, DownloadError, nearest, program
from recbole_ext.model.foldable import check_histories
from recbole_ext.model.registry import ModelSpec, model_spec

__all__ = [
    "available_dataset",
    "check_dataset",
    "chosen_model",
    "command_line",
    "configure",
    "read_model_config",
    "source_of_model",
]

Report = Callable[[str], None]


def configure(
    model: str | None,
    dataset: str | None,
    files: Sequence[Path | str],
    overrides: Mapping[str, Any],
    report: Report,
    origins: Mapping[str, Origin] | None = None,
) -> tuple[ModelSpec, CheckedConfig]:
    """The checked configuration of a model, with the data set that is really there.

    Args:
        model: A name of the registry or ``package.module:Class``; the files' ``model`` if None.
        dataset: Name of the data set; the configuration's if None.
        files: YAML files, later ones win.
        overrides: Keys that win over all files.
        report: Receives each line that a user should see.
        origins: Where overrides were written; those that are not named were options.

    Returns:
        The model's entry of the registry, and the configuration.

    Raises:
        RecBoleExtError: No model is named, a key or value cannot be used, or the data set cannot be had.
    """
    name = chosen_model(model, files, overrides)
    values = {key: value for key, value in overrides.items() if key != "model"}
    spec, checked = read_model_config(name, files, values, origins=origins, dataset=dataset)
    return spec, checked.with_dataset(available_dataset(checked, report))


def read_model_config(
    model: str,
    files: Sequence[Path | str],
    overrides: Mapping[str, Any],
    *,
    origins: Mapping[str, Origin] | None = None,
    dataset: str | None = None,
) -> tuple[ModelSpec, CheckedConfig]:
    """As :func:`configure` with a model that is named, and no look at the data set.

    Raises:
        ConfigError: The model is unknown, or a key or value cannot be used.
    """
    spec = model_spec(model)
    checked = read_config(source_of_model(spec), files, overrides, origins=origins, dataset=dataset)
    check_histories(spec, checked.values)
    return spec, checked


def source_of_model(spec: ModelSpec) -> ModelSource:
    """What a configuration must know of a model; a class from outside is imported for it."""
    return model_source(spec.path) if is_inside(spec.path) else source_of_class(spec.load())


def chosen_model(model: str | None, files: Sequence[Path | str], overrides: Mapping[str, Any]) -> str:
    """The model that is named, in the overrides or in the last file that names one.

    Raises:
        ConfigError: None is.
    """
    in_files = [read_layer(file).values.get("model") for file in files]
    name = model or overrides.get("model") or next(filter(None, reversed(in_files)), None)
    if name is None:
        raise ConfigError("no model is named: add --model=NAME, for example --model=GRU4Rec")
    for file, of_model in zip(files, in_files, strict=True):
        if is_preset(file) and of_model != name and ":" not in str(name):
            raise ConfigError(
                f"{file} holds the settings of {of_model}, not of {name}: name one of the two, or another preset "
                "(the command presets lists them)"
            )
    return str(name)


def check_dataset(config: CheckedConfig) -> None:
    """Refuses a data set that is neither on disk nor a MovieLens set; nothing is prepared.

    A set that a killed ``prepare`` had moved aside is put back first.

    Raises:
        DataError: It is.
    """
    name, out = str(config["dataset"]), Path(config["data_path"]).expanduser()
    if name in DATASETS:
        return
    mend_leftovers(out, name)
    if not (out / name / f"{name}.inter").is_file():
        there = [folder.name for folder in out.iterdir() if folder.is_dir()] if out.is_dir() else []
        raise DataError(
            f"{out / name / (name + '.inter')} does not exist and {name!r} is no MovieLens set: prepare it with "
            f"'prepare --dataset={name} --source=FILE', put your atomic files there, or use one of "
            f"{', '.join(DATASETS)}{nearest(name, [*DATASETS, *there])}"
        )


def available_dataset(config: CheckedConfig, report: Report) -> str:
    """The name of the data set that will be used; prepared if it was not, replaced only as declared."""
    # Reading tables is slow to import, and a refusal above needs none of it.
    from recbole_ext.data.movielens.atomic import is_prepared, prepare

    check_dataset(config)
    name, out = str(config["dataset"]), Path(config["data_path"]).expanduser()
    if name not in DATASETS or is_prepared(name, out):
        return name
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


def command_line(
    model: str | None, dataset: str | None, files: Sequence[Path | str], overrides: Mapping[str, Any]
) -> str:
    """The command that repeats a run."""
    words = program().split()
    words += [f"--model={model}"] if model else []
    words += [f"--config={file}" for file in files]
    words += [f"--dataset={dataset}"] if dataset else []
    for key, value in overrides.items():
        if key not in ("output", "show_progress"):
            text = yaml.safe_dump(value, default_flow_style=True, width=2**20, sort_keys=False)
            words.append(f"--{key}={text.removesuffix('...' + chr(10)).strip()}")
    return shlex.join(words)
