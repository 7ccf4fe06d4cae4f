"""A command that is killed comes to the same figures, bit for bit, when it is repeated."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.faults import at_change, at_rename
from tests.faults.jobs import JOBS, Job, figures, finish, place
from tests.faults.mends import MENDS
from tests.harness.client import Outcome, run, start

Figures = Callable[[Job], dict[str, Any]]
KILL, TERM, INTERRUPT = signal.SIGKILL, signal.SIGTERM, signal.SIGINT
_SEED = 14


def marked(name: str, *values: object, always: bool = True) -> Any:
    """A parameter, expected to fail while the fault is not mended; not ``always`` where two processes race."""
    marks = [pytest.mark.xfail(strict=always, reason=MENDS[name])] if name in MENDS else []
    return pytest.param(*values, id=name, marks=marks)


def check(job: Job, root: Path, killed: Outcome, undisturbed: Figures) -> None:
    """The figures after an interruption, and that nothing is left beside them."""
    assert "Traceback" not in killed.err, killed.err
    finish(job, root)
    differing(job, root, undisturbed)
    left = [str(path.relative_to(root)) for path in root.rglob("*") if _is_litter(path)]
    assert not left, f"left behind: {left}"


def differing(job: Job, root: Path, undisturbed: Figures) -> None:
    """Fails with the first file that is not as it is without a disturbance."""
    found, right = figures(job, root), undisturbed(job)
    assert found.keys() == right.keys(), found.keys() ^ right.keys()
    for name, content in right.items():
        if found[name] != content:
            keys = (
                [key for key in content if found[name].get(key) != content[key]]
                if isinstance(content, dict)
                else []
            )
            details = [(key, found[name].get(key), content[key]) for key in keys[:2]]
            raise AssertionError(f"{name} differs: {str(details)[:600]}")


def _is_litter(path: Path) -> bool:
    """Unfinished folders and files, but for the interrupted run of the sample."""
    unfinished = path.name.endswith((".partial", ".tmp")) or (path.name.startswith(".") and "-" in path.name)
    return unfinished and path.name != "stopped.partial"


SHORT = [
    *(("prepare-again", KILL, change) for change in (12, 17, 20)),
    *(("train", kind, change) for kind, change in ((KILL, 3), (TERM, 8), (INTERRUPT, 12))),
]


@pytest.mark.parametrize(
    ("name", "kind", "change"),
    [marked(f"{name}-{kind.name}-at-change-{change}", name, kind, change) for name, kind, change in SHORT],
)
def test_a_killed_command_comes_to_the_same_figures(
    name: str, kind: signal.Signals, change: int, tmp_path: Path, undisturbed: Figures
) -> None:
    job = JOBS[name]
    root = place(job, tmp_path / "sample")
    check(job, root, run(job.arguments, root, prelude=at_change(change, kind)), undisturbed)


def _at_every_rename(job: Job, tmp_path: Path, undisturbed: Figures) -> int:
    """Kills at the first rename, then at the second, until the command ends by itself; returns how often."""
    for number in range(1, 200):
        root = place(job, tmp_path / str(number))
        killed = run(job.arguments, root, prelude=at_rename(number, KILL), limit=120)
        if killed.code == 0:
            return number - 1
        assert killed.code == -KILL, killed.err
        check(job, root, killed, undisturbed)
    raise AssertionError("the command never ends")


@pytest.mark.parametrize(
    "name", [marked(f"{name}-at-every-rename", name) for name in ("prepare", "prepare-again", "train")]
)
def test_a_kill_at_every_rename(name: str, tmp_path: Path, undisturbed: Figures) -> None:
    assert _at_every_rename(JOBS[name], tmp_path, undisturbed) > 0


@pytest.mark.long
@pytest.mark.parametrize(
    "name",
    [
        marked(f"{name}-at-every-rename", name)
        for name in ("tune", "compare", "ablate", "rerank", "pareto", "report")
    ],
)
def test_a_kill_at_every_rename_of_the_long_commands(name: str, tmp_path: Path, undisturbed: Figures) -> None:
    killed = _at_every_rename(JOBS[name], tmp_path, undisturbed)
    print(f"{name}: killed at {killed} renames")


@pytest.mark.long
@pytest.mark.parametrize("kind", [KILL, TERM, INTERRUPT], ids=lambda kind: kind.name)
@pytest.mark.parametrize("name", JOBS)
def test_kills_at_random_moments(
    name: str, kind: signal.Signals, tmp_path: Path, undisturbed: Figures, request: pytest.FixtureRequest
) -> None:
    """Two moments for each command and signal, three for the long ones: 60 kills in all."""
    case = f"{name}-{kind.name}-at-random"
    if case in MENDS:
        request.applymarker(pytest.mark.xfail(strict=False, reason=MENDS[case]))
    job = JOBS[name]
    began = time.monotonic()
    run(job.arguments, place(job, tmp_path / "timed"), limit=120)
    duration = time.monotonic() - began
    draw = random.Random(f"{_SEED}-{case}")
    for number in range(3 if name in ("train", "compare") else 2):
        root = place(job, tmp_path / str(number))
        running = start(job.arguments, root, limit=120)
        moment = draw.uniform(0, duration)
        time.sleep(moment)
        running.signal(kind)
        killed = running.wait()
        print(f"{case}: after {moment:.2f} of {duration:.2f} s, exit code {killed.code}")
        check(job, root, killed, undisturbed)


@pytest.mark.parametrize(
    ("name", "kind"), [marked(f"train-{kind.name}-says-a-word", "train", kind) for kind in (TERM, INTERRUPT)]
)
def test_a_signal_that_can_be_heard_is_answered(name: str, kind: signal.Signals, tmp_path: Path) -> None:
    root = place(JOBS[name], tmp_path / "sample")
    stopped = run(JOBS[name].arguments, root, prelude=at_change(8, kind))
    assert "--resume" in stopped.err
    said = [line for line in stopped.err.strip().splitlines() if not line.startswith("... ")]
    assert len(said) == 1, stopped.err
