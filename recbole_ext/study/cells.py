"""Cells: complete run folders of a study, each computed once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recbole_ext.config.build import build_config, to_plain
from recbole_ext.config.read import as_of_today
from recbole_ext.data.build import DataCache
from recbole_ext.errors import CheckpointError, ConfigError
from recbole_ext.model.registry import resolve_model
from recbole_ext.progress import Stage, stage
from recbole_ext.runs.files import partial_of
from recbole_ext.runs.folder import drop_state, read_config
from recbole_ext.runs.protocol import NOT_COMPARED
from recbole_ext.runs.run import Run, read_run
from recbole_ext.study.steps import Steps
from recbole_ext.trainer import train as pipeline

__all__ = ["Cells", "study_protocol"]


@dataclass(frozen=True)
class Cells:
    """The cells of one study.

    Attributes:
        folder: Folder of the cells.
        files: Configuration files.
        settings: Keys that override the files.
        cache: Interactions, read once for all cells.
        report: Receives one line per cell.
        steps: Is told of each cell.
    """

    folder: Path
    files: Sequence[Path]
    settings: Mapping[str, Any]
    cache: DataCache
    report: Callable[[str], None]
    steps: Steps = field(default_factory=lambda: Steps(Stage("cells"), 0))

    def check(self, names: Iterable[str]) -> None:
        """Reads the finished cells, so that damage is found before hours of other work.

        Raises:
            CheckpointError: A cell is damaged.
        """
        for name in names:
            final = self.folder / name
            if final.is_dir():
                _check_table(read_run(final))

    def begun(self, name: str) -> Path | None:
        """Returns the folder of a cell that is finished or can be resumed, or None."""
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

    def get(self, name: str, model: str, values: Mapping[str, Any]) -> Run:
        """Returns a cell by name: reads it if finished, resumes it if interrupted, or computes it.

        Args:
            name: Folder name, without slashes.
            model: Name of the model.
            values: Keys that override the study's settings.

        Raises:
            ConfigError: A cell of this name was computed with another configuration.
            RecBoleExtError: As :func:`~recbole_ext.trainer.train.train`.
        """
        final, wanted = self.folder / name, self._wanted(values)
        folder = self.verify(name, model, values)
        if folder == final:
            drop_state(final)
            self.steps.cell(computed=False)
            return read_run(final)
        with stage(f"cell {name}"):
            run = self._computed(name, model, wanted, folder)
        self.steps.cell(computed=True)
        return run

    def _computed(self, name: str, model: str, wanted: Mapping[str, Any], folder: Path | None) -> Run:
        """Resumes the cell in a folder, or computes it."""
        final = self.folder / name
        if folder is not None:
            self.report(f"cell {name}: going on")
            # Trusted: the cell was found to be what the study's own files say.
            result = pipeline.resume(final, trust=True)
        else:
            shutil.rmtree(partial_of(final), ignore_errors=True)
            result = pipeline.train(model, None, self.files, wanted, output=final, cache=self.cache)
        key = str(result.config["valid_metric"]).lower()
        self.report(
            f"cell {name}: test {key} {result.metrics['test'][key]:.4f}, epochs: {result.metrics['epochs']}, "
            f"{result.metrics['seconds']['training']:.1f} s"
        )
        return read_run(final)

    def _check(self, folder: Path, model: str, wanted: Mapping[str, Any]) -> None:
        """Rejects a stored cell that was computed with other settings, and a finished one of other data.

        An unfinished one is compared with its data when it goes on.
        """
        config = build_config(resolve_model(model)[1], None, self.files, wanted)
        expected = to_plain(config)
        stored = as_of_today(read_config(folder), expected)
        for key in sorted(expected.keys() | stored.keys()):
            if key not in NOT_COMPARED and stored.get(key) != expected.get(key):
                raise ConfigError(
                    f"{folder} was computed with {key} {stored.get(key)!r}, but now it is {expected.get(key)!r}: give "
                    "another --output, or remove the folder"
                )
        finished = folder.suffix != ".partial"
        if finished and read_run(folder).figures.fingerprint != self.cache.fingerprint(config):
            raise CheckpointError(
                f"{folder} was computed on other data than {expected['dataset']} has now: prepare the same data set "
                "again, give another --output, or remove the folder"
            )


def _check_table(run: Run) -> None:
    """Reads a cell's table, so that damage is found before hours of other work.

    Raises:
        CheckpointError: It cannot be read.
    """
    try:
        run.per_user  # noqa: B018
    except CheckpointError as error:
        file = run.path / "per_user.parquet"
        what = "is damaged" if file.is_file() else "does not exist"
        raise CheckpointError(
            f"{file} {what}: remove the folder {run.path} and repeat the command"
        ) from error


def study_protocol(first: Run, seeds: Sequence[int]) -> dict[str, Any]:
    """What the test figures of a study's cells rest on, from the first of them."""
    return {
        "dataset": first.metrics["dataset"],
        "phase": "test",
        **{key: value for key, value in first.metrics["protocol"].items() if key != "seed"},
        "users": first.metrics["users"]["test"],
        "seeds": list(seeds),
    }
