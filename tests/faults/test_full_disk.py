"""On a full disk a command says which file could not be written, and nothing that was finished is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.faults import COUNTS, full_disk
from tests.faults.jobs import JOBS, Job, finish, place
from tests.faults.test_kills import differing, marked
from tests.harness.client import run

Figures = Callable[[Job], dict[str, Any]]


def _check(name: str, number: int, root: Path, undisturbed: Figures) -> bool:
    """Whether the disk was full at all."""
    job = JOBS[name]
    full = run(job.arguments, root, prelude=full_disk(number), limit=120)
    if full.code == 0:
        return False
    assert full.code == 2, full.err[-600:]
    assert "Traceback" not in full.err, full.err[-600:]
    assert "\n" not in full.message, full.message
    assert "space" in full.message or "room" in full.message, full.message
    finish(job, root)
    differing(job, root, undisturbed)
    COUNTS["full disks"] += 1
    return True


@pytest.mark.parametrize(
    ("name", "number"),
    [
        marked(f"{name}-full-at-{number}", name, number)
        for name, number in (("train", 2), ("train", 9), ("rerank", 2))
    ],
)
def test_a_full_disk(name: str, number: int, tmp_path: Path, undisturbed: Figures) -> None:
    assert _check(name, number, place(JOBS[name], tmp_path / "sample"), undisturbed)


@pytest.mark.long
@pytest.mark.parametrize("name", [marked(f"{name}-full", name) for name in JOBS])
def test_a_disk_that_fills_at_any_moment(name: str, tmp_path: Path, undisturbed: Figures) -> None:
    """At the first change of the disk, and then at ever later ones, some twenty in all."""
    number, tried = 1, 0
    while _check(name, number, place(JOBS[name], tmp_path / str(number)), undisturbed):
        number, tried = number + max(1, number // 6), tried + 1
    assert tried > 0
