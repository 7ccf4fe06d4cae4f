"""The run folder: written under a temporary name and renamed, so that a folder that is there is whole."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import logging
import os
import platform
import re
import resource
import shutil
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from recbole_ext import __version__
from recbole_ext.config.host_keys import without_ignored_keys
from recbole_ext.config.model_source import is_inside
from recbole_ext.config.safe_text import mask_secrets, visible
from recbole_ext.config.yaml_reader import as_document, read_yaml
from recbole_ext.data.files import remove_abandoned, write_whole, writing
from recbole_ext.errors import CheckpointError, ConfigError, OutputError
from recbole_ext.runs.figures import RunFigures
from recbole_ext.runs.files import alone_in, is_beginning, is_busy, named, partial_of, rename_folder
from recbole_ext.runs.forms import as_form, read_json, write_form

__all__ = [
    "RunFolder",
    "check_new_run",
    "check_resumable",
    "drop_state",
    "names_outside",
    "open_run",
    "read_config",
    "read_metrics",
    "read_trusted_config",
    "resuming",
]

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PACKAGES = ("recbole", "torch", "numpy", "pandas", "polars", "scipy")


class _PlainFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return mask_secrets(visible(_COLOUR.sub("", super().format(record))))


class _RunLog(logging.FileHandler):
    """Says where it is written before its first line, so that a refused resumption writes nothing."""

    _told = False

    def emit(self, record: logging.LogRecord) -> None:
        if not self._told:
            self._told = True
            where = f"on {platform.node()}, process {os.getpid()}"
            super().emit(logging.LogRecord(__name__, logging.INFO, __file__, 0, where, None, None))
        super().emit(record)


class RunFolder:
    """A run folder while it is written; a context manager that owns its log and keeps other processes out.

    Left with an error before the first epoch was saved, the folder is removed; after that it stays, to be
    resumed, until it has its final name.

    Attributes:
        path: The temporary folder.
        final: Its name once it is whole.
    """

    def __init__(self, path: Path, final: Path, *, new: bool = False) -> None:
        self.path, self.final, self._new = path, final, new
        self._handler: logging.FileHandler | None = None
        self._level = logging.WARNING
        self._alone = contextlib.ExitStack()

    @classmethod
    def create(cls, config: Any, model: str, output: Path | None) -> RunFolder:
        """A new folder.

        Raises:
            OutputError: The name is taken, an interrupted run stands there, or it cannot be written.
        """
        final = output or Path("saved") / _run_name(config, model)
        check_new_run(final)
        path = partial_of(final)
        with writing(path):
            path.mkdir(parents=True, exist_ok=True)
        return cls(path, final, new=True)

    @classmethod
    def reopen(cls, run: Path) -> RunFolder:
        """The folder of an interrupted run.

        Raises:
            OutputError: It cannot be written.
        """
        path = partial_of(run)
        best, model = path / "best.safetensors", path / "model.safetensors"
        if model.is_file() and not best.exists():  # the end came as far as that
            with writing(path):
                os.replace(model, best)
        return cls(path, path.with_name(path.name.removesuffix(".partial")))

    def __enter__(self) -> RunFolder:
        with contextlib.ExitStack() as alone:
            alone.enter_context(alone_in(self.path))
            if self._new:
                # Two processes may have found no run here; the other one was first.
                _check_beginning(self.path, self.final)
            remove_abandoned(self.path, after=".partial")
            self._open_log()
            self._alone = alone.pop_all()
        return self

    def _open_log(self) -> None:
        root = logging.getLogger()
        mode = "w" if self._new else "a"
        with writing(self.path / "log.txt"):
            self._handler = _RunLog(self.path / "log.txt", mode, encoding="utf-8")
        self._handler.setFormatter(_PlainFormatter("%(asctime)s %(levelname)s %(message)s"))
        self._handler.setLevel(logging.INFO)
        self._level = root.level
        root.setLevel(logging.INFO)
        root.addHandler(self._handler)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_log()
        if kind is not None and self.path.is_dir() and not (self.path / "state.safetensors").exists():
            shutil.rmtree(self.path, ignore_errors=True)
        self._alone.close()

    def _close_log(self) -> None:
        if self._handler:
            root = logging.getLogger()
            root.removeHandler(self._handler)
            root.setLevel(self._level)
            self._handler.close()
            self._handler = None

    def write_config(self, plain: dict[str, Any], command: str) -> None:
        """``config.yaml``, complete: running it again gives the same numbers; the first line is the command."""
        write_whole(self.path / "config.yaml", f"# {command}\n{as_document(plain)}")

    def command(self) -> str:
        """The command that started the run."""
        first = (self.path / "config.yaml").read_text(encoding="utf-8").partition("\n")[0]
        return first.removeprefix("# ") if first.startswith("# ") else ""

    def complete(self, metrics: dict[str, Any]) -> None:
        """Writes the figures, gives the folder its final name, and drops what only resuming needs.

        Raises:
            OutputError: A file cannot be written, or something has taken the name; the run can still be resumed.
        """
        write_form(self.path / "metrics.json", {**metrics, **_environment()}, RunFigures)
        best, model = self.path / "best.safetensors", self.path / "model.safetensors"
        try:
            os.replace(best, model)
            self._close_log()
            if self.final.is_dir():
                self.final.rmdir()
            rename_folder(self.path, self.final)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.replace(model, best)
            raise OutputError(
                f"{self.path} cannot be renamed to {self.final} ({error.strerror}): move away what stands there"
            ) from error
        drop_state(self.final)


def drop_state(final: Path) -> None:
    """Removes the state of a finished run: until the folder has its name, it is what a repetition starts from.

    Whoever goes on with a folder calls it again, for a process that was killed right before.
    """
    with contextlib.suppress(OSError):
        (final / "state.safetensors").unlink(missing_ok=True)


def check_new_run(final: Path) -> None:
    """Refuses the name of a run folder that is taken; an empty folder may be there.

    Raises:
        OutputError: It is taken, or an interrupted run stands there.
    """
    partial = partial_of(final)
    if is_busy(partial):
        raise OutputError(
            f"{partial} is being written by another process: wait until it has ended, or choose another --output"
        )
    _check_beginning(partial, final)
    if _is_taken(final):
        raise OutputError(f"{final} exists already: choose another --output, or remove it")


def _check_beginning(partial: Path, final: Path) -> None:
    """Refuses a partial folder, unless it is the empty beginning of a run.

    Raises:
        OutputError: An interrupted run stands there, or something else.
    """
    if not partial.exists() or is_beginning(partial):
        return
    if (partial / "config.yaml").exists():
        raise OutputError(
            f"{partial} holds an interrupted run: continue it with {resuming(final)}, or remove it"
        )
    raise OutputError(
        f"{partial}, the place of {final} until that is complete, is taken: choose another --output, or move away "
        "what stands there"
    )


def resuming(final: Path) -> str:
    """The option that continues an interrupted run, with ``--trust`` where it needs that.

    Args:
        final: The run folder; its partial one is read.
    """
    try:
        own = names_outside(read_config(partial_of(final)))
    except CheckpointError:
        own = []
    return f"--resume {final}{' --trust' if own else ''}"


def _is_taken(final: Path) -> bool:
    return final.exists() and (not final.is_dir() or any(final.iterdir()))


def check_resumable(run: Path) -> None:
    """Refuses a run that cannot go on, or whose name has been taken meanwhile.

    Args:
        run: With or without ``.partial`` in its name.

    Raises:
        CheckpointError: There is no interrupted run.
        OutputError: Another process goes on with it, or its final name is taken.
    """
    partial = partial_of(run)
    read_config(partial)
    if is_busy(partial):
        raise OutputError(f"{partial} is being written by another process: wait until it has ended")
    final = partial.with_name(partial.name.removesuffix(".partial"))
    if _is_taken(final):
        raise OutputError(
            f"{final}, the name of the run in {partial}, is taken: move away what stands there, "
            f"then use {resuming(final)} again"
        )


def _run_name(config: Any, model: str) -> str:
    now = datetime.now()
    short = hashlib.sha256(f"{now.isoformat()}{config.final_config_dict}".encode()).hexdigest()[:6]
    name = re.sub(r"[^\w+-]", "_", model.rpartition(":")[2])
    return f"{config['dataset']}-{name}-{now:%Y%m%d-%H%M%S}-{short}"


def _environment() -> dict[str, Any]:
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "versions": {
            "recbole_ext": __version__,
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in _PACKAGES},
        },
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
    }


def open_run(run: Path) -> Path:
    """A whole run folder.

    Raises:
        CheckpointError: It does not exist, is unfinished, or lacks a file.
    """
    if not run.is_dir():
        hint = (
            f"continue it with {resuming(run)}"
            if partial_of(run).is_dir()
            else "name one that 'train' has written"
        )
        raise CheckpointError(f"{run} is not a finished run folder: {hint}")
    for name in ("config.yaml", "metrics.json", "model.safetensors"):
        if not (run / name).is_file():
            raise CheckpointError(
                f"{run} has no {name}: name a complete run folder, or train the model again"
            )
    return named(run)


def read_config(run: Path) -> dict[str, Any]:
    """The complete configuration of a run, as plain data.

    Raises:
        CheckpointError: There is none, or it is damaged.
    """
    path = run / "config.yaml"
    if is_beginning(run):
        raise CheckpointError(
            f"{path} does not exist, the run was ended before it began: repeat the command that started it"
        )
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist: name a run folder that 'train' has written")
    try:
        plain = read_yaml(path).values
    except ConfigError as error:
        raise CheckpointError(f"{error}; restore it, or train the model again") from error
    if "model" not in plain:
        raise CheckpointError(f"{path} is not the configuration of a run: train the model again")
    return plain


def read_trusted_config(run: Path, trust: bool) -> dict[str, Any]:
    """The configuration of a run that is about to be opened, which imports the model and the metrics that it names.

    Args:
        run: The folder.
        trust: Whether code from outside RecBole and this package may be run because the folder's file names it.

    Raises:
        CheckpointError: As :func:`read_config`, or the file names such code and is not trusted.
    """
    plain = read_config(run)
    outside = names_outside(plain)
    if outside and not trust:
        raise CheckpointError(
            f"{run / 'config.yaml'} names code from outside ({', '.join(outside)}), which opening the folder would "
            "run: add --trust (in Python trust=True) if the folder and that code are yours"
        )
    return without_ignored_keys(plain)


def names_outside(plain: Mapping[str, Any]) -> list[str]:
    """The names in a configuration whose modules, neither RecBole's nor this package's, would be imported."""
    model, metrics = str(plain["model"]), plain.get("metrics")
    named = [] if ":" not in model or is_inside(model) else [model]
    each = metrics if isinstance(metrics, list) else [metrics]
    return named + [name for name in map(str, [*each, plain.get("valid_metric")]) if ":" in name]


def read_metrics(run: Path) -> dict[str, Any]:
    """The figures of a run, as they are in the file, but for epochs, which are counted from 1.

    Raises:
        CheckpointError: They cannot be read, or lack a part that every run has.
    """
    path, remedy = run / "metrics.json", "train the model again"
    content = read_json(path, remedy)
    form = as_form(content, RunFigures, path, remedy)
    return content if form.epochs_from == 1 else _from_one(content, 1 - form.epochs_from)


def _from_one(content: dict[str, Any], more: int) -> dict[str, Any]:
    """Figures of version 0.1.0, which counted epochs from 0."""
    history = content.get("history")
    if isinstance(history, list):
        history = [
            {**entry, "epoch": entry["epoch"] + more}
            if isinstance(entry, dict) and isinstance(entry.get("epoch"), int)
            else entry
            for entry in history
        ]
        content = {**content, "history": history}
    return {**content, "epochs_from": 1, "best_epoch": content["best_epoch"] + more}
