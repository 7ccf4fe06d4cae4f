"""Recommendation lists of a trained run, with the scores, candidates and top-K of its test."""

from __future__ import annotations

import numpy as np

from recbole_ext.data.dataloader import EvaluationLoader
from recbole_ext.errors import ConfigError, nearest
from recbole_ext.evaluator.ranking import Lists
from recbole_ext.trainer.opened import OpenedRun

__all__ = ["Recommender"]


class Recommender:
    """Recommends for users of a phase of an opened run, with the candidates and tie-breaking of its evaluation.

    Args:
        run: From :func:`~recbole_ext.trainer.opened.open_model`.
        phase: The phase that supplies users and histories; the test if None.
    """

    def __init__(self, run: OpenedRun, phase: EvaluationLoader | None = None) -> None:
        self.run = run
        self.phase = run.data.test if phase is None else phase

    def user(self, token: str) -> int:
        """Returns the internal id of a user of the phase.

        Raises:
            ConfigError: The user is not in the phase.
        """
        tokens = self.run.data.split.interactions.user_tokens
        found = np.flatnonzero(tokens.astype(str) == str(token))
        if not len(found) or int(found[0]) not in self.phase.users:
            known = [str(name) for name in tokens[self.phase.users]]
            raise ConfigError(
                f"user {token!r} is not a test user of {self.run.folder}{nearest(str(token), known)}: give a token of "
                f"the data set, such as --user={known[0]}"
            )
        return int(found[0])

    def lists(self, users: np.ndarray | None = None, *, k: int) -> Lists:
        """Returns the k best candidates of users, best first, ties by the smaller item id.

        Args:
            users: ``(U,) int64`` internal ids of users of the phase; all of them if None.
            k: Length of the lists.

        Raises:
            ConfigError: k is below 1 or larger than the catalogue.
        """
        return self.run.lists(self.phase, k, users=users)
