"""Keys of RecBole that have one value here."""

from __future__ import annotations

from typing import Any

import pytest

from recbole_ext.config.host_keys import IGNORED_KEYS, without_ignored_keys
from recbole_ext.config.model_source import model_source
from recbole_ext.config.read import read_config
from recbole_ext.errors import ConfigError

MODEL = model_source("recbole_ext.model.general_recommender.pop:Pop")
OTHERS: dict[str, Any] = {
    "ITEM_ID_FIELD": "movie",
    "RATING_FIELD": "item_id",
    "TIME_FIELD": "user_id",
    "USER_ID_FIELD": "",
    "alias_of_entity_id": ["x"],
    "alias_of_item_id": ["x"],
    "alias_of_relation_id": ["x"],
    "alias_of_user_id": "x",
    "encoding": "latin-1",
    "entity_kg_num_interval": "[5,inf)",
    "field_separator": ",",
    "kg_reverse_r": True,
    "metric_decimal_place": -1,
    "relation_kg_num_interval": "[5,inf)",
    "seq_separator": "|",
    "state": "LOUD",
    "unused_col": {"inter": ["rating"]},
}


def test_each_is_tried() -> None:
    assert OTHERS.keys() == IGNORED_KEYS.keys()


@pytest.mark.parametrize(("key", "value"), OTHERS.items())
def test_another_value_is_refused_and_the_one_value_passes(key: str, value: Any) -> None:
    with pytest.raises(
        ConfigError, match=rf"^{key} in the option --{key} is .*, which has no effect, since "
    ):
        read_config(MODEL, (), {key: value})
    read_config(MODEL, (), {key: IGNORED_KEYS[key][0]})


def test_a_whole_number_is_not_false() -> None:
    with pytest.raises(ConfigError, match=r"^kg_reverse_r .*is 0, which has no effect"):
        read_config(MODEL, (), {"kg_reverse_r": 0})


def test_runs_of_earlier_versions_may_hold_them() -> None:
    """0.1.0 took any value and stored it; nothing read it, so the figures are those of the defaults."""
    stored = {**OTHERS, "load_col": {"inter": ["user_id", "item_id"], "item": ["item_id", "year"]}, "seed": 3}
    checked = read_config(MODEL, (), without_ignored_keys(stored))
    assert (checked["seed"], checked["state"]) == (3, "INFO")
    assert checked["load_col"] == {
        "inter": ["user_id", "item_id", "rating", "timestamp"],
        "item": ["item_id", "year"],
    }
