"""Lists over HTTP are those of the Python API, item for item, and say what they stand on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

import recbole_ext as rx
from recbole_ext.serve.answers import ExplainAnswer, RecommendAnswer
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


def test_an_answer_says_what_it_stands_on(client: TestClient) -> None:
    mixed = recommended(client, model="EASE", history=["i3", "Nobody Knows This", "i4"])
    assert mixed["basis"] == "history"
    assert (mixed["history"]["given"], mixed["history"]["known"]) == (3, 2)
    assert mixed["history"]["share_known"] == pytest.approx(2 / 3, abs=1e-4)
    assert [one["name"] for one in mixed["history"]["unknown"]] == ["Nobody Knows This"]
    for body, why in (
        ({"history": []}, "empty"),
        ({"history": ["Nobody Knows This"]}, "met in training"),
        ({"user": "nobody"}, "not in the data set"),
    ):
        found = recommended(client, model="EASE", **body)
        assert found["basis"] == "fallback_popular"
        assert why in found["why"]
        interactions = [one["popularity"]["interactions"] for one in found["items"]]
        assert interactions == sorted(interactions, reverse=True)
        assert [one["score"] for one in found["items"]] == interactions


def test_candidates_and_exclusions_hold_for_every_basis(client: TestClient) -> None:
    candidates = [f"i{number}" for number in range(8)]
    for body in ({"user": "u7"}, {"history": ["i3", "i4"]}, {"history": []}):
        found = recommended(client, model="GRU4Rec", candidates=candidates, exclude=["Movie 0"], k=20, **body)
        items = [one["item"] for one in found["items"]]
        assert set(items) <= set(candidates) - {"i0"}
        assert len(items) == len(set(items))
        assert not set(body.get("history") or ()) & set(items)
    again = recommended(client, model="EASE", history=["i3"], exclude_seen=False, k=20)
    assert "i3" in [one["item"] for one in again["items"]]


def test_what_a_reranker_takes_out_and_puts_in(client: TestClient) -> None:
    own = recommended(client, model="EASE", user="u7", k=4)
    new = recommended(
        client, model="EASE", user="u7", k=4, rerank={"method": "popularity_penalty", "strength": 5.0}
    )
    before, after = ([one["item"] for one in found["items"]] for found in (own, new))
    assert before != after
    assert sorted(one["item"] for one in new["rerank"]["taken_out"]) == sorted(set(before) - set(after))
    assert sorted(new["rerank"]["put_in"]) == sorted(set(after) - set(before))


@pytest.mark.parametrize("name", MODELS)
def test_reasons_are_those_of_the_api(client: TestClient, served_folders: dict[str, Path], name: str) -> None:
    run = rx.load(served_folders[name])
    for who in ({"user": "u7"}, {"history": HISTORY}):
        wanted = run.explain(who.get("user"), history=who.get("history"), k=3)
        answer = client.post("/v1/explain", json={"model": name, "k": 3, **who})
        found = ExplainAnswer.model_validate_json(answer.text)
        inside = recommended(client, model=name, k=3, explain=True, **who)
        assert found.explained is not None
        assert found.explained.kind == wanted.kind
        for one, item, other in zip(wanted.recommendations, found.items, inside["items"], strict=True):
            assert (item.item, item.rank) == (one.item, one.rank)
            assert [reason.item for reason in item.reasons or ()] == [reason.item for reason in one.reasons]
            np.testing.assert_allclose(
                [reason.effect for reason in item.reasons or ()],
                [reason.effect for reason in one.reasons],
                rtol=1e-4,
                atol=1e-6,
            )
            assert [reason["item"] for reason in other["reasons"]] == [reason.item for reason in one.reasons]
            assert {one.genre: one.share for one in item.genres_in_history or ()} == dict(one.genres)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"history": ["i1", "Movie 1"]}, 422, "twice"),
        ({"history": ["i1"], "user": "u7"}, 422, "either user or history"),
        ({}, 422, "either user or history"),
        ({"history": ["i1"], "k": 0}, 422, "k"),
        ({"history": ["i1"], "k": "3"}, 422, "k"),
        ({"history": ["i1"], "kk": 3}, 422, "kk"),
        ({"history": ["i1"], "explain": True, "k": 50}, 422, "explain"),
        ({"history": ["i1"], "model": "none"}, 404, "choose one of"),
        ({"history": ["i1"], "candidates": ["Nothing"]}, 422, "candidates names 'Nothing'"),
        ({"history": ["i1"], "rerank": {"method": "mmrr", "lambda": 0.5}}, 422, "did you mean 'mmr'"),
        ({"history": ["i1"], "rerank": {"method": "mmr"}}, 422, "strength"),
        ({"history": ["i1"], "rerank": {"method": "mmr", "alpha": 0.5, "lambda": 0.5}}, 422, "both"),
        ({"history": ["i1"], "rerank": {"method": "exposure", "strength": 0.5}}, 422, "over all users"),
        ({"history": ["x" * 400]}, 422, "300"),
        ({"history": ["i1"] * 1001}, 422, "1000"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(
    client: TestClient, body: dict[str, Any], status: int, words: str
) -> None:
    answer = client.post("/v1/recommend", json=body)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "where"}
    assert words in error["message"], error
