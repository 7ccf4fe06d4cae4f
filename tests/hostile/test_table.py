"""Every hostile input is refused in one sentence with exit code 2, or harmless; nothing on the disk changes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.client import Outcome, changes, copy_sample, run, run_for_real, tree
from tests.hostile import (
    cases_config,
    cases_data,
    cases_own,
    cases_report,
    cases_runs,
    cases_study,
    cases_tables,
    cases_train,
)
from tests.hostile.case import Case, complaints, harm
from tests.hostile.counts import COUNTS
from tests.hostile.mends import MENDS

MODULES = (
    cases_train,
    cases_config,
    cases_own,
    cases_data,
    cases_tables,
    cases_runs,
    cases_study,
    cases_report,
)
CASES = [case for module in MODULES for case in module.CASES]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the sample for the cases that damage no file."""
    place = copy_sample(tmp_path_factory.mktemp("hostile") / "sample")
    yield place
    shutil.rmtree(place)


def parameter(case: Case) -> object:
    marks = pytest.mark.xfail(strict=True, reason=MENDS[case.what]) if case.what in MENDS else ()
    return pytest.param(case, marks=marks, id=case.what)


def execute(case: Case, place: Path) -> Outcome:
    return (run_for_real if case.real else run)(case.arguments, place)


@pytest.mark.parametrize("case", [parameter(case) for case in CASES])
def test_a_hostile_input_is_refused_or_harmless(case: Case, shared: Path, tmp_path: Path) -> None:
    place = shared
    if case.setup is not None or case.survives is not None or case.what in MENDS:
        place = copy_sample(tmp_path / "sample")
        if case.setup is not None:
            case.setup(place)
    COUNTS["tried"] += 1
    before = tree(place)
    outcome = execute(case, place)
    if case.survives is not None:
        found = harm(outcome)
        assert not found, "; ".join(found)
        case.survives(outcome, place)
        COUNTS["survived"] += 1
        return
    found = complaints(case, outcome, changes(before, tree(place)))
    assert not found, "; ".join(found)
    COUNTS["refused rightly"] += 1


def test_each_mark_belongs_to_a_case() -> None:
    assert MENDS.keys() <= {case.what for case in CASES}


def test_the_table_is_large_and_names_each_case_once() -> None:
    assert len(CASES) >= 250
    names = [case.what for case in CASES]
    assert len(set(names)) == len(names), sorted(name for name in set(names) if names.count(name) > 1)
