"""MovieLens sets as RecBole's atomic files: found or fetched, checked, exactly ordered; without torch."""

from __future__ import annotations

from recbole_ext.data.movielens.atomic import Prepared, is_prepared, prepare
from recbole_ext.data.movielens.catalog import DATASETS, MovieLensDataset, find_dataset
from recbole_ext.data.movielens.sources import HOME_VARIABLE, find_source

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
