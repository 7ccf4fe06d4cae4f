"""The commands of single runs: train, evaluate, table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from recbole_ext.cli.console import console, say, wide_option
from recbole_ext.cli.keys import overrides_of, without_option
from recbole_ext.cli.options import (
    ANY_KEY,
    NamedPath,
    configs_option,
    dataset_option,
    k_option,
    model_option,
    preset_option,
    run_argument,
    trust_option,
)
from recbole_ext.cli.progress import importing
from recbole_ext.trainer.launch import is_one_of_several, launch, quiet_unless_first

__all__ = ["evaluate", "table", "train"]


@click.command(context_settings=ANY_KEY)
@model_option
@preset_option
@configs_option
@dataset_option
@click.option("--output", type=NamedPath("folder"), help="The run folder (default: saved/...).")
@click.option("--resume", "run", type=NamedPath(), help="Continue an interrupted run.")
@click.option("--nproc", default=1, show_default=True, help="Processes that train together, on this machine.")
@trust_option
@wide_option
@click.pass_context
def train(
    context: click.Context,
    model: str | None,
    preset: tuple[Path, ...],
    configs: tuple[Path, ...],
    dataset: str | None,
    output: Path | None,
    run: Path | None,
    nproc: int,
    trust: bool,
) -> None:
    """Train and test a model. Any configuration key can be given as --key=value or --key value."""

    overrides, configs = overrides_of(context), (*preset, *configs)
    if run is None:
        if trust:
            raise click.UsageError(
                "--trust belongs to --resume: what --model and --metrics name is trusted anyway"
            )
        _check_request(model, dataset, configs, overrides, output)
    elif model or configs or dataset or output or overrides:
        raise click.UsageError("--resume takes the run folder alone: its configuration is in it")
    else:
        _check_resumable(run, trust)

    if run is None:
        from recbole_ext.trainer.configure import chosen_model, read_model_config

        # What cannot be used is refused before torch is imported, which takes seconds.
        read_model_config(chosen_model(model, configs, overrides), configs, overrides, dataset=dataset)

    if nproc != 1 and not is_one_of_several():
        launch(nproc, without_option(sys.argv[1:], "--nproc"))
        return
    with quiet_unless_first():
        _trained(model, configs, dataset, output, run, trust, overrides)


def _trained(
    model: str | None,
    configs: tuple[Path, ...],
    dataset: str | None,
    output: Path | None,
    run: Path | None,
    trust: bool,
    overrides: dict[str, Any],
) -> None:
    """The command in this process."""
    with importing():
        from recbole_ext.cli import show
        from recbole_ext.trainer import train as pipeline

    watcher = show.EpochLines()
    if run is not None:
        result = pipeline.resume(run, trust=trust, report=say, on_epoch=watcher)
    else:
        overrides.setdefault("show_progress", sys.stderr.isatty())
        result = pipeline.train(
            model, dataset, configs, overrides, output=output, report=say, on_epoch=watcher
        )
    show.show(result, console())
    if result.reranked is not None:
        show.show_reranked(result.reranked.metrics, console())
        say(f"lists and figures: {result.reranked.folder}")


def _check_request(
    model: str | None,
    dataset: str | None,
    configs: tuple[Path, ...],
    overrides: dict[str, Any],
    output: Path | None,
) -> None:
    """Refuses at once what training would refuse after imports of seconds."""
    from recbole_ext.trainer.configure import check_dataset, chosen_model, read_model_config

    name = chosen_model(model, configs, overrides)
    _, checked = read_model_config(name, configs, overrides, dataset=dataset)
    check_dataset(checked)
    if folder := output or checked["output"]:
        from recbole_ext.runs.folder import check_new_run

        check_new_run(Path(folder))


def _check_resumable(run: Path, trust: bool) -> None:
    from recbole_ext.runs.files import partial_of
    from recbole_ext.runs.folder import check_resumable, open_run, read_trusted_config

    whole = run.is_dir() and not partial_of(run).is_dir()
    read_trusted_config(open_run(run) if whole else partial_of(run), trust)
    if not whole:
        check_resumable(run)


@click.command()
@run_argument
@trust_option
@wide_option
def evaluate(run: Path, trust: bool) -> None:
    """Test a saved run again, from its weights."""
    from recbole_ext.runs.folder import open_run, read_trusted_config

    read_trusted_config(open_run(run), trust)

    with importing():
        from recbole_ext.cli import show
        from recbole_ext.trainer.opened import evaluate as evaluate_again

    show.show(evaluate_again(run, trust=trust, report=say), console())


@click.command()
@click.argument("runs", nargs=-1, type=NamedPath())
@click.option("--columns", help="Metrics, epochs, seconds and parameters, separated by commas.")
@k_option
@click.option("--against", type=NamedPath(), help="A run to which the first column is compared by user.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown"]),
    default="text",
    show_default=True,
    help="markdown adds the command of each run.",
)
@wide_option
def table(
    runs: tuple[Path, ...], columns: str | None, k: int | None, against: Path | None, form: str
) -> None:
    """Show finished runs side by side.

    In 80 columns, or those of the terminal, the most important figures are shown; --wide and --format=markdown show all
    that --columns names.
    """
    from recbole_ext.cli.table import runs_table
    from recbole_ext.cli.tables import plain, print_grid

    names = None if columns is None else [name.strip() for name in columns.split(",")]
    found = runs_table(runs, columns=names, k=k, against=against)
    if form == "markdown":
        say(found.markdown())
        return
    print_grid(found.grid(), console())
    for note in found.notes():
        console().print(plain(note))
