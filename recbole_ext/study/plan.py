"""Searches, comparisons and ablations, checked completely before any computation and before torch is imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from recbole_ext.config.messages import config_error
from recbole_ext.config.problem import Origin, Problem, origin_of_option
from recbole_ext.config.read import CheckedConfig
from recbole_ext.config.rules import read_metric_at_k
from recbole_ext.config.yaml_reader import Document
from recbole_ext.errors import ConfigError, nearest
from recbole_ext.evaluator.register import bigger_is_better
from recbole_ext.model.registry import ModelSpec
from recbole_ext.runs.results import Objective
from recbole_ext.study.settings import (
    AblationSettings,
    ComparisonSettings,
    PrunerName,
    SamplerName,
    Sweep,
    read_settings,
)
from recbole_ext.study.space import SearchSpace, usable_space
from recbole_ext.study.where import HERE, Where
from recbole_ext.trainer.configure import chosen_model, read_model_config

__all__ = [
    "AblationPlan",
    "ComparisonPlan",
    "SearchPlan",
    "SequentialityPlan",
    "TuneOptions",
    "plan_ablation",
    "plan_comparison",
    "plan_search",
    "plan_sequentiality",
]


@dataclass(frozen=True)
class TuneOptions:
    """The options of a search; each field is an option of ``tune``.

    Attributes:
        space: The YAML file of the search space, or a space already checked against the configuration.
        trials: Total over all processes and restarts.
        output: Folder; ``saved/tune/<name>`` if None.
        storage: Database URL, or ``env:NAME`` for the one in an environment variable; a journal file in the folder if
            None.
        name: Of the study; ``<dataset>-<model>`` if None.
        sampler, pruner: ``tpe`` or ``random``; ``median``, ``asha``, ``hyperband`` or ``none``.
        objectives: Such as ``NDCG@10``; the configuration's ``valid_metric`` if empty.
        where: Where trials are computed.
        budget_minutes: Time limit of all trials together.
        exact: Whether to ignore trials beyond ``trials`` from an earlier, longer search.
    """

    space: Path | SearchSpace
    trials: int = 50
    output: Path | None = None
    storage: str | None = field(default=None, repr=False)
    name: str | None = None
    sampler: str = "tpe"
    pruner: str = "median"
    objectives: Sequence[str] = field(default_factory=tuple)
    where: Where = HERE
    budget_minutes: float | None = None
    exact: bool = False


@dataclass(frozen=True)
class SearchPlan:
    """A search that has passed all checks.

    Attributes:
        model: The model's name as given.
        spec: Its entry in the registry.
        files, values: The configuration, without the searched keys.
        config: The merged configuration.
        space: The search space.
        objectives: One objective, or several for a Pareto front.
        options: Options of the search.
    """

    model: str
    spec: ModelSpec
    files: tuple[Path, ...]
    values: Mapping[str, Any]
    config: CheckedConfig
    space: SearchSpace
    objectives: tuple[Objective, ...]
    options: TuneOptions


def plan_search(
    model: str | None, files: Sequence[Path | str], overrides: Mapping[str, Any], options: TuneOptions
) -> SearchPlan:
    """Checks a search; arguments as of :func:`~recbole_ext.study.tune.tune`.

    Raises:
        ConfigError: The space, an option or the configuration is invalid.
    """
    _check_options(options)
    name = chosen_model(model, files, overrides)
    values = {key: value for key, value in overrides.items() if key != "model"} | {"show_progress": False}
    spec, config = read_model_config(name, files, values)
    space = (
        options.space
        if isinstance(options.space, SearchSpace)
        else usable_space(options.space, config.model, files, values, config)
    )
    objectives = _objectives(options.objectives, config)
    return SearchPlan(name, spec, tuple(map(Path, files)), values, config, space, objectives, options)


def _check_options(options: TuneOptions) -> None:
    if options.trials < 1:
        raise ConfigError(f"--trials is {options.trials}: a search needs at least one trial")
    options.where.check()
    if options.budget_minutes is not None and not options.budget_minutes > 0:
        raise ConfigError(f"--budget-minutes is {options.budget_minutes:g}: give a number above 0")
    if options.name is not None and not options.name.strip():
        raise ConfigError("--name is empty: name the study, or leave --name out")
    if any(not name.strip() for name in options.objectives):
        raise ConfigError(
            f"--objectives={','.join(options.objectives)} has an empty part: name metrics, as in NDCG@10"
        )
    for key, value, known in (
        ("sampler", options.sampler, get_args(SamplerName)),
        ("pruner", options.pruner, get_args(PrunerName)),
    ):
        if value not in known:
            raise ConfigError(f"--{key} is {value!r}{nearest(value, known)} ({key}s: {', '.join(known)})")


def _objectives(names: Sequence[str], config: CheckedConfig) -> tuple[Objective, ...]:
    """Parses objectives by the rules of ``valid_metric``, which is the default."""
    found = []
    for name in names or [config["valid_metric"]]:
        metric, k = read_metric_at_k(
            name.strip(),
            config["metrics"],
            config["topk"],
            key="the objective",
            origin=origin_of_option("objectives"),
        )
        found.append(Objective(f"{metric}@{k}", bool(bigger_is_better(metric))))
    if len(set(found)) < len(found):
        raise ConfigError(f"--objectives names the same metric twice: {', '.join(map(str, found))}")
    return tuple(found)


@dataclass(frozen=True)
class ComparisonPlan:
    """A comparison that has passed all checks.

    Attributes:
        file: The study's file.
        settings: Settings of the study.
        files, values: The configuration of all runs.
        origins: Where the values were written; missing entries were options.
        spaces: Maps models to their search spaces.
        config: The configuration of one model; all models have the same protocol.
        protocols: Name to the same comparison under another protocol; empty unless the study names protocols.
    """

    file: Path
    settings: ComparisonSettings
    files: tuple[Path, ...]
    values: Mapping[str, Any]
    origins: Mapping[str, Origin]
    spaces: Mapping[str, SearchSpace]
    config: CheckedConfig
    protocols: Mapping[str, ComparisonPlan] = field(default_factory=dict)


def plan_comparison(
    file: Path, overrides: Mapping[str, Any], budget_minutes: float | None = None
) -> ComparisonPlan:
    """Checks a comparison; arguments as of :func:`~recbole_ext.study.compare.compare`.

    Raises:
        ConfigError: The study, a space or the configuration is invalid.
    """
    settings, document = read_settings(file, ComparisonSettings)
    if budget_minutes is not None:
        if not budget_minutes > 0:
            raise ConfigError(f"--budget-minutes is {budget_minutes:g}: give a number above 0")
        settings = settings.model_copy(update={"budget_minutes": budget_minutes})
    files, values, origins = settings.layers(document, overrides)
    plan = _planned(file, settings, document, files, values, origins)
    protocols = {}
    for name, block in settings.protocols.items():
        for key in sorted(block.keys() & overrides.keys()):
            reason = f"is set by the protocol {name} of {document.source}: leave the option out"
            raise config_error(Problem((key,), "value_error", reason=reason, origin=origin_of_option(key)))
        places = {**origins, **{key: document.origin("protocols", name, key) for key in block}}
        one = settings.model_copy(update={"title": f"{settings.title or file.stem}: {name}"})
        protocols[name] = _planned(file, one, document, files, {**values, **block}, places)
    if protocols and "NDCG" not in plan.config["metrics"]:
        raise ConfigError(f"{document.source}: protocols need the metric NDCG: add it to metrics")
    return replace(plan, protocols=protocols)


def _planned(
    file: Path,
    settings: ComparisonSettings,
    document: Document,
    files: tuple[Path, ...],
    values: Mapping[str, Any],
    origins: Mapping[str, Origin],
) -> ComparisonPlan:
    """Checks the models, spaces and curves of a comparison under one protocol."""
    of_final = {**origins, **{key: document.origin("final", key) for key in settings.final}}
    spaces = {}
    for model in settings.models:
        read_model_config(model, files, {**values, **settings.final}, origins=of_final)
        _, config = read_model_config(model, files, values, origins=origins)
        if model in settings.spaces:
            space = file.parent / settings.spaces[model]
            spaces[model] = usable_space(space, config.model, files, values, config, origins)
    if settings.curves.models:
        _check_metrics(config, "curves need", {"NDCG", "ItemCoverage", "TailShare"}, document)
    return ComparisonPlan(file, settings, files, values, origins, spaces, config)


def _check_metrics(config: CheckedConfig, who: str, needed: set[str], document: Document) -> None:
    if lacking := needed - set(config["metrics"]):
        raise ConfigError(f"{document.source}: {who} the metric {min(lacking)}: add it to metrics")


@dataclass(frozen=True)
class AblationPlan:
    """An ablation that has passed all checks; attributes as of :class:`ComparisonPlan`."""

    file: Path
    settings: AblationSettings
    files: tuple[Path, ...]
    values: Mapping[str, Any]


def plan_ablation(file: Path, overrides: Mapping[str, Any]) -> AblationPlan:
    """Checks an ablation; arguments as of :func:`~recbole_ext.study.ablate.ablate`.

    Raises:
        ConfigError: The study, or the configuration at one of the values, is invalid.
    """
    settings, document = read_settings(file, AblationSettings)
    files, values, origins = settings.layers(document, overrides)
    for index, sweep in enumerate(settings.sweeps):
        _check_sweep(sweep, index, document, files, values, origins)
    return AblationPlan(file, settings, files, values)


def _check_sweep(
    sweep: Sweep,
    index: int,
    document: Document,
    files: tuple[Path, ...],
    values: Mapping[str, Any],
    origins: Mapping[str, Origin],
) -> None:
    """Checks before the first run that the configuration accepts all values."""
    if sweep.key in values:
        reason = f"is also swept in {document.origin('sweeps', index, 'key')}: leave one out"
        origin = origins.get(sweep.key) or origin_of_option(sweep.key)
        raise config_error(Problem((sweep.key,), "value_error", reason=reason, origin=origin))
    own = {key: document.origin("sweeps", index, "settings", key) for key in sweep.settings}
    try:
        for place, value in enumerate(sweep.values):
            written = {**origins, **own, sweep.key: document.origin("sweeps", index, "values", place)}
            _, config = read_model_config(
                sweep.model, files, {**values, **sweep.settings, sweep.key: value}, origins=written
            )
    except ConfigError as error:
        raise ConfigError(f"the sweep of {sweep.model} cannot be made: {error}", error.problem) from error
    _check_metrics(config, "an ablation needs", {"NDCG", "ItemCoverage"}, document)


ORDERED_MODELS = ("SequentialRules", "GRU4Rec", "SASRec")
"""What ``sequentiality`` shuffles for unless told otherwise: rules, recurrence and attention."""


@dataclass(frozen=True)
class SequentialityPlan:
    """A study of what order is worth, which has passed all checks.

    Attributes:
        models: Names.
        seeds: Each condition is run once a seed.
        files, values: The configuration of all runs.
        config: The configuration of the first model; all models have the same protocol.
    """

    models: tuple[str, ...]
    seeds: tuple[int, ...]
    files: tuple[Path, ...]
    values: Mapping[str, Any]
    config: CheckedConfig


def plan_sequentiality(
    models: Sequence[str],
    files: Sequence[Path | str],
    overrides: Mapping[str, Any],
    *,
    dataset: str | None = None,
    seeds: Sequence[int] = (2020, 2021, 2022),
) -> SequentialityPlan:
    """Checks a study of what order is worth.

    Args:
        models: Names; :data:`ORDERED_MODELS` if empty.
        files: YAML files, later ones win.
        overrides: Keys that win over the files, for all models.
        dataset: Name of the data set; the configuration's if None.
        seeds: At least one.

    Raises:
        ConfigError: A model, key or value cannot be used.
    """
    names = tuple(models) or ORDERED_MODELS
    for what, values in (("--models", names), ("--seeds", tuple(seeds))):
        if not values or len(set(values)) < len(values):
            raise ConfigError(
                f"{what} is {','.join(map(str, values)) or 'empty'}: name at least one, each once"
            )
    for key in ("history_shuffle", "tie_break", "seed", "output", "model"):
        if key in overrides:
            raise ConfigError(f"--{key} is set by the study itself: leave it out")
    keys = {**overrides, **({"dataset": dataset} if dataset else {}), "show_progress": False}
    # A model's keys do not depend on the seed, nor a seed on the model: each is looked at once.
    pairs = [*((names[0], seed) for seed in seeds), *((model, seeds[0]) for model in names[1:])]
    config, *_ = (read_model_config(model, files, {**keys, "seed": seed})[1] for model, seed in pairs)
    if "NDCG" not in config["metrics"]:
        raise ConfigError("sequentiality needs the metric NDCG: add it to metrics")
    return SequentialityPlan(names, tuple(seeds), tuple(map(Path, files)), keys, config)
