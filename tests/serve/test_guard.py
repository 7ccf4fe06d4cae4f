"""Who may ask, how much and how often; what every answer carries, and what none holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from recbole_ext.errors import ConfigError, DataError
from recbole_ext.serve import limits
from recbole_ext.serve.app import _add_errors
from recbole_ext.serve.guard import Guard
from recbole_ext.serve.settings import ServeSettings, Told, is_loopback, read_token

TOKEN = "a-secret-of-some-length"
RUNS = (Told("gru", Path("saved/gru")),)


def small_app() -> FastAPI:
    app = FastAPI()

    @app.post("/echo")
    async def echo(body: dict[str, Any]) -> int:
        return len(str(body))

    @app.get("/fails")
    async def fails() -> None:
        raise ZeroDivisionError("secret of the server")

    @app.get("/live")
    async def live() -> bool:
        return True

    _add_errors(app)
    return app


def guarded(seen: Any = lambda *_: None, **more: Any) -> TestClient:
    guard = Guard(small_app(), ServeSettings(RUNS, **more), seen)
    return TestClient(guard, base_url="http://localhost", raise_server_exceptions=False)


def test_every_answer_forbids_what_the_page_does_not_need() -> None:
    client = guarded()
    for answer in (
        client.get("/live"),
        client.get("/nothing"),
        client.get("/live", headers={"host": "evil"}),
    ):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


def test_a_failure_tells_nothing_of_the_server() -> None:
    answer = guarded().get("/fails")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.json()["error"]["code"] == "failed"


def test_another_name_and_another_origin_are_refused() -> None:
    client = guarded()
    assert client.get("/live", headers={"host": "evil.example"}).status_code == 421
    assert client.get("/live", headers={"host": "localhost:8000"}).status_code == 200
    assert client.get("/live", headers={"host": "[::1]:8000"}).status_code == 200
    body = {"a": 1}
    assert client.post("/echo", json=body, headers={"origin": "https://evil.example"}).status_code == 403
    assert client.post("/echo", json=body, headers={"origin": "http://localhost"}).status_code == 200
    assert client.post("/echo", json=body, headers={"origin": "null"}).status_code == 403


def test_a_token_is_needed_but_for_health_and_the_page() -> None:
    client = guarded(host="0.0.0.0", token=TOKEN)
    assert client.post("/echo", json={}).status_code == 401
    assert client.post("/echo", json={}, headers={"authorization": "Bearer wrong"}).status_code == 401
    assert client.post("/echo", json={}, headers={"authorization": TOKEN}).status_code == 401
    assert client.post("/echo", json={}, headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert client.get("/live").status_code == 200
    assert client.get("/static/nothing.js").status_code == 404


def test_a_long_body_is_refused_whatever_its_header_says() -> None:
    client = guarded()
    long = b'{"a": "' + b"x" * limits.BODY + b'"}'
    kind = {"content-type": "application/json"}
    assert client.post("/echo", content=long, headers=kind).status_code == 413

    def pieces() -> Any:
        for start in range(0, len(long), 1000):
            yield long[start : start + 1000]

    assert client.post("/echo", content=pieces(), headers=kind).status_code == 413
    assert client.post("/echo", content=long, headers={**kind, "content-length": "-1"}).status_code == 413


def test_a_client_that_asks_too_often_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("recbole_ext.serve.guard.time.monotonic", lambda: now[0])
    client = guarded(rate=2.0)
    assert [client.post("/echo", json={}).status_code for _ in range(3)] == [200, 200, 429]
    assert client.get("/live").status_code == 200
    now[0] += 0.5
    assert [client.post("/echo", json={}).status_code for _ in range(2)] == [200, 429]
    now[0] += 100
    assert [client.post("/echo", json={}).status_code for _ in range(3)] == [200, 200, 429]


def test_requests_are_counted_by_route_and_made_up_addresses_together() -> None:
    seen: list[tuple[str, int]] = []
    client = guarded(lambda route, status, seconds: seen.append((route, status)))
    for path in ("/live", "/a", "/b"):
        client.get(path)
    client.get("/fails")
    assert seen == [("/live", 200), ("other", 404), ("other", 404), ("/fails", 500)]


def test_settings_need_a_token_for_other_machines(tmp_path: Path) -> None:
    for host, own in (
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("a.b", False),
    ):
        assert is_loopback(host) == own
    with pytest.raises(ConfigError, match="--token"):
        ServeSettings(RUNS, host="0.0.0.0")
    assert TOKEN not in repr(ServeSettings(RUNS, host="0.0.0.0", token=TOKEN))
    with pytest.raises(ConfigError, match="16 or more"):
        read_token("short")
    (tmp_path / "token").write_text(f"{TOKEN}\n", encoding="utf-8")
    (tmp_path / "bytes").write_bytes(b"\xff" * 20)
    assert read_token(str(tmp_path / "token")) == TOKEN == read_token(TOKEN)
    with pytest.raises(DataError, match="cannot be read"):
        read_token(str(tmp_path / "bytes"))
