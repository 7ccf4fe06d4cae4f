"""What every chapter receives: the inputs, the comparison computed from them, and the data set where it is on disk."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recbole_ext.errors import ConfigError
from recbole_ext.evaluator.confidence import mean_interval, paired_difference
from recbole_ext.model.registry import FAMILIES
from recbole_ext.report.comparison import ComparisonView, Estimate, RowView, comparison_of, level_of
from recbole_ext.report.dataset import DatasetFacts, open_dataset
from recbole_ext.report.inputs import Inputs
from recbole_ext.report.lists import share_in, top
from recbole_ext.runs.compare import over_seeds
from recbole_ext.runs.run import ListFolder, Run

__all__ = ["FORMS", "Context", "Reranked", "context_of", "legend_of", "saved_level"]

FORMS = {
    "floor": ("c5", "diamond"),
    "classic": ("c1", "circle"),
    "sequential_classic": ("c4", "circle"),
    "neural": ("c3", "square"),
    "sequence": ("c2", "triangle"),
    "content": ("c6", "square"),
}
"""Colour class and form of each family of models."""


def legend_of(rows: tuple[RowView, ...]) -> tuple[tuple[str, str], ...]:
    """The families that occur, with colour and form."""
    present = {row.family for row in rows}
    return tuple((" ".join(FORMS[kind]), name) for kind, name in FAMILIES.items() if kind in present)


def saved_level(metrics: Mapping[str, Any]) -> float:
    """Coverage of the intervals in the ``metrics.json`` of ``rerank`` or ``pareto``.

    Version 0.1.0 does not record it: it computed them with 0.95, whatever the protocol of the run says.
    """
    return float(metrics.get("level", 0.95))


@dataclass(frozen=True, eq=False)
class Reranked:
    """The lists of a re-ranker and the run they come from, if that is among the inputs.

    Attributes:
        folder: Of ``rerank``.
        run: Its run, or None.
        name: To show, such as ``EASE, popularity_penalty 0.1``.
    """

    folder: ListFolder
    run: Run | None
    name: str

    @property
    def settings(self) -> Mapping[str, Any]:
        """The re-ranker's settings."""
        return self.folder.metrics["rerank"]

    @property
    def k(self) -> int:
        """Length of the lists."""
        return int(self.folder.metrics["k"])

    def figures(self, name: str) -> tuple[float | None, float | None]:
        """A metric before and after."""
        key, metrics = f"{name}@{self.k}", self.folder.metrics
        return metrics["before"].get(key), metrics["after"].get(key)

    @property
    def _saved_difference(self) -> Sequence[float] | None:
        return self.folder.metrics.get("difference", {}).get(f"ndcg@{self.k}")

    @property
    def level(self) -> float:
        """Coverage of the interval of :attr:`ndcg_difference`."""
        if self._saved_difference is not None or self.run is None:
            return saved_level(self.folder.metrics)
        return level_of(self.run.metrics["protocol"])

    @functools.cached_property
    def ndcg_difference(self) -> tuple[float, float, float] | None:
        """After minus before with its interval over users, as saved, or computed where the run is there."""
        key, saved = f"ndcg@{self.k}", self._saved_difference
        if saved is not None:
            return float(saved[0]), float(saved[1]), float(saved[2])
        if self.run is None or key not in self.run.per_user.columns:
            return None
        before, after = self.run.per_user, self.folder.per_user
        if key not in after.columns or not before["user_id"].equals(after["user_id"]):
            return None
        found = paired_difference(after[key].to_numpy(), before[key].to_numpy(), level=self.level)
        return found.mean, found.low, found.high

    @property
    def is_cheap(self) -> bool:
        """Does it lose at most 2 % of NDCG, and is no loss proven?"""
        before, after = self.figures("ndcg")
        if before is None or after is None or self.ndcg_difference is None:
            return False
        return after >= 0.98 * before and self.ndcg_difference[2] >= 0

    @property
    def head_rule(self) -> str:
        """The head rule of its figures."""
        return str(self.folder.metrics.get("protocol", {}).get("head_rule", "not stated"))

    @property
    def is_alpha_tenth(self) -> bool:
        """Is it the setting of the study that is reproduced?"""
        return self.settings.get("method") == "popularity_penalty" and self.settings.get("strength") == 0.1


@dataclass(frozen=True, eq=False)
class Context:
    """Inputs, comparison, data set, re-rankings.

    Attributes:
        inputs: What was named.
        comparison: Rows and tests.
        dataset: The data set, or None.
        data_absent: Why there is none, else an empty string.
        reranked: Lists of re-rankers, with their runs.
    """

    inputs: Inputs
    comparison: ComparisonView
    dataset: DatasetFacts | None
    data_absent: str
    reranked: tuple[Reranked, ...]

    @functools.cached_property
    def one_run_each(self) -> dict[str, Run]:
        """The first run of each row."""
        return {row.model: row.runs[0] for row in self.comparison.rows if row.runs}

    def tail_share(self, folder: ListFolder, rule: str) -> float | None:
        """TailShare of lists under any head rule; None without the data set."""
        if self.dataset is None:
            return None
        return share_in(top(folder, self.comparison.k), self.dataset.tail_tokens(rule))


def _reranked(inputs: Inputs) -> tuple[Reranked, ...]:
    by_place = {run.path.resolve(): run for run in inputs.runs}
    by_name = {run.path.name: run for run in inputs.runs}
    found = []
    for folder in inputs.reranks:
        origin = Path(str(folder.metrics.get("run", "")))
        run = by_place.get(origin.resolve()) or by_name.get(origin.name)
        settings = folder.metrics["rerank"]
        floors = [
            f"{key.replace('_', ' ')} ≥ {settings[key]:g}"
            for key in ("coverage", "tail_share")
            if settings.get(key)
        ]
        strength = settings.get("strength")
        words = f" ({', '.join(floors)})" if strength is None else f" {strength:g}"
        found.append(
            Reranked(folder, run, f"{run.model if run else origin.name}, {settings.get('method')}{words}")
        )
    return tuple(found)


def _grouped(comparison: ComparisonView, dataset: DatasetFacts | None) -> ComparisonView:
    """The rows with groups that the data set makes computable, with intervals."""
    key = comparison.key("ndcg")
    if dataset is None:
        return comparison
    rows = []
    for row in comparison.rows:
        runs = row.runs
        if not runs or key not in runs[0].per_user.columns:
            rows.append(row)
            continue
        users = runs[0].per_user["user_id"].to_list()
        values = over_seeds(runs)[key]
        groups = dict(row.groups)
        for name, members in dataset.users_of.items():
            chosen = values[[user in members for user in users]]
            if len(chosen):
                groups[name] = (
                    Estimate(float(chosen.mean()), *mean_interval(chosen, level=comparison.level)),
                    len(chosen),
                )
        rows.append(replace(row, groups=groups))
    return replace(comparison, rows=tuple(rows))


def context_of(inputs: Inputs) -> Context:
    """Computes what several chapters need.

    Raises:
        ConfigError: A model has no NDCG at the report's K, by which models are ordered.
    """
    comparison = comparison_of(inputs)
    for row in comparison.rows:
        if comparison.key("ndcg") not in row.metrics:
            place = row.runs[0].path if row.runs else "the comparison"
            raise ConfigError(
                f"{row.model} has no NDCG@{comparison.k} in {place}, by which a report orders models: train it again "
                "with NDCG among metrics"
            )
    opened: DatasetFacts | str = (
        open_dataset(inputs.runs[0])
        if inputs.runs
        else "Plots of the data need the run folders of the study (its cells)."
    )
    dataset = opened if isinstance(opened, DatasetFacts) else None
    absent = opened if isinstance(opened, str) else ""
    return Context(inputs, _grouped(comparison, dataset), dataset, absent, _reranked(inputs))
