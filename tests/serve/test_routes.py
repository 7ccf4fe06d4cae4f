"""Models, items, users, the catalogue and the health of a server, each in the form that OpenAPI describes."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

import recbole_ext as rx
from recbole_ext.serve import answers
from recbole_ext.serve.app import guarded_app
from recbole_ext.serve.state import State
from tests.serve.conftest import MODELS, settings_of


def got(client: TestClient, address: str, form: Any) -> Any:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    return form.model_validate_json(answer.text)


def test_each_model_describes_itself(client: TestClient, served_folders: dict[str, Path]) -> None:
    found = got(client, "/v1/models", answers.ModelsAnswer).models
    assert [one["name"] for one in found] == list(MODELS)
    for one in found:
        figures = rx.load(served_folders[one["name"]]).metrics
        for row in one["figures"]["test"]:
            assert row["value"] == figures.loc[row["metric"], "value"]
        assert one["bad_at"]
        assert len(one["fingerprint"]) == 64
    by_name = {one["name"]: one for one in found}
    assert len({one["fingerprint"] for one in found}) == len(found)
    assert by_name["GRU4Rec"]["history"] == {
        **by_name["GRU4Rec"]["history"],
        "kind": "window",
        "longest": 8,
        "knows_order": True,
    }
    assert by_name["EASE"]["curves"]
    assert not by_name["Pop"]["curves"]


def test_curves_are_those_of_the_folder(client: TestClient) -> None:
    assert got(client, "/v1/curves?model=Pop", answers.CurvesAnswer).points is None
    points = got(client, "/v1/curves?model=EASE", answers.CurvesAnswer).points
    assert {row["method"] for row in points["validation"]} == {"none", "popularity_penalty", "mmr"}


def test_items_by_their_tokens(client: TestClient) -> None:
    found = got(client, "/v1/cards?item=i7&item=nothing&item=i3", answers.ItemsAnswer).items
    assert [(one.item, one.title) for one in found] == [("i7", "Movie 7"), ("i3", "Movie 3")]
    assert client.get("/v1/cards").status_code == 422
    assert client.get(f"/v1/cards?{'&'.join(['item=i7'] * 51)}").status_code == 422


def test_search_and_similar_items(client: TestClient) -> None:
    found = got(client, "/v1/items?q=movie 7&k=3", answers.ItemsAnswer).items
    assert found[0].item == "i7"
    assert got(client, "/v1/items?q=i12", answers.ItemsAnswer).items[0].title == "Movie 12"
    kinds = {
        name: got(client, f"/v1/items/i3/similar?model={name}", answers.SimilarAnswer) for name in MODELS
    }
    assert {name: one.kind for name, one in kinds.items()} == {
        "GRU4Rec": "vectors",
        "EASE": "weights",
        "BPR": "vectors",
        "Pop": "together",
        "CDAE": "together",
    }
    for one in kinds.values():
        values = [item.similarity for item in one.items]
        assert values == sorted(values, reverse=True)
        assert "i3" not in [item.item for item in one.items]
    assert client.get("/v1/items/i99/similar").status_code == 404


def test_together_is_the_cosine_of_users(client: TestClient, state: State) -> None:
    split = state.models["Pop"].model.run.data.split
    users = split.interactions.users[split.phase == 0]
    items = split.interactions.items[split.phase == 0]
    sets = {item: set(users[items == item].tolist()) for item in range(1, 21)}
    three = state.models["Pop"].model.catalogue.item("i3")
    assert three is not None
    found = got(client, "/v1/items/i3/similar?model=Pop&k=5", answers.SimilarAnswer).items
    for one in found:
        other = state.models["Pop"].model.catalogue.item(one.item)
        assert other is not None
        cosine = len(sets[three] & sets[other]) / np.sqrt(len(sets[three]) * len(sets[other]))
        assert one.similarity == pytest.approx(cosine)


def test_starters_are_different_and_known(client: TestClient) -> None:
    found = got(client, "/v1/starters", answers.ItemsAnswer).items
    assert len({one.item for one in found}) == 10
    most = max(one.popularity.interactions for one in found)
    assert found[0].popularity.interactions == most


def test_users_and_their_histories(client: TestClient, state: State) -> None:
    some = got(client, "/v1/users?k=5", answers.UsersAnswer).users
    assert len(some) == 5
    assert {one.user for one in got(client, "/v1/users?q=u1&k=50", answers.UsersAnswer).users} == {
        "u1",
        *(f"u1{number}" for number in range(10)),
    }
    history = got(client, f"/v1/users/{some[0].user}", answers.HistoryAnswer)
    assert history.length == some[0].items == len(history.items) == 11
    numbers = [int(one.item[1:]) for one in history.items]
    assert all((after - before) % 20 == 1 for before, after in itertools.pairwise(numbers))
    assert client.get("/v1/users/nobody").status_code == 404


def test_the_catalogue_counts_what_was_shown(
    served_folders: dict[str, Path], state: State, tmp_path: Path
) -> None:
    own = State(settings_of(served_folders, tmp_path, floor=0.5), "other")
    own.models = {
        name: type(one)(one.model, _new_shown(tmp_path, name, one.model.catalogue), one.card)
        for name, one in state.models.items()
    }
    client = TestClient(guarded_app(own), base_url="http://localhost")
    shown: set[str] = set()
    for user in ("u1", "u2", "u3"):
        answer = client.post("/v1/recommend", json={"model": "EASE", "user": user, "k": 4}).json()
        shown |= {one["item"] for one in answer["items"]}
    found = got(client, "/v1/catalogue?model=EASE&parts=5", answers.CatalogueAnswer)
    assert (found.shown, found.places, found.items) == (len(shown), 12, 20)
    assert found.coverage == pytest.approx(len(shown) / 20)
    assert found.floor == 0.5
    assert found.random == pytest.approx(1 - (19 / 20) ** 12)
    assert [part.items for part in found.parts] == [4] * 5
    assert sum(part.shown for part in found.parts) == found.shown
    assert sum(part.tail for part in found.parts) == found.tail.items
    assert got(client, "/v1/catalogue?model=Pop", answers.CatalogueAnswer).places == 0
    own.close()


def _new_shown(folder: Path, name: str, catalogue: Any) -> Any:
    from recbole_ext.serve.shown import Shown

    return Shown(folder, name, catalogue, "1")


def test_health_before_and_after(client: TestClient, served_folders: dict[str, Path], tmp_path: Path) -> None:
    assert client.get("/live").json() == {"live": True, "ready": True, "error": None}
    assert client.get("/ready").json() == {"ready": True, "models": list(MODELS)}
    text = client.get("/metrics").text
    assert "recbole_ready 1.0" in text
    assert 'recbole_requests_total{route="/live",status="200"}' in text
    early = State(settings_of(served_folders, tmp_path), "early")
    waiting = TestClient(guarded_app(early), base_url="http://localhost")
    assert waiting.get("/live").json() == {"live": True, "ready": False, "error": None}
    assert waiting.get("/ready").status_code == 503
    assert waiting.post("/v1/recommend", json={"history": []}).status_code == 503
    early.close()


def test_a_run_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    broken = State(settings_of({"gone": tmp_path / "gone"}, tmp_path), "broken", say=said.append)
    broken.open()
    answer = TestClient(guarded_app(broken), base_url="http://localhost").get("/ready")
    assert answer.status_code == 503
    assert "not a finished run" in answer.json()["error"]["message"]
    assert "not a finished run" in said[0]
    broken.close()


def test_without_feedback_the_server_says_so(client: TestClient) -> None:
    body = {"shown": ["i1"], "chosen": []}
    assert client.post("/v1/feedback", json=body).json()["error"]["code"] == "no_feedback"


@pytest.mark.parametrize(
    "address", ["/v1/models?a=1", "/v1/items", "/v1/items?q=", "/v1/items?q=a&k=999", "/v1/starters?x="]
)
def test_parameters_are_strict(client: TestClient, address: str) -> None:
    assert client.get(address).status_code == 422
