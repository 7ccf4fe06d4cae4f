"""The data set behind the runs: activity, popularity, head and tail, user groups, histories with titles."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recbole_ext.data.features import titles
from recbole_ext.data.interactions import TEST, TRAIN, Split
from recbole_ext.errors import CheckpointError, RecBoleExtError, program
from recbole_ext.evaluator.groups import popularity_groups, user_groups
from recbole_ext.runs.run import Run

__all__ = ["DatasetFacts", "open_dataset"]


@dataclass(frozen=True, eq=False)
class DatasetFacts:
    """Facts of the data set that the runs were trained on.

    Attributes:
        split: Its interactions and their phases.
        item_file: The atomic file of the items; it need not exist.
        rule: The head rule of the runs.
    """

    split: Split
    item_file: Path
    rule: str

    @functools.cached_property
    def item_counts(self) -> np.ndarray:
        """``(n_items,) int64`` training interactions, index 0 = padding."""
        return self.split.train_counts()

    @functools.cached_property
    def user_ids(self) -> np.ndarray:
        """``(U,) int64`` internal ids of the tested users."""
        return self.split.evaluated_users(TEST)

    @functools.cached_property
    def user_counts(self) -> np.ndarray:
        """``(U,) int64`` training interactions of each tested user."""
        start, stop = self.split.before(TRAIN + 1)
        return (stop - start)[self.user_ids]

    @functools.cached_property
    def users(self) -> list[str]:
        """Tokens of the tested users."""
        return [str(token) for token in self.split.interactions.user_tokens[self.user_ids]]

    @functools.cached_property
    def users_of(self) -> dict[str, set[str]]:
        """Tokens of ``heavy`` and ``light`` users, and of those whose held-out items are all ``head``, all ``tail``."""
        groups = user_groups(self.user_counts)
        head = popularity_groups(self.item_counts, self.rule).head
        items = self.split.interactions.items
        share = np.array([head[items[self._held_out(user)]].mean() for user in self.user_ids])
        masks = {"heavy": groups.heavy, "light": groups.light, "head": share == 1, "tail": share == 0}
        tokens = np.asarray(self.users, dtype=object)
        return {name: set(tokens[mask]) for name, mask in masks.items()}

    def tail_tokens(self, rule: str) -> list[str]:
        """Tokens of the tail under a rule."""
        tokens = self.split.interactions.item_tokens
        return [str(token) for token in tokens[popularity_groups(self.item_counts, rule).tail]]

    @functools.cached_property
    def popularity(self) -> dict[str, int]:
        """Training interactions by item token."""
        tokens = self.split.interactions.item_tokens
        return {str(token): int(count) for token, count in zip(tokens[1:], self.item_counts[1:], strict=True)}

    @functools.cached_property
    def title(self) -> dict[str, str]:
        """Title by item token; empty where the data set has none."""
        found = titles(self.item_file)
        if found is None:
            return {}
        return dict(zip(found["item_id"].to_list(), found["title"].to_list(), strict=True))

    def recent(self, user: str, count: int) -> list[str]:
        """Tokens of a user's last items before the test, newest first."""
        start, stop = (bounds[self._id(user)] for bounds in self.split.history(TEST))
        newest = slice(max(start, stop - count), stop)
        return self._tokens(self.split.interactions.items[newest][::-1])

    def target(self, user: str) -> list[str]:
        """Tokens of a user's held-out test items."""
        return self._tokens(self.split.interactions.items[self._held_out(self._id(user))])

    def _id(self, user: str) -> int:
        return int(self.user_ids[self.users.index(user)])

    @functools.cached_property
    def _borders(self) -> tuple[np.ndarray, np.ndarray]:
        """Where each user's test items begin and end, both ``(n_users,) int64``."""
        return self.split.targets(TEST)

    def _held_out(self, user: int) -> slice:
        """Rows of a user's test items."""
        begin, end = self._borders
        return slice(begin[user], end[user])

    def _tokens(self, items: np.ndarray) -> list[str]:
        return [str(token) for token in self.split.interactions.item_tokens[items]]


def open_dataset(run: Run) -> DatasetFacts | str:
    """The data set of a run, from disk; nothing is downloaded.

    Returns:
        The facts, or one sentence that says why they are missing and what would help.

    Raises:
        CheckpointError: The run's configuration is damaged.
    """
    file = run.data_file
    name = file.stem
    absent = (
        f"Plots of the data, head and tail targets and titles of histories need the data set: `{program()} "
        f"prepare --dataset={name}`, then write the report again."
    )
    if not file.is_file():
        return absent
    try:
        split = run.read_split()
    except CheckpointError:
        raise
    except RecBoleExtError:
        return absent
    if not run.trained_on(split):
        return f"The data set {name} on disk is not the one that the runs were trained on. {absent}"
    return DatasetFacts(split, file.with_suffix(".item"), run.figures.protocol.head_rule)
