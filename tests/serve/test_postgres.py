"""A real PostgreSQL that goes away and comes back: what was sent meanwhile arrives, once."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from recbole_ext.serve.feedback import Feedback
from recbole_ext.serve.feedback_store import FeedbackError, PostgresStore
from tests.serve.test_feedback import message

psycopg = pytest.importorskip("psycopg")
PATIENCE = 120.0


def tool(name: str) -> str:
    """A program of PostgreSQL."""
    found = shutil.which(name) or next(
        map(str, sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), None
    )
    if found is None:
        pytest.skip(f"PostgreSQL is not on this machine (no {name})")
    return found


class Cluster:
    """A server of PostgreSQL with its files in a folder, reached by a socket there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.process = folder, None
        # It refuses to run as root.
        self._as = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}
        if self._as:
            shutil.chown(folder, **self._as)
        words = [tool("initdb"), "-D", str(folder / "data"), "-A", "trust", "-U", "ann", "--no-sync"]
        made = subprocess.run(words, capture_output=True, text=True, check=False, cwd=folder, **self._as)  # type: ignore[call-overload]
        if made.returncode:
            pytest.skip(f"PostgreSQL cannot be set up here: {made.stderr.strip()[-200:]}")

    @property
    def url(self) -> str:
        return f"postgresql://ann@/postgres?host={self.folder}"

    def start(self) -> None:
        words = [tool("postgres"), "-D", str(self.folder / "data"), "-h", "", "-k", str(self.folder), "-F"]
        self.process = subprocess.Popen(words, stderr=subprocess.DEVNULL, cwd=self.folder, **self._as)  # type: ignore[call-overload]
        end = time.monotonic() + PATIENCE
        while True:
            try:
                psycopg.connect(self.url).close()
                return
            except psycopg.OperationalError:
                assert time.monotonic() < end
                time.sleep(0.1)

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)  # connections are cut
            self.process.wait(timeout=PATIENCE)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path is short
    found = Cluster(folder)
    try:
        yield found
    finally:
        found.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_feedback_waits_for_a_server_that_comes_back(cluster: Cluster) -> None:
    cluster.start()
    feedback = Feedback(PostgresStore(cluster.url))
    assert asyncio.run(feedback.keep(message(1)))
    cluster.stop()
    assert not asyncio.run(feedback.keep(message(2)))
    assert not asyncio.run(feedback.keep(message(1)))
    with pytest.raises(FeedbackError, match="cannot be read"):
        list(PostgresStore(cluster.url).messages())
    cluster.start()
    assert feedback.close(seconds=PATIENCE) == 0
    store = PostgresStore(cluster.url)
    assert [one.id for one in store.messages()] == ["message-1", "message-2"]
    store.close()
