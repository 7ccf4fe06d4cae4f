"""The commands over many runs: tune, compare, ablate, sequentiality."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recbole_ext.cli.console import console, say, wide_option
from recbole_ext.cli.keys import overrides_of
from recbole_ext.cli.options import (
    ANY_KEY,
    NamedPath,
    configs_option,
    dataset_option,
    model_option,
    repeated,
    where_options,
)
from recbole_ext.cli.progress import importing
from recbole_ext.errors import program

if TYPE_CHECKING:
    from recbole_ext.study.table import PlainTable

__all__ = ["ablate", "compare", "sequentiality", "tune"]


@click.command(context_settings=ANY_KEY)
@model_option
@configs_option
@dataset_option
@click.option("--space", required=True, type=NamedPath(), help="YAML file of the search space.")
@click.option("--trials", default=50, show_default=True, help="Total, over all processes and restarts.")
@click.option("--output", type=NamedPath("folder"), help="Folder (default: saved/tune/<name>).")
@click.option(
    "--storage",
    help="Database URL, or env:NAME for the URL in the environment variable NAME, which keeps a password out of the "
    "process list (default: a journal file in the folder).",
)
@click.option("--name", help="Of the study (default: <dataset>-<model>).")
@click.option("--sampler", default="tpe", show_default=True, help="tpe or random.")
@click.option("--pruner", default="median", show_default=True, help="median, asha, hyperband or none.")
@click.option("--objectives", help="Metrics on validation, separated by commas (default: valid_metric).")
@click.option("--budget-minutes", type=float, help="Start no trial after this total time of trials.")
@where_options
@click.pass_context
def tune(
    context: click.Context,
    model: str | None,
    configs: tuple[Path, ...],
    dataset: str | None,
    space: Path,
    trials: int,
    output: Path | None,
    storage: str | None,
    name: str | None,
    sampler: str,
    pruner: str,
    objectives: str | None,
    budget_minutes: float | None,
    **where: Any,
) -> None:
    """Search for the best settings on validation; the same command continues after an interruption.

    Any configuration key can be given as --key=value or --key value.
    """
    from recbole_ext.study.plan import TuneOptions, plan_search
    from recbole_ext.study.where import Where

    overrides = overrides_of(context)
    if dataset is not None:
        overrides["dataset"] = dataset
    names = () if objectives is None else tuple(objectives.split(","))
    options = TuneOptions(
        space, trials, output, storage, name, sampler, pruner, names, Where(**where), budget_minutes
    )
    plan = plan_search(model, configs, overrides, options)

    with importing():
        from recbole_ext.data.build import DataCache
        from recbole_ext.study import tune as study

    def show(trial: study.TrialReport) -> None:
        best = (
            "no value yet"
            if trial.best is None
            else f"best {trial.objective} {trial.best:.4f} (trial {trial.best_number})"
        )
        say(f"{trial.done}/{trial.total}  {trial.last}  {best}")

    result = study.run_search(plan, command=repeated(), report=say, on_trial=show, cache=DataCache())
    for key, value in result.best.items():
        say(f"{key}: {value}")
    if len(result.front) > 1:
        say(f"Pareto front: trials {', '.join(map(str, result.front))} ({result.folder / 'front'})")
    say(
        f"best {result.summary['objectives'][0]} on validation: {result.value:.4f}; train and test it with "
        f"{program()} --config={result.folder / 'best.yaml'}"
    )


@click.command(context_settings=ANY_KEY)
@click.option("--config", required=True, type=NamedPath(), help="YAML file of the study.")
@click.option("--output", type=NamedPath("folder"), help="Folder (default: saved/study/<file>).")
@click.option("--budget-minutes", type=float, help="Of each model's search, in place of the study's.")
@where_options
@wide_option
@click.pass_context
def compare(
    context: click.Context, config: Path, output: Path | None, budget_minutes: float | None, **where: Any
) -> None:
    """Tune, train and compare models; the same command continues after an interruption.

    Any configuration key can be given as --key=value or --key value.
    """
    from recbole_ext.study.plan import plan_comparison
    from recbole_ext.study.where import Where

    plan, place = plan_comparison(config, overrides_of(context), budget_minutes), Where(**where)
    place.check()

    with importing():
        from recbole_ext.report.charts.curves import curves_page
        from recbole_ext.study import compare as study
        from recbole_ext.study import table as comparison_table
        from recbole_ext.study.protocols import run_protocols

    folder = output or Path("saved") / "study" / plan.file.stem
    if plan.protocols:
        _, found = run_protocols(
            plan, output=output, command=repeated(), draw=curves_page, report=say, where=place
        )
        _print(found.title, comparison_table.protocols_tables(found), folder / "protocols.md")
        for line in comparison_table.protocols_words(found):
            say(line)
        say(f"each protocol's own tables: {folder / 'protocols.md'}")
        return
    result = study.run_comparison(
        plan, output=output, command=repeated(), draw=curves_page, report=say, where=place
    )
    _print(result.title, comparison_table.comparison_tables(result), folder / "comparison.md")
    say(comparison_table.introduction(result))
    say(f"all tables, the protocol and the effort: {folder / 'comparison.md'}")


@click.command(context_settings=ANY_KEY)
@click.option("--config", required=True, type=NamedPath(), help="YAML file of the ablations.")
@click.option("--output", type=NamedPath("folder"), help="Folder (default: saved/study/<file>).")
@where_options
@wide_option
@click.pass_context
def ablate(context: click.Context, config: Path, output: Path | None, **where: Any) -> None:
    """Train models at several values of one key; the same command continues after an interruption.

    Any configuration key can be given as --key=value or --key value.
    """
    from recbole_ext.study.plan import plan_ablation
    from recbole_ext.study.where import Where

    plan, place = plan_ablation(config, overrides_of(context)), Where(**where)
    place.check()

    with importing():
        from recbole_ext.study import ablate as study
        from recbole_ext.study import table as comparison_table

    result = study.run_ablation(plan, output=output, command=repeated(), report=say, where=place)
    folder = output or Path("saved") / "study" / plan.file.stem
    _print("Ablations", comparison_table.ablation_tables(result), folder / "ablation.md")
    say(f"all tables and the protocol: {folder / 'ablation.md'}")


@click.command(context_settings=ANY_KEY)
@configs_option
@dataset_option
@click.option("--models", help="Names, separated by commas (default: SequentialRules, GRU4Rec and SASRec).")
@click.option("--seeds", default="2020,2021,2022", show_default=True, help="Separated by commas.")
@click.option(
    "--output", type=NamedPath("folder"), help="Folder (default: saved/study/sequentiality-<dataset>)."
)
@wide_option
@click.pass_context
def sequentiality(
    context: click.Context,
    configs: tuple[Path, ...],
    dataset: str | None,
    models: str | None,
    seeds: str,
    output: Path | None,
) -> None:
    """Measure what order is worth: shuffle histories within seconds, sessions and whole, and train again.

    The same command continues after an interruption. Any configuration key can be given as --key=value or --key value.
    """
    from recbole_ext.study.plan import plan_sequentiality

    names = tuple(name.strip() for name in models.split(",")) if models is not None else ()
    plan = plan_sequentiality(
        names, configs, overrides_of(context), dataset=dataset, seeds=_whole_numbers(seeds)
    )

    with importing():
        from recbole_ext.runs.order import order_words
        from recbole_ext.study.sequentiality import default_folder, run_sequentiality
        from recbole_ext.study.sequentiality_table import sequentiality_tables

    result = run_sequentiality(plan, output=output, command=repeated(), report=say)
    file = (output or default_folder(str(result.protocol["dataset"]))) / "sequentiality.md"
    _print("What order is worth", sequentiality_tables(result), file)
    for line in order_words(result):
        say(line)
    say(f"all tables and the protocol: {file}")


def _whole_numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise click.UsageError(f"--seeds is {text!r}: give whole numbers, separated by commas") from None


def _print(title: str, tables: Sequence[PlainTable], file: Path) -> None:
    """The tables of a study, as wide as the terminal."""
    from recbole_ext.cli.tables import Grid, print_grid

    screen = console()
    say(title)
    for table in tables:
        print_grid(Grid(table.title, table.head, table.rows), screen, f"see --wide or {file}")
