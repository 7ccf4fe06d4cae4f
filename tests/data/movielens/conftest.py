"""No test of movielens may see the data of this machine, unless it asks for the real set."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_movielens_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOVIELENS_HOME", raising=False)
