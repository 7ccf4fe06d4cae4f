"""A fair comparison: the same search budget, protocol and seeds for every model; intervals, tests, groups, curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from recbole_ext.config.blocks import read_pareto
from recbole_ext.config.build import build_config
from recbole_ext.config.messages import pluralize
from recbole_ext.data.build import DataCache, prepare_data
from recbole_ext.errors import ConfigError
from recbole_ext.evaluator.register import bigger_is_better
from recbole_ext.model.registry import model_spec, resolve_model, seeds_of, short_name
from recbole_ext.progress import stage
from recbole_ext.rerank.checks import check_curves
from recbole_ext.runs.compare import best_on_validation, choose_baseline, compared, groups_of
from recbole_ext.runs.files import alone_in, made_folder
from recbole_ext.runs.kinds import check_study_folder
from recbole_ext.runs.results import Comparison, Tuning, write_result
from recbole_ext.runs.run import Run
from recbole_ext.study.cells import Cells
from recbole_ext.study.curve_work import CurveWork, Draw
from recbole_ext.study.executor import opened
from recbole_ext.study.jobs import Chain, Executor, Job, Lost, LostWorkError, run_chains
from recbole_ext.study.plan import ComparisonPlan, plan_comparison
from recbole_ext.study.settings import ComparisonSettings
from recbole_ext.study.space import SearchSpace
from recbole_ext.study.steps import Steps, steps_of
from recbole_ext.study.table import markdown
from recbole_ext.study.tune import TuneResult
from recbole_ext.study.tune_all import Searches, cell_name
from recbole_ext.study.where import HERE, Where
from recbole_ext.trainer.configure import available_dataset
from recbole_ext.trainer.summary import shown_k

__all__ = ["Draw", "compare", "run_comparison"]


@dataclass(frozen=True)
class _Study:
    """A comparison that has been checked.

    Attributes:
        settings: Settings of the study.
        folder: Output folder.
        cells: Cells of the runs.
        spaces: Maps models to their search spaces.
        bigger: Whether a larger ``valid_metric`` is better.
        valid_metric: Name of the validation metric in figures.
        report: Receives each line of output for the user.
        command: The command that repeats the study.
        draw: Renders a page from the curves of a model and a title; None for no page.
    """

    settings: ComparisonSettings
    folder: Path
    cells: Cells
    spaces: Mapping[str, SearchSpace]
    bigger: bool
    valid_metric: str
    report: Callable[[str], None]
    command: str
    draw: Draw | None


def compare(
    file: Path,
    overrides: Mapping[str, Any] | None = None,
    *,
    output: Path | None = None,
    budget_minutes: float | None = None,
    command: str = "",
    draw: Draw | None = None,
    report: Callable[[str], None] = lambda _: None,
    where: Where = HERE,
) -> Comparison:
    """Tunes, trains and compares models; the same call resumes an interrupted comparison.

    The folder holds ``tune/<model>/`` (searches), ``cells/<model>-seed<seed>/`` (complete run folders),
    ``curves/<model>/`` (re-rankers on the best models), ``comparison.json`` and ``comparison.md``.

    Args:
        file: YAML file of the study.
        overrides: Configuration keys that override those of the study.
        output: Folder; ``saved/study/<name of the file>`` if None.
        budget_minutes: Time limit of each model's search; overrides the study's.
        command: The command that repeats the study, recorded in the files.
        draw: Renders ``curves.html`` from the curves of a model and a title; None writes no page.
        report: Receives each line of output for the user.
        where: Where trials, runs and curves are computed; the numbers depend on its number of threads only.

    Raises:
        ConfigError: The study is invalid, or a cell was computed with another configuration.
        CheckpointError: A finished cell is damaged.
        RecBoleExtError: Tuning or training failed; finished results are kept.
    """
    plan = plan_comparison(file, overrides or {}, budget_minutes)
    if plan.protocols:
        raise ConfigError(
            f"{file} names protocols: run the command compare, or recbole_ext.study.protocols.run_protocols"
        )
    return run_comparison(plan, output=output, command=command, draw=draw, report=report, where=where)


def run_comparison(
    plan: ComparisonPlan,
    *,
    output: Path | None = None,
    command: str = "",
    draw: Draw | None = None,
    report: Callable[[str], None] = lambda _: None,
    where: Where = HERE,
) -> Comparison:
    """Runs a study that was checked; otherwise as :func:`compare`."""
    where.check()
    settings = plan.settings
    cells = sum(len(seeds_of(model, settings.seeds)) for model in settings.models)
    # A curve takes about as long as lists and a few trials; nobody knows before.
    others = len(plan.spaces) * settings.trials + 2 * min(settings.curves.models, len(settings.models))
    with steps_of(f"comparing {pluralize(len(settings.models), 'model')},", cells, others) as steps:
        study = _begun(plan, output, command, draw, report, steps)
        with alone_in(study.folder):
            return _computed(study, command, report, where)


def _computed(study: _Study, command: str, report: Callable[[str], None], where: Where) -> Comparison:
    """All searches, runs and curves that are not there yet, and the comparison of all."""
    seeds = study.settings.seeds
    study.cells.check(
        cell_name(model, seed) for model in study.settings.models for seed in seeds_of(model, seeds)
    )
    _check_curves(study)
    searches = Searches(study.settings, study.folder / "tune", study.cells, study.spaces, report, command)
    with opened(where, study.cells.cache) as executor:
        order = searches.order()
        found = dict(
            zip(order, run_chains([searches.chain(model) for model in order], executor), strict=True)
        )
        cells = {model: found[model][1] for model in study.settings.models}
        curves = _curves(study, cells, executor)
    results = {model: search for model in study.spaces if (search := found[model][0])}
    tuned = {model: search.best for model, search in results.items()}
    with stage("testing the differences"):
        comparison = _compared(study, cells, tuned, curves, results)
    write_result(study.folder, "comparison", comparison, markdown(comparison))
    return comparison


def _begun(
    plan: ComparisonPlan,
    output: Path | None,
    command: str,
    draw: Draw | None,
    report: Callable[[str], None],
    steps: Steps,
) -> _Study:
    """Opens the study in its folder, on the data set that is available."""
    place = output or Path("saved") / "study" / plan.file.stem
    check_study_folder(place, "comparison")
    values = {**plan.values, "dataset": available_dataset(plan.config, report)}
    metric = str(plan.config["valid_metric"])
    bigger = bigger_is_better(metric.partition("@")[0])
    folder = made_folder(place)
    cells = Cells(folder / "cells", plan.files, values, DataCache(), report, steps)
    return _Study(
        plan.settings, folder, cells, plan.spaces, bool(bigger), metric.lower(), report, command, draw
    )


def _check_curves(study: _Study) -> None:
    """Finds what would stop the curves after the searches and runs.

    Raises:
        ConfigError, DataError: No method of the curves can be applied to this data set.
    """
    if not study.settings.curves.models:
        return
    _, model = resolve_model(study.settings.models[0])
    config = build_config(model, None, study.cells.files, study.cells.settings)
    block = {**(config["pareto"] or {}), **_curve_methods(study)}
    data = prepare_data(config, study.cells.cache)
    check_curves(read_pareto(block), data.validation.evidence, shown_k(config))


def _curve_methods(study: _Study) -> dict[str, Any]:
    methods = study.settings.curves.methods
    return {"methods": methods} if methods else {}


def _curves(study: _Study, cells: Mapping[str, Sequence[Run]], executor: Executor) -> dict[str, Path]:
    """Re-ranker curves of the models that are best on validation, on the run of their first seed.

    Also writes the lists of the reproduced study, whose titles show what a re-ranker does.
    """
    ranked = best_on_validation(cells, study.valid_metric, study.bigger)[: study.settings.curves.models]
    works = [
        CurveWork(
            model,
            cells[model][0].path,
            _curve_methods(study),
            study.folder / "curves" / short_name(model),
            study.folder / "rerank" / short_name(model),
            study.draw,
        )
        for model in ranked
    ]
    run_chains([_curve(study, work) for work in works], executor)
    return {work.model: work.curves for work in works}


def _curve(study: _Study, work: CurveWork) -> Chain[None]:
    steps = study.cells.steps
    if work.curves.is_dir() and work.lists.is_dir():
        steps.skipped(2)
        return
    if not work.curves.is_dir():
        study.report(f"curves of {work.model}")
    (said,) = yield [Job(f"curves of {work.model}", work)]
    if isinstance(said, Lost):
        raise LostWorkError(
            f"the curves of {work.model} were lost: {said.reason}; all runs are kept: repeat the command"
        )
    for line in said:
        study.report(line)
    steps.took(2)


def _compared(
    study: _Study,
    cells: Mapping[str, Sequence[Run]],
    tuned: Mapping[str, dict[str, Any]],
    curves: Mapping[str, Path],
    searches: Mapping[str, TuneResult],
) -> Comparison:
    """Computes all figures from the finished cells."""
    first = next(iter(cells.values()))[0]
    families = {model: model_spec(model).family for model in cells}
    baseline, rule = choose_baseline(cells, families, study.valid_metric, study.bigger)
    of_users = groups_of(first.split(), first.figures.protocol.head_rule)
    rows = compared(cells, families, baseline, tuned=tuned, of_users=of_users)
    protocol = _protocol(study, first, rule)
    return Comparison(
        title=study.settings.title or f"Comparison on {first.metrics['dataset']}",
        created=datetime.now().isoformat(timespec="seconds"),
        command=study.command,
        baseline=baseline,
        protocol=protocol,
        epochs_from=1,
        rows=rows,
        curves={model: str(folder.relative_to(study.folder)) for model, folder in curves.items()},
        tuning={
            model: Tuning(
                trials=search.summary["trials"], best_value=search.value, minutes=search.summary["minutes"]
            )
            for model, search in searches.items()
        },
    )


def _protocol(study: _Study, first: Run, rule: str) -> dict[str, Any]:
    """The protocol of the runs, and how models were tuned, chosen and compared."""
    settings = study.settings
    budget = settings.budget_minutes
    limit = "" if budget is None else f" or {budget:g} minutes"
    at_once = f"{settings.trials_at_once} at once, " if settings.trials_at_once > 1 else ""
    return {
        "dataset": first.metrics["dataset"],
        **{key: value for key, value in first.metrics["protocol"].items() if key != "seed"},
        "users": first.metrics["users"]["test"],
        "items": first.metrics["statistics"]["items"],
        "interactions": first.metrics["statistics"]["interactions"],
        "seeds": list(settings.seeds),
        "valid_metric": study.valid_metric,
        "baseline_rule": rule,
        **({"final_runs": settings.final} if settings.final else {}),
        "tuning_rule": f"{pluralize(settings.trials, 'trial')}{limit} for each model with a space, "
        f"{at_once}{settings.sampler}, pruner {settings.pruner}, best {study.valid_metric} on validation",
        "test_rule": "paired bootstrap over users of values averaged over seeds; paired randomisation test of "
        "the mean, Holm's correction over the models for each metric",
        "bounds": first.metrics["test_bounds"],
    }
