"""The tools of the Model Context Protocol answer as the interface does."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from recbole_ext.serve.app import guarded_app
from recbole_ext.serve.state import State
from recbole_ext.serve.tools import tool_server
from tests.serve.conftest import settings_of

pytest.importorskip("mcp.server.mcpserver")
mcp = pytest.importorskip("mcp")


def called(state: State, name: str, **given: Any) -> Any:
    async def call() -> Any:
        async with mcp.Client(tool_server(state)) as client:
            return await client.call_tool(name, given)

    return asyncio.run(call())


def answer(state: State, name: str, **given: Any) -> dict[str, Any]:
    result = called(state, name, **given)
    assert not result.is_error, result
    found: dict[str, Any] = json.loads(result.content[0].text)
    return found


def test_tools_say_what_they_do(state: State) -> None:
    async def listed() -> Any:
        async with mcp.Client(tool_server(state)) as client:
            return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in asyncio.run(listed())}
    assert set(tools) == {"recommend", "explain", "search", "similar"}
    for tool in tools.values():
        assert tool.description
        assert tool.annotations.read_only_hint


def test_each_tool_answers_as_its_address(state: State, client: TestClient) -> None:
    asked = {"model": "EASE", "history": ["i3", "Movie 4"], "k": 4, "explain": True}
    wanted = client.post("/v1/recommend", json=asked).json()
    found = answer(state, "recommend", **asked)
    assert {**found, "list_id": ""} == {**wanted, "list_id": ""}
    asked = {"model": "GRU4Rec", "history": ["i3", "i4"], "items": ["i5"]}
    assert answer(state, "explain", **asked) == client.post("/v1/explain", json=asked).json()
    assert answer(state, "search", q="movie 7") == client.get("/v1/items?q=movie 7").json()
    found = answer(state, "similar", item="i3", k=3, model="EASE")
    assert found == client.get("/v1/items/i3/similar?model=EASE&k=3").json()


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("recommend", {"history": ["i3", "i3"]}, "twice"),
        ("recommend", {"history": ["i3"], "model": "none"}, "choose one of"),
        ("similar", {"item": "i99"}, "no item"),
        ("search", {"q": ""}, "at least 1"),
    ],
)
def test_an_error_is_a_sentence(state: State, name: str, given: dict[str, Any], words: str) -> None:
    result = called(state, name, **given)
    assert result.is_error
    assert words in result.content[0].text
    assert "Traceback" not in result.content[0].text


def test_they_are_served_over_http(served_folders: dict[str, Path], tmp_path: Path) -> None:
    own = State(settings_of({"Pop": served_folders["Pop"]}, tmp_path, mcp=True), "tools")
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    kinds = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"}
    with TestClient(guarded_app(own), base_url="http://localhost") as client:
        found = client.post("/mcp", json=asked, headers=kinds)
        assert found.status_code == 200, found.text
        assert len(found.json()["result"]["tools"]) == 4
        assert client.post("/mcp", json=asked, headers={**kinds, "origin": "http://evil"}).status_code == 403
