"""The commands for people: recommend and explain."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from recbole_ext.cli import main
from recbole_ext.trainer.train import train


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, cycle_home: Path) -> Path:
    values = {
        **{"data_path": str(cycle_home), "dataset": "cycle", "topk": [5], "valid_metric": "NDCG@5"},
        **{"min_user_interactions": 1, "min_item_interactions": 1},
    }
    return train("EASE", overrides=values, output=tmp_path_factory.mktemp("cli") / "ease").folder


def written(run: Path) -> pl.DataFrame:
    return pl.read_parquet(run / "recommendations.parquet", glob=False)


def test_users_get_their_test_lists(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["recommend", str(run), "--user=u3", "--user", "u1", "--k=2"])
    lines = capsys.readouterr().out.splitlines()
    lists = {user: written(run).filter(pl.col("user_id") == user)["title"].to_list() for user in ("u1", "u3")}
    titles = [*lists["u3"][:2], *lists["u1"][:2]]
    assert [lines[0], lines[3], lines[4]] == ["user u3", "", "user u1"]
    for line, title in zip([*lines[1:3], *lines[5:]], titles, strict=True):
        assert f". {title} " in line


def test_likes_are_the_history_of_one_person(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["recommend", str(run), "--likes=Movie 3", "--likes", "i4", "--k=18"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 18
    assert not any("item i3" in line or "item i4" in line for line in lines)
    main(["recommend", str(run), "--likes=i3", "--among=i5", "--among=Movie 6", "--k=2", "--include-seen"])
    assert {line.split()[-1] for line in capsys.readouterr().out.splitlines()} == {"i5", "i6"}
    main(["recommend", str(run), "--likes=i3", "--k=2", "--rerank=mmr", "--lambda=0.5"])
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize("name", ["lists.parquet", "lists.csv"])
def test_everybody_goes_to_a_file(run: Path, tmp_path: Path, name: str) -> None:
    main(["recommend", str(run), "--all", "--k=5", f"--output={tmp_path / name}"])
    path = tmp_path / name
    table = pl.read_csv(path, glob=False) if path.suffix == ".csv" else pl.read_parquet(path, glob=False)
    assert table.columns == ["user", "rank", "item", "title", "score"]
    assert table["item"].to_list() == written(run)["item_id"].to_list()
    assert table["user"].to_list() == written(run)["user_id"].to_list()


def test_explain_takes_likes(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["explain", str(run), "--likes=Movie 3", "--likes=Movie 4", "--top=1"])
    said = capsys.readouterr().out
    assert said.startswith("EASE, a history: exact parts of the score, from 2 items of the history")
    assert "everything else together: +0.0000" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["recommend", "RUN"], "for whom?"),
        (["recommend", "RUN", "--user=u1", "--likes=i1"], "--user and --likes are given"),
        (["recommend", "RUN", "--all"], "add --output"),
        (["recommend", "RUN", "--user=u1", "--output=lists.txt"], "ends in .txt"),
        (["recommend", "RUN", "--user=u1", "--lambda=0.5"], "--lambda belongs to a re-ranker"),
        (["recommend", "RUN", "--user=u1", "--rerank=mmmr"], "did you mean 'mmr'"),
        (["recommend", "RUN", "--usr=u1"], "did you mean '--user'"),
        (["recommend", "RUN", "--user=u99"], "not in the data set"),
        (["recommend", "RUN", "--likes=Movie 77"], "the nearest: 'Movie 7'"),
        (["recommend", "RUN", "--likes="], "no item is called ''"),
        (["recommend", "RUN", "--user=u1", "--k=21"], "the catalogue has 20 items"),
        (["explain", "RUN"], "whose history?"),
        (["explain", "RUN", "--user=u1", "--likes=i1"], "whose history?"),
    ],
)
def test_refusals(run: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([str(run) if word == "RUN" else word for word in arguments])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
