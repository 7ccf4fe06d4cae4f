"""The data set that is asked for is the one that is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from recbole_ext.cli import main
from recbole_ext.errors import DataError, DownloadError
from recbole_ext.trainer.configure import check_dataset, configure, read_model_config

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


def test_a_set_of_ones_own_that_a_killed_prepare_moved_aside_is_put_back(tmp_path: Path) -> None:
    aside = tmp_path / ".shop-old-x" / "shop"
    aside.mkdir(parents=True)
    (aside / "shop.inter").write_text("user_id:token\titem_id:token\ttimestamp:float\nu\ti\t1\n")
    _, config = read_model_config("Pop", (), {"data_path": str(tmp_path)}, dataset="shop")
    check_dataset(config)
    assert (tmp_path / "shop/shop.inter").is_file()


def test_a_set_that_is_not_there_is_refused_with_the_command_that_makes_it(tmp_path: Path) -> None:
    _, config = read_model_config("Pop", (), {"data_path": str(tmp_path)}, dataset="shop")
    with pytest.raises(DataError, match="'prepare --dataset=shop --source=FILE'"):
        check_dataset(config)


def test_a_misspelt_set_is_named_with_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    _, config = read_model_config("Pop", (), {"data_path": str(tmp_path)}, dataset="shopp")
    with pytest.raises(DataError, match=r"did you mean 'shop'\?"):
        check_dataset(config)
