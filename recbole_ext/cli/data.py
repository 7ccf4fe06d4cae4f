"""The commands that prepare data and list models and data sets: prepare, models, datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast

import click

from recbole_ext.cli.console import say
from recbole_ext.cli.options import NamedPath

__all__ = ["datasets", "models", "prepare"]


@click.command()
@click.option("--dataset", required=True, help="Name of a MovieLens set ('datasets' lists them).")
@click.option("--source", type=NamedPath(), help="Folder or original zip of the raw set.")
@click.option("--out", default="dataset", type=NamedPath(), help="Where the atomic files go.")
@click.option(
    "--tie-break", default="file", type=click.Choice(["file", "random"]), help="For equal time stamps."
)
@click.option("--seed", default=2020, help="Seed of the random tie-break.")
@click.option("--genome", is_flag=True, help="Also write the tag genome scores.")
@click.option("--download/--no-download", default=True, help="May the set be downloaded?")
def prepare(
    dataset: str, source: Path | None, out: Path, tie_break: str, seed: int, genome: bool, download: bool
) -> None:
    """Convert a MovieLens set to atomic files."""
    from recbole_ext.data.movielens.catalog import find_dataset

    find_dataset(dataset)

    from recbole_ext.data.movielens.atomic import prepare as convert

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
