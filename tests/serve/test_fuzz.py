"""Schemathesis asks every address thousands of things, in order and out of order: nothing fails inside the server."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import BaseSchema, GenerationMode, checks

from recbole_ext.serve.app import create_app
from recbole_ext.serve.state import State
from tests.serve.conftest import settings_of

CASES = 80
"""Of each address, in order and out of order."""
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture(scope="module")
def fuzzed(
    state: State, served_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> BaseSchema:
    """The interface as OpenAPI describes it, with feedback; the models are those that are open already."""
    folder = tmp_path_factory.mktemp("fuzz")
    own = State(settings_of(served_folders, folder, feedback=str(folder / "feedback.db")), "fuzz")
    own.models = state.models
    # Opening takes a second, whatever is asked.
    own.reload = lambda: (own.models, 1)  # type: ignore[method-assign]
    return schemathesis.openapi.from_asgi("/openapi.json", create_app(own))


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_nothing_that_is_asked_fails_inside(fuzzed: BaseSchema, mode: GenerationMode) -> None:
    asked = 0
    for operation in (result.ok() for result in fuzzed.get_all_operations()):

        @settings(
            max_examples=CASES, suppress_health_check=list(HealthCheck), derandomize=True, database=None
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: schemathesis.Case) -> None:
            nonlocal asked
            asked += 1
            case.validate_response(case.call(), checks=CHECKS)

        with contextlib.suppress(Unsatisfiable):  # an address without parameters cannot be asked wrongly
            ask()
    assert asked >= 9 * CASES
