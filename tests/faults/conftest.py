"""The figures of undisturbed runs, computed once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.faults import COUNTS
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


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if COUNTS:
        counted = ", ".join(f"{number} {what}" for what, number in sorted(COUNTS.items()))
        terminalreporter.write_line(f"faults, each with the right figures afterwards: {counted}")
