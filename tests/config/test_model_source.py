"""What is read from a model's source is what its class says, for every model and without importing it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import recbole
from recbole.model.sequential_recommender import GRU4Rec
from recbole.utils import argument_list

from recbole_ext.config.model_source import host_arguments, host_folder, model_source, source_of_class
from recbole_ext.config.read import known_keys, read_config
from recbole_ext.errors import ConfigError
from recbole_ext.model.registry import known_models, resolve_model


@pytest.mark.parametrize("name", known_models())
def test_the_source_says_what_the_class_says(name: str) -> None:
    spec, model = resolve_model(name)
    static, dynamic = model_source(spec.path), source_of_class(model)
    inside = [base.__name__ for base in reversed(model.__mro__) if base.__module__.startswith("recbole")]
    assert list(static.names) == inside
    assert (static.path, static.name) == (dynamic.path, model.__name__)
    assert static.keys == dynamic.keys
    assert known_keys(static) == known_keys(dynamic)
    assert (static.sequential, static.chooses_loss) == (dynamic.sequential, dynamic.chooses_loss)
    loss = "CE" if {"BinnedRules", "TwoTower"} & set(static.names) else "BPR"  # the others take both
    keys: dict[str, Any] = {"loss_type": loss} if "loss_type" in static.keys else {}
    keys |= {"mask_seen": False} if name == "RepeatLast" else {}  # it ranks what masking takes away
    assert read_config(static, (), keys).values == read_config(dynamic, (), keys).values


def test_keys_of_the_host_are_those_that_it_lists() -> None:
    lists = ("general", "training", "evaluation", "dataset")
    assert host_arguments() == {key for name in lists for key in getattr(argument_list, f"{name}_arguments")}
    assert host_folder() == Path(recbole.__file__).parent


class Mixin:
    """Of a class with two bases, one of which knows nothing of RecBole."""

    def read(self, config: Any) -> Any:
        return config["key_of_the_mixin"]


class Outside(Mixin, GRU4Rec):
    """From outside the two packages."""


def test_a_class_from_outside_is_read_as_it_is_imported() -> None:
    found = source_of_class(Outside)
    assert found.names[-3:] == ("GRU4Rec", "Mixin", "Outside")
    assert {"key_of_the_mixin", "hidden_size"} <= found.keys
    assert (found.sequential, found.chooses_loss) == (True, True)


@pytest.mark.parametrize(
    "path", ["recbole.model.general_recommender.bpr:BRP", "recbole.model.nothing:X", "elsewhere:X"]
)
def test_a_class_that_is_not_there(path: str) -> None:
    with pytest.raises(ConfigError, match=f"{path} does not exist"):
        model_source(path)


def test_reading_a_configuration_imports_neither_torch_nor_the_host() -> None:
    code = (
        "import sys\n"
        "from recbole_ext.config.model_source import model_source\n"
        "from recbole_ext.config.read import read_config\n"
        "model = model_source('recbole_ext.model.sequential_recommender.gru4rec:GRU4Rec')\n"
        "read_config(model, (), {'rerank': {'method': 'mmr', 'alpha': 0.1}, 'valid_metric': 'Gini@10'})\n"
        "heavy = {'torch', 'recbole', 'pandas', 'numpy', 'scipy', 'polars', 'optuna'}\n"
        "rooms = {'recbole_ext.rerank', 'recbole_ext.trainer', 'recbole_ext.data', 'recbole_ext.model'}\n"
        "print(sorted((heavy | rooms) & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
