"""Names of columns and fields against each other."""

from __future__ import annotations

from typing import Any

import pytest

from recbole_ext.config.model_source import model_source
from recbole_ext.config.read import read_config
from recbole_ext.errors import ConfigError

MODEL = model_source("recbole_ext.model.general_recommender.pop:Pop")
LOADED = {"item": ["item_id", "year", "genres"]}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        # A name twice: of a column, of a list, of a negative, of another field.
        (
            {"POSITION_FIELD": "item_id"},
            "POSITION_FIELD .*is item_id, which is a column of every .inter file",
        ),
        ({"LABEL_FIELD": "timestamp"}, "LABEL_FIELD .*is timestamp, which is a column"),
        ({"ITEM_LIST_LENGTH_FIELD": "item_id_list"}, "ITEM_LIST_LENGTH_FIELD .*is item_id with LIST_SUFFIX"),
        ({"POSITION_FIELD": "neg_item_id"}, "POSITION_FIELD .*is item_id with NEG_PREFIX"),
        ({"POSITION_FIELD": "here", "LABEL_FIELD": "here"}, "is here, which is the value of"),
        # Columns of interactions: all that are read, and no other.
        (
            {"load_col": {"inter": ["user_id"]}},
            r"load_col .*has \[user_id\] for inter, without item_id: add it",
        ),
        ({"load_col": {"inter": ["user_id", "item_id"]}}, "for inter, without timestamp"),
        (
            {"load_col": {"inter": ["user_id", "item_id", "timestamp", "day"]}},
            "load_col .*of which only user_id",
        ),
        ({"load_col": {"inter": "*"}}, r"load_col .*has '\*' for inter, of which only"),
        ({"load_col": {"inter": 3}}, "load_col .*must be a block of inter, user and item"),
        ({"load_col": {"nothing": ["x"]}}, "load_col .*must be a block of inter, user and item"),
        ({"load_col": {"item": ["year"]}}, r"load_col .*has \[year\] for item, without item_id: add it"),
        ({"load_col": {"user": ["item_id"]}}, r"load_col .*for user, without user_id"),
        ({"unload_col": {"inter": ["rating"]}}, "unload_col .*must be a block of user and item"),
        ({"load_col": LOADED, "unload_col": {"item": ["year"]}}, r"unload_col .*leaves out \[year\] of item"),
        (
            {"load_col": {"item": "*"}, "unload_col": {"item": ["item_id"]}},
            "unload_col .*item needs: keep it",
        ),
        # Keys that name columns which are not loaded.
        (
            {"normalize_field": ["rating"]},
            "normalize_field .*names the column 'rating', which load_col does not",
        ),
        ({"load_col": LOADED, "normalize_field": ["yaer"]}, "normalize_field .*'yaer'"),
        ({"normalize_all": True}, "normalize_all .*would change ratings and times too"),
        ({"numerical_features": ["age"]}, "numerical_features .*'age'"),
        ({"discretization": {"age": {"method": "LD"}}}, "discretization .*'age'"),
        ({"discretization": 3}, "discretization .*must be a block such as"),
        ({"discretization": {"year": {"method": "XX"}}}, "discretization .*must be a block such as"),
        ({"load_col": LOADED, "preload_weight": {"item_id": "vector"}}, "preload_weight .*'vector'"),
        ({"preload_weight": {"item_id": 3}}, "preload_weight .*must be a block"),
        ({"seq_len": {"genres": 3}}, "seq_len .*'genres'"),
    ],
)
def test_names_that_cannot_be_used_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=f"^{words}" if words[0].isupper() else words):
        read_config(MODEL, (), values)


@pytest.mark.parametrize(
    "values",
    [
        {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}},
        {"load_col": LOADED, "normalize_field": ["year"], "numerical_features": ["year"]},
        {"load_col": LOADED, "seq_len": {"genres": 3}, "preload_weight": {"item_id": "year"}},
        {
            "load_col": LOADED,
            "numerical_features": ["year"],
            "discretization": {"year": {"method": "ED", "bucket": 5}},
        },
        {"load_col": {"item": "*"}, "unload_col": {"item": ["title"]}, "normalize_field": ["anything"]},
        {"LABEL_FIELD": "liked", "POSITION_FIELD": "place"},
    ],
)
def test_names_of_columns_that_are_loaded_pass(values: dict[str, Any]) -> None:
    checked = read_config(MODEL, (), values)
    for key, value in values.items():
        assert checked[key] == ({**checked[key], **value} if key == "load_col" else value)
