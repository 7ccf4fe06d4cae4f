"""Vectors of items from their ids and their content, in the place of a model's table of vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from recbole_ext.data.content import FeatureBlock, ItemFeatures, item_features
from recbole_ext.errors import ConfigError

__all__ = ["ItemEncoder", "give_item_features", "reads_item_features"]

_TABLES = ("item_embedding", "output_embedding")


class ItemEncoder(nn.Module):
    """A table of item vectors that are computed: the vector of the id and projections of features.

    It has the interface of :class:`torch.nn.Embedding`. Item i has the vector e_i + Σ_b W_b f_ib (``sum``) or
    W [e_i; f_i1; f_i2; ...] (``concat``) with its own vector e_i, the features f_ib of block b and learnt W (Kula 2015
    sums vectors of features; Covington et al. 2016 concatenate). A feature that some items lack has one more column,
    1 where it is missing. An item without training interactions has no vector of its own, since none can be learnt:
    it is known by its content. Rows behind the catalogue, such as the mask of BERT4Rec, and padding keep theirs.

    Args:
        table: The model's initial table, ``(n_items or more, d)``.
        features: What the items are.
        seen: ``(n_items,) bool``, items with training interactions.
        merge: ``sum`` or ``concat``.
    """

    content: torch.Tensor
    own: torch.Tensor

    def __init__(
        self, table: nn.Embedding, features: ItemFeatures, seen: np.ndarray, *, merge: str = "sum"
    ) -> None:
        super().__init__()
        rows, size = table.weight.shape
        self.num_embeddings, self.embedding_dim = rows, size
        self.padding_idx = table.padding_idx
        content = _with_missing(features.blocks)
        self.register_buffer("content", _padded(content, rows), persistent=False)
        special = np.arange(rows) >= len(seen)
        special[0] = True
        own = special | (_padded_bool(seen, rows) & features.with_id)
        self.register_buffer("own", torch.from_numpy(own[:, None].astype(np.float32)), persistent=False)
        self.ids = table
        std = float(table.weight.detach().std()) or 1.0
        # With rows of length 1 a projected feature is as large as a row of the model's own table.
        self.projections = nn.ParameterList(
            [
                nn.Parameter(torch.randn(width, size) * std)
                for width in (_width(block) for block in features.blocks)
            ]
        )
        self.mixed = (
            nn.Linear(size * (1 + len(self.projections)), size, bias=False) if merge == "concat" else None
        )

    @property
    def weight(self) -> torch.Tensor:
        """``(n_items or more, d)`` vectors as they stand; the gradient reaches ids and projections."""
        ids = self.ids.weight * self.own
        parts = torch.split(self.content, [len(one) for one in self.projections], dim=1)
        projected = [part @ one for part, one in zip(parts, self.projections, strict=True)]
        if self.mixed is None:
            return torch.stack([ids, *projected]).sum(dim=0)
        joined = self.mixed(torch.cat([ids, *projected], dim=1))
        return torch.cat([ids[:1], joined[1:]])

    def forward(self, items: torch.Tensor) -> torch.Tensor:
        """Returns the vectors of items ``(...)``, ``(..., d)``."""
        return nn.functional.embedding(items, self.weight, self.padding_idx)


def _width(block: FeatureBlock) -> int:
    return block.values.shape[1] + bool(block.missing)


def _with_missing(blocks: Sequence[FeatureBlock]) -> np.ndarray:
    """``(n_items, F)``: the features side by side, each with a column for those who lack it where somebody does."""
    columns = []
    for block in blocks:
        columns.append(block.values)
        if block.missing:
            lacking = ~block.known[:, None]
            lacking[0] = False
            columns.append(lacking.astype(np.float32))
    return np.hstack(columns)


def _padded(content: np.ndarray, rows: int) -> torch.Tensor:
    whole = np.zeros((rows, content.shape[1]), dtype=np.float32)
    whole[: len(content)] = content
    return torch.from_numpy(whole)


def _padded_bool(seen: np.ndarray, rows: int) -> np.ndarray:
    return np.concatenate([seen, np.zeros(rows - len(seen), dtype=bool)])


def reads_item_features(names: Sequence[str]) -> bool:
    """Whether ``item_features`` names anything beside the id."""
    return list(names) != ["id"]


def give_item_features(model: Any, config: Any, dataset: Any) -> None:
    """Replaces the table of item vectors of a built model by an :class:`ItemEncoder`, if ``item_features`` says so.

    Every place that reads the table, for inputs or for scores, then reads the computed vectors.

    Args:
        model: A model whose vectors of items stand in ``item_embedding`` (and ``output_embedding``), or one that
            makes ``item_features`` its own (``makes_features``), which is left as it is.
        config: The merged configuration.
        dataset: The training part.

    Raises:
        ConfigError: The model has no such table.
        DataError: As :func:`~recbole_ext.data.content.item_features`.
    """
    if not reads_item_features(config["item_features"]) or getattr(model, "makes_features", False):
        return
    tables = [name for name in _TABLES if _is_table(getattr(model, name, None), dataset.item_num)]
    if not tables:
        raise ConfigError(
            f"item_features is {config['item_features']}, but {type(model).__name__} has no table of item vectors "
            "(item_embedding): set item_features: [id], or choose SASRec, GRU4Rec or another model with one"
        )
    features = item_features(config, dataset)
    seen = np.bincount(dataset.inter_feat[dataset.iid_field].numpy(), minlength=dataset.item_num) > 0
    for name in tables:
        table = getattr(model, name)
        encoder = ItemEncoder(table, features, seen, merge=str(config["feature_merge"]))
        setattr(model, name, encoder.to(table.weight.device))
    model.content_features = features
    if hasattr(model, "sequence_loss"):
        model.sequence_loss.leave_out_unseen(torch.from_numpy(seen))


def _is_table(value: Any, n_items: int) -> bool:
    return isinstance(value, nn.Embedding) and value.num_embeddings >= n_items
