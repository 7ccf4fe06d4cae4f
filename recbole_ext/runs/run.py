"""A finished run as it is read: its figures, and its configuration, lists and data set when they are asked for."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recbole_ext.errors import CheckpointError
from recbole_ext.runs.figures import RerankFigures, RunFigures
from recbole_ext.runs.folder import open_run, read_config, read_metrics
from recbole_ext.runs.forms import as_form, read_json

if TYPE_CHECKING:
    import polars as pl

    from recbole_ext.data.interactions import Split

__all__ = ["ListFolder", "Run", "read_lists", "read_run"]

# Means of the same numbers in another order.
_SAME = 1e-9

# Polars and what reads data sets take a while to import, and most readers of a run want its figures only.


@dataclass(frozen=True, eq=False)
class ListFolder:
    """A folder with lists: a run, or the lists of a re-ranker.

    Attributes:
        path: The folder.
        metrics: The content of ``metrics.json``.
    """

    path: Path
    metrics: dict[str, Any]

    @functools.cached_property
    def per_user(self) -> pl.DataFrame:
        """One row a user, by ``user_id``: a column for each metric that has a value for each user.

        Raises:
            CheckpointError: The table is missing or damaged, or does not agree with ``metrics.json``.
        """
        from recbole_ext.runs.lists import read_per_user

        table, users = read_per_user(self.path), self.metrics.get("users")
        file = self.path / "per_user.parquet"
        tested = users.get("test") if isinstance(users, dict) else None
        if tested is not None and tested != table.height:
            raise CheckpointError(
                f"{file} has {table.height} users, but metrics.json speaks of {tested}: "
                "write its folder again"
            )
        for name, shown in self._means.items():
            mean = float(table[name].to_numpy().mean()) if name in table.columns else shown
            if not math.isclose(mean, shown, rel_tol=_SAME, abs_tol=_SAME):
                raise CheckpointError(
                    f"{file} has a mean {name} of {mean:.6g}, but metrics.json says {shown:.6g}: one of the two was "
                    "altered, so write its folder again"
                )
        return table

    @property
    def _means(self) -> Mapping[str, float]:
        """The figures that are means of :attr:`per_user`: those of a run, or those after a re-ranking."""
        found = self.metrics.get("after" if "rerank" in self.metrics else "test")
        return found if isinstance(found, dict) else {}

    @functools.cached_property
    def lists(self) -> pl.DataFrame:
        """One row a place: ``user_id``, ``rank`` from 1, ``item_id``, ``score`` and perhaps ``title``.

        Raises:
            CheckpointError: The table is missing or damaged.
        """
        from recbole_ext.runs.lists import read_table

        return read_table(self.path / "recommendations.parquet")


@dataclass(frozen=True, eq=False)
class Run(ListFolder):
    """A finished run."""

    @functools.cached_property
    def figures(self) -> RunFigures:
        """The content of ``metrics.json``, checked."""
        return as_form(self.metrics, RunFigures, self.path / "metrics.json", "train the model again")

    @functools.cached_property
    def config(self) -> dict[str, Any]:
        """The complete configuration.

        Raises:
            CheckpointError: It is missing or damaged.
        """
        return read_config(self.path)

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self.metrics["model"])

    @property
    def k(self) -> int:
        """Length of the lists that are shown."""
        return self.figures.protocol.shown_k

    @property
    def level(self) -> float:
        """Coverage of its intervals."""
        return self.figures.protocol.confidence

    @property
    def data_file(self) -> Path:
        """The atomic file of the interactions that it was trained on; it may be gone."""
        name = str(self.config.get("dataset"))
        return Path(str(self.config.get("data_path", "dataset"))) / name / f"{name}.inter"

    def read_split(self) -> Split:
        """The data set on disk, as the configuration filters, orders and splits it; another one than it was, perhaps.

        Raises:
            CheckpointError: The configuration lacks a key, or holds a value that cannot be used.
            DataError, ConfigError: The file or a value cannot be used.
        """
        from recbole_ext.data.interactions import interactions_of, split_of

        file, config = self.path / "config.yaml", self.config
        try:
            return split_of(config, interactions_of(config, self.data_file))
        except KeyError as error:
            raise CheckpointError(f"{file} lacks {error}: train the model again") from error
        except (TypeError, ValueError) as error:
            raise CheckpointError(
                f"{file} holds a value that cannot be used ({error}): train the model again"
            ) from error

    def trained_on(self, split: Split) -> bool:
        """Whether these are the interactions that it was trained on."""
        from recbole_ext.data.fingerprint import fingerprint

        return fingerprint(split) == self.figures.fingerprint

    def split(self) -> Split:
        """The data set that it was trained on.

        Raises:
            CheckpointError: As :meth:`read_split`, or the data set on disk is another one.
            DataError, ConfigError: As :meth:`read_split`.
        """
        split = self.read_split()
        if not self.trained_on(split):
            raise CheckpointError(
                f"{self.data_file} is not the data that {self.path} was trained on: prepare the same data set again"
            )
        return split


def read_run(path: Path) -> Run:
    """A run from its folder, complete with the weights.

    Raises:
        CheckpointError: It does not exist, is unfinished, lacks a file, or its figures are damaged.
    """
    return Run(open_run(path), read_metrics(path))


def read_lists(path: Path) -> ListFolder:
    """The lists of a re-ranker from their folder.

    Raises:
        CheckpointError: The figures are missing or damaged.
    """
    file, remedy = path / "metrics.json", "re-rank the run again"
    content = read_json(file, remedy)
    as_form(content, RerankFigures, file, remedy)
    return ListFolder(path, content)
