"""The commands that prepare data and list models and data sets: prepare, models, datasets, keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from click.core import ParameterSource

from recbole_ext.cli.console import console, say, wide_option
from recbole_ext.cli.options import NamedPath, model_option
from recbole_ext.errors import ConfigError

if TYPE_CHECKING:
    from recbole_ext.config.model_source import ModelSource

__all__ = ["datasets", "keys", "models", "prepare"]


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
@click.option(
    "--merge",
    type=NamedPath("file"),
    help="An .inter file, such as of 'feedback export', that is added to the prepared set in the folder --source.",
)
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
    merge: Path | None,
    genome: bool,
    download: bool,
    **own: Any,
) -> None:
    """Convert a MovieLens set, or a file of your own, to atomic files."""
    from recbole_ext.data.movielens.catalog import DATASETS, find_dataset

    if merge is not None:
        _merge(context, source, merge, dataset, out)
        return

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


def _merge(context: click.Context, source: Path | None, merge: Path, dataset: str, out: Path) -> None:
    taken = {"dataset", "source", "merge", "out"}
    given = [
        name
        for name in context.params
        if name not in taken and context.get_parameter_source(name) is not ParameterSource.DEFAULT
    ]
    if given:
        raise ConfigError(
            f"--merge takes --source, --dataset and --out alone: leave out --{given[0].replace('_', '-')}"
        )
    if source is None:
        raise ConfigError("--merge adds to a prepared set: name its folder with --source=dataset/NAME")
    from recbole_ext.data.merging import merge_interactions
    from recbole_ext.data.movielens.catalog import DATASETS

    if dataset in DATASETS:
        raise ConfigError(
            f"{dataset!r} is the name of a published set: choose another --dataset for the merged one"
        )
    merge_interactions(source, merge, dataset, out=out, report=say)


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
