"""Ranges that depend on the model."""

from __future__ import annotations

from typing import Any

import pytest
from recbole.model.layers import FeedForward
from recbole.utils import get_model

from recbole_ext.config.build import build_config
from recbole_ext.config.model_source import host_activations
from recbole_ext.errors import ConfigError
from recbole_ext.trainer.configure import read_model_config


@pytest.mark.parametrize(
    ("model", "values", "words"),
    [
        ("SASRec", {"n_heads": 3}, r"n_heads .*is 3, which does not divide hidden_size \(64\)"),
        ("SASRec", {"hidden_size": 33}, r"n_heads is 2, which does not divide hidden_size \(33\)"),
        ("CORE", {"n_heads": 3}, r"n_heads .*is 3, which does not divide embedding_size \(64\)"),
        ("AutoInt", {"num_heads": 3}, r"num_heads .*is 3, which does not divide attention_size \(16\)"),
        ("SASRec", {"hidden_act": "tanhh"}, "hidden_act .*must be one of .*not 'tanhh'; did you mean 'tanh'"),
        ("SASRec", {"hidden_act": None}, "hidden_act .*must be one of gelu, .*not None"),
        ("SASRec", {"layer_norm_eps": -1}, "layer_norm_eps .*must be a number above 0, not -1"),
        ("SASRec", {"layer_norm_eps": 0}, "layer_norm_eps .*must be a number above 0, not 0"),
        ("EASE", {"reg_weight": 0}, "reg_weight .*must be above 0 for EASE"),
        ("EASE", {"reg_weight": -5}, "reg_weight .*must be a number of 0 or more, not -5"),
        ("NCEPLRec", {"reg_weight": 0.0}, "reg_weight .*must be above 0 for NCEPLRec"),
        ("HGN", {"reg_weight": 0.1}, "reg_weight .*must be a list, not 0.1"),
        ("HGN", {"reg_weight": [0.1, -0.1]}, "reg_weight .*must be a list, not "),
        ("GRU4Rec", {"loss_decimal_place": -1}, "loss_decimal_place .*must be a whole number from 1 to 15"),
        (
            "BPR",
            {"learning_rate_schedule": "step"},
            "learning_rate_schedule .*must be one of constant, linear",
        ),
        ("BPR", {"ema_decay": 1}, "ema_decay .*must be .*below 1, not 1"),
        ("BPR", {"warmup_steps": -1}, "warmup_steps .*must be a whole number of 0 or more, not -1"),
        ("GRU4Rec", {"transform": "magic"}, "transform .*must be one of mask_itemseq.*not 'magic'"),
    ],
)
def test_what_the_model_would_fail_at_is_refused(model: str, values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=f"^{words}"):
        build_config(model, "toy", (), values)


@pytest.mark.parametrize(
    ("model", "values"),
    [
        ("SASRec", {"n_heads": 4}),
        ("SASRec", {"hidden_act": "swish"}),
        ("LightGCN", {"reg_weight": 0}),
        ("HGN", {"reg_weight": [0.1, 0]}),
        ("GRU4Rec", {"transform": "crop_itemseq"}),
    ],
)
def test_values_beside_those_pass(model: str, values: dict[str, Any]) -> None:
    config = build_config(model, "toy", (), values)
    assert {key: config[key] for key in values} == values


def test_activations_are_those_that_a_feed_forward_layer_takes() -> None:
    for name in host_activations():
        FeedForward(4, 4, 0.0, name, 1e-6)
    with pytest.raises(KeyError):
        FeedForward(4, 4, 0.0, "tanhh", 1e-6)
    assert len(host_activations()) == 5


def test_a_model_of_ones_own_may_have_activations_of_its_own() -> None:
    own = type("Own", (get_model("SASRec"),), {})
    assert build_config(own, "toy", (), {"hidden_act": "mish"})["hidden_act"] == "mish"


@pytest.mark.parametrize(
    ("model", "values", "words"),
    [
        ("EASE", {"ema_decay": 0.9}, "ema_decay .*must be 0 for EASE, which is computed once"),
        ("Pop", {"warmup_steps": 5}, "warmup_steps .*must be 0 for Pop, which is computed once"),
        ("SKNN", {"label_smoothing": 0.1}, "label_smoothing .*must be 0 for SKNN, which is computed once"),
        ("iALS", {"learning_rate_schedule": "linear"}, "learning_rate_schedule .*must be constant for iALS"),
        ("LearntRules", {"label_smoothing": 0.1}, "label_smoothing .*must be 0 for LearntRules, whose loss"),
    ],
)
def test_keys_of_steps_and_losses_are_refused_where_nobody_reads_them(
    model: str, values: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=f"^{words}"):
        read_model_config(model, (), values)
