"""Batches dealt over the processes of one training: each row of a batch belongs to exactly one process."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from recbole_ext._compat.host import Interaction
from recbole_ext.data.dataloader import EvaluationLoader, TrainLoader

__all__ = ["DealtLoader", "dealt_users", "own_part"]


class DealtLoader:
    """A process's share of each batch of a loader.

    Every process cuts the whole batch, with the same random generator, and keeps every W-th row of it: the draws, and
    with them the state to resume from, are those of one process.

    Args:
        loader: Of the whole training part.
        rank, world: Number of this process, and of all.

    Attributes:
        share: Factor by which the mean loss of the batch that was given out last counts, so that the mean over the
            processes is the mean over the whole batch.
    """

    def __init__(self, loader: TrainLoader, rank: int, world: int) -> None:
        self._loader, self._rank, self._world = loader, rank, world
        self.share = 1.0

    def __len__(self) -> int:
        return len(self._loader)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def __iter__(self) -> Iterator[Interaction]:
        for batch in self._loader:
            own, self.share = own_part(batch, self._rank, self._world)
            yield own


def own_part(batch: Interaction, rank: int, world: int) -> tuple[Interaction, float]:
    """A process's rows of a batch, and the factor of their mean loss.

    Args:
        batch: The whole batch: one row an example, or windows with ``target_seq`` of any number of targets.
        rank, world: Number of this process, and of all.

    Returns:
        Rows rank, rank + W, ...; where there is no such row, or none with a target, the first row that has one, with
        the factor 0: a process without a loss would keep the others waiting.
    """
    targets = (batch["target_seq"] > 0).sum(dim=1) if "target_seq" in batch.interaction else None
    rows = torch.arange(rank, len(batch), world)
    terms = torch.ones(len(batch)) if targets is None else targets
    mine, all_of = float(terms[rows].sum()), float(terms.sum())
    if mine == 0:
        rows = terms.argmax().reshape(1)
    return batch[rows], world * mine / max(all_of, 1.0)


def dealt_users(loader: EvaluationLoader, rank: int, world: int) -> tuple[EvaluationLoader, np.ndarray]:
    """A process's users of a phase: whole batches, so that its products are those of one process, bit for bit.

    Args:
        loader: All users of the phase.
        rank, world: Number of this process, and of all.

    Returns:
        The loader of its users, and ``(U_r,) int64`` their rows among all users.
    """
    rows = np.arange(len(loader.users))
    mine = rows[rows // loader.batch_size % world == rank]
    part = copy.copy(loader)
    part.__dict__.pop("evidence", None)
    part.users = loader.users[mine]
    return part, mine
