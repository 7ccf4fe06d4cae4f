"""Data sets from Python."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import polars as pl
import pytest

import recbole_ext as rx
from tests.data.movielens.raw_sets import CSV, write_set

EVENTS = {"customer": ["ann", "bob"], "sku": ["tea", "milk"], "date": ["2024-01-31", "2024-02-01"]}
ITEMS = {"sku": ["tea", "milk"], "name": ["Tea", "Milk"], "category": ["Drinks|Hot", "Drinks"]}


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
def test_frames_become_a_data_set(
    tmp_path: Path, library: type[pd.DataFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    found = rx.prepare(library(EVENTS), "shop", items=library(ITEMS), out=str(tmp_path))
    assert (found.interactions, found.users, found.items) == (2, 2, 2)
    assert (tmp_path / "shop/shop.item").read_text().splitlines()[1] == "tea\tTea\tDrinks Hot"
    assert "user is the column 'customer' (guessed" in capsys.readouterr().out


def test_a_path_and_named_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "events.csv").write_text("who,what,when\nann,tea,5\n")
    names = {"user_column": "who", "item_column": "what", "time_column": "when"}
    rx.prepare(tmp_path / "events.csv", "shop", **names, out=tmp_path, progress=False)
    assert (tmp_path / "shop/shop.inter").read_text().splitlines()[1] == "ann\ttea\t5"
    assert capsys.readouterr().out == ""


def test_a_movielens_set_by_its_name(tmp_path: Path) -> None:
    raw = write_set(tmp_path / "raw", CSV)
    found = rx.prepare("ml-latest-small", source=raw, out=tmp_path / "out", progress=False)
    assert found.folder == tmp_path / "out/ml-latest-small"


def test_what_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    with pytest.raises(rx.RecBoleExtError, match=r"needs a name: prepare\(data, dataset='shop'\)"):
        rx.prepare(pl.DataFrame(EVENTS))
    with pytest.raises(rx.RecBoleExtError, match="did you mean 'ml-100k'"):
        rx.prepare("ml-100")
    with pytest.raises(rx.RecBoleExtError, match="name of a MovieLens set"):
        rx.prepare(pl.DataFrame(EVENTS), "ml-100k", out=tmp_path)
    with pytest.raises(rx.RecBoleExtError, match="leave them out"):
        rx.prepare(pl.DataFrame(EVENTS), "shop", genome=True, out=tmp_path)
    assert list(tmp_path.iterdir()) == []
