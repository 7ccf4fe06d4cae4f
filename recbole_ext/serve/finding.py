"""Which runs a server opens: the folders that are named, and the runs of a study."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from recbole_ext.errors import CheckpointError, ConfigError
from recbole_ext.runs.folder import open_run, read_metrics, read_trusted_config
from recbole_ext.runs.kinds import RESULT_FILES
from recbole_ext.serve.settings import Told

__all__ = ["find_runs"]

_STUDIES = tuple(file for kind, file in RESULT_FILES.items() if kind not in ("run", "search"))


def find_runs(folders: Sequence[Path], trust: bool) -> tuple[Told, ...]:
    """The runs behind some folders, by the names that requests will use.

    Args:
        folders: Finished runs, and studies: of a study the first run of each model is served.
        trust: As in :func:`~recbole_ext.trainer.opened.open_model`.

    Raises:
        CheckpointError: A folder is neither, or damaged, or names code from outside and is not trusted.
        ConfigError: Two runs have one name.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        for run in _runs_of(folder):
            path = open_run(run)
            read_trusted_config(path, trust)
            read_metrics(path)
            name = _name(path)
            if name in found:
                raise ConfigError(
                    f"{found[name]} and {path} would both be called {name!r}: rename one of the folders"
                )
            found[name] = path
    return tuple(Told(name, path) for name, path in found.items())


def _name(path: Path) -> str:
    """The folder's name, of letters, digits and ``_ . -`` alone, since addresses hold it."""
    return re.sub(r"[^\w.+-]", "_", path.resolve().name)


def _runs_of(folder: Path) -> list[Path]:
    """The folder itself, or the first run of each model of a study."""
    if not any((folder / file).is_file() for file in _STUDIES):
        return [folder]
    first: dict[str, Path] = {}
    for cell in sorted(folder.glob("cells/*")):
        if (cell / "model.safetensors").is_file():
            first.setdefault(re.sub(r"-seed\d+$", "", cell.name), cell)
    if not first:
        raise CheckpointError(
            f"{folder} is a study without a finished run in cells/: finish it, or name runs"
        )
    return list(first.values())
