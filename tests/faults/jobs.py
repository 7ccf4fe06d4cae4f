"""Commands on the sample data that are interrupted, and the figures that must come out all the same."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from safetensors.numpy import load_file

from tests.data.movielens.raw_sets import CSV, write_set
from tests.harness.client import Outcome, copy_sample, run

__all__ = ["JOBS", "Job", "figures", "finish", "place"]

# What a clock, the memory or the environment decides; an interrupted trial keeps its number.
_UNSTEADY = re.compile(
    r"second|minute|^versions$|^peak_memory_bytes$|^command$|^created$|^best_number$|^front$"
)
_UNSTEADY_COLUMN = re.compile(r"second|minute|time|start|end|duration|epoch_s|^number$|^same_as$")
_UNSTEADY_FILES = {"log.txt", "journal.log", "config.yaml"}
_MOST_REPEATS = 8


@dataclass(frozen=True)
class Job:
    """A command that is interrupted.

    Attributes:
        name: Of the command.
        arguments: What follows ``run.py``.
        result: The folder or file that it leaves.
        resume: What follows ``run.py`` to continue from what an interruption left; the same command if None.
        setup: Prepares the copied sample.
    """

    name: str
    arguments: tuple[str, ...]
    result: str = "saved/new"
    resume: Callable[[Path], tuple[str, ...] | None] | None = None
    setup: Callable[[Path], object] | None = None

    def again(self, root: Path) -> tuple[str, ...] | None:
        """The command that continues; None where nothing is left to do."""
        return self.arguments if self.resume is None else self.resume(root)


_TRAIN = ("--model=GRU4Rec", "--config=toy.yaml", "--epochs=4", "--hidden_size=8", "--output=saved/new")
_PREPARE = ("prepare", "--dataset=ml-latest-small", "--no-download", "--source=raw", "--out=new")


def _continued(root: Path) -> tuple[str, ...] | None:
    """``--resume`` where a run has begun; the same command where it has not."""
    if (root / "saved/new.partial/config.yaml").exists() or (root / "saved/new/state.safetensors").exists():
        return ("train", "--resume=saved/new")
    return None if (root / "saved/new").exists() else _TRAIN


def _unless_there(
    arguments: tuple[str, ...], result: str = "saved/new"
) -> Callable[[Path], tuple[str, ...] | None]:
    """The same command, which refuses a finished folder."""
    return lambda root: None if (root / result).exists() else arguments


def _raw(root: Path) -> None:
    write_set(root / "raw", CSV)


def _raw_and_prepared(root: Path) -> None:
    """An earlier set with another order stands where the new one goes."""
    _raw(root)
    done = run((*_PREPARE, "--tie-break=random"), root)
    assert done.code == 0, done.err


def _bpr_space(root: Path) -> None:
    (root / "bpr.yaml").write_text("embedding_size: {type: categorical, choices: [4, 8]}\n", "utf-8")


_RERANK = ("rerank", "saved/gru", "--method=mmr", "--lambda=0.5", "--output=saved/new")
_PARETO = ("pareto", "saved/gru", "--methods=popularity_penalty", "--output=saved/new")
_TUNE = ("tune", "--model=BPR", "--config=toy.yaml", "--space=bpr.yaml", "--trials=3", "--output=saved/new")

JOBS = {
    job.name: job
    for job in (
        Job("prepare", _PREPARE, "new/ml-latest-small", setup=_raw),
        Job("prepare-again", _PREPARE, "new/ml-latest-small", setup=_raw_and_prepared),
        Job("train", _TRAIN, resume=_continued),
        Job("tune", _TUNE, setup=_bpr_space),
        Job("compare", ("compare", "--config=study.yaml", "--output=saved/new")),
        Job("ablate", ("ablate", "--config=ablation.yaml", "--output=saved/new")),
        Job("rerank", _RERANK, resume=_unless_there(_RERANK)),
        Job("pareto", _PARETO, resume=_unless_there(_PARETO)),
        Job("report", ("report", "saved/gru", "saved/knn", "--output=new.md"), "new.md"),
    )
}


def place(job: Job, folder: Path) -> Path:
    """A copy of the sample in which the job can run."""
    root = copy_sample(folder)
    if job.setup is not None:
        job.setup(root)
    return root


def finish(job: Job, root: Path) -> Outcome | None:
    """Repeats the command until it has ended well; None where the interruption came after the end."""
    outcome = None
    for _ in range(_MOST_REPEATS):
        arguments = job.again(root)
        if arguments is None:
            return outcome
        outcome = run(arguments, root)
        if outcome.code == 0:
            return outcome
    raise AssertionError(f"{job.name} does not come to its end: {outcome}")


def _steady(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _steady(value) for key, value in content.items() if not _UNSTEADY.search(key)}
    return [_steady(value) for value in content] if isinstance(content, list) else content


def figures(job: Job, root: Path) -> dict[str, Any]:
    """Everything that the job has left and that a clock does not decide, by file."""
    result = root / job.result
    found: dict[str, Any] = {}
    for path in [result] if result.is_file() else sorted(result.rglob("*")):
        name = str(path.relative_to(root))
        if not path.is_file() or path.name in _UNSTEADY_FILES or path.suffix in (".html", ".lock"):
            continue
        if path.suffix == ".json":
            found[name] = _steady(json.loads(path.read_text("utf-8")))
        elif path.suffix == ".parquet":
            frame = pl.read_parquet(path, glob=False)
            found[name] = frame.select(c for c in frame.columns if not _UNSTEADY_COLUMN.search(c)).to_dict(
                as_series=False
            )
        elif path.suffix == ".safetensors":
            # The order of the notes in the header is the library's own affair.
            found[name] = {tensor: values.tolist() for tensor, values in load_file(path).items()}
        elif path.suffix in (".inter", ".item", ".arrow", ".yaml") or path == result:
            found[name] = path.read_bytes()
    assert found, f"{job.name} has left nothing in {result}"
    return found
