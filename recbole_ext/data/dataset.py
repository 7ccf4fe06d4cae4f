"""RecBole's dataset interface on top of :class:`Interactions`: exact order, no augmentation."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import torch

from recbole_ext._compat.host import Dataset, FeatureSource, FeatureType, Interaction
from recbole_ext.data.features import check_loaded, genre_matrix
from recbole_ext.data.interactions import (
    TRAIN,
    Interactions,
    Split,
    interactions_of,
    split_of,
)
from recbole_ext.errors import DataError

__all__ = ["ExactDataset"]


class ExactDataset(Dataset):
    """A RecBole dataset whose order, filters and splits come from :mod:`recbole_ext.data.interactions`.

    The time stamps stay 64-bit integers. Ids are given to the filtered catalogue only; user and item features
    are loaded by RecBole where ``load_col`` names them, and restricted to it. The sequence fields exist as
    properties, but no prefix is ever written: the loaders cut windows when they are needed.

    Args:
        config: The merged configuration.
        interactions: Ready interactions; read from the atomic file named by the configuration if None.
    """

    feat_name_list: list[str]

    def __init__(self, config: Any, interactions: Interactions | None = None) -> None:
        check_loaded(config)
        self.interactions = interactions or interactions_of(
            config, Path(config["data_path"]) / f"{config['dataset']}.inter"
        )
        try:
            super().__init__(config)
        except (KeyError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise DataError(
                f"RecBole cannot use the columns of {config['dataset']} that load_col and the keys beside it name "
                f"({reason}): name others"
            ) from error
        self._declare_sequence_fields()
        self.negative_history = self._negative_history()
        self.history_times = bool(getattr(config.model_class, "reads_times", False))
        self.history_places = bool(getattr(config.model_class, "reads_places", False))

    def _load_data(self, token: str, dataset_path: str) -> None:
        self._load_inter_feat(token, dataset_path)
        columns = self.config["load_col"] or {}
        loads = {source: source.value in columns for source in (FeatureSource.USER, FeatureSource.ITEM)}
        self.user_feat, self.item_feat = (
            self._load_user_or_item_feat(token, dataset_path, source, field) if loads[source] else None
            for source, field in ((FeatureSource.USER, "uid_field"), (FeatureSource.ITEM, "iid_field"))
        )

    def _load_inter_feat(self, token: str, dataset_path: str) -> None:
        data = self.interactions
        fields = {
            self.uid_field: (FeatureType.TOKEN, FeatureSource.USER_ID, data.users.astype(np.int32)),
            self.iid_field: (FeatureType.TOKEN, FeatureSource.ITEM_ID, data.items),
            self.config["RATING_FIELD"]: (FeatureType.FLOAT, FeatureSource.INTERACTION, data.ratings),
            self.time_field: (FeatureType.FLOAT, FeatureSource.INTERACTION, data.times),
        }
        for field, (kind, source, _) in fields.items():
            self.set_field_property(field, kind, source, 1)
        # Views of the interactions: only what a model is built from, the training part, becomes tensors.
        columns = {field: values for field, (_, _, values) in fields.items()}
        self.inter_feat = pd.DataFrame(columns, copy=False)

    def _load_user_or_item_feat(
        self, token: str, dataset_path: str, source: FeatureSource, field_name: str
    ) -> pd.DataFrame | None:
        feat = super()._load_user_or_item_feat(token, dataset_path, source, field_name)
        field = getattr(self, field_name)
        self.set_field_property(field, FeatureType.TOKEN, FeatureSource(source.value + "_id"), 1)
        if feat is None:
            return None
        tokens = (
            self.interactions.user_tokens if source is FeatureSource.USER else self.interactions.item_tokens
        )
        ids = feat[field].astype(str).map({token: index for index, token in enumerate(tokens)})
        kept = feat.assign(**{field: ids}).dropna(subset=[field])
        return kept.astype({field: np.int64}).reset_index(drop=True)

    def _data_filtering(self) -> None:
        """Done by :func:`read_interactions`."""

    def _remap_ID_all(self) -> None:
        data = self.interactions
        for field, tokens in ((self.uid_field, data.user_tokens), (self.iid_field, data.item_tokens)):
            self.field2id_token[field] = tokens
            self.field2token_id[field] = {token: index for index, token in enumerate(tokens)}
        for field in self._rest_fields:
            self._remap(self._get_remap_list(np.array([field])))

    def _fill_nan(self) -> None:
        """RecBole's for users and items; interactions have no gaps, and filling them would copy every column."""
        every = self.feat_name_list
        self.feat_name_list = [name for name in every if name != "inter_feat"]
        super()._fill_nan()
        self.feat_name_list = every

    def _dataframe_to_interaction(self, data: pd.DataFrame) -> Interaction:
        # pandas 3 hands out read-only arrays, which torch must not share
        columns = {name: SimpleNamespace(values=data[name].to_numpy(copy=True)) for name in data}
        result = super()._dataframe_to_interaction(columns)
        if self.time_field in data:
            result.interaction[self.time_field] = torch.from_numpy(columns[self.time_field].values)
        return result

    def _declare_sequence_fields(self) -> None:
        list_field = self.iid_field + self.config["LIST_SUFFIX"]
        length = self.config["MAX_ITEM_LIST_LENGTH"]
        self.item_id_list_field, self.item_list_length_field = (
            list_field,
            self.config["ITEM_LIST_LENGTH_FIELD"],
        )
        self.set_field_property(list_field, FeatureType.TOKEN_SEQ, FeatureSource.INTERACTION, length)
        self.set_field_property(self.item_list_length_field, FeatureType.TOKEN, FeatureSource.INTERACTION, 1)

    @property
    def item_file(self) -> Path:
        """The atomic file of the items; it need not exist."""
        return Path(self.dataset_path) / f"{self.dataset_name}.item"

    @functools.cached_property
    def genres(self) -> np.ndarray | None:
        """``(n_items, G) float32`` of 0 and 1; None where the data set names no genres."""
        found = genre_matrix(self.item_file, self.interactions.item_tokens)
        return None if found is None else found[0]

    def _negative_history(self) -> np.ndarray | None:
        """DIEN's auxiliary loss (Zhou et al. 2019): another item beside each interaction, drawn once; else None."""
        if not any(base.__name__ == "DIEN" for base in self.config.model_class.__mro__):
            return None
        return self.other_items(self.interactions.items)

    def other_items(self, items: np.ndarray) -> np.ndarray:
        """``(n,) int64`` items drawn uniformly, each another one than the item ``(n,)`` at its place."""
        n_items = self.interactions.n_items
        drawn = np.random.default_rng(self.config["seed"]).integers(1, n_items - 1, len(items))
        return drawn + (drawn >= items)

    def split(self) -> Split:
        """The split that the configuration asks for."""
        return split_of(self.config, self.interactions)

    def restricted_to(self, split: Split, phase: int = TRAIN) -> ExactDataset:
        """This dataset with the interactions of one phase, as tensors: what a model is built from."""
        part = copy.copy(self)
        rows = split.rows(phase)
        part.inter_feat = self.inter_feat.iloc[:0]
        part._change_feat_format()
        # One column after the other: the whole set never stands in memory twice.
        part.inter_feat = Interaction(
            {
                name: _tensor(self.inter_feat[name].to_numpy(), rows, like)
                for name, like in part.inter_feat.interaction.items()
            }
        )
        return part


def _tensor(values: np.ndarray, rows: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    """``(len(rows),)`` values of these rows, in the type of ``like``."""
    return torch.from_numpy(values[rows]).to(like.dtype)
