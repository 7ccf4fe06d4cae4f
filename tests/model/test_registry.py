"""Finding models: ours, RecBole's, anybody's; and what is said where there is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from recbole.model.abstract_recommender import SequentialRecommender
from recbole.trainer import Trainer

from recbole_ext.errors import ConfigError
from recbole_ext.model import registry
from recbole_ext.model.registry import MODELS, ModelSpec, known_models, register, resolve_model
from recbole_ext.trainer.build import trainer_for
from recbole_ext.trainer.train import train
from recbole_ext.trainer.trainer import ExactTrainer

OUTSIDE = """
from recbole.model.abstract_recommender import GeneralRecommender
from recbole.model.general_recommender import BPR
from recbole.utils import ModelType

class Mine(BPR):
    pass

class Context(GeneralRecommender):
    type = ModelType.CONTEXT

class NoModel:
    pass

number = 3
"""


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """A module of a user's own; gives ``module:Class``."""
    name = f"outside_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(OUTSIDE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return lambda class_name: f"{name}:{class_name}"


def test_every_known_name_gives_a_model_and_a_trainer() -> None:
    for name in known_models():
        spec, model = resolve_model(name)
        assert spec.name == name
        assert model.__name__ == name
        trainer = trainer_for(spec, model)
        assert issubclass(trainer, ExactTrainer)
        assert issubclass(trainer, Trainer)


def test_both_families_are_there_and_the_names_are_sorted() -> None:
    names = known_models()
    assert {"Pop", "ItemKNN", "BPR", "GRU4Rec", "Caser", "SASRec", "LightGCN", "Random"} <= set(names)
    assert names == sorted(names, key=str.lower)
    # context-aware and knowledge-based models rank from more than interactions
    assert not {"DeepFM", "KGAT", "XGBoost"} & set(names)


def test_ours_come_before_recboles_of_the_same_name() -> None:
    for name in MODELS:
        assert resolve_model(name)[1].__module__.startswith("recbole_ext.")
    assert issubclass(resolve_model("GRU4Rec")[1], SequentialRecommender)


@pytest.mark.parametrize(
    ("wrong", "right"), [("GRU4rec", "GRU4Rec"), ("ItemKnn", "ItemKNN"), ("SASREC", "SASRec"), ("BRP", "BPR")]
)
def test_an_unknown_name_suggests_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(ConfigError, match=f"--model={wrong} .*{right}"):
        resolve_model(wrong)


@pytest.mark.parametrize(
    ("name", "need"), [("GRU4RecKG", "knowledge graph"), ("KSR", "knowledge graph"), ("LDiffRec", "item_emb")]
)
def test_a_model_that_needs_more_says_what(name: str, need: str) -> None:
    assert name not in known_models()
    with pytest.raises(ConfigError, match=f"--model={name} needs .*{need}"):
        resolve_model(name)


@pytest.mark.parametrize("nothing", ["", None])
def test_no_name_at_all(nothing: Any) -> None:
    with pytest.raises(ConfigError, match="add --model=NAME"):
        resolve_model(nothing)


def test_a_class_from_outside_trains(
    outside: Callable[[str], str], quick: dict[str, Any], tmp_path: Path
) -> None:
    spec, model = resolve_model(outside("Mine"))
    assert (spec.name, model.__name__) == ("Mine", "Mine")
    result = train(outside("Mine"), overrides={**quick, "epochs": 1}, output=tmp_path / "run")
    assert 0 <= result.test.means["ndcg@10"] <= 1


@pytest.mark.parametrize(
    ("class_name", "message"),
    [
        ("mine", "no class 'mine'.*Mine"),
        ("NoModel", "not a RecBole model"),
        ("number", "not a RecBole model"),
        ("Context", "neither a general nor a sequential"),
        ("", "no class"),
    ],
)
def test_a_class_from_outside_that_is_none(
    class_name: str, message: str, outside: Callable[[str], str]
) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve_model(outside(class_name))


@pytest.mark.parametrize(
    "path", ["no_such_package.module:Mine", "recbole_ext.no_such_module:Mine", ":Mine", ".near:Mine"]
)
def test_a_module_from_outside_that_is_none(path: str) -> None:
    with pytest.raises(ConfigError, match="cannot be imported"):
        resolve_model(path)


@pytest.mark.parametrize(("code", "kind"), [("def", "SyntaxError"), ("1 / 0", "ZeroDivisionError")])
def test_a_module_from_outside_that_fails(
    code: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"broken_{kind.lower()}"
    (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=f"cannot be imported \\({kind}"):
        resolve_model(f"{name}:Mine")


def test_a_name_is_registered_once(monkeypatch: pytest.MonkeyPatch, outside: Callable[[str], str]) -> None:
    monkeypatch.setattr(registry, "MODELS", dict(MODELS))
    register(ModelSpec("Mine", outside("Mine"), "nobody 2024"))
    assert "Mine" in known_models()
    assert resolve_model("Mine")[1].__name__ == "Mine"
    for taken in ("Mine", "GRU4Rec"):
        with pytest.raises(ConfigError, match=f"'{taken}' is registered already"):
            register(ModelSpec(taken, outside("Mine")))
