"""The commands that prepare data and list models and data sets: prepare, models, datasets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import click
from click.core import ParameterSource

from recbole_ext.cli.console import say
from recbole_ext.cli.options import NamedPath
from recbole_ext.errors import ConfigError

__all__ = ["datasets", "models", "prepare"]


def _column_option(role: str) -> Callable[[Any], Any]:
    return click.option(f"--{role}-column", help=f"Your data: the column of the {role} (default: guessed).")


_OWN_OPTIONS = (
    *(_column_option(role) for role in ("user", "item", "time", "rating")),
    click.option("--items", type=NamedPath(), help="Your data: a file with titles and genres of the items."),
    *(_column_option(role) for role in ("title", "genre")),
    click.option(
        "--genre-separator", help="Your data: what separates genres (default: guessed among | , ;)."
    ),
    click.option(
        "--time-unit",
        type=click.Choice(["s", "ms", "us", "ns"]),
        help="Your data: unit of times that are numbers (default: found out).",
    ),
    click.option("--file-order", is_flag=True, help="Your data: the order of the rows, instead of times."),
    click.option("--implicit", is_flag=True, help="Your data: leave ratings out."),
    click.option(
        "--repeats",
        default="keep",
        type=click.Choice(["keep", "first", "last"]),
        help="Your data: which interactions of a user with the same item.",
    ),
)
"""Options of data of one's own, which a MovieLens set does not have."""


def _own_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_OWN_OPTIONS):
        command = option(command)
    return command


@click.command()
@click.option(
    "--dataset", required=True, help="A MovieLens set ('datasets' lists them), or a name for your data."
)
@click.option(
    "--source", type=NamedPath(), help="Folder or zip of the raw set; or the file of your interactions."
)
@click.option("--out", default="dataset", type=NamedPath(), help="Where the atomic files go.")
@click.option(
    "--tie-break", default="file", type=click.Choice(["file", "random"]), help="For equal time stamps."
)
@click.option("--seed", default=2020, help="Seed of the random tie-break.")
@click.option("--genome", is_flag=True, help="MovieLens: also write the tag genome scores.")
@click.option("--download/--no-download", default=True, help="MovieLens: may the set be downloaded?")
@_own_options
@click.pass_context
def prepare(
    context: click.Context,
    dataset: str,
    source: Path | None,
    out: Path,
    tie_break: Literal["file", "random"],
    seed: int,
    genome: bool,
    download: bool,
    **own: Any,
) -> None:
    """Convert a MovieLens set, or a file of your own, to atomic files."""
    from recbole_ext.data.movielens.catalog import DATASETS, find_dataset

    if dataset not in DATASETS and source is not None and (source.is_file() or not source.exists()):
        if genome:
            raise ConfigError("--genome is of MovieLens sets: leave it out for data of your own")
        _prepare_own(source, dataset, out, tie_break, seed, own)
        return
    find_dataset(dataset)
    given = [name for name in own if context.get_parameter_source(name) is not ParameterSource.DEFAULT]
    if given:
        option = "--" + given[0].replace("_", "-")
        raise ConfigError(
            f"{option} is for data of your own, and {dataset} is a MovieLens set: choose another --dataset, or leave "
            f"{option} out"
        )

    from recbole_ext.data.movielens.atomic import prepare as convert

    convert(
        dataset,
        source=source,
        out=out,
        download=download,
        tie_break=tie_break,
        seed=seed,
        genome=genome,
        report=say,
    )


def _prepare_own(
    source: Path,
    dataset: str,
    out: Path,
    tie_break: Literal["file", "random"],
    seed: int,
    own: dict[str, Any],
) -> None:
    from recbole_ext.config.read import default_core
    from recbole_ext.data.own import ColumnNames, Settings
    from recbole_ext.data.own import prepare as convert

    roles = ("user", "item", "time", "rating", "title", "genre")
    columns = ColumnNames(**{role: own.pop(f"{role}_column") for role in roles})
    items = own.pop("items")
    settings = Settings(tie_break=tie_break, seed=seed, **own)
    convert(
        source,
        dataset,
        items=items,
        out=out,
        columns=columns,
        settings=settings,
        core=default_core(),
        report=say,
    )


@click.command()
def models() -> None:
    """List the models that --model takes."""
    from recbole_ext.model.registry import known_models, model_spec

    for name in known_models():
        spec = model_spec(name)
        package = spec.path.partition(".")[0]
        say(f"{name:14} {'RecBole' if package == 'recbole' else f'{package}: {spec.paper}'}")


@click.command()
def datasets() -> None:
    """List the MovieLens sets and their licences."""
    from recbole_ext.data.movielens.catalog import DATASETS

    for name, dataset in DATASETS.items():
        say(f"{name}: {dataset.licence}\n")
