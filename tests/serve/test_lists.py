"""Lists over HTTP are those of the Python API, item for item, and say what they stand on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

import recbole_ext as rx
from recbole_ext.serve.answers import RecommendAnswer
from tests.serve.conftest import MODELS

HISTORY = ["i3", "Movie 4", "movie 5"]


def recommended(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/v1/recommend", json=body)
    assert answer.status_code == 200, answer.text
    return RecommendAnswer.model_validate_json(answer.text).model_dump()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    "rerank", [None, {"method": "popularity_penalty", "alpha": 0.7}, {"method": "calibrated", "lambda": 0.5}]
)
def test_users_and_strangers_get_the_lists_of_the_api(
    client: TestClient, served_folders: dict[str, Path], name: str, rerank: dict[str, Any] | None
) -> None:
    run = rx.load(served_folders[name])
    for who in ({"user": "u7"}, {"history": HISTORY}):
        wanted = run.recommend(who.get("user"), history=who.get("history"), k=6, rerank=rerank)
        found = recommended(client, model=name, k=6, **who, **({"rerank": rerank} if rerank else {}))
        assert [one["item"] for one in found["items"]] == wanted["item"].tolist()
        np.testing.assert_allclose([one["score"] for one in found["items"]], wanted["score"], rtol=1e-5)
        assert [one["title"] for one in found["items"]] == wanted["title"].tolist()
        assert found["basis"] == ("known_user" if "user" in who else "history")
