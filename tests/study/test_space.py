"""Search spaces: what is refused before the first trial, and in which order conditions are drawn."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import optuna
import pytest

from recbole_ext.config.problem import Origin, Problem
from recbole_ext.config.read import known_keys
from recbole_ext.errors import ConfigError
from recbole_ext.model.registry import model_spec
from recbole_ext.study.space import read_space
from recbole_ext.trainer.configure import source_of_model

ROOT = Path(__file__).resolve().parents[2]
KNOWN = {
    "learning_rate",
    "hidden_size",
    "loss_type",
    "sample_num",
    "dropout_prob",
    "split",
    "mlp_hidden_size",
}

# ruff: noqa: E501 - one line a case reads as a table
MISTAKES = {
    "": r"space\.yaml is empty",
    "learning_rat: {type: float, low: 0, high: 1}": r"unknown key 'learning_rat' in .*line 1; did you mean 'learning_rate'",
    "split: {type: categorical, choices: [ratio]}": r"split .*decides what is measured",
    "learning_rate: {type: float, low: 1, high: 0.1}": r"learning_rate .*line 1 has low 1 above high 0\.1: swap them",
    "learning_rate: {type: float, low: 0, high: 1, log: true}": r"^learning_rate in .*line 1 has log, which needs a low above 0, not 0",
    "learning_rate: {type: float, low: 1e-3, high: 1, log: true, step: 0.1}": r"has log and step, which exclude each other: remove one",
    "hidden_size: {type: categorical, choices: []}": r"^choices in hidden_size in .*space\.yaml, line 1 is empty",
    "hidden_size: {type: categorical, choices: [5, 3, 5]}": r"^choices in hidden_size in .*line 1 names 5 twice: remove one",
    "mlp_hidden_size: {type: categorical, choices: [[64], [64]]}": r"line 1 names \[64\] twice: remove one",
    "hidden_size: {type: categorical}": r"^choices in hidden_size .*is missing: add it",
    "hidden_size: {type: whole, low: 1, high: 2}": r"^type in hidden_size in .*line 1 is 'whole', which is not a type: use float, int or categorical",
    "hidden_size: {low: 1, high: 2}": r"^hidden_size in .*line 1 has no type: add float, int or categorical",
    "hidden_size: {type: int, low: 1, high: 2, lgo: true}": r"unknown key 'lgo' of hidden_size in .*line 1; did you mean 'low'",
    "hidden_size: {type: int, low: 1.5, high: 2}": r"^low in hidden_size in .*line 1 must be a whole number, not 1\.5$",
    "hidden_size: {type: int, low: few, high: 2}": r"^low in hidden_size in .*line 1 must be a whole number, not 'few'$",
    "hidden_size: {type: int, low: 1, high: 2, step: 0}": r"^step in hidden_size in .*line 1 must be 1 or more, not 0$",
    f"hidden_size: {{type: int, low: 1, high: {2**63}}}": r"^high in hidden_size in .*line 1 must be at most 9223372036854775807",
    f"hidden_size: {{type: int, low: {-(2**63) - 1}, high: 1}}": r"^low in hidden_size in .*line 1 must be (at least )?-9223372036854775808",
    "learning_rate: {type: float, low: 0, high: .nan}": r"^high in learning_rate in .*line 1 must be a finite number, not \.nan$",
    "hidden_size: {type: int, low: 16, high: 32, step: 100}": r"line 1 has step 100, which does not lead from low 16 to high 32: set high to 116, or choose",
    "hidden_size: {type: int, low: 16, high: 32, step: 5}": r"step 5, which does not lead .*: set high to 31 or 36, or choose",
    "dropout_prob: {type: float, low: 0.1, high: 0.5, step: 0.3}": r"set high to 0\.4 or 0\.7, or choose",
    "hidden_size: [64, 128]": r"hidden_size .*give a block",
    "sample_num: {type: int, low: 1, high: 2, when: {los_type: [BPR]}}": r"depends on 'los_type', which",
    "loss_type: {type: categorical, choices: [CE]}\nsample_num: {type: int, low: 1, high: 2, when: {loss_type: [BPR]}}": (
        r"waits for loss_type to be 'BPR'"
    ),
    "hidden_size: {type: int, low: 1, high: 2}\nsample_num: {type: int, low: 1, high: 2, when: {hidden_size: [1]}}": (
        r"only choices can decide"
    ),
    "loss_type: {type: categorical, choices: [a], when: {hidden_size: [1]}}\n"
    "hidden_size: {type: categorical, choices: [1], when: {loss_type: [a]}}": r"loss_type, hidden_size .*wait for each",
    "loss_type: {type: categorical, choices: [a], when: {loss_type: [a]}}": r"wait for each other",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_found_before_the_first_trial(text: str, tmp_path: Path) -> None:
    file = tmp_path / "space.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=MISTAKES[text]):
        read_space(file, KNOWN)


def test_steps_that_reach_the_end_in_decimals_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "space.yaml"
    file.write_text(
        "dropout_prob: {type: float, low: 0.1, high: 0.4, step: 0.1}\n"  # 0.4 - 0.1 is no multiple of 0.1 in floats
        "learning_rate: {type: float, low: 1e-5, high: 3e-5, step: 1e-5}\n"
        "hidden_size: {type: int, low: 16, high: 64, step: 16}\n"
        "sample_num: {type: int, low: 5, high: 5, step: 3}\n"
    )
    space = read_space(file, KNOWN)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = [space.draw(study.ask()) for _ in range(40)]
    assert {values["hidden_size"] for values in drawn} == {16, 32, 48, 64}
    assert {round(values["dropout_prob"], 6) for values in drawn} == {0.1, 0.2, 0.3, 0.4}
    assert {values["sample_num"] for values in drawn} == {5}


def test_conditions_are_drawn_in_order_and_only_where_they_hold(tmp_path: Path) -> None:
    file = tmp_path / "space.yaml"
    file.write_text(
        "sample_num: {type: int, low: 1, high: 9, when: {loss_type: [BPR]}}\n"
        "loss_type: {type: categorical, choices: [BPR, CE]}\n"
        "mlp_hidden_size: {type: categorical, choices: [[64], [128, 64]]}\n"
    )
    space = read_space(file, KNOWN)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn: list[dict[str, Any]] = [space.draw(study.ask()) for _ in range(40)]
    assert {values["loss_type"] for values in drawn} == {"BPR", "CE"}
    assert all(("sample_num" in values) == (values["loss_type"] == "BPR") for values in drawn)
    assert {tuple(values["mlp_hidden_size"]) for values in drawn} == {(64,), (128, 64)}
    assert {"loss_type": "BPR", "sample_num": 9} in list(space.examples())


@pytest.mark.parametrize(
    "name",
    [
        "BERT4Rec",
        "BPR",
        "Caser",
        "EASE",
        "GRU4Rec",
        "HSTU",
        "ItemKNN",
        "MLP",
        "MLPSeq",
        "PersonalTopK",
        "SASRec",
        "eSASRec",
    ],
)
def test_the_spaces_that_come_along_fit_their_models(name: str) -> None:
    known = known_keys(source_of_model(model_spec(name)))
    assert read_space(ROOT / "config" / "search" / f"{name.lower()}.yaml", known).parameters


def test_a_condition_names_the_line_that_it_stands_in(tmp_path: Path) -> None:
    file = tmp_path / "space.yaml"
    file.write_text(
        "loss_type: {type: categorical, choices: [CE]}\nsample_num:\n  type: int\n  low: 1\n  high: 2\n"
        "  when:\n    loss_type: [BPR]\n"
    )
    with pytest.raises(ConfigError, match=r"^sample_num in .*space\.yaml, line 7 waits for loss_type"):
        read_space(file, KNOWN)
    file.write_text("hidden_size:\n  type: int\n  low: 1\n  high: none\n")
    with pytest.raises(ConfigError) as caught:
        read_space(file, KNOWN)
    assert caught.value.problem == Problem(
        ("hidden_size", "high"), "int_parsing", "none", origin=Origin(str(file), 4)
    )


def test_the_configuration_has_a_place_in_the_space(tmp_path: Path) -> None:
    file = tmp_path / "space.yaml"
    file.write_text(
        "learning_rate: {type: float, low: 1e-3, high: 1, log: true}\n"
        "dropout_prob: {type: float, low: 0.0, high: 1.0, step: 0.25}\n"
        "hidden_size: {type: int, low: 16, high: 64, step: 16}\n"
        "mlp_hidden_size: {type: categorical, choices: [[64], [128, 64]]}\n"
        "loss_type: {type: categorical, choices: [BPR, CE]}\n"
        "sample_num: {type: int, low: 1, high: 9, when: {loss_type: [BPR]}}\n"
    )
    space = read_space(file, KNOWN)
    config = {
        "learning_rate": 1e-4,  # below the range
        "dropout_prob": 0.3,  # between two steps
        "hidden_size": 128,  # above the range
        "mlp_hidden_size": [128, 64],
        "loss_type": "CE",
        "sample_num": 4,  # its condition does not hold
    }
    first = space.nearest_to(config)
    assert first == {
        "learning_rate": 1e-3,
        "dropout_prob": 0.25,
        "hidden_size": 64,
        "mlp_hidden_size": "[128, 64]",
        "loss_type": "CE",
    }
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.enqueue_trial(first)
    assert space.draw(study.ask()) == {**first, "mlp_hidden_size": [128, 64]}
    assert space.nearest_to({**config, "loss_type": "BPR"})["sample_num"] == 4
    # A value that is no choice is drawn, and so is what waits for it.
    assert space.nearest_to({**config, "loss_type": "BCE"}).keys() == first.keys() - {"loss_type"}
