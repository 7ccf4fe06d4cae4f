"""Parsing only: each command calls one function of the package and shows what it returns."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

import click
from rich.console import Console

from recbole_ext import __version__
from recbole_ext.cli import report as cli_report
from recbole_ext.cli.console import console, say
from recbole_ext.cli.study import STUDY_COMMANDS
from recbole_ext.errors import RecBoleExtError, nearest

__all__ = ["main"]

_EXTRA = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": ["-h", "--help"]}


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Without a command, 'train' is meant: run.py --model=GRU4Rec --config=config/ml.yaml",
)
@click.version_option(__version__, prog_name="recbole-ext")
def cli() -> None:
    """Sequential and classic movie recommenders, compared fairly."""


@cli.command(context_settings=_EXTRA)
@click.option("--model", help="A model's name ('models' lists them) or package.module:Class.")
@click.option(
    "--config", "configs", multiple=True, type=click.Path(path_type=Path), help="YAML file; later ones win."
)
@click.option("--dataset", help="Name of the data set; wins over the files.")
@click.option("--output", type=click.Path(path_type=Path), help="The run folder (default: saved/...).")
@click.option("--resume", "run", type=click.Path(path_type=Path), help="Continue an interrupted run.")
@click.pass_context
def train(
    context: click.Context,
    model: str | None,
    configs: tuple[Path, ...],
    dataset: str | None,
    output: Path | None,
    run: Path | None,
) -> None:
    """Train and test a model. Any configuration key can be given as --key=value."""
    from recbole_ext.cli import show as presentation
    from recbole_ext.config import build as config
    from recbole_ext.trainer import train as pipeline

    overrides = config.parse_overrides(context.args)
    watcher = presentation.EpochLines(console())
    if run is not None:
        if model or configs or dataset or output or overrides:
            raise click.UsageError("--resume takes the run folder alone: its configuration is in it")
        result = pipeline.resume(run, report=say, on_epoch=watcher)
    else:
        overrides.setdefault("show_progress", sys.stderr.isatty())
        result = pipeline.train(
            model, dataset, configs, overrides, output=output, report=say, on_epoch=watcher
        )
    presentation.show(result, console())
    if result.config.get("rerank"):
        from recbole_ext.rerank import run as debiasing

        presentation.show_reranked(
            debiasing.rerank_run(result.folder, result.config["rerank"]).metrics, console()
        )


@cli.command(context_settings=_EXTRA)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--method", help="popularity_penalty, value_aware, xquad, calibrated, mmr or exposure.")
@click.option("--k", type=click.IntRange(min=1), help="Length of the lists (default: that of valid_metric).")
@click.option(
    "--output", type=click.Path(path_type=Path), help="Folder for the new lists (default: beside RUN)."
)
@click.option("--head_rule", help="What counts as the head (default: the run's head_rule).")
@click.pass_context
def rerank(
    context: click.Context,
    run: Path,
    method: str | None,
    k: int | None,
    output: Path | None,
    head_rule: str | None,
) -> None:
    """Re-rank the test lists of a saved run, without training it again.

    Options of the method are given as --key=value, for example --alpha=0.1, --lambda=0.3, --candidates=200, or for
    exposure --coverage=0.8 --tail_share=0.5.
    """
    from recbole_ext.cli import show as presentation
    from recbole_ext.config import build as config
    from recbole_ext.rerank import run as debiasing

    block = config.parse_overrides(context.args)
    if method is not None:
        block["method"] = method
    result = debiasing.rerank_run(run, block, k=k, head_rule=head_rule, output=output, report=say)
    presentation.show_reranked(result.metrics, console())
    say(f"lists and figures: {result.folder}")


@cli.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--methods", help="Separated by commas (default: all).")
@click.option("--candidates", type=click.IntRange(min=1), help="Length of the lists re-ranked.")
@click.option("--most-loss", type=float, help="Share of validation NDCG that a chosen strength may cost.")
@click.option(
    "--output", type=click.Path(path_type=Path), help="Folder for table and plot (default: beside RUN)."
)
@click.option("--head_rule", help="What counts as the head (default: the run's head_rule).")
def pareto(
    run: Path,
    methods: str | None,
    candidates: int | None,
    most_loss: float | None,
    output: Path | None,
    head_rule: str | None,
) -> None:
    """Draw the curves of re-rankers: swept on validation, chosen by a rule, tested once.

    Whatever is not given comes from the block pareto: of the run's configuration.
    """
    from recbole_ext.cli import show as presentation
    from recbole_ext.rerank import run as debiasing

    names = None if methods is None else [name.strip() for name in methods.split(",")]
    given = {"methods": names, "candidates": candidates, "most_loss": most_loss}
    changes = {key: value for key, value in given.items() if value is not None}
    result = debiasing.pareto_run(run, changes, head_rule=head_rule, output=output, report=say)
    presentation.show_curves(result.metrics, console())
    say(f"table and plot: {result.folder}")


@cli.command()
@click.argument("run", type=click.Path(path_type=Path))
def evaluate(run: Path) -> None:
    """Test a saved run again, from its weights."""
    from recbole_ext.cli import show as presentation
    from recbole_ext.trainer import train as pipeline

    presentation.show(pipeline.evaluate(run, report=say), console())


@cli.command()
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@click.option("--columns", help="Metrics, epochs, seconds and parameters, separated by commas.")
@click.option("--k", type=click.IntRange(min=1), help="Length of the lists (default: that of valid_metric).")
@click.option(
    "--against", type=click.Path(path_type=Path), help="A run to which the first column is compared by user."
)
def table(runs: tuple[Path, ...], columns: str | None, k: int | None, against: Path | None) -> None:
    """Show finished runs side by side as a Markdown table."""
    from recbole_ext.cli import table as tables

    names = tables.DEFAULT_COLUMNS if columns is None else tuple(name.strip() for name in columns.split(","))
    click.echo(tables.runs_table(runs, columns=names, k=k, against=against))


@cli.command()
@click.option("--dataset", required=True, help="Name of a MovieLens set ('datasets' lists them).")
@click.option("--source", type=click.Path(path_type=Path), help="Folder or original zip of the raw set.")
@click.option("--out", default="dataset", type=click.Path(path_type=Path), help="Where the atomic files go.")
@click.option(
    "--tie-break", default="file", type=click.Choice(["file", "random"]), help="For equal time stamps."
)
@click.option("--seed", default=2020, help="Seed of the random tie-break.")
@click.option("--genome", is_flag=True, help="Write the tag genome's scores too.")
@click.option("--download/--no-download", default=True, help="May the set be downloaded?")
def prepare(
    dataset: str, source: Path | None, out: Path, tie_break: str, seed: int, genome: bool, download: bool
) -> None:
    """Convert a MovieLens set to atomic files."""
    from recbole_ext.data.movielens import prepare as convert

    convert(
        dataset,
        source=source,
        out=out,
        download=download,
        tie_break=cast(Literal["file", "random"], tie_break),
        seed=seed,
        genome=genome,
        report=say,
    )


@cli.command()
def models() -> None:
    """List the models that --model takes."""
    from recbole_ext.cli import show as presentation
    from recbole_ext.model import registry

    presentation.show_models(registry.MODELS, registry.known_models(), console())


@cli.command()
def datasets() -> None:
    """List the MovieLens sets and their licences."""
    from recbole_ext.cli import show as presentation
    from recbole_ext.data.movielens import DATASETS

    presentation.show_datasets(DATASETS, console())


for _command in (*STUDY_COMMANDS, *cli_report.COMMANDS):
    cli.add_command(_command)


def _with_command(arguments: list[str]) -> list[str]:
    """``train`` where no command is named."""
    asks = {"-h", "--help", "--version"}
    if arguments and not arguments[0].startswith("-"):
        if arguments[0] not in cli.commands:
            known = ", ".join(cli.commands)
            raise click.UsageError(
                f"{arguments[0]!r} is no command{nearest(arguments[0], cli.commands)} (commands: {known})"
            )
        return arguments
    return arguments if (arguments and arguments[0] in asks) or not arguments else ["train", *arguments]


def main(arguments: Sequence[str] | None = None) -> Any:
    """Entry point of ``run.py`` and ``recbole-ext``; exit code 2 for whatever the user can mend."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    given = [argument for argument in given if argument != "--debug"]
    try:
        cli.main(_with_command(given) or ["--help"], prog_name="run.py", standalone_mode=False)
    except (RecBoleExtError, click.ClickException) as error:
        if debug:
            traceback.print_exc()
        message = error.format_message() if isinstance(error, click.ClickException) else str(error)
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"error: {message}", markup=False)
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        Console(stderr=True, highlight=False).print(
            "interrupted: a run continues with --resume and its folder, a study with the same command"
        )
        sys.exit(130)
    except OSError as error:
        if debug:
            traceback.print_exc()
        place = f" {error.filename}" if error.filename else ""
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"error: the system refused{place} ({error.strerror}): check the path, its rights and the space left",
            markup=False,
        )
        sys.exit(2)
