"""The data set that is asked for is the one that is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from recbole_ext.cli import main
from recbole_ext.errors import DownloadError
from recbole_ext.trainer.configure import configure

ML = Path(__file__).resolve().parents[2] / "config" / "ml.yaml"


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without a copy on disk and without a network."""
    monkeypatch.delenv("MOVIELENS_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["ml-1m", "ml-latest-small"])
def test_a_set_that_is_asked_for_is_never_replaced(
    name: str, nowhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--model=Pop", f"--config={ML}", f"--dataset={name}", "--download=false", "--output=run"])
    assert stop.value.code == 2
    said = capsys.readouterr()
    assert name in said.err
    assert "going on with" not in said.out + said.err
    assert not list(nowhere.glob("run*"))


def test_the_set_of_ml_yaml_goes_on_offline(nowhere: Path) -> None:
    said: list[str] = []
    _, config = configure("Pop", None, [ML], {"download": False}, said.append)
    assert config["dataset"] == "ml-100k"
    assert any(line.startswith("NOTE: ml-latest-small") for line in said)


def test_a_set_of_a_later_file_is_not_replaced(nowhere: Path) -> None:
    (nowhere / "mine.yaml").write_text("dataset: ml-1m\n")
    with pytest.raises(DownloadError, match="ml-1m"):
        configure("Pop", None, [ML, nowhere / "mine.yaml"], {"download": False}, lambda _: None)
