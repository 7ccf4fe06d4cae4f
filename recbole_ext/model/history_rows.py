"""Histories in the place of training users: models whose scores are a function of a user's row of items."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from recbole_ext.data.histories import Histories

__all__ = ["UserRows", "tables_replaced"]

# Vectors and biases of users by the names that RecBole's models give them; row 0 belongs to nobody.
_USER_TABLES = (
    "user_embedding.weight",
    "user_emb.weight",
    "UI_emb.weight",
    "h_user.weight",
    "user_lambda.weight",
    "user_bias",
    "embedding_layer.token_embedding_table.user.embedding.weight",  # DIEN: ids first, then other features
)


class UserRows:
    """What a model keeps of its training users, to be replaced by the histories of other persons.

    Args:
        model: The model as it stands; a change of its vectors needs another object.
        met: ``(n_users,) bool``: whether it was trained on a user; False for padding.
    """

    def __init__(self, model: Any, met: np.ndarray) -> None:
        self.model = model
        self._vectors = {}
        users = torch.from_numpy(np.flatnonzero(met))
        for name, parameter in model.named_parameters():
            if name in _USER_TABLES:
                table = parameter.detach().clone()
                table[0] = table[users.to(table.device)].mean(dim=0)
                self._vectors[name] = table
        # A model that counts an item once, or whose data repeat none, meets no other number in a history.
        matrix = vars(model).get("interaction_matrix")
        self._largest = 1.0 if matrix is None else float(sp.csr_matrix(matrix).max())

    def matrix(self, histories: Histories) -> sp.csr_matrix:
        """``(P, n_items) float32`` rows of the histories as the model counts its training users' items."""
        return histories.matrix(self.model.n_items, self._largest)

    @contextmanager
    def holding(self, histories: Histories) -> Iterator[None]:
        """Lets user ids 0 to P - 1 stand for the P persons of some histories.

        The rows of items (``interaction_matrix``, ``history_item_id``, ``history_item_matrix``, and the values, lengths
        and masks beside them) are replaced by the histories, and the vectors of users, where there are any, by
        those of ``histories.users``: a person never seen gets their mean.
        """
        rows = self._rows(histories)
        before = {name: getattr(self.model, name) for name in rows}
        chosen = {
            name: table[torch.from_numpy(histories.users).to(table.device)]
            for name, table in self._vectors.items()
        }
        try:
            for name, value in rows.items():
                setattr(self.model, name, value)
            with tables_replaced(self.model, chosen):
                yield
        finally:
            for name, value in before.items():
                setattr(self.model, name, value)

    @contextmanager
    def knowing_nobody(self) -> Iterator[None]:
        """Lets user 0 have the mean of the users' vectors, where there are any."""
        with tables_replaced(self.model, self._vectors):
            yield

    def _rows(self, histories: Histories) -> dict[str, Any]:
        """The attributes that hold the model's rows of items, made of the histories."""
        model, names = self.model, vars(self.model)
        if "history_item_value" in names:  # auto-encoders and DMF
            # One value for each item, as a training user's row has.
            weighted = replace(histories, weights=_values(model, histories)).kept(histories.last_of_each())
            return _padded(model, weighted, "history_item_id", value="history_item_value")
        if "history_item_id" in names:  # SimpleX
            recent = histories.kept(histories.ages < model.history_item_id.shape[1])
            return _padded(model, recent, "history_item_id", length="history_item_len")
        if "history_item_matrix" in names:  # FISM and NAIS
            return _padded(model, histories, "history_item_matrix", length="history_lens", inside="mask_mat")
        return {"interaction_matrix": self.matrix(histories)} if "interaction_matrix" in names else {}


@contextmanager
def tables_replaced(model: Any, tables: Mapping[str, torch.Tensor]) -> Iterator[None]:
    """Gives parameters other values, of other lengths."""
    owners = {name: model.get_submodule(name.rpartition(".")[0]) for name in tables}
    before = {name: owners[name]._parameters[name.rpartition(".")[2]] for name in tables}
    try:
        for name, table in tables.items():
            owners[name]._parameters[name.rpartition(".")[2]] = torch.nn.Parameter(table, False)
        yield
    finally:
        for name, parameter in before.items():
            owners[name]._parameters[name.rpartition(".")[2]] = parameter


def _padded(
    model: Any, histories: Histories, items: str, *, value: str = "", length: str = "", inside: str = ""
) -> dict[str, Any]:
    """Histories padded on the right under the names of a model, with what it keeps beside them."""
    to = functools.partial(_like, getattr(model, items).device)
    lengths = histories.lengths
    present = np.arange(max(1, int(lengths.max(initial=0)))) < lengths[:, None]  # (P, width)
    padded = np.zeros(present.shape, dtype=np.int64)
    padded[present] = histories.items
    found = {items: to(padded)}
    if value:
        weights = np.zeros(present.shape, dtype=np.float32)
        weights[present] = histories.weights
        found[value] = to(weights)
    if length:
        found[length] = to(lengths)
    if inside:
        found[inside] = to(present.astype(np.float32))
    return found


def _like(device: torch.device, array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array).to(device)


def _values(model: Any, histories: Histories) -> np.ndarray:
    """``(n,)`` values of the items: weights, or 1; in a time-aware DiffRec times w_min rising evenly to w_max."""
    weights = np.ones(len(histories.items)) if histories.weights is None else histories.weights
    if not getattr(model, "time_aware", False):
        return weights
    steps = np.maximum(histories.lengths - 1, 1)[histories.rows]
    place = histories.lengths[histories.rows] - 1 - histories.ages
    return weights * (model.w_min + (model.w_max - model.w_min) * place / steps)
