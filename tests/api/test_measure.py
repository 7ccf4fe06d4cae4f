"""Anybody's lists measured: by hand, against a run's own figures, and with tables that cannot be used."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from recbole_ext.api.measure import measure
from recbole_ext.data.interactions import TEST, TRAIN, VALID
from recbole_ext.errors import ConfigError, DataError
from recbole_ext.trainer.opened import open_model
from recbole_ext.trainer.train import train as train_run

TRAIN_ROWS = pd.DataFrame({"user": [1, 1, 2, 2, 3], "item": [10, 11, 10, 12, 13]})
TEST_ROWS = pd.DataFrame({"user": [1, 2], "item": [12, 11]})
LISTS = pd.DataFrame({"user": [1, 1, 2, 2], "item": [12, 13, 13, 11], "rank": [1, 2, 1, 2]})


def test_figures_by_hand() -> None:
    result = measure(LISTS, train=TRAIN_ROWS, test=TEST_ROWS, k=2)
    value = result.metrics["value"]
    # found at the first place by one user, at the second by the other
    assert value["ndcg@2"] == pytest.approx((1 + 1 / math.log2(3)) / 2)
    assert value["mrr@2"] == pytest.approx(0.75)
    assert result.per_user.loc["2", "mrr@2"] == pytest.approx(0.5)
    # 11, 12 and 13 of four items are shown
    assert value["itemcoverage@2"] == pytest.approx(3 / 4)
    # each user has two candidates left, and lists of two show both
    assert result.metrics["random"]["itemcoverage@2"] == pytest.approx(3 / 4)
    # every item that is shown has one training user
    assert value["avgpopularity@2"] == pytest.approx(1.0)
    assert (result.users, result.items, result.notes) == (2, 4, ())
    assert "intralistdiversity@2" not in value


@pytest.mark.parametrize("form", ["pandas", "polars", "parquet", "csv"])
def test_every_form_of_a_table_gives_the_same(form: str, tmp_path: Path) -> None:
    def as_form(frame: pd.DataFrame, name: str) -> Any:
        table = pl.from_pandas(frame)
        if form == "parquet":
            table.write_parquet(tmp_path / f"{name}.parquet")
        elif form == "csv":
            table.write_csv(tmp_path / f"{name}.csv")
        return {"pandas": frame, "polars": table}.get(form, tmp_path / f"{name}.{form}")

    tables = [as_form(frame, str(n)) for n, frame in enumerate((LISTS, TRAIN_ROWS, TEST_ROWS))]
    result = measure(tables[0], train=tables[1], test=tables[2], k=2)
    pd.testing.assert_frame_equal(
        result.metrics, measure(LISTS, train=TRAIN_ROWS, test=TEST_ROWS, k=2).metrics
    )


def test_the_order_is_that_of_ranks_then_of_scores_then_of_rows() -> None:
    turned = LISTS.iloc[::-1]
    scored = turned.drop(columns="rank").assign(score=[0.1, 0.9, -2.0, 5.0])
    expected = measure(LISTS, train=TRAIN_ROWS, test=TEST_ROWS, k=2).per_user
    for lists in (turned, scored, LISTS.drop(columns="rank")):
        pd.testing.assert_frame_equal(
            measure(lists, train=TRAIN_ROWS, test=TEST_ROWS, k=2).per_user, expected
        )


def test_genres_of_text_and_of_lists_are_the_same_and_make_diversity_computable() -> None:
    # the two items of each list share one of their two genres: a cosine of 1/2
    text = pd.DataFrame({"item": [10, 11, 12, 13], "genres": ["A|B", "C|D", "A|B", "B|C"]})
    lists = pl.DataFrame(
        {"item": [10, 11, 12, 13], "genres": [["A", "B"], ["C", "D"], ["A", "B"], ["B", "C"]]}
    )
    for items in (text, lists):
        result = measure(
            LISTS, train=TRAIN_ROWS, test=TEST_ROWS, items=items, metrics=["IntraListDiversity"], k=2
        )
        assert result.per_user["intralistdiversity@2"].tolist() == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("mask", [True, False])
def test_a_run_s_own_lists_get_the_run_s_own_figures(
    cycle_home: Path, tmp_path: Path, quick: dict[str, object], mask: bool
) -> None:
    run = train_run(
        "ItemKNN", overrides=_without_window(quick) | {"mask_seen": mask}, output=tmp_path / "run"
    ).folder
    opened = open_model(run)
    split = opened.data.split
    data = split.interactions

    def part(phase: int) -> pl.DataFrame:
        rows = split.rows(phase)
        return pl.DataFrame(
            {
                "user": data.user_tokens[data.users[rows]].astype(str),
                "item": data.item_tokens[data.items[rows]].astype(str),
            }
        )

    items = pl.DataFrame(
        {"item": data.item_tokens[1:].astype(str), "genres": ["Drama Comedy"] * (data.n_items - 1)}
    )
    result = measure(
        run / "recommendations.parquet",
        train=part(TRAIN),
        validation=part(VALID),
        test=part(TEST),
        items=items,
        genre_separator=" ",
        k=[5, 10],
        exclude_seen=mask,
    )
    figures = opened.metrics
    for name, value in figures["test"].items():
        assert result.metrics["value"][name] == pytest.approx(value, abs=1e-9), name
    for name, (low, high) in figures["test_intervals"].items():
        assert result.metrics.loc[name, ["low", "high"]].tolist() == pytest.approx([low, high], abs=1e-9)
    for kind, bounds in figures["test_bounds"].items():
        for name, value in bounds.items():
            assert result.metrics[kind][name] == pytest.approx(value, abs=1e-9), name


def _without_window(quick: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in quick.items() if key != "MAX_ITEM_LIST_LENGTH"}


def test_users_that_are_not_measured_are_counted_in_words() -> None:
    test = pd.DataFrame({"user": [1, 2, 3, 9], "item": [12, 11, 10, 10]})
    lists = pd.concat([LISTS, pd.DataFrame({"user": [7], "item": [10], "rank": [1]})])
    result = measure(lists, train=TRAIN_ROWS, test=test, k=2)
    assert result.users == 3
    assert result.per_user.loc["3", "hit@2"] == 0
    notes = " ".join(result.notes)
    assert "1 users of test are not in train" in notes
    assert "1 users have no list" in notes
    assert "1 users of lists are not measured" in notes


def test_seen_items_in_lists_are_said() -> None:
    lists = pd.DataFrame({"user": [1, 2], "item": [10, 11], "rank": [1, 1]})
    assert (
        "1 of 2 places show an item that its user had"
        in measure(lists, train=TRAIN_ROWS, test=TEST_ROWS, k=1).notes[0]
    )
    assert not measure(lists, train=TRAIN_ROWS, test=TEST_ROWS, k=1, exclude_seen=False).notes


def test_it_shows_itself() -> None:
    result = measure(LISTS, train=TRAIN_ROWS, test=TEST_ROWS, k=2)
    assert "ndcg@2" in repr(result)
    assert "2 users, 4 items" in repr(result)
    assert result._repr_html_().startswith("<table")


BAD: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "an item twice": (
        lambda: {"lists": pd.concat([LISTS, LISTS.assign(rank=[3, 4, 3, 4])])},
        DataError,
        "twice",
    ),
    "a rank twice": (lambda: {"lists": LISTS.assign(rank=1)}, DataError, "the rank 1 twice"),
    "an unknown item": (
        lambda: {"lists": LISTS.assign(item=[12, 13, 13, 99])},
        DataError,
        "lists has the item '99', which train and test lacks",
    ),
    "no user column": (
        lambda: {"train": TRAIN_ROWS.rename(columns={"user": "who"})},
        DataError,
        "no column for the user",
    ),
    "an empty table": (lambda: {"lists": LISTS[:0]}, DataError, "lists has no row"),
    "a gap": (lambda: {"test": TEST_ROWS.assign(item=[12, None])}, DataError, "test has no item in row 2"),
    "other users": (
        lambda: {"test": TEST_ROWS.assign(user=[8, 9])},
        DataError,
        "no user of test is in train",
    ),
    "a missing file": (lambda: {"lists": "nowhere.parquet"}, DataError, "nowhere.parquet does not exist"),
    "a dictionary": (lambda: {"lists": {1: [2]}}, DataError, "lists is a dict"),
    "a score of NaN": (
        lambda: {"lists": LISTS.drop(columns="rank").assign(score=[1, np.nan, 2, 3])},
        DataError,
        "lists has",
    ),
    "a rank of text": (lambda: {"lists": LISTS.assign(rank="first")}, DataError, "give numbers"),
    "k of 0": (lambda: {"k": 0}, ConfigError, "k is 0"),
    "an unknown metric": (lambda: {"metrics": ["NDGC"]}, ConfigError, "NDCG"),
    "metrics as text": (lambda: {"metrics": "NDCG"}, ConfigError, "list"),
    "diversity without genres": (lambda: {"metrics": ["IntraListDiversity"]}, DataError, "needs genres"),
    "a column that is not there": (lambda: {"columns": {"user": "usr"}}, DataError, "no column 'usr'"),
    "a fraction": (lambda: {"test": TEST_ROWS.assign(user=[1.5, 2.0])}, DataError, "fraction"),
    "an item twice in items": (
        lambda: {"items": pd.DataFrame({"item": [10, 10, 11, 12, 13]})},
        DataError,
        "items has '10' twice",
    ),
    "an unknown confidence": (lambda: {"confidence": 2}, ConfigError, "confidence"),
    "an unknown head rule": (lambda: {"head_rule": "items_2"}, ConfigError, "items_20"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_measured_is_refused_in_one_sentence(name: str) -> None:
    change, error, words = BAD[name]
    arguments: dict[str, Any] = {"lists": LISTS, "train": TRAIN_ROWS, "test": TEST_ROWS, "k": 2} | change()
    with pytest.raises(error, match=words) as raised:
        measure(arguments.pop("lists"), **arguments)
    assert "\n" not in str(raised.value)
