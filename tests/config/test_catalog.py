"""The list of keys, against the files and types that it is made from."""

from __future__ import annotations

import yaml

from recbole_ext.config.catalog import known_anywhere, list_keys, matching
from recbole_ext.config.host_keys import REPLACED_KEYS
from recbole_ext.config.model_source import host_arguments, model_source
from recbole_ext.config.read import COMPUTED_KEYS, default_files, known_keys, read_config
from recbole_ext.model.registry import known_models, model_spec

GRU = model_source("recbole_ext.model.sequential_recommender.gru4rec:GRU4Rec")


def test_every_key_of_ours_has_a_type_a_default_and_a_line() -> None:
    ours = yaml.safe_load(default_files()[-1].read_text())
    found = {key.name: key for key in list_keys()}
    for name in ours.keys() - REPLACED_KEYS.keys():
        key = found[name]
        assert key.kind, name
        assert key.default, name
        assert key.line[0] not in "(,", name
        assert key.line[-1] == ".", name


def test_every_key_of_recbole_is_there_with_a_line() -> None:
    found = {key.name: key for key in list_keys()}
    assert host_arguments() - REPLACED_KEYS.keys() - COMPUTED_KEYS <= found.keys()
    assert [name for name, key in found.items() if not key.line] == []
    assert not found.keys() & (COMPUTED_KEYS | REPLACED_KEYS.keys())


def test_types_and_defaults_are_those_of_the_checks() -> None:
    found = {key.name: key for key in list_keys(GRU)}
    assert found["epochs"].kind == "a whole number of 1 or more"
    assert found["epochs"].line == "Maximum; early stopping usually ends training sooner."
    assert found["offline_dataset"].line.endswith("null: stop with an error.")
    assert found["learning_rate"].default == str(read_config(GRU)["learning_rate"])
    assert found["hidden_size"].of_model
    assert not found["epochs"].of_model
    shared = {key.name: key for key in list_keys()}
    assert "hidden_size" not in shared
    assert shared["learning_rate"].default != found["learning_rate"].default  # the model's own


def test_no_model_has_a_key_that_a_misspelling_would_be_refused_for() -> None:
    for name in known_models():
        path = model_spec(name).path
        assert known_keys(model_source(path)) <= known_anywhere() | COMPUTED_KEYS, name


def test_patterns() -> None:
    keys = list_keys()
    names = [key.name for key in matching(keys, "Batch-Size")]
    assert names == ["eval_batch_size", "train_batch_size"]
    assert [key.name for key in matching(keys, "min_*_interactions")] == [
        "min_item_interactions",
        "min_user_interactions",
    ]
    assert "min_user_interactions" in [key.name for key in matching(keys, "k-core")]
    assert matching(keys, "xyzzy") == []
