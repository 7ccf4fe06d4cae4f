"""The password of a storage URL is in no file and on no terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recbole_ext.cli import main
from recbole_ext.errors import ConfigError
from recbole_ext.study import storage
from recbole_ext.study.plan import TuneOptions
from recbole_ext.study.storage import open_storage, reason_of
from recbole_ext.study.tune_result import TuneResult

SECRET = "hunter2"


@pytest.fixture
def tune_with(
    quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """Runs ``tune`` with a storage."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "space.yaml").write_text("reg_weight: {type: float, low: 1, high: 1000, log: true}\n")

    def run(url: str) -> None:
        options = [f"--{key}={value}" for key, value in quick.items()]
        words = [
            "tune",
            "--model=EASE",
            "--space=space.yaml",
            "--trials=1",
            "--output=out",
            f"--storage={url}",
        ]
        monkeypatch.setattr(sys, "argv", ["run.py", *words, *options, "--metrics=[NDCG]"])
        main(sys.argv[1:])

    return run


def files_with(folder: Path, text: str) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and text.encode() in file.read_bytes()]


def test_a_password_is_written_nowhere(
    tune_with: Callable[[str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    database = f"sqlite:///{tmp_path / 'tune.db'}"
    monkeypatch.setattr(storage, "_with_driver", lambda url: database if SECRET in url else url)
    tune_with(f"postgresql://user:{SECRET}@host/db?sslpassword={SECRET}")
    masked = "postgresql://user:***@host/db?sslpassword=***"
    assert not files_with(tmp_path, SECRET)
    assert {file.name for file in files_with(tmp_path / "out", masked)} == {"best.yaml", "tuning.json"}
    said = capsys.readouterr()
    assert SECRET not in said.out + said.err


def test_the_environment_hands_a_url_over(
    tune_with: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNING", f"sqlite:///{tmp_path / 'tune.db'}?timeout=17")
    tune_with("env:TUNING")
    assert (tmp_path / "tune.db").is_file()
    assert files_with(tmp_path / "out", "--storage=env:TUNING")
    assert not files_with(tmp_path, "timeout=17")


def test_a_variable_that_is_not_set_is_named(ease: Callable[..., TuneResult]) -> None:
    os.environ.pop("NO_SUCH_STORAGE", None)
    with pytest.raises(ConfigError, match="'NO_SUCH_STORAGE', which is not set: set it"):
        ease(storage="env:NO_SUCH_STORAGE")


@pytest.mark.parametrize(
    "url", [f"nodialect://user:{SECRET}@host/db", f"no url {SECRET}:{SECRET}@", f"sqlite://u:{SECRET}@h/x"]
)
@pytest.mark.parametrize("by_environment", [False, True])
def test_a_url_that_cannot_be_used_is_said_without_its_password(
    url: str, by_environment: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNING", url)
    with pytest.raises(ConfigError) as caught:
        open_storage("env:TUNING" if by_environment else url, tmp_path)
    if not url.startswith("no url") or by_environment:
        assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_error_of_the_database_is_one_line_without_a_password() -> None:
    error = RuntimeError(f"cannot reach p://u:{SECRET}@h\n[SQL: ...]")
    assert reason_of(error) == "cannot reach p://u:***@h"
    assert reason_of(RuntimeError()) == "RuntimeError"


def test_options_do_not_show_it_in_a_traceback() -> None:
    assert SECRET not in repr(TuneOptions(Path("space.yaml"), storage=f"p://u:{SECRET}@h"))
