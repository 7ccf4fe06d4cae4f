"""MovieLens sets as RecBole's atomic files: found or downloaded, checked and exactly ordered, without torch.

The catalogue is available at import; reading and writing sets imports polars on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recbole_ext.data.movielens.catalog import DATASETS, MovieLensDataset, find_dataset
from recbole_ext.data.movielens.sources import HOME_VARIABLE, find_source

if TYPE_CHECKING:
    from recbole_ext.data.movielens.atomic import Prepared, is_prepared, prepare

__all__ = [
    "DATASETS",
    "HOME_VARIABLE",
    "MovieLensDataset",
    "Prepared",
    "find_dataset",
    "find_source",
    "is_prepared",
    "prepare",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from recbole_ext.data.movielens import atomic

    return getattr(atomic, name)
