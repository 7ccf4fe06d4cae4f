"""A RecBole script on this package: its arguments, its keys, its result."""

from __future__ import annotations

import queue as queues
from pathlib import Path
from typing import Any

import pytest

from recbole_ext.api.host_script import _split, _translated, run_recbole
from recbole_ext.errors import ConfigError


@pytest.fixture(autouse=True)
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr("sys.argv", ["script.py"])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_result_has_the_keys_of_recbole(cycle_home: Path, script: Path) -> None:
    received: queues.SimpleQueue[Any] = queues.SimpleQueue()
    result = run_recbole(
        "Pop", "cycle", config_dict={"data_path": str(cycle_home)}, saved=False, queue=received
    )
    assert list(result) == ["best_valid_score", "valid_score_bigger", "best_valid_result", "test_result"]
    names = ["recall@10", "mrr@10", "ndcg@10", "hit@10", "precision@10"]
    assert list(result["test_result"]) == list(result["best_valid_result"]) == names
    assert result["valid_score_bigger"] is True
    assert result["best_valid_score"] == result["best_valid_result"]["mrr@10"]
    assert all(value == round(value, 4) for value in result["test_result"].values())
    assert received.get() == result
    assert not (script / "saved").exists()


def test_files_a_script_s_arguments_and_its_dictionary_are_layers(
    cycle_home: Path, script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (script / "a.yaml").write_text(f"model: Pop\ntopk: [3]\nvalid_metric: Hit@3\ndata_path: {cycle_home}\n")
    monkeypatch.setattr("sys.argv", ["script.py", "--metrics=[Hit]", "--dataset=other", "-v", "file"])
    result = run_recbole(
        dataset="cycle", config_file_list=["a.yaml"], config_dict={"metric_decimal_place": 1}
    )
    assert list(result["test_result"]) == ["hit@3"]
    assert result["test_result"]["hit@3"] in [n / 10 for n in range(11)]
    assert len(list((script / "saved").iterdir())) == 1


def test_sequential_models_may_repeat_as_in_recbole_and_general_ones_may_not() -> None:
    assert _translated({}, sequential=True)["mask_seen"] is False
    assert _translated({}, sequential=False)["mask_seen"] is True
    assert _translated({"repeatable": False}, sequential=True)["mask_seen"] is True


def test_filters_are_translated() -> None:
    values = _translated(
        {
            "user_inter_num_interval": "[5,inf)",
            "item_inter_num_interval": "[ 3 , inf )",
            "val_interval": {"rating": "[3.5,inf)"},
        },
        sequential=False,
    )
    assert (values["min_user_interactions"], values["min_item_interactions"]) == (5, 3)
    assert values["rating_threshold"] == 3.5
    assert "val_interval" not in values


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ({"split": {"LS": "valid_and_test"}, "order": "TO"}, {"split": "leave_one_out"}),
        (
            {
                "split": {"RS": [8, 1, 1]},
                "order": "TO",
                "group_by": "user",
                "mode": {"valid": "full", "test": "full"},
            },
            {"split": "ratio", "split_ratio": [0.8, 0.1, 0.1]},
        ),
        (
            {"split": {"RS": [0.5, 0.25, 0.25]}, "order": "TO", "group_by": None},
            {"split": "global_time", "split_ratio": [0.5, 0.25, 0.25]},
        ),
    ],
)
def test_splits_are_translated(protocol: dict[str, Any], expected: dict[str, Any]) -> None:
    assert _split(protocol) == expected


def test_a_random_order_is_announced_as_replaced() -> None:
    with pytest.warns(UserWarning, match="latest ones here, not random ones"):
        assert _split({"split": {"LS": "valid_and_test"}, "order": "RO"}) == {"split": "leave_one_out"}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"eval_args": {"mode": "uni100", "order": "TO"}}, "whole catalogue"),
        ({"eval_args": {"split": {"LS": "test_only"}, "order": "TO"}}, "valid_and_test"),
        ({"eval_args": {"split": {"RS": [0.8, 0.2]}, "order": "TO"}}, "RS"),
        ({"eval_args": "full"}, "block"),
        ({"user_inter_num_interval": "[5,10]"}, r"user_inter_num_interval is '\[5,10\]'"),
        ({"val_interval": {"timestamp": "[5,inf)"}}, "val_interval"),
        ({"valid_metric_bigger": False}, "direction of MRR@10"),
    ],
)
def test_what_cannot_be_translated_is_refused(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        _translated(keys, sequential=False)
