"""Local sources of a MovieLens set: a folder or zip named by the user, or RecBole's packaged copy."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from recbole_ext.data.movielens.catalog import MovieLensDataset, find_dataset
from recbole_ext.data.place import RECORD_FILE
from recbole_ext.errors import DataError

__all__ = [
    "HOME_VARIABLE",
    "find_source",
    "holds_ratings",
    "packaged_folder",
    "set_folder",
    "three_ways",
]

HOME_VARIABLE = "MOVIELENS_HOME"


def find_source(name: str, source: str | os.PathLike[str] | None = None) -> Path | None:
    """Find a set on this machine.

    Looks at ``source``, or else in each directory of the environment variable ``MOVIELENS_HOME`` (separated
    like ``PATH``) for ``NAME/`` or ``NAME.zip``, then, for ml-100k, inside the installed RecBole package.

    Args:
        name: Name of the set.
        source: The set's folder, its parent, or the original zip.

    Returns:
        A folder that holds the set, or a zip; ``None`` where nothing is found.

    Raises:
        ConfigError: The set is unknown.
        DataError: ``source`` does not hold the set, or a folder named like it has no ratings in it.
    """
    dataset = find_dataset(name)
    if source is not None:
        return _named_source(dataset, Path(source).expanduser())
    for home in os.environ.get(HOME_VARIABLE, "").split(os.pathsep):
        if home:
            found = _below(dataset, Path(home).expanduser())
            if found is not None:
                return found
    return packaged_folder(dataset)


def _named_source(dataset: MovieLensDataset, path: Path) -> Path:
    if path.is_file() and path.suffix.lower() == ".zip":
        return path
    if not path.is_dir():
        problem = "is neither a folder nor a .zip file" if path.exists() else "does not exist"
        raise DataError(
            f"source {path} {problem}: name the folder of {dataset.name}, its parent, or its zip; for data of your "
            "own choose a --dataset that is no MovieLens set"
        )
    found = path if holds_ratings(dataset, path) else _below(dataset, path)
    if found is None:
        raise DataError(
            f"source {path} holds neither {dataset.ratings_file} nor {dataset.name}/ nor {dataset.name}.zip: "
            f"name the folder of {dataset.name}, its parent, or its zip"
        )
    return found


def _below(dataset: MovieLensDataset, parent: Path) -> Path | None:
    for folder in dataset.folders:
        if (parent / folder).is_dir():
            if holds_ratings(dataset, parent / folder):
                return parent / folder
            if (parent / folder / RECORD_FILE).is_file():
                continue
            raise DataError(
                f"{parent / folder} has no {dataset.ratings_file}: unpack the whole zip of {dataset.name} "
                "there or remove the folder"
            )
    archive = parent / f"{dataset.name}.zip"
    return archive if archive.is_file() else None


def holds_ratings(dataset: MovieLensDataset, folder: Path) -> bool:
    """Whether a folder holds a set's ratings, in its own format or as RecBole's atomic file."""
    if (folder / dataset.ratings_file).is_file():
        return True
    # Output of prepare is not a source: links and tags would be lost.
    return (folder / f"{dataset.name}.inter").is_file() and not (folder / RECORD_FILE).is_file()


def set_folder(dataset: MovieLensDataset, unpacked: Path, archive: Path) -> Path:
    """The folder of a set inside an unpacked zip: the top, or one level below.

    Raises:
        DataError: No folder there holds the ratings.
    """
    for folder in (unpacked, *sorted(path for path in unpacked.iterdir() if path.is_dir())):
        if holds_ratings(dataset, folder):
            return folder
    raise DataError(f"{archive} holds no {dataset.ratings_file}: give the original zip of {dataset.name}")


def packaged_folder(dataset: MovieLensDataset) -> Path | None:
    """The copy inside the installed RecBole package (ml-100k only), found without importing RecBole."""
    if dataset.name != "ml-100k":
        return None
    spec = importlib.util.find_spec("recbole")
    for location in (spec.submodule_search_locations or ()) if spec is not None else ():
        folder = Path(location) / "dataset_example" / dataset.name
        if holds_ratings(dataset, folder):
            return folder
    return None


def three_ways(dataset: MovieLensDataset) -> str:
    """What a user can do to get a set, for the end of an error message."""
    return (
        f"three ways to get it: (1) put the folder or {dataset.name}.zip into a directory and name that "
        f"in the environment variable {HOME_VARIABLE}; (2) prepare it with --source=PATH, a folder or the "
        f"original zip; (3) connect and prepare again to download {dataset.url}, or use --dataset=ml-100k, "
        "which comes with RecBole and needs no network"
    )
