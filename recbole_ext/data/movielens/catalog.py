"""The MovieLens sets that this package prepares: addresses, checksums, contents, licences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from recbole_ext.errors import ConfigError, nearest

__all__ = ["BASE_URL", "CITATION", "DATASETS", "MovieLensDataset", "find_dataset"]

BASE_URL = "https://files.grouplens.org/datasets/movielens"

CITATION = (
    "F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and Context. "
    "ACM Transactions on Interactive Intelligent Systems (TiiS) 5, 4: 19:1-19:19. "
    "https://doi.org/10.1145/2827872"
)

_COMMON_TERMS = (
    "for research, not for commercial use without permission; imply no endorsement by the University of "
    "Minnesota or GroupLens; cite the paper in publications; "
)
_REDISTRIBUTABLE = _COMMON_TERMS + "may be redistributed, transformed too, under these same conditions"
_NOT_REDISTRIBUTABLE = _COMMON_TERMS + "must not be redistributed without separate permission"


@dataclass(frozen=True)
class MovieLensDataset:
    """One published MovieLens set.

    Attributes:
        name: The name of the set and of its zip, as GroupLens publishes it.
        format: ``csv``, ``dat`` (fields separated by ``::``) or ``udata`` (tab-separated ``u.data``).
        md5: Published MD5 of the zip; ``None`` where the set is updated in place, so that only the
            ``.md5`` file beside the zip can tell.
        size: Size of the zip in bytes, ``None`` where unknown.
        licence: The terms of the set's README in one sentence.
        redistributable: Whether the README allows redistribution.
        citation: The paper that users must cite.
        has_tags: Whether the set has free-text tags.
        has_users: Whether the set has data on its users (age, gender, occupation, zip code).
        has_genome: Whether the set has tag genome scores.
        folders: Names that the set's folder may have: its own, and the one inside the zip.
        users, items, ratings: Its size as its README says; sets that are updated in place grow.
    """

    name: str
    format: Literal["csv", "dat", "udata"]
    redistributable: bool
    md5: str | None = None
    size: int | None = None
    has_tags: bool = False
    has_users: bool = False
    has_genome: bool = False
    inner_folder: str | None = None
    citation: str = CITATION
    users: int = 0
    items: int = 0
    ratings: int = 0

    @property
    def url(self) -> str:
        """Address of the original zip."""
        return f"{BASE_URL}/{self.name}.zip"

    @property
    def licence(self) -> str:
        """The terms of the set's README in one sentence."""
        return _REDISTRIBUTABLE if self.redistributable else _NOT_REDISTRIBUTABLE

    @property
    def folders(self) -> tuple[str, ...]:
        """Names that the set's folder may have."""
        return (self.name,) if self.inner_folder is None else (self.name, self.inner_folder)

    @property
    def ratings_file(self) -> str:
        """Name of the file that holds the ratings."""
        return {"csv": "ratings.csv", "dat": "ratings.dat", "udata": "u.data"}[self.format]


# Checksums are the ones GroupLens publishes as NAME.zip.md5; sizes in bytes. The README of ml-20m forbids
# redistribution, unlike its later csv siblings.
_ALL = (
    MovieLensDataset(
        "ml-latest-small", "csv", redistributable=True, has_tags=True, users=610, items=9_742, ratings=100_836
    ),
    MovieLensDataset(
        "ml-latest",
        "csv",
        redistributable=True,
        has_tags=True,
        has_genome=True,
        users=330_975,
        items=86_537,
        ratings=33_832_162,
    ),
    MovieLensDataset(
        "ml-32m",
        "csv",
        redistributable=True,
        md5="d472be332d4daa821edc399621853b57",
        size=238_950_008,
        has_tags=True,
        users=200_948,
        items=87_585,
        ratings=32_000_204,
    ),
    MovieLensDataset(
        "ml-25m",
        "csv",
        redistributable=True,
        md5="6b51fb2759a8657d3bfcbfc42b592ada",
        size=261_978_986,
        has_tags=True,
        has_genome=True,
        users=162_541,
        items=62_423,
        ratings=25_000_095,
    ),
    MovieLensDataset(
        "ml-20m",
        "csv",
        redistributable=False,
        md5="cd245b17a1ae2cc31bb14903e1204af3",
        size=198_702_078,
        has_tags=True,
        has_genome=True,
        users=138_493,
        items=27_278,
        ratings=20_000_263,
    ),
    MovieLensDataset(
        "ml-10m",
        "dat",
        redistributable=False,
        md5="ce571fd55effeba0271552578f2648bd",
        size=65_566_137,
        has_tags=True,
        inner_folder="ml-10M100K",
        users=71_567,
        items=10_681,
        ratings=10_000_054,
    ),
    MovieLensDataset(
        "ml-1m",
        "dat",
        redistributable=False,
        md5="c4d9eecfca2ab87c1945afe126590906",
        has_users=True,
        users=6_040,
        items=3_900,
        ratings=1_000_209,
    ),
    MovieLensDataset(
        "ml-100k",
        "udata",
        redistributable=False,
        md5="0e33842e24a9c977be4e0107933c0723",
        has_users=True,
        users=943,
        items=1_682,
        ratings=100_000,
    ),
)

DATASETS: Mapping[str, MovieLensDataset] = MappingProxyType({dataset.name: dataset for dataset in _ALL})


def find_dataset(name: str) -> MovieLensDataset:
    """The catalogue's entry for a name.

    Args:
        name: For example ``ml-latest-small``.

    Returns:
        The entry.

    Raises:
        ConfigError: The name is unknown; the message gives the nearest known one.
    """
    if name not in DATASETS:
        raise ConfigError(
            f"dataset '{name}' is not a MovieLens set that can be prepared{nearest(name, DATASETS)}; "
            f"known: {', '.join(DATASETS)}; data of your own takes --source=FILE"
        )
    return DATASETS[name]
