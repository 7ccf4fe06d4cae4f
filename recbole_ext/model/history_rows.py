"""Histories in the place of training users: models whose scores are a function of a user's row of items."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from recbole_ext.data.histories import Histories

__all__ = ["in_place_of_users", "with_people_unseen"]

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


@contextmanager
def in_place_of_users(model: Any, histories: Histories, n_users: int) -> Iterator[None]:
    """Lets user ids 0 to P - 1 of a model stand for the P persons of some histories.

    The rows of items that the model keeps of its training users (``interaction_matrix``, ``history_item_id``,
    ``history_item_matrix``, and the values, lengths and masks beside them) are replaced by the histories, and the
    vectors of users, where it has any, by those of ``histories.users``: a person never seen gets their mean.

    Args:
        model: The model.
        histories: P persons.
        n_users: Users that the model was trained on, with padding.
    """
    rows = _rows(model, histories)
    before = {name: getattr(model, name) for name in rows}
    tables = {
        name: table[torch.from_numpy(histories.users).to(table.device)]
        for name, table in _with_means(model, n_users).items()
    }
    try:
        for name, value in rows.items():
            setattr(model, name, value)
        with _tables(model, tables):
            yield
    finally:
        for name, value in before.items():
            setattr(model, name, value)


@contextmanager
def with_people_unseen(model: Any, n_users: int) -> Iterator[None]:
    """Lets user 0 of a model have the mean of the users' vectors, where it has any."""
    with _tables(model, _with_means(model, n_users)):
        yield


def _with_means(model: Any, n_users: int) -> dict[str, torch.Tensor]:
    """The model's tables of users by name, with the mean of the training users' rows in row 0."""
    found = {}
    for name, parameter in model.named_parameters():
        if name in _USER_TABLES:
            table = parameter.detach().clone()
            table[0] = table[1:n_users].mean(dim=0)
            found[name] = table
    return found


@contextmanager
def _tables(model: Any, tables: Mapping[str, torch.Tensor]) -> Iterator[None]:
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


def _rows(model: Any, histories: Histories) -> dict[str, Any]:
    """The attributes that hold a model's rows of items, made of the histories."""
    names = vars(model)
    rows: dict[str, Any] = {}
    if "history_item_value" in names:  # auto-encoders and DMF
        rows |= _padded(model, histories, "history_item_id", value="history_item_value")
    elif "history_item_id" in names:  # SimpleX
        width = model.history_item_id.shape[1]
        rows |= _padded(model, _most_recent(histories, width), "history_item_id", length="history_item_len")
    elif "history_item_matrix" in names:  # FISM and NAIS
        rows |= _padded(model, histories, "history_item_matrix", length="history_lens", inside="mask_mat")
    elif "interaction_matrix" in names:
        rows["interaction_matrix"] = _counts(histories, model.interaction_matrix)
    return rows


def _counts(histories: Histories, like: Any) -> sp.csr_matrix:
    """``(P, n_items)`` counts of the histories' items, none above the largest of the training users.

    A model that counts each item once, or whose data repeat none, therefore meets no other number.
    """
    place = histories.rows, histories.items
    shape = (len(histories), like.shape[1])
    counts = sp.csr_matrix((np.ones(len(histories.items), dtype=like.dtype), place), shape=shape)
    counts.data = np.minimum(counts.data, sp.csr_matrix(like).max())
    return counts


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
        weights[present] = _values(model, histories)
        found[value] = to(weights)
    if length:
        found[length] = to(lengths)
    if inside:
        found[inside] = to(present.astype(np.float32))
    return found


def _like(device: torch.device, array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array).to(device)


def _values(model: Any, histories: Histories) -> np.ndarray:
    """``(n,)`` values of the items: 1; for a time-aware DiffRec rising evenly from its w_min to its w_max."""
    if not getattr(model, "time_aware", False):
        return np.ones(len(histories.items))
    steps = np.maximum(histories.lengths - 1, 1)[histories.rows]
    place = histories.lengths[histories.rows] - 1 - histories.ages
    return model.w_min + (model.w_max - model.w_min) * place / steps


def _most_recent(histories: Histories, width: int) -> Histories:
    """The last ``width`` items of each history."""
    kept = histories.ages < width
    times = None if histories.times is None else histories.times[kept]
    indptr = np.concatenate([[0], np.cumsum(np.minimum(histories.lengths, width))])
    return Histories(histories.items[kept], indptr, times, histories.users)
