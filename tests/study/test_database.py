"""A search on PostgreSQL, on a server that lives as long as the test."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from recbole_ext.errors import ConfigError
from recbole_ext.study.queue import counted
from recbole_ext.study.storage import open_storage
from recbole_ext.study.tune_result import TuneResult
from recbole_ext.study.where import Where

pytestmark = pytest.mark.slow
_USER = "postgres"
Ease = Callable[..., TuneResult]


def _programs() -> Path | None:
    """The folder of initdb and pg_ctl, newest version last."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin")) if Path("/usr/lib/postgresql").is_dir() else []
    on_path = shutil.which("initdb")
    places += [Path(on_path).parent] if on_path else []
    return next((place for place in reversed(places) if (place / "pg_ctl").is_file()), None)


def _run(*words: str) -> None:
    """As an ordinary user: PostgreSQL refuses to run as root."""
    prefix = ["runuser", "-u", _USER, "--"] if os.geteuid() == 0 else []
    subprocess.run([*prefix, *words], check=True, capture_output=True, cwd="/tmp", timeout=120)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """URL of an empty database."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL's initdb and pg_ctl are not installed")
    if not (importlib.util.find_spec("psycopg") or importlib.util.find_spec("psycopg2")):
        pytest.skip("no PostgreSQL driver is installed: psycopg")
    if os.geteuid() == 0 and not shutil.which("runuser"):
        pytest.skip("PostgreSQL does not run as root, and there is no runuser")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="pg") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, _USER)
        data = str(folder / "data")
        _run(str(programs / "initdb"), "-D", data, "-U", "tuner", "-A", "trust", "--no-sync")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        control = str(programs / "pg_ctl")
        _run(control, "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql://tuner@127.0.0.1:{port}/postgres"
        finally:
            _run(control, "-D", data, "-m", "immediate", "stop")


def test_two_workers_share_a_database(ease: Ease, tmp_path: Path, server: str) -> None:
    options = {"storage": server, "pruner": "none", "sampler": "random"}
    ease(trials=6, where=Where(workers=2), **options)
    # One more trial than were there: the others are kept.
    result = ease(trials=7, **options)
    study = optuna.load_study(storage=open_storage(server, tmp_path), study_name="cycle-EASE")
    assert [trial.state for trial in counted(study)] == [TrialState.COMPLETE] * 7
    assert [trial.number for trial in study.trials] == list(range(7))
    assert len({trial.params["reg_weight"] for trial in study.trials}) == 7
    assert result.summary["trials"] == 7
    assert not (tmp_path / "search" / "journal.log").exists()


def test_a_server_that_is_not_there_is_one_sentence(ease: Ease) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    driver = importlib.util.find_spec("psycopg") or importlib.util.find_spec("psycopg2")
    reason = "cannot be used" if driver else "needs the driver psycopg2"
    expected = rf"--storage=postgresql://tuner:\*\*\*@127\.0\.0\.1:\d+/postgres {reason}"
    with pytest.raises(ConfigError, match=expected) as caught:
        ease(storage=f"postgresql://tuner:secret@127.0.0.1:{port}/postgres")
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
