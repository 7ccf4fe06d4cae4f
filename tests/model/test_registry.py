"""Finding models: ours, RecBole's, anybody's; and what is said where there is none."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from recbole.model.abstract_recommender import SequentialRecommender
from recbole.trainer import Trainer
from recbole.utils import ModelType

from recbole_ext.errors import ConfigError
from recbole_ext.model import registry
from recbole_ext.model.explainable import EXPLANATIONS, how_explainable, how_read
from recbole_ext.model.registry import (
    FAMILIES,
    MODELS,
    Explained,
    Family,
    ModelSpec,
    family_of,
    known_models,
    known_spec,
    model_spec,
    register,
    resolve_model,
    seeds_of,
    short_name,
)
from recbole_ext.trainer.build import trainer_for
from recbole_ext.trainer.train import train
from recbole_ext.trainer.trainer import ExactTrainer

OUTSIDE = """
from recbole.model.abstract_recommender import GeneralRecommender, SequentialRecommender
from recbole.model.general_recommender import BPR
from recbole.utils import ModelType

class Mine(BPR):
    pass

class Reads(BPR):
    def history_scores(self, histories):
        return None

class Context(GeneralRecommender):
    type = ModelType.CONTEXT

class Stated(BPR):
    family = "classic"
    deterministic = True
    explained = "none"
    paper = "Somebody 2024"

class Heir(Stated):
    pass

class Walk(SequentialRecommender):
    pass

class OfNoFamily(BPR):
    family = "deep"

class OfNoSeed(BPR):
    deterministic = "yes"

class OfNoReason(BPR):
    explained = "magic"

class OfNoFold(BPR):
    fold_in = "magic"

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


def test_the_table_is_read_without_the_models() -> None:
    code = (
        "import sys; from recbole_ext.model import explainable, registry\n"
        "for name in registry.known_models(): explainable.how_explainable(name), registry.family_of(name)\n"
        "print([name for name in sys.modules if name.partition('.')[0] in ('torch', 'recbole', 'pandas', 'numpy')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_name_tells_the_same_with_and_without_its_class() -> None:
    for name in known_models():
        spec, model = resolve_model(name)
        assert spec == model_spec(name)
        assert spec.path == f"{model.__module__}:{model.__name__}"


# From the papers: counts, neighbours, linear models, factors. Everything else learns layers.
FLOOR = {"Random", "Pop", "RecentPop", "PersonalTopK", "RepeatLast"}
CLASSIC = {
    *("ItemKNN", "UserKNN", "RP3beta", "EASE", "SLIMElastic", "ADMMSLIM", "NCEPLRec"),
    *("P3alpha", "PureSVD", "SLIM"),
    *("BPR", "iALS", "FISM", "LINE"),
}
SEQUENTIAL_CLASSIC = {
    *("SequentialRules", "MarkovChain", "SKNN", "VSKNN", "STAN"),
    *("FPMC", "FOSSIL", "TransRec", "LearntRules"),
}
CONTENT = {"CEASE", "ContentKNN", "MARec", "TwoTower"}


def test_each_family_has_its_models() -> None:
    families = {name: model_spec(name).family for name in known_models()}
    assert {name for name, family in families.items() if family == "floor"} == FLOOR
    assert {name for name, family in families.items() if family == "classic"} == CLASSIC
    assert {name for name, family in families.items() if family == "sequential_classic"} == SEQUENTIAL_CLASSIC
    assert {name for name, family in families.items() if family == "content"} == CONTENT
    for name, family in families.items():
        if family == "content":
            assert model_spec(name).is_neural == (name == "TwoTower")
        elif family in ("neural", "sequence"):
            sequential = resolve_model(name)[1].type == ModelType.SEQUENTIAL
            assert family == ("sequence" if sequential else "neural"), name
            assert model_spec(name).is_neural
        else:
            assert not model_spec(name).is_neural


def test_every_fact_has_its_words() -> None:
    assert tuple(FAMILIES) == get_args(Family)
    assert set(EXPLANATIONS) == set(get_args(Explained))


def test_an_explanation_without_reasons_says_why() -> None:
    assert how_read("none", "chance") == EXPLANATIONS["chance"]
    # what was found counts, not what was expected
    assert how_read("none", "nearest") == EXPLANATIONS["none"]
    assert how_read("nearest", "window") == EXPLANATIONS["nearest"]


def test_names_as_tables_show_them() -> None:
    assert family_of("FPMC (second run)") == "sequential_classic"
    assert known_spec("FPMC (second run)") == model_spec("FPMC")
    assert family_of("Somebodys") == "neural"
    assert known_spec("Somebodys") is known_spec("") is None
    assert short_name("GRU4Rec") == "GRU4Rec"
    assert short_name("package.module:Mine") == "Mine"


def test_a_class_from_outside_states_its_facts(outside: Callable[[str], str]) -> None:
    for name in ("Stated", "Heir"):
        path = outside(name)
        assert model_spec(path) == ModelSpec(name, path, "Somebody 2024", "classic", True, "none")
        assert seeds_of(path, [1, 2]) == [1]
        # A report does not import what it names.
        assert "from outside" in how_explainable(path).meaning


def test_what_a_class_from_outside_does_not_state_follows_from_its_type(
    outside: Callable[[str], str],
) -> None:
    assert model_spec(outside("Mine")) == ModelSpec("Mine", outside("Mine"), "", "neural", False, "nearest")
    assert model_spec(outside("Walk")) == ModelSpec(
        "Walk", outside("Walk"), "", "sequence", False, "window", fold_in="window"
    )
    assert model_spec(outside("Reads")).fold_in == "row"
    assert seeds_of(outside("Mine"), [1, 2]) == [1, 2]


@pytest.mark.parametrize(
    ("class_name", "message"),
    [
        (
            "OfNoFamily",
            "OfNoFamily: family is 'deep': choose one of floor, classic, sequential_classic, neural, sequence, content",
        ),
        ("OfNoSeed", "OfNoSeed: deterministic is 'yes': give True or False"),
        ("OfNoReason", "OfNoReason: explained is 'magic': choose one of parts, window,"),
        ("OfNoFold", "OfNoFold: fold_in is 'magic': choose one of window, row,"),
    ],
)
def test_an_unknown_fact_is_refused(class_name: str, message: str, outside: Callable[[str], str]) -> None:
    with pytest.raises(ConfigError, match=message):
        model_spec(outside(class_name))


def test_seeds_of_a_spec_and_of_a_name() -> None:
    for model in ("ItemKNN", model_spec("ItemKNN")):
        assert seeds_of(model, (3, 4)) == (3,)
    assert seeds_of("GRU4Rec", (3, 4)) == (3, 4)
    with pytest.raises(ConfigError, match="is not a known model"):
        seeds_of("Somebodys", (3, 4))
