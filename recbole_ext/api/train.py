"""Training from Python: what the command line does, with the run as the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recbole_ext.api.frames import as_pandas
from recbole_ext.api.run import Run, figures_table, load
from recbole_ext.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    Config = str | Path | Sequence[str | Path] | Mapping[str, Any] | None

__all__ = ["evaluate", "layers_of", "resume", "said_by", "train"]


def _silent(_: Any) -> None:
    """Receives what is said and drops it."""


def _say(words: Any) -> None:
    print(words, flush=True)


def said_by(progress: bool) -> Callable[[Any], None]:
    """What receives lines of progress: the standard output, or nobody."""
    return _say if progress else _silent


def layers_of(config: Config, keys: Mapping[str, Any]) -> tuple[list[Path], dict[str, Any]]:
    """Files and keys of a configuration, as they are given in Python.

    Args:
        config: A file, several (later ones win), a dict of keys, or None.
        keys: Keys that win over all.

    Raises:
        ConfigError: The configuration is something else.
    """
    files: list[Path] = []
    given: Mapping[str, Any] = {}
    if isinstance(config, (str, Path)):
        files = [Path(config)]
    elif isinstance(config, Mapping):
        given = config
    elif isinstance(config, Sequence) and all(isinstance(one, (str, Path)) for one in config):
        files = [Path(one) for one in config]
    elif config is not None:
        raise ConfigError(f"config is {config!r}: give a YAML file, a list of files, or a dict of keys")
    plain = {
        key: str(value) if isinstance(value, Path) else value for key, value in {**given, **keys}.items()
    }
    return [file.expanduser() for file in files], plain


def train(
    model: str | None = None,
    dataset: str | None = None,
    config: Config = None,
    output: str | Path | None = None,
    *,
    progress: bool = True,
    **keys: Any,
) -> Run[pd.DataFrame]:
    """Trains a model, tests its best weights and writes a run folder.

    Args:
        model: A model's name (:func:`~recbole_ext.models` lists them) or ``package.module:Class``; the configuration's
            if None.
        dataset: Name of the data set; the configuration's if None. A MovieLens set is prepared if it is not there.
        config: A YAML file, several (later ones win), or a dict of keys.
        output: The run folder; ``saved/...`` if None.
        progress: Whether to print what is going on.
        **keys: Keys of the configuration, such as ``epochs=20``; they win over ``config``.

    Raises:
        RecBoleExtError: A key, a value, the data set or the folder cannot be used; nothing half-written is left.
    """
    files, values = layers_of(config, keys)
    _check(model, dataset, files, values, output)

    from recbole_ext.trainer.train import train as trained

    say = said_by(progress)
    values.setdefault("show_progress", False)
    place = None if output is None else Path(output).expanduser()
    result = trained(model, dataset, files, values, output=place, report=say, on_epoch=say)
    return load(result.folder, trust=True)


def _check(
    model: str | None,
    dataset: str | None,
    files: Sequence[Path],
    values: Mapping[str, Any],
    output: str | Path | None,
) -> None:
    """Refuses what cannot be used before torch is imported, which takes seconds."""
    from recbole_ext.config.problem import Origin
    from recbole_ext.runs.folder import check_new_run
    from recbole_ext.trainer.configure import check_dataset, chosen_model, read_model_config

    name = chosen_model(model, files, values)
    own = {key: value for key, value in values.items() if key != "model"}
    origins = {key: Origin(f"the argument {key}") for key in own}
    _, checked = read_model_config(name, files, own, origins=origins, dataset=dataset)
    check_dataset(checked)
    if folder := output or checked["output"]:
        check_new_run(Path(folder).expanduser())


def resume(folder: str | Path, *, trust: bool = False, progress: bool = True) -> Run[pd.DataFrame]:
    """Continues an interrupted run; its figures are those of a run without interruption.

    Args:
        folder: The run folder, with or without ``.partial`` in its name.
        trust: As in :func:`~recbole_ext.load`.
        progress: Whether to print what is going on.

    Raises:
        CheckpointError: There is no such run, its data set has changed, or it names code from outside and is not
            trusted.
        RecBoleExtError: As :func:`train`.
    """
    from recbole_ext.trainer.train import resume as resumed

    say = said_by(progress)
    result = resumed(Path(folder).expanduser(), trust=trust, report=say, on_epoch=say)
    return load(result.folder, trust=trust)


def evaluate(run: Run[Any] | str | Path, *, trust: bool = False, progress: bool = True) -> pd.DataFrame:
    """Tests a run again, from its weights.

    Args:
        run: A run, or its folder.
        trust: As in :func:`~recbole_ext.load`.
        progress: Whether to print what is going on.

    Returns:
        The figures in the form of ``Run.metrics``.

    Raises:
        CheckpointError: As :func:`~recbole_ext.load`, or the data set has changed.
    """
    from recbole_ext.trainer.opened import evaluate as evaluated

    folder = run.folder if isinstance(run, Run) else Path(run).expanduser()
    found = evaluated(folder, trust=trust, report=said_by(progress))
    return as_pandas(figures_table(found.metrics), "metric")
