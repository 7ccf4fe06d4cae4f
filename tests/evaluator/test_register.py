"""Metric names: the protocol's, RecBole's refused where they mean something else, and anybody's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recbole.evaluator import register as host

from recbole_ext.config.build import build_config
from recbole_ext.errors import ConfigError, DataError
from recbole_ext.evaluator.groups import popularity_groups
from recbole_ext.evaluator.metric_info import ACCURACY, METRIC_INFO, REFUSED
from recbole_ext.evaluator.metrics.accuracy import METRICS
from recbole_ext.evaluator.metrics.beyond_accuracy import BEYOND_ACCURACY, Evidence, measure
from recbole_ext.evaluator.register import (
    bigger_is_better,
    is_accuracy,
    known_metrics,
    metric_name,
    register_metric,
)
from recbole_ext.trainer.train import train

PROTOCOL = (
    *(
        "ItemCoverage",
        "TailCoverage",
        "TailShare",
        "UserCoverage",
        "AvgPopularity",
        "PopularityLift",
        "Novelty",
    ),
    *("Gini", "Entropy", "IntraListDiversity", "Serendipity", "PopularityCalibration", "PopREO", "PopRSP"),
)


@pytest.mark.parametrize("name", PROTOCOL)
def test_each_row_of_the_protocol_has_a_name_and_a_function(name: str) -> None:
    assert metric_name(name.upper()) == name
    assert not is_accuracy(name)
    assert name in known_metrics()
    assert name in BEYOND_ACCURACY


def test_names_and_functions_belong_together() -> None:
    assert {name.lower() for name in ACCURACY} == set(METRICS)
    assert list(METRIC_INFO) == list(BEYOND_ACCURACY)
    for name, metric in BEYOND_ACCURACY.items():
        assert {key: getattr(metric, key) for key in vars(METRIC_INFO[name])} == vars(METRIC_INFO[name])


def test_directions() -> None:
    assert [bigger_is_better(name) for name in ("NDCG", "Novelty", "Gini", "PopularityLift")] == [
        *(True, True, False, None)
    ]


def test_a_metric_without_direction_cannot_choose() -> None:
    with pytest.raises(ConfigError, match="neither a large nor a small PopularityLift"):
        build_config("Pop", None, (), {"valid_metric": "PopularityLift@10", "dataset": "x"})


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_the_hosts_own_definitions_are_refused_with_the_reason(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is refused: .*use "):
        metric_name(name)


def test_unknown_and_rating_metrics() -> None:
    with pytest.raises(ConfigError, match=r"unknown metric 'Recal' in here; did you mean 'Recall'\?"):
        metric_name("Recal", " in here")
    with pytest.raises(ConfigError, match="RMSE needs ratings, not ranks"):
        metric_name("RMSE")


@pytest.fixture
def forget() -> Any:
    """Takes metrics registered by a test out of the tables again."""
    before = set(BEYOND_ACCURACY)
    yield
    for name in set(BEYOND_ACCURACY) - before:
        del BEYOND_ACCURACY[name], METRIC_INFO[name]
        for table in (host.metrics_dict, host.metric_types, host.metric_information):
            table.pop(name.lower(), None)
        if name.lower() in host.smaller_metrics:
            host.smaller_metrics.remove(name.lower())


def smallest_id(evidence: Evidence) -> np.ndarray:
    return evidence.items.min(axis=1).astype(float)


def test_a_metric_of_ones_own_works_in_metrics_and_as_valid_metric(
    forget: None, quick: dict[str, Any], tmp_path: Path
) -> None:
    register_metric("SmallestId", smallest_id, bigger=False, source="this test")
    result = train(
        "Pop",
        overrides={**quick, "metrics": ["NDCG", "smallestid"], "valid_metric": "SmallestId@5"},
        output=tmp_path / "run",
    )
    expected = result.test.items[:, :5].min(axis=1)
    assert np.array_equal(result.test.per_user["smallestid@5"], expected)
    assert result.epochs[0]["valid_score"] == pytest.approx(result.validation.items[:, :5].min(axis=1).mean())
    assert result.metrics["test_intervals"]["smallestid@5"]


@pytest.mark.parametrize("name", ["NDCG", "gini", "GiniIndex", "rmse", "two words"])
def test_a_name_that_is_taken_or_no_name(forget: None, name: str) -> None:
    with pytest.raises(ConfigError, match=r"exists already|cannot be named"):
        register_metric(name, smallest_id)


def test_a_metric_from_outside(
    forget: None, quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_metrics.py").write_text(
        "def ListLength(evidence):\n    return (evidence.items > 0).sum(axis=1)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    result = train(
        "Random", overrides={**quick, "metrics": ["NDCG", "my_metrics:ListLength"]}, output=tmp_path / "run"
    )
    assert result.metrics["test"]["listlength@5"] == 5
    with pytest.raises(ConfigError, match=r"no function 'ListLenth'; did you mean 'ListLength'\?"):
        metric_name("my_metrics:ListLenth")
    with pytest.raises(ConfigError, match="cannot be imported"):
        metric_name("no_such_module:x")


@pytest.mark.parametrize(
    ("per_user", "words"),
    [
        (True, r"the metric Mine gave nan for list 2 of 3: let it return"),
        (False, r"the metric Mine gave nan: let"),
    ],
)
def test_a_metric_that_is_no_number_is_refused(forget: None, per_user: bool, words: str) -> None:
    value = np.array([0.5, np.nan, 1.0]) if per_user else np.nan
    register_metric("Mine", lambda _: value, per_user=per_user)
    counts = np.array([0, 2, 1])
    evidence = Evidence(np.ones((3, 1), dtype=int), counts, popularity_groups(counts))
    with pytest.raises(DataError, match=words):
        measure("Mine", evidence)
