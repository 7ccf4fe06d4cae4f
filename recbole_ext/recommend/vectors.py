"""Both sides of a model's inner product as files of vectors, and an index that finds the best items among many."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recbole_ext.data.files import writing
from recbole_ext.errors import ConfigError, DataError
from recbole_ext.progress import stage
from recbole_ext.runs.files import new_folder
from recbole_ext.trainer.opened import OpenedRun

__all__ = ["Towers", "indexed", "recall_of_index", "towers_of", "write_towers"]


@dataclass(frozen=True, eq=False)
class Towers:
    """The two sides of the scores: score(u, i) = people_u · items_i.

    Attributes:
        people: ``(U, d) float32`` of the test users, with the history that the test gives them.
        items: ``(n, d) float32`` of the catalogue without padding.
        people_tokens, item_tokens: What each row stands for.
    """

    people: np.ndarray
    items: np.ndarray
    people_tokens: list[str]
    item_tokens: list[str]


def towers_of(run: OpenedRun) -> Towers:
    """Computes the vectors of a run's model.

    Raises:
        ConfigError: The model's scores are no inner products of such vectors.
    """
    model, loader = run.trainer.model.eval(), run.data.test
    if not (hasattr(model, "represented") and hasattr(model, "item_embeddings")):
        raise ConfigError(
            f"{run.spec.name} has no vectors of people and items whose inner product is its score: choose a run of "
            "TwoTower, MLPSeq, SASRec or another model that has"
        )
    run.trainer.begin(loader)
    rows, users = [], []
    with torch.no_grad(), stage("computing vectors"):
        for batch in loader:
            users.append(batch.users)
            rows.append(model.represented(batch.interaction.to(model.device)).float().cpu().numpy())
        items = model.item_embeddings()[1 : run.data.dataset.item_num].float().cpu().numpy()
    data = run.data.split.interactions
    return Towers(
        np.concatenate(rows),
        items,
        [str(token) for token in data.user_tokens[np.concatenate(users)]],
        [str(token) for token in data.item_tokens[1:]],
    )


def indexed(items: np.ndarray) -> Any:
    """An approximate index of item vectors by inner product (HNSW of usearch: Malkov and Yashunin 2020).

    Args:
        items: ``(n, d) float32``; row i gets the key i.

    Raises:
        ConfigError: The extra ``index`` is not installed.
    """
    try:
        from usearch.index import Index
    except ImportError:
        raise ConfigError(
            "an index needs usearch, which is not installed: pip install 'recbole_ext[index]', or leave --index out"
        ) from None
    index = Index(ndim=items.shape[1], metric="ip", dtype="f32")
    index.add(np.arange(len(items)), np.ascontiguousarray(items), threads=1)
    return index


def recall_of_index(index: Any, towers: Towers, k: int) -> float:
    """The share of each person's k best items, by exact search, that the index finds: the mean over people.

    Args:
        index: From :func:`indexed`.
        towers: The vectors.
        k: Length of the lists.

    Raises:
        DataError: There are fewer than k items.
    """
    if k > len(towers.items):
        raise DataError(f"k is {k}, but there are {len(towers.items):,} items: lower it")
    found = np.asarray(index.search(towers.people, k).keys).reshape(len(towers.people), -1)
    exact = np.argsort(-(towers.people @ towers.items.T), axis=1, kind="stable")[:, :k]
    hits = [len(np.intersect1d(one, other)) for one, other in zip(found, exact, strict=True)]
    return float(np.mean(hits)) / k


def write_towers(folder: Path, towers: Towers, index: Any = None) -> None:
    """Writes ``items.npy`` and ``people.npy``, each with its tokens in ``.txt``, and ``items.usearch``.

    ``feature_vectors`` of another run takes ``items.npy``.

    Args:
        folder: It must not exist.
        towers: The vectors.
        index: From :func:`indexed`; None for none.

    Raises:
        OutputError: The folder exists or cannot be written; nothing half-written is left.
    """
    with new_folder(folder) as partial, writing(partial):
        for name, values, tokens in (
            ("items", towers.items, towers.item_tokens),
            ("people", towers.people, towers.people_tokens),
        ):
            np.save(partial / f"{name}.npy", values)
            (partial / f"{name}.txt").write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
        if index is not None:
            index.save(str(partial / "items.usearch"))
