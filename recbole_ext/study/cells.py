"""Cells: complete run folders of a study, computed once and never again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from recbole_ext.config.build import build_config, to_plain
from recbole_ext.data.build import DataCache
from recbole_ext.errors import CheckpointError, ConfigError
from recbole_ext.model.registry import resolve_model
from recbole_ext.runs.files import partial_of
from recbole_ext.runs.folder import open_run, read_config, read_metrics
from recbole_ext.runs.lists import read_per_user
from recbole_ext.trainer import train as pipeline

__all__ = ["NOT_COMPARED", "Cell", "Cells"]

NOT_COMPARED = frozenset(
    {"data_path", "download", "gpu_id", "log_wandb", "offline_dataset", "output", "show_progress", "use_gpu"}
)
"""Keys that say how a run is carried out, not what it computes."""


@dataclass(frozen=True)
class Cell:
    """A finished run.

    Attributes:
        folder: The run folder.
        metrics: The content of ``metrics.json``.
    """

    folder: Path
    metrics: dict[str, Any]

    def per_user(self) -> pl.DataFrame:
        """Test values of each user, by ``user_id``.

        Raises:
            CheckpointError: They cannot be read.
        """
        try:
            return read_per_user(self.folder)
        except CheckpointError as error:
            file = self.folder / "per_user.parquet"
            what = "is damaged" if file.is_file() else "does not exist"
            raise CheckpointError(
                f"{file} {what}: remove the folder {self.folder} and repeat the command"
            ) from error


@dataclass(frozen=True)
class Cells:
    """The cells of one study.

    Attributes:
        folder: Where they are.
        files: Configuration files.
        settings: Keys over these.
        cache: Interactions read once for all.
        report: Receives a line for each cell.
    """

    folder: Path
    files: Sequence[Path]
    settings: Mapping[str, Any]
    cache: DataCache
    report: Callable[[str], None]

    def check(self, names: Iterable[str]) -> None:
        """Reads those cells that are finished already, so that damage is found before hours of other work.

        Raises:
            CheckpointError: One is damaged.
        """
        for name in names:
            final = self.folder / name
            if final.is_dir():
                Cell(final, read_metrics(open_run(final))).per_user()

    def begun(self, name: str) -> Path | None:
        """The folder of a cell that is finished, or that was interrupted and can go on."""
        final = self.folder / name
        if final.is_dir():
            return final
        partial = partial_of(final)
        return partial if (partial / "state.safetensors").is_file() else None

    def verify(self, name: str, model: str, values: Mapping[str, Any]) -> Path | None:
        """:meth:`begun`, once the cell that is there is found to have the settings of :meth:`get`.

        Raises:
            ConfigError: It was computed with another configuration.
        """
        folder = self.begun(name)
        if folder is not None:
            self._check(folder, model, self._wanted(values))
        return folder

    def _wanted(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {**self.settings, **values, "show_progress": False}

    def get(self, name: str, model: str, values: Mapping[str, Any]) -> Cell:
        """The cell of a name: read if it is finished, continued if it was interrupted, else computed.

        Args:
            name: Folder name, without slashes.
            model: Name of the model.
            values: Keys over the study's settings.

        Raises:
            ConfigError: A cell of this name was computed with another configuration.
            RecBoleExtError: As :func:`~recbole_ext.trainer.train.train`.
        """
        final, wanted = self.folder / name, self._wanted(values)
        folder = self.verify(name, model, values)
        if folder == final:
            return Cell(final, read_metrics(open_run(final)))
        if folder is not None:
            self.report(f"cell {name}: going on")
            result = pipeline.resume(final)
        else:
            shutil.rmtree(partial_of(final), ignore_errors=True)
            result = pipeline.train(model, None, self.files, wanted, output=final, cache=self.cache)
        key = str(result.config["valid_metric"]).lower()
        self.report(
            f"cell {name}: test {key} {result.metrics['test'][key]:.4f}, epochs: {result.metrics['epochs']}, "
            f"{result.metrics['seconds']['training']:.1f} s"
        )
        return Cell(final, read_metrics(final))

    def _check(self, folder: Path, model: str, wanted: Mapping[str, Any]) -> None:
        """A cell of other settings must not stand for this one."""
        stored = read_config(folder)
        expected = to_plain(build_config(resolve_model(model)[1], None, self.files, wanted))
        for key in sorted(expected.keys() | stored.keys()):
            if key not in NOT_COMPARED and stored.get(key) != expected.get(key):
                raise ConfigError(
                    f"{folder} was computed with {key} {stored.get(key)!r}, but now it is {expected.get(key)!r}: give "
                    "another --output, or remove the folder"
                )
