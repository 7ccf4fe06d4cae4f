"""The one table of models: ours by name, every general and sequential model of RecBole, and anybody's class."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from dataclasses import dataclass
from pathlib import Path

import recbole.model as host_models

from recbole_ext._compat.host import AbstractRecommender, ModelType
from recbole_ext.errors import ConfigError, nearest

__all__ = ["MODELS", "ModelSpec", "known_models", "register", "resolve_model"]


@dataclass(frozen=True)
class ModelSpec:
    """What the pipeline needs to know of a model.

    Attributes:
        name: The paper's name; what ``--model`` takes.
        path: ``package.module:Class``.
        paper: Authors, title or venue, year.
    """

    name: str
    path: str
    paper: str = ""

    def load(self) -> type[AbstractRecommender]:
        """Imports the class."""
        module_name, _, class_name = self.path.partition(":")
        try:
            return getattr(importlib.import_module(module_name), class_name)
        except AttributeError:
            module = importlib.import_module(module_name)
            raise ConfigError(
                f"--model={self.path}: {module_name} has no class {class_name!r}{nearest(class_name, vars(module))}"
            ) from None


_GENERAL = "recbole_ext.model.general_recommender"
_SEQUENTIAL = "recbole_ext.model.sequential_recommender"

MODELS: dict[str, ModelSpec] = {
    spec.name: spec
    for spec in (
        ModelSpec("Random", f"{_GENERAL}.random:Random", "the floor of every comparison"),
        ModelSpec("PersonalTopK", f"{_GENERAL}.personaltopk:PersonalTopK", "own items, genres, popularity"),
        ModelSpec("BPR", f"{_GENERAL}.bpr:BPR", "Rendle et al. 2009"),
        ModelSpec("ItemKNN", f"{_GENERAL}.itemknn:ItemKNN", "Aiolli 2013"),
        ModelSpec("MLP", f"{_GENERAL}.mlp:MLP", "He et al. 2017"),
        ModelSpec("NCL", f"{_GENERAL}.ncl:NCL", "Lin et al. 2022"),
        ModelSpec("Pop", f"{_GENERAL}.pop:Pop", "exact counts"),
        ModelSpec("RaCT", f"{_GENERAL}.ract:RaCT", "Lobel et al. 2020"),
        ModelSpec("BERT4Rec", f"{_SEQUENTIAL}.bert4rec:BERT4Rec", "Sun et al. 2019"),
        ModelSpec("Caser", f"{_SEQUENTIAL}.caser:Caser", "Tang and Wang 2018"),
        ModelSpec("FEARec", f"{_SEQUENTIAL}.fearec:FEARec", "Du et al. 2023"),
        ModelSpec("S3Rec", f"{_SEQUENTIAL}.s3rec:S3Rec", "Zhou et al. 2020"),
        ModelSpec("GRU4Rec", f"{_SEQUENTIAL}.gru4rec:GRU4Rec", "Hidasi et al. 2016; Tan et al. 2016"),
        ModelSpec("MLPSeq", f"{_SEQUENTIAL}.mlpseq:MLPSeq", "Covington et al. 2016"),
        ModelSpec("SASRec", f"{_SEQUENTIAL}.sasrec:SASRec", "Kang and McAuley 2018"),
    )
}

_NEEDS_MORE = {
    "GRU4RecKG": "a knowledge graph's entity embeddings",
    "KSR": "a knowledge graph's entity and relation embeddings",
    "LDiffRec": "pre-trained item embeddings (item_emb.npy)",
}


def register(spec: ModelSpec) -> None:
    """Adds a model to the table.

    Raises:
        ConfigError: The name is taken.
    """
    if spec.name in MODELS:
        raise ConfigError(f"a model named {spec.name!r} is registered already: choose another name")
    MODELS[spec.name] = spec


def _host_modules() -> dict[str, str]:
    """Lower-case module name to its path, for the two families of RecBole that rank from interactions."""
    root = Path(next(iter(host_models.__path__)))
    return {
        module.name: f"recbole.model.{family}.{module.name}"
        for family in ("general_recommender", "sequential_recommender")
        for module in pkgutil.iter_modules([str(root / family)])
    }


def known_models() -> list[str]:
    """Every name that ``--model`` takes, ours and RecBole's."""
    modules = _host_modules()
    properties = Path(next(iter(host_models.__path__))).parent / "properties" / "model"
    host = {file.stem for file in properties.glob("*.yaml") if file.stem.lower() in modules}
    return sorted((host | set(MODELS)) - set(_NEEDS_MORE), key=str.lower)


def _host_spec(name: str) -> ModelSpec:
    names = known_models()
    if name in _NEEDS_MORE:
        raise ConfigError(
            f"--model={name} needs {_NEEDS_MORE[name]}, which MovieLens does not have: choose another"
        )
    if name not in names:
        raise ConfigError(
            f"--model={name} is no known model{nearest(name, names)} ('run.py models' lists all)"
        )
    return ModelSpec(name, f"{_host_modules()[name.lower()]}:{name}", "RecBole")


def resolve_model(name: str) -> tuple[ModelSpec, type[AbstractRecommender]]:
    """Finds a model by name or by ``package.module:Class``.

    Raises:
        ConfigError: The name is unknown, the module cannot be imported, or the class is no RecBole model.
    """
    if not name or not isinstance(name, str):
        raise ConfigError("no model is named: add --model=NAME, for example --model=GRU4Rec")
    if ":" in name:
        spec = ModelSpec(name.partition(":")[2], name)
        if "" not in sys.path:
            sys.path.insert(0, "")
        try:
            model = spec.load()
        except ConfigError:
            raise
        except Exception as error:  # whatever a user's module does when it is imported
            raise ConfigError(
                f"--model={name} cannot be imported ({type(error).__name__}: {error}): give package.module:Class"
            ) from error
    else:
        spec = MODELS.get(name) or _host_spec(name)
        model = spec.load()
    if not (isinstance(model, type) and issubclass(model, AbstractRecommender)):
        raise ConfigError(f"--model={name} is not a RecBole model: derive it from a recommender of RecBole")
    if getattr(model, "type", None) not in (ModelType.GENERAL, ModelType.SEQUENTIAL, ModelType.TRADITIONAL):
        raise ConfigError(f"--model={name} is neither a general nor a sequential model: choose one of those")
    return spec, model
