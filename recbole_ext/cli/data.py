"""The commands that prepare data and list models and data sets: prepare, models, datasets, keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import click

from recbole_ext.cli.console import console, say, wide_option
from recbole_ext.cli.options import NamedPath, model_option

if TYPE_CHECKING:
    from recbole_ext.config.model_source import ModelSource

__all__ = ["datasets", "keys", "models", "prepare"]


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
@click.option("--out", default="dataset", type=NamedPath(), help="Where the atomic files are.")
@wide_option
def datasets(out: Path) -> None:
    """List the data sets: how large they are, whether they are on disk, and the MovieLens licences."""
    from recbole_ext.cli.tables import Grid, print_grid
    from recbole_ext.data.movielens.catalog import DATASETS
    from recbole_ext.data.movielens.shelf import shelf

    def count(value: int | None) -> str:
        return "" if value is None else f"{value:,}"

    rows = [
        [
            one.name,
            count(one.users),
            count(one.items),
            count(one.interactions),
            "prepared" if one.prepared else "raw copy" if one.place else "no",
            str(one.place or ""),
        ]
        for one in shelf(out)
    ]
    heads = ("data set", "users", "items", "interactions", "on disk", "place")
    print_grid(Grid("", heads, rows, words={5: 20}, left=frozenset({4})), console())
    for free in (True, False):
        names = [name for name, one in DATASETS.items() if one.redistributable is free]
        say(f"Licence of {', '.join(names)}: {next(DATASETS[name].licence for name in names)}\n")


@click.command()
@click.argument("pattern", required=False)
@model_option
@wide_option
def keys(pattern: str | None, model: str | None) -> None:
    """List the configuration keys: what each may hold, its default, and what it does.

    PATTERN is a part of a name ('*' stands for anything), or a word of a description. --model adds the model's own keys
    and its defaults.
    """
    from recbole_ext.cli.tables import Grid, print_grid
    from recbole_ext.config.catalog import known_anywhere, list_keys, matching
    from recbole_ext.errors import ConfigError, nearest
    from recbole_ext.model.registry import model_spec

    found = list_keys(_source(model_spec(model).path) if model else None)
    if pattern is not None:
        found = matching(found, pattern)
    if not found:
        shape = str(pattern).replace("-", "_")
        others = {name for name in known_anywhere() if shape.lower() in name.lower()}
        hint = (
            f": only models have {', '.join(sorted(others)[:5])}, so add --model=NAME"
            if others and not model
            else nearest(shape, known_anywhere()) or ": leave the pattern out to list all"
        )
        raise ConfigError(f"no key has {pattern!r} in its name or description{hint}")
    rows = [
        [f"{one.name} *" if one.of_model else one.name, one.default, _line(one.kind, one.line)]
        for one in found
    ]
    grid = Grid("", ("key", "default", "what it is"), rows, words={1: 8, 2: 24})
    print_grid(grid, console())
    if any(one.of_model for one in found):
        say(f"* of {model} only")


def _line(kind: str, line: str) -> str:
    return ". ".join(filter(None, [kind[:1].upper() + kind[1:], line]))


def _source(path: str) -> ModelSource:
    """What a model's source says of it; one from outside is imported."""
    from recbole_ext.config.model_source import is_inside, model_source, source_of_class
    from recbole_ext.model.registry import resolve_model

    return model_source(path) if is_inside(path) else source_of_class(resolve_model(path)[1])
