"""Cells: complete run folders of a study, each computed once."""

from __future__ import annotations

import functools
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from recbole_ext.config.build import build_config, to_plain
from recbole_ext.config.read import as_of_today
from recbole_ext.data.build import DataCache
from recbole_ext.errors import CheckpointError, ConfigError
from recbole_ext.model.registry import resolve_model
from recbole_ext.progress import Stage, stage
from recbole_ext.runs.files import is_busy, partial_of
from recbole_ext.runs.folder import drop_state, read_config
from recbole_ext.runs.protocol import NOT_COMPARED
from recbole_ext.runs.run import Run, read_run
from recbole_ext.study.jobs import Chain, InProcess, Job, Lost, LostWorkError, Place, run_chains
from recbole_ext.study.steps import Steps
from recbole_ext.trainer import train as pipeline
from recbole_ext.trainer.trainer import EpochReport

__all__ = ["Cell", "CellWork", "Cells", "study_protocol"]


_AFTER_TRIALS = 1
_BUSY_SECONDS = 30.0


@dataclass(frozen=True)
class Cell:
    """A run of a study.

    Attributes:
        name: Folder name, without slashes.
        model: Name of the model.
        values: Keys that override the study's settings.
    """

    name: str
    model: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class CellWork:
    """The training and test of a cell, in picklable form.

    Attributes:
        model, files, values: The configuration.
        final: The run folder.
    """

    model: str
    files: tuple[Path, ...]
    values: Mapping[str, Any]
    final: Path

    @property
    def home(self) -> Path:
        """A folder of the study."""
        return self.final.parent

    def __call__(self, place: Place) -> None:
        """Resumes what an earlier attempt or command has left, or computes the cell."""

        def tell(report: EpochReport) -> None:
            place.tell(f"epoch {report.epoch}")

        partial = partial_of(self.final)
        # A study that was killed may have a worker on another node that has not noticed yet.
        end = time.monotonic() + _BUSY_SECONDS
        while is_busy(partial) and time.monotonic() < end:
            time.sleep(0.5)
        with stage(f"cell {self.final.name}"):
            if (partial / "state.safetensors").is_file():
                # Trusted: the cell was found to be what the study's own files say.
                pipeline.resume(self.final, trust=True, on_epoch=tell)
                return
            shutil.rmtree(partial, ignore_errors=True)
            pipeline.train(
                self.model,
                None,
                self.files,
                self.values,
                output=self.final,
                on_epoch=tell,
                cache=place.cache,
            )

    def at(self, root: Path, files: Sequence[Path], data_path: Path) -> CellWork:
        """The same cell on a machine that does not share this one's disk.

        Args:
            root: A folder there.
            files: The configuration files there.
            data_path: Where the data sets are there.
        """
        values = {**self.values, "data_path": str(data_path)}
        return replace(self, files=tuple(files), values=values, final=root / "runs" / self.final.name)


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
        """A cell by name, in this process: reads it if finished, resumes it if interrupted, or computes it.

        Args:
            name: Folder name, without slashes.
            model: Name of the model.
            values: Keys that override the study's settings.

        Raises:
            ConfigError: A cell of this name was computed with another configuration.
            LostWorkError: There was not enough memory.
            RecBoleExtError: As :func:`~recbole_ext.trainer.train.train`.
        """
        (runs,) = run_chains([self.chain([Cell(name, model, values)])], InProcess(self.cache))
        return runs[0]

    def chain(self, wanted: Sequence[Cell]) -> Chain[list[Run]]:
        """Cells that do not depend on each other, as :meth:`get` gives them, in their order.

        All of them are held against their configuration before the first is computed.
        """
        jobs = []
        for cell in wanted:
            folder, final = self.verify(cell.name, cell.model, cell.values), self.folder / cell.name
            if folder == final:
                drop_state(final)
                self.steps.cell(computed=False)
            else:
                if folder is not None:
                    self.report(f"cell {cell.name}: going on")
                work = CellWork(cell.model, tuple(self.files), self._wanted(cell.values), final)
                jobs.append(Job(cell.name, work, _AFTER_TRIALS, functools.partial(self._told, cell.name)))
        results = yield jobs
        lost = {job.name: one.reason for job, one in zip(jobs, results, strict=True) if isinstance(one, Lost)}
        if lost:
            words = "; ".join(f"the cell {name} was lost: {reason}" for name, reason in lost.items())
            raise LostWorkError(
                f"{words}; all others are kept: give it more memory (fewer --workers, or --gib-per-run), and repeat "
                "the command"
            )
        return [read_run(self.folder / cell.name) for cell in wanted]

    def _told(self, name: str, _: Any) -> None:
        """The cell is there."""
        run = read_run(self.folder / name)
        key, figures = str(run.config["valid_metric"]).lower(), run.figures
        self.report(
            f"cell {name}: test {key} {figures.test[key]:.4f}, epochs: {figures.epochs}, "
            f"{figures.seconds.training:.1f} s"
        )
        self.steps.cell(computed=True)

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
