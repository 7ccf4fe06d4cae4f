"""A real server of two processes on loopback: killed under load, reloaded, damaged, and told to end."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 180.0
ASKED = {"model": "served", "history": ["i3", "i4"], "k": 5}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class Server:
    """A started server, and what its output holds."""

    folder: Path
    feedback: Path
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def workers(self) -> list[int]:
        """Process ids of its workers."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(path.read_text().rpartition(")")[2].split()[1])
                command = (path.parent / "cmdline").read_bytes()
            except (OSError, ValueError, IndexError):
                continue
            if parent == self.process.pid and b"spawn_main" in command:
                found.append(int(path.parent.name))
        return found

    def until(self, what: Any, words: str) -> None:
        """Waits for something."""
        end = time.monotonic() + PATIENCE
        while not what():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, f"{words}: {self.log.read_text()}"
            time.sleep(0.1)

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.address}/ready", timeout=PATIENCE).status_code == 200
        except httpx.HTTPError:
            return False

    def processes_ready(self) -> int:
        for line in httpx.get(f"{self.address}/metrics", timeout=PATIENCE).text.splitlines():
            if line.startswith("recbole_ready "):
                return int(float(line.split()[1]))
        return 0


@pytest.fixture(scope="module")
def server(served_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("home")
    folder, log = home / "served", home / "log.txt"
    shutil.copytree(served_folders["EASE"], folder)
    port = free_port()
    words = ["serve", str(folder), f"--port={port}", "--workers=2", f"--feedback={home / 'feedback.db'}"]
    code = f"from recbole_ext.cli import main\nif __name__ == '__main__':\n    main({words!r})\n"
    (home / "start.py").write_text(code, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "start.py"], cwd=home, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
    found = Server(folder, home / "feedback.db", port, process, log)
    try:
        found.until(found.ready, "no process became ready")
        found.until(lambda: len(found.workers()) == 2, "there are not two processes")
        yield found
    finally:
        process.kill()
        process.wait()


@dataclass
class Load:
    """Clients that ask again and again, each time over a connection of its own."""

    address: str
    clients: int = 4
    answers: Counter[str] = field(default_factory=Counter)
    fingerprints: set[str] = field(default_factory=set)
    began: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(self.clients)]

    def __enter__(self) -> Load:
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for one in self._threads:
            one.join(timeout=PATIENCE)

    def _ask(self) -> None:
        while not self._ended.is_set():
            began = time.monotonic()
            # A client of httpx reads certificates, which takes longer than the answer.
            connection = http.client.HTTPConnection(self.address.removeprefix("http://"), timeout=PATIENCE)
            try:
                kind = {"content-type": "application/json"}
                connection.request("POST", "/v1/recommend", json.dumps(ASKED), kind)
                answer = connection.getresponse()
                outcome, body = str(answer.status), json.loads(answer.read())
                if answer.status == 200:
                    self.fingerprints.add(body["fingerprint"])
            except (OSError, http.client.HTTPException) as error:
                outcome = type(error).__name__
            finally:
                connection.close()
            self.answers[outcome] += 1
            self.began.append((began, outcome))


@pytest.mark.slow
def test_a_killed_process_comes_back_and_the_other_one_answers(server: Server) -> None:
    server.until(lambda: server.processes_ready() == 2, "two processes are not ready")
    with Load(server.address) as load:
        server.until(lambda: load.answers["200"] > 20, "no load")
        victim = server.workers()[0]
        os.kill(victim, signal.SIGKILL)
        before = load.answers["200"]
        server.until(lambda: load.answers["200"] > before + 50, "the other one does not answer")
        server.until(lambda: len(server.workers()) == 2 and victim not in server.workers(), "none came")
        server.until(lambda: server.processes_ready() == 2, "it is not ready")
    # What the killed process had accepted is lost with it: at most one request of each client.
    lost = {name: count for name, count in load.answers.items() if name != "200"}
    assert sum(lost.values()) <= load.clients
    assert not any(name.isdigit() for name in lost), lost


@pytest.mark.slow
def test_a_damaged_folder_is_refused_and_a_whole_one_is_exchanged_without_a_lost_request(
    server: Server, served_folders: dict[str, Path]
) -> None:
    good = (server.folder / "metrics.json").read_text(encoding="utf-8")
    before = httpx.post(f"{server.address}/v1/recommend", json=ASKED, timeout=PATIENCE).json()["fingerprint"]
    with Load(server.address) as load:
        (server.folder / "metrics.json").write_text(good[: len(good) // 2], encoding="utf-8")
        refused = httpx.post(f"{server.address}/v1/reload", timeout=PATIENCE)
        assert refused.status_code == 422
        assert "damaged" in refused.json()["error"]["message"]
        old = server.folder.rename(server.folder.with_name("old"))
        shutil.copytree(served_folders["Pop"], server.folder)
        exchanged = httpx.post(f"{server.address}/v1/reload", timeout=PATIENCE)
        assert exchanged.status_code == 200, exchanged.text
        assert exchanged.json()["processes"] == 2
        after = exchanged.json()["models"]["served"]
        server.until(lambda: after in load.fingerprints, "the new model does not answer")
    assert set(load.answers) == {"200"}, load.answers
    assert load.fingerprints == {before, after}
    shutil.rmtree(old)


@pytest.mark.slow
def test_a_signal_to_end_answers_what_was_accepted(server: Server) -> None:
    sent = {"model": "served", "user": "ann", "shown": ["i1", "i2"], "chosen": ["i2"]}
    for number in (1, 2, 1):
        kept = httpx.post(
            f"{server.address}/v1/feedback", json={**sent, "id": f"number-{number}"}, timeout=PATIENCE
        )
        assert kept.status_code == 200, kept.text
    with Load(server.address) as load:
        begun = time.monotonic() + 0.5
        server.until(lambda: load.answers["200"] > 20 and time.monotonic() > begun, "no load")
        told = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=PATIENCE) == 0, server.log.read_text()
    assert {outcome for began, outcome in load.began if began < told - 0.2} == {"200"}
    assert not any(name.isdigit() and name != "200" for name in load.answers), load.answers
    text = server.log.read_text()
    assert "Traceback" not in text
    assert "every request that was accepted is answered" in text

    from recbole_ext.serve.feedback_store import SqliteStore

    messages = list(SqliteStore(server.feedback).messages())
    assert [one.id for one in messages] == ["number-1", "number-2"]
    assert json.loads(messages[0].chosen) == ["i2"]
