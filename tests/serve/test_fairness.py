"""Exposure for one person at a time, served: prices are found, lists adapt, and a restart goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

import recbole_ext as rx
from recbole_ext.config.blocks import ExposureSettings
from recbole_ext.errors import CheckpointError
from recbole_ext.rerank.prices import PRICES, read_prices
from recbole_ext.rerank.run import rerank_run
from recbole_ext.serve.app import guarded_app
from recbole_ext.serve.fairness import PricedExposure, priced
from recbole_ext.serve.state import State
from recbole_ext.trainer.opened import open_model
from tests.serve.conftest import VALUES, settings_of


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, cycle_home: Path) -> Path:
    folder = tmp_path_factory.mktemp("priced") / "EASE"
    rx.train("EASE", **VALUES, data_path=cycle_home, output=folder, progress=False)
    floors = ExposureSettings(method="exposure", coverage=0.9)
    rerank_run(open_model(folder), floors, save_prices=True)
    return folder


def asked(client: TestClient, **rerank: object) -> tuple[int, dict[str, object]]:
    answer = client.post("/v1/recommend", json={"history": ["i1", "i2"], "k": 5, "rerank": rerank})
    return answer.status_code, answer.json()


def test_prices_are_served_and_a_restart_goes_on(run: Path, tmp_path: Path) -> None:
    for number in range(2):
        state = State(settings_of({"EASE": run}, tmp_path), f"test{number}")
        state.open()
        client = TestClient(guarded_app(state), base_url="http://localhost")
        [method] = [
            one
            for one in client.get("/v1/models").json()["models"][0]["rerank"]
            if one["method"] == "exposure"
        ]
        assert (method["coverage"], method["k"], method["state"]) == (0.9, 5, "file")
        assert method["served"] == 2 * number
        lists = []
        for _ in range(2):
            status, answer = asked(client, method="exposure")
            assert status == 200, answer
            lists.append([one["item"] for one in answer["items"]])  # type: ignore[attr-defined,index]
        assert all(len(set(one)) == 5 for one in lists)
        assert asked(client, method="exposure", coverage=0.5)[0] == 422
        assert asked(client, method="exposure", alpha=0.5)[0] == 422
        [model] = [served.model for served in state.models.values()]
        for one in priced(model).values():
            assert one.lock is not None
            one.lock.close()


def test_without_prices_the_answer_says_how_to_write_them(client: TestClient) -> None:
    status, answer = asked(client, method="exposure")
    assert status == 422
    assert "--save-prices" in str(answer)


def test_two_processes_keep_two_states(run: Path) -> None:
    [folder] = run.parent.glob("EASE-exposure-*")
    opened = open_model(run)
    tokens, marked = opened.data.dataset.interactions.item_tokens, str(opened.metrics["fingerprint"])
    one, other = (PricedExposure.open(folder, tokens, marked) for _ in range(2))
    assert one.lock is not None
    assert other.lock is not None
    assert one.lock.name != other.lock.name
    one.lock.close()
    other.lock.close()
    with pytest.raises(CheckpointError, match="other data"):
        read_prices(folder, tokens, "another")
    (folder / "copy").mkdir()
    (folder / "copy" / PRICES).write_text("{}")
    with pytest.raises(CheckpointError, match="save-prices"):
        read_prices(folder / "copy", tokens, marked)
