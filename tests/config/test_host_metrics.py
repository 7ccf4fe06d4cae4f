"""The metrics of the package in RecBole's own tables, and what is known of RecBole's without asking it."""

from __future__ import annotations

import pytest
from recbole.config import Config
from recbole.evaluator import register as host

from recbole_ext.config.build import build_config
from recbole_ext.config.host_metrics import enter_metrics
from recbole_ext.errors import ConfigError
from recbole_ext.evaluator.metric_info import HOST_METRICS, METRIC_INFO, NEEDS_RATINGS


@pytest.mark.parametrize("name", list(METRIC_INFO))
def test_each_metric_is_in_all_of_the_hosts_tables(name: str) -> None:
    enter_metrics()
    key = name.lower()
    assert host.metrics_dict[key].__name__ == name
    assert key in host.metric_types
    assert key in host.metric_information
    assert (key in host.smaller_metrics) == (METRIC_INFO[name].bigger is False)


def test_entering_twice_changes_nothing() -> None:
    enter_metrics()
    before = dict(host.metrics_dict), list(host.smaller_metrics)
    enter_metrics()
    assert (dict(host.metrics_dict), list(host.smaller_metrics)) == before


def test_direction_decides_what_valid_metric_chooses() -> None:
    config = build_config("Pop", None, (), {"valid_metric": "Gini@10", "dataset": "x"})
    assert isinstance(config, Config)
    assert config["valid_metric_bigger"] is False
    assert build_config("Pop", None, (), {"valid_metric": "itemcoverage@10", "dataset": "x"})[
        "valid_metric_bigger"
    ]


def test_the_hosts_evaluator_says_who_computes_it() -> None:
    enter_metrics()
    with pytest.raises(ConfigError, match="train through recbole_ext"):
        host.metrics_dict["novelty"]({"metric_decimal_place": 4}).calculate_metric(None)


def test_all_names_of_the_host_are_known_without_it() -> None:
    ours = {name.lower() for name in METRIC_INFO} - {"itemcoverage", "auc"}
    others = host.metrics_dict.keys() - ours
    assert others == HOST_METRICS
    rated = {key for key in others if host.metric_types[key] != host.metric_types["ndcg"]}
    assert rated == set(NEEDS_RATINGS)
