"""The data set behind the runs: activity, popularity, head and tail, user groups, histories with titles."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recbole_ext.config.build import build_config
from recbole_ext.data.build import PreparedData, fingerprint, prepare_data
from recbole_ext.data.features import titles
from recbole_ext.data.interactions import TRAIN
from recbole_ext.errors import RecBoleExtError
from recbole_ext.evaluator.groups import popularity_groups, user_groups
from recbole_ext.model.registry import resolve_model
from recbole_ext.report.inputs import Run

__all__ = ["Catalogue", "open_catalogue"]


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Facts of the data set that the runs were trained on.

    Attributes:
        data: Split and loaders.
        rule: The head rule of the runs.
    """

    data: PreparedData
    rule: str

    @functools.cached_property
    def item_counts(self) -> np.ndarray:
        """``(n_items,) int64`` training interactions, index 0 = padding."""
        return self.data.split.train_counts()

    @functools.cached_property
    def user_counts(self) -> np.ndarray:
        """``(U,) int64`` training interactions of each tested user."""
        start, stop = self.data.split.before(TRAIN + 1)
        return (stop - start)[self.data.test.users]

    @functools.cached_property
    def users(self) -> list[str]:
        """Tokens of the tested users."""
        return [str(token) for token in self.data.split.interactions.user_tokens[self.data.test.users]]

    @functools.cached_property
    def users_of(self) -> dict[str, set[str]]:
        """Tokens of ``heavy`` and ``light`` users, and of those whose held-out items are all ``head``, all ``tail``."""
        groups = user_groups(self.user_counts)
        head = popularity_groups(self.item_counts, self.rule).head
        loader, items = self.data.test, self.data.split.interactions.items
        share = np.array([head[items[loader.stop[u] : loader.target_stop[u]]].mean() for u in loader.users])
        masks = {"heavy": groups.heavy, "light": groups.light, "head": share == 1, "tail": share == 0}
        tokens = np.asarray(self.users, dtype=object)
        return {name: set(tokens[mask]) for name, mask in masks.items()}

    def tail_tokens(self, rule: str) -> list[str]:
        """Tokens of the tail under a rule."""
        tokens = self.data.split.interactions.item_tokens
        return [str(token) for token in tokens[popularity_groups(self.item_counts, rule).tail]]

    @functools.cached_property
    def popularity(self) -> dict[str, int]:
        """Training interactions by item token."""
        tokens = self.data.split.interactions.item_tokens
        return {str(token): int(count) for token, count in zip(tokens[1:], self.item_counts[1:], strict=True)}

    @functools.cached_property
    def title(self) -> dict[str, str]:
        """Title by item token; empty where the data set has none."""
        found = titles(self.data.dataset.item_file)
        return (
            {}
            if found is None
            else dict(zip(found["item_id"].to_list(), found["title"].to_list(), strict=True))
        )

    def recent(self, user: str, count: int) -> list[str]:
        """Tokens of a user's last items before the test, newest first."""
        row = self.users.index(user)
        internal = self.data.test.users[row]
        start, stop = self.data.test.start[internal], self.data.test.stop[internal]
        newest = self.data.split.interactions.items[max(start, stop - count) : stop][::-1]
        return [str(token) for token in self.data.split.interactions.item_tokens[newest]]

    def target(self, user: str) -> list[str]:
        """Tokens of a user's held-out test items."""
        internal = self.data.test.users[self.users.index(user)]
        rows = slice(self.data.test.stop[internal], self.data.test.target_stop[internal])
        data = self.data.split.interactions
        return [str(token) for token in data.item_tokens[data.items[rows]]]


def open_catalogue(run: Run) -> Catalogue | str:
    """The data set of a run, from disk; nothing is downloaded.

    Returns:
        The catalogue, or one sentence that says why it is not there and what would help.
    """
    values: dict[str, Any] = {key: value for key, value in run.config.items() if key != "model"}
    dataset = str(values.get("dataset"))
    folder = Path(str(values.get("data_path", "dataset")))
    places = (folder / f"{dataset}.inter", folder / dataset / f"{dataset}.inter")
    absent = (
        f"Plots of the data, head and tail targets and titles of histories need the data set: `python run.py "
        f"prepare --dataset={dataset}`, then write the report again."
    )
    if not any(place.is_file() for place in places):
        return absent
    try:
        config = build_config(resolve_model(str(run.config["model"]))[1], None, (), values)
        data = prepare_data(config)
    except RecBoleExtError:
        return absent
    if fingerprint(data.split) != run.metrics.get("fingerprint"):
        return f"The data set {dataset} on disk is not the one that the runs were trained on. {absent}"
    return Catalogue(data, str(run.metrics["protocol"]["head_rule"]))
