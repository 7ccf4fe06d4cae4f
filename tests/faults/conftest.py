"""The figures of undisturbed runs, computed once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.jobs import JOBS, Job, figures, place
from tests.harness.client import run


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Job], dict[str, Any]]:
    """From a job to its figures."""

    @functools.cache
    def compute(name: str) -> dict[str, Any]:
        root = place(JOBS[name], tmp_path_factory.mktemp("undisturbed") / "sample")
        done = run(JOBS[name].arguments, root)
        assert done.code == 0, done.err
        return figures(JOBS[name], root)

    return lambda job: compute(job.name)
