"""The one table of models and of what is known about each; importing it needs neither torch nor RecBole.

Ours stand in ``MODELS`` by name. RecBole's general and sequential models are found in its folders; those about which
more is known than the folder tells have a row in ``_HOST``. A class from outside states its facts itself.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from recbole_ext.config.problem import Problem
from recbole_ext.errors import ConfigError, nearest, program
from recbole_ext.evaluator.outside import import_outside

if TYPE_CHECKING:
    from recbole_ext._compat.host import AbstractRecommender

__all__ = [
    "FAMILIES",
    "MODELS",
    "Explained",
    "Family",
    "FoldInKind",
    "ModelSpec",
    "family_of",
    "known_models",
    "known_spec",
    "model_spec",
    "register",
    "resolve_model",
    "seeds_of",
    "short_name",
    "spec_of",
]

Family = Literal["floor", "classic", "sequential_classic", "neural", "sequence", "content"]
Explained = Literal["parts", "window", "row", "nearest", "none", "chance", "popularity", "rule"]
FoldInKind = Literal["window", "row", "solve", "neighbours", "counts", "none"]

FAMILIES: dict[Family, str] = {
    "floor": "no learning",
    "classic": "neighbours, linear, factors",
    "sequential_classic": "classic, knows the order",
    "neural": "neural, general",
    "sequence": "neural, sequential",
    "content": "knows what an item is",
}
"""Families of models, in the order of a legend, with the words that it shows."""


@dataclass(frozen=True)
class ModelSpec:
    """A model and what is known about it.

    Attributes:
        name: The paper's name; what ``--model`` takes.
        path: ``package.module:Class``.
        paper: Authors, title or venue, year.
        family: A name of ``FAMILIES``. ``floor``: nothing is learnt (chance, counts, a fixed rule). ``classic``: scores
            are neighbours' similarities, a linear function of the history, or inner products or distances of vectors
            looked up in tables (matrix factorisation), with no layer in between. ``sequential_classic``: the same
            from the order of the history (rules, Markov chains, sessions, factors of the last items). ``neural`` and
            ``sequence``: everything else (hidden layers, attention, convolution, graph propagation), from a set of
            items or from their order. ``content``: reads what an item is, in closed form or with layers.
        deterministic: Whether every seed gives the same scores, so that one run stands for all.
        explained: How a recommendation can be explained: ``parts``, ``window``, ``row``, ``nearest`` or ``none``, as
            :class:`~recbole_ext.recommend.reasons.Reading` finds it, or why the model gives no reason from a history:
            ``chance``, ``popularity``, ``rule``. The words are in :mod:`recbole_ext.model.explainable`.
        needs: What it needs beside interactions that no data set of this package has; such a model is refused.
        fold_in: How it reads a history that it was not trained on; :mod:`recbole_ext.model.fold_in` has the words.
        new_items: Whether it can tell items without training interactions apart, by their content.

    Raises:
        ConfigError: ``family``, ``explained`` or ``fold_in`` is unknown.
    """

    name: str
    path: str
    paper: str = ""
    family: Family = "neural"
    deterministic: bool = False
    explained: Explained = "nearest"
    needs: str = ""
    fold_in: FoldInKind = "none"
    new_items: bool = False

    def __post_init__(self) -> None:
        known = (
            ("family", get_args(Family)),
            ("explained", get_args(Explained)),
            ("fold_in", get_args(FoldInKind)),
        )
        for fact, values in known:
            if getattr(self, fact) not in values:
                raise ConfigError(
                    f"model {self.path}: {fact} is {getattr(self, fact)!r}: choose one of {', '.join(values)}"
                )
        for fact in ("deterministic", "new_items"):
            if not isinstance(getattr(self, fact), bool):
                raise ConfigError(f"model {self.path}: {fact} is {getattr(self, fact)!r}: give True or False")

    @property
    def weighable(self) -> bool:
        """Whether it scores a row of numbers, one for each item of a history, so that items can weigh more or less.

        A row whose items can be explained one by one is such a row; other models look up the items of a history.
        """
        return self.fold_in == "row" and self.explained in ("parts", "row")

    @property
    def is_neural(self) -> bool:
        """Whether it is a neural network: among the models of content, those that are not computed in closed form."""
        return self.family in ("neural", "sequence") or (self.family == "content" and not self.deterministic)

    def load(self) -> type[AbstractRecommender]:
        """Imports the class."""
        module_name, _, class_name = self.path.partition(":")
        module = import_outside(module_name)
        try:
            return cast("type[AbstractRecommender]", getattr(module, class_name))
        except AttributeError:
            reason = f"has no class {class_name!r}{nearest(class_name, vars(module))}"
            raise _refused(self.path, f"cannot be found: {module_name} {reason}") from None


_GENERAL = "recbole_ext.model.general_recommender"
_SEQUENTIAL = "recbole_ext.model.sequential_recommender"

MODELS: dict[str, ModelSpec] = {
    spec.name: spec
    for spec in (
        ModelSpec(
            "Random",
            f"{_GENERAL}.random:Random",
            "the floor of every comparison",
            "floor",
            explained="chance",
            fold_in="counts",
        ),
        *(
            ModelSpec(
                name,
                f"{_GENERAL}.{name.lower()}:{name}",
                paper,
                "floor",
                True,
                "popularity",
                fold_in="counts",
            )
            for name, paper in (("Pop", "exact counts"), ("RecentPop", "Ji et al. 2020"))
        ),
        ModelSpec(
            "PersonalTopK",
            f"{_GENERAL}.personaltopk:PersonalTopK",
            "own items, genres, popularity",
            "floor",
            True,
            "rule",
            fold_in="counts",
        ),
        ModelSpec(
            "RepeatLast",
            f"{_SEQUENTIAL}.repeatlast:RepeatLast",
            "Reiter-Haas et al. 2021",
            "floor",
            True,
            "window",
            fold_in="window",
        ),
        ModelSpec(
            "MarkovChain",
            f"{_SEQUENTIAL}.markovchain:MarkovChain",
            "Rendle et al. 2010; Brants et al. 2007",
            "sequential_classic",
            True,
            "window",
            fold_in="window",
        ),
        *(
            ModelSpec(
                name,
                f"{_SEQUENTIAL}.{name.lower()}:{name}",
                paper,
                "sequential_classic",
                True,
                "parts",
                fold_in="window",
            )
            for name, paper in (
                ("SequentialRules", "Ludewig and Jannach 2018"),
                ("SKNN", "Jannach and Ludewig 2017"),
                ("VSKNN", "Ludewig and Jannach 2018"),
                ("STAN", "Garg et al. 2019"),
            )
        ),
        ModelSpec(
            "LearntRules",
            f"{_SEQUENTIAL}.learntrules:LearntRules",
            "after Ludewig and Jannach 2018",
            "sequential_classic",
            explained="parts",
            fold_in="window",
        ),
        ModelSpec("BPR", f"{_GENERAL}.bpr:BPR", "Rendle et al. 2009", "classic", fold_in="solve"),
        *(
            ModelSpec(
                name, f"{_GENERAL}.{name.lower()}:{name}", paper, "classic", True, "parts", fold_in="row"
            )
            for name, paper in (
                ("ItemKNN", "Aiolli 2013"),
                ("UserKNN", "Resnick et al. 1994"),
                ("P3alpha", "Cooper et al. 2014"),
                ("RP3beta", "Paudel et al. 2017"),
                ("PureSVD", "Cremonesi et al. 2010"),
                ("SLIM", "Ning and Karypis 2011; Steck et al. 2020"),
            )
        ),
        ModelSpec(
            "iALS", f"{_GENERAL}.ials:iALS", "Hu et al. 2008; Rendle et al. 2022", "classic", fold_in="solve"
        ),
        *(
            ModelSpec(
                name,
                f"{_GENERAL}.{name.lower()}:{name}",
                paper,
                "content",
                True,
                "parts",
                fold_in="row",
                new_items=True,
            )
            for name, paper in (
                ("ContentKNN", "Lops et al. 2011"),
                ("CEASE", "Jeunen et al. 2020"),
                ("MARec", "Monteil et al. 2024"),
            )
        ),
        ModelSpec(
            "TwoTower",
            f"{_SEQUENTIAL}.twotower:TwoTower",
            "Covington et al. 2016; Yi et al. 2019",
            "content",
            explained="window",
            fold_in="window",
            new_items=True,
        ),
        ModelSpec("MLP", f"{_GENERAL}.mlp:MLP", "He et al. 2017", fold_in="neighbours"),
        ModelSpec("NCL", f"{_GENERAL}.ncl:NCL", "Lin et al. 2022", fold_in="solve"),
        ModelSpec("RaCT", f"{_GENERAL}.ract:RaCT", "Lobel et al. 2020", explained="row", fold_in="row"),
        *(
            ModelSpec(
                name,
                f"{_SEQUENTIAL}.{name.lower()}:{name}",
                paper,
                "sequence",
                explained="window",
                fold_in="window",
            )
            for name, paper in (
                ("BERT4Rec", "Sun et al. 2019"),
                ("Caser", "Tang and Wang 2018"),
                ("FEARec", "Du et al. 2023"),
                ("GRU4Rec", "Hidasi et al. 2016; Tan et al. 2016"),
                ("HSTU", "Zhai et al. 2024"),
                ("MLPSeq", "Covington et al. 2016"),
                ("ResidualRules", "LearntRules and Kang and McAuley 2018"),
                ("S3Rec", "Zhou et al. 2020"),
                ("SASRec", "Kang and McAuley 2018"),
                ("eSASRec", "Tikhonovich et al. 2025"),
            )
        ),
    )
}

_HOST_FAMILIES: dict[str, tuple[Family, Explained, FoldInKind]] = {
    "general_recommender": ("neural", "nearest", "none"),
    "sequential_recommender": ("sequence", "window", "window"),
}
"""RecBole's folders of models that rank from interactions, and what is taken of a model that has no row."""


def _of_recbole(
    folder: str,
    name: str,
    paper: str = "RecBole",
    family: Family | None = None,
    deterministic: bool = False,
    explained: Explained | None = None,
    needs: str = "",
    fold_in: FoldInKind | None = None,
) -> ModelSpec:
    """A model of RecBole's, with the facts of its folder where none are given."""
    path = f"recbole.model.{folder}.{name.lower()}:{name}"
    usual = _HOST_FAMILIES[folder]
    return ModelSpec(
        name,
        path,
        paper,
        family or usual[0],
        deterministic,
        explained or usual[1],
        needs,
        fold_in or usual[2],
    )


_IN_GENERAL = functools.partial(_of_recbole, "general_recommender")
_IN_SEQUENTIAL = functools.partial(_of_recbole, "sequential_recommender")
_AUTO_ENCODER = functools.partial(_IN_GENERAL, explained="row", fold_in="row")

_HOST: dict[str, ModelSpec] = {
    spec.name: spec
    for spec in (
        _IN_GENERAL("ADMMSLIM", "Steck et al. 2020", "classic", True, "parts", fold_in="row"),
        _AUTO_ENCODER("CDAE", "Wu et al. 2016"),
        _IN_GENERAL("DGCF", "Wang et al. 2020", fold_in="solve"),
        _AUTO_ENCODER("DiffRec", "Wang et al. 2023"),
        _IN_GENERAL("DMF", "Xue et al. 2017", explained="none", fold_in="row"),
        _IN_GENERAL("EASE", "Steck 2019", "classic", True, "parts", fold_in="row"),
        _IN_GENERAL("ENMF", "Chen et al. 2020", fold_in="solve"),
        _IN_GENERAL("FISM", "Kabbur et al. 2013", "classic", fold_in="row"),
        _IN_GENERAL("ConvNCF", "He et al. 2018", fold_in="neighbours"),
        _IN_GENERAL("GCMC", "van den Berg et al. 2018", explained="none", fold_in="neighbours"),
        _AUTO_ENCODER("LDiffRec", "Wang et al. 2023", needs="pre-trained item embeddings (item_emb.npy)"),
        _IN_GENERAL("LightGCN", "He et al. 2020", fold_in="solve"),
        _IN_GENERAL("LINE", "Tang et al. 2015", "classic", fold_in="solve"),
        _AUTO_ENCODER("MacridVAE", "Ma et al. 2019"),
        _AUTO_ENCODER("MultiDAE", "Liang et al. 2018"),
        _AUTO_ENCODER("MultiVAE", "Liang et al. 2018"),
        _IN_GENERAL("NAIS", "He et al. 2018", fold_in="row"),
        # Its singular vectors come from a randomised algorithm.
        _IN_GENERAL("NCEPLRec", "Wu et al. 2019", "classic", explained="none", fold_in="solve"),
        _IN_GENERAL("NeuMF", "He et al. 2017", fold_in="neighbours"),
        _IN_GENERAL("NNCF", "Bai et al. 2017", fold_in="neighbours"),
        _IN_GENERAL("NGCF", "Wang et al. 2019", fold_in="solve"),
        _AUTO_ENCODER("RecVAE", "Shenbin et al. 2020"),
        _IN_GENERAL("SGL", "Wu et al. 2021", fold_in="solve"),
        _IN_GENERAL("SimpleX", "Mao et al. 2021", fold_in="row"),
        # Coordinates are descended in random order, and the descent stops before the order no longer matters.
        _IN_GENERAL("SLIMElastic", "Ning and Karypis 2011", "classic", explained="parts", fold_in="row"),
        _IN_GENERAL("SpectralCF", "Zheng et al. 2018", fold_in="solve"),
        _IN_SEQUENTIAL("FOSSIL", "He and McAuley 2016", "sequential_classic"),
        _IN_SEQUENTIAL("FPMC", "Rendle et al. 2010", "sequential_classic"),
        _IN_SEQUENTIAL("GRU4RecKG", needs="a knowledge graph's entity embeddings"),
        _IN_SEQUENTIAL(
            "KSR", "Huang et al. 2018", needs="a knowledge graph's entity and relation embeddings"
        ),
        _IN_SEQUENTIAL("TransRec", "He et al. 2017", "sequential_classic"),
    )
}


def register(spec: ModelSpec) -> None:
    """Adds a model to the table.

    Raises:
        ConfigError: The name is taken.
    """
    if spec.name in MODELS:
        raise ConfigError(f"a model named {spec.name!r} is registered already: choose another name")
    MODELS[spec.name] = spec


@functools.cache
def _host_specs() -> dict[str, ModelSpec]:
    """RecBole's models by name: the files of its two folders that have a file of defaults, without importing them."""
    found = importlib.util.find_spec("recbole")
    if found is None or not found.submodule_search_locations:
        raise ConfigError("RecBole is not installed: install the package recbole")
    root = Path(next(iter(found.submodule_search_locations)))
    names = {file.stem.lower(): file.stem for file in (root / "properties" / "model").glob("*.yaml")}
    specs = {}
    for folder in _HOST_FAMILIES:
        for module in sorted(file.stem for file in (root / "model" / folder).glob("*.py")):
            if name := names.get(module):
                specs[name] = _HOST.get(name) or _of_recbole(folder, name)
    return specs


def known_models() -> list[str]:
    """Every name that ``--model`` takes, ours and RecBole's."""
    host = {name for name, spec in _host_specs().items() if not spec.needs}
    return sorted(host | MODELS.keys(), key=str.lower)


def _refused(name: str, reason: str) -> ConfigError:
    """Of a model that an option names; who has the name from elsewhere words the problem anew."""
    return ConfigError(f"--model={name} {reason}", Problem(("model",), "unknown_name", name, reason=reason))


def model_spec(name: str) -> ModelSpec:
    """What is known of a model.

    Args:
        name: A name of the table, which is looked up without importing the model, or ``package.module:Class``, which is
            imported.

    Raises:
        ConfigError: As :func:`resolve_model`.
    """
    if not name or not isinstance(name, str):
        raise ConfigError("no model is named: add --model=NAME, for example --model=GRU4Rec")
    if ":" in name:
        return resolve_model(name)[0]
    spec = MODELS.get(name) or _host_specs().get(name)
    if spec is None:
        raise _refused(
            name, f"is not a known model{nearest(name, known_models())} ('{program()} models' lists all)"
        )
    if spec.needs:
        raise _refused(name, f"needs {spec.needs}, which no data set of this package has: choose another")
    return spec


def resolve_model(name: str) -> tuple[ModelSpec, type[AbstractRecommender]]:
    """Finds a model by name or by ``package.module:Class``, and imports its class.

    Raises:
        ConfigError: The name is unknown, the module cannot be imported, the class is no general or sequential model of
            RecBole, or the facts that it states are unknown.
    """
    outside = isinstance(name, str) and ":" in name
    spec = ModelSpec(name.partition(":")[2], name) if outside else model_spec(name)
    from recbole_ext._compat.host import AbstractRecommender, ModelType

    model = _load_outside(spec) if outside else spec.load()
    if not (isinstance(model, type) and issubclass(model, AbstractRecommender)):
        raise _refused(name, "is not a RecBole model: derive it from a recommender of RecBole")
    kind = getattr(model, "type", None)
    if kind not in (ModelType.GENERAL, ModelType.SEQUENTIAL, ModelType.TRADITIONAL):
        raise _refused(name, "is neither a general nor a sequential model: choose one of those")
    return (_stated(spec, model, kind == ModelType.SEQUENTIAL) if outside else spec), model


def spec_of(model: type) -> ModelSpec:
    """What is known of a class: its row in the table, or what it states itself.

    Raises:
        ConfigError: A fact that it states is unknown.
    """
    path = f"{model.__module__}:{model.__name__}"
    known = MODELS.get(model.__name__) or _host_specs().get(model.__name__)
    if known is not None and known.path == path:
        return known
    from recbole_ext._compat.host import ModelType

    sequential = getattr(model, "type", None) == ModelType.SEQUENTIAL
    return _stated(ModelSpec(model.__name__, path), model, sequential)


def _load_outside(spec: ModelSpec) -> Any:
    try:
        return spec.load()
    except ConfigError:
        raise
    except Exception as error:  # whatever a user's module does when it is imported
        reason = f"cannot be imported ({type(error).__name__}: {error}): give package.module:Class"
        raise _refused(spec.path, reason) from error


def _stated(spec: ModelSpec, model: type, sequential: bool) -> ModelSpec:
    """The facts that a class from outside states as class attributes; the others follow from its type."""
    folder = "sequential_recommender" if sequential else "general_recommender"
    family, explained, fold_in = _HOST_FAMILIES[folder]
    if hasattr(model, "history_scores"):
        fold_in = "row"
    return ModelSpec(
        spec.name,
        spec.path,
        str(getattr(model, "paper", "")),
        getattr(model, "family", family),
        getattr(model, "deterministic", False),
        getattr(model, "explained", explained),
        fold_in=getattr(model, "fold_in", fold_in),
        new_items=getattr(model, "new_items", False),
    )


def known_spec(shown: str) -> ModelSpec | None:
    """What is known of a model as tables show it; None for one that is not found.

    A class from outside is not found: the name comes from a file of results, and reading one imports nothing.

    Args:
        shown: A name of the table; what follows a blank, such as the name of a folder, is ignored.
    """
    name = shown.partition(" ")[0]
    if ":" in name:
        return None
    try:
        return model_spec(name)
    except ConfigError:
        return None


def family_of(shown: str) -> Family:
    """The family of a model as tables show it; one that is not found counts as neural."""
    spec = known_spec(shown)
    return spec.family if spec else "neural"


def seeds_of(model: ModelSpec | str, seeds: Sequence[int]) -> Sequence[int]:
    """The seeds that a model is run with: the first alone where all would give the same run.

    Raises:
        ConfigError: A name is unknown.
    """
    spec = model_spec(model) if isinstance(model, str) else model
    return seeds[:1] if spec.deterministic else seeds


def short_name(model: str) -> str:
    """A model's name as a part of a file name, which no slash, blank or control character is."""
    return re.sub(r"[^\w+-]", "_", model.rpartition(":")[2])
