"""Measures anybody's recommendation lists, from whatever library, with the metrics and intervals of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recbole_ext.api.outside_lists import Ids, Tables
from recbole_ext.errors import ConfigError, DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import polars as pl

    from recbole_ext.api.events import Table
    from recbole_ext.evaluator.metrics.beyond_accuracy import Evidence

__all__ = ["Measured", "measure"]


@dataclass(frozen=True)
class Measured:
    """The figures of lists.

    Attributes:
        metrics: One row a metric, by ``metric`` such as ``ndcg@10``: ``value``, the interval ``low`` and ``high`` where
            the metric is a mean over users, ``ceiling`` where no method can reach its formal bound, and ``random``, the
            exact expectation of a random recommender.
        per_user: One row a user, by ``user``: the metrics that have a value for each user.
        users: Number of users measured.
        items: Size of the catalogue.
        notes: What a reader must know, such as users that were left out.
    """

    metrics: pd.DataFrame
    per_user: pd.DataFrame
    users: int
    items: int
    notes: tuple[str, ...]

    def _lines(self) -> list[str]:
        return [f"{self.users:,} users, {self.items:,} items", *self.notes]

    def __repr__(self) -> str:
        return "\n".join([self.metrics.to_string(na_rep="", float_format="{:.4f}".format), *self._lines()])

    def _repr_html_(self) -> str:
        from html import escape

        table = self.metrics.to_html(na_rep="", float_format="{:.4f}".format)
        return table + "".join(f"<p>{escape(line)}</p>" for line in self._lines())


def measure(
    lists: Table,
    *,
    train: Table,
    test: Table,
    validation: Table | None = None,
    items: Table | None = None,
    metrics: Sequence[str] | None = None,
    k: int | Sequence[int] = 10,
    exclude_seen: bool = True,
    head_rule: str = "interactions_80",
    confidence: float = 0.95,
    genre_separator: str = "|",
    columns: Mapping[str, str] | None = None,
) -> Measured:
    """Measures recommendation lists that any library made.

    A table is a pandas or polars DataFrame, or a parquet or csv file. Columns are found by their usual names
    (``user`` or ``user_id``, ``item`` or ``item_id``, ``rank``, ``score``, ``genres``) or named by ``columns``.

    Args:
        lists: Users and recommended items, with a ``rank`` from 1 or a ``score``; without either, in the order of the
            rows. A list that is longer than the largest K is cut.
        train: Users and items that the models learnt from; popularity, head and tail follow from it.
        test: Users and items that were held out.
        validation: Users and items that a user had between the two; no candidates where ``exclude_seen``.
        items: The catalogue, perhaps with ``genres`` (text with a separator, or lists); the items of the other three
            tables if None.
        metrics: Names as ``metrics:`` takes them; all that can be computed if None.
        k: Length of the lists, or several.
        exclude_seen: Whether items that a user had before were removed from the candidates: it decides what Random
            is expected to get.
        head_rule: What counts as head and tail: a name of ``recbole_ext.evaluator.groups.HEAD_RULES``.
        confidence: Coverage of the intervals.
        genre_separator: Between two genres of an item, where ``genres`` is text.
        columns: The column of a role (``user``, ``item``, ``rank``, ``score``, ``genres``) where its name is another.

    Raises:
        ConfigError: A metric is unknown, or K or the confidence cannot be used.
        DataError: A table cannot be read, a list has an item twice or one that is not in the catalogue, or no user of
            the test has training items.
    """
    import numpy as np

    topk = _lengths(k)
    tables = Tables.read(lists, train, test, validation, items, columns)
    catalogue = tables.catalogue()
    users, notes = tables.measured_users()
    ids = Ids(users, catalogue)
    items_of = ids.lists(tables.lists, max(topk))
    evidence = _evidence(ids, tables, exclude_seen, head_rule, genre_separator)
    notes += _seen_note(evidence, items_of, exclude_seen)
    names = _names(metrics, evidence)

    from recbole_ext.evaluator.confidence import mean_intervals
    from recbole_ext.evaluator.evaluate import bounds, evaluated_lists

    scores = np.zeros(items_of.shape, dtype=np.float32)
    rows = np.arange(len(users))
    result = evaluated_lists(rows, items_of, scores, evidence=evidence, metrics=names, topk=topk)
    intervals = mean_intervals(result.per_user, level=confidence)
    limits = bounds(evidence, result, topk)
    return _shown(users, catalogue, result, intervals, limits, notes)


def _lengths(k: int | Sequence[int]) -> list[int]:
    values = [k] if isinstance(k, int) else list(k)
    if not values or any(
        isinstance(value, bool) or not isinstance(value, int) or value < 1 for value in values
    ):
        raise ConfigError(f"k is {k!r}: give a whole number from 1 on, or several")
    return sorted(set(values))


def _evidence(ids: Ids, tables: Tables, exclude_seen: bool, head_rule: str, separator: str) -> Evidence:
    import numpy as np

    from recbole_ext.evaluator.groups import popularity_groups
    from recbole_ext.evaluator.metrics.beyond_accuracy import Evidence

    counts = ids.counts(tables.train)
    return Evidence(
        items=np.zeros((len(ids.users), 0), dtype=np.int64),
        counts=counts,
        groups=popularity_groups(counts, head_rule),
        n_users=tables.train["user"].n_unique(),
        profiles=ids.by_user(tables.train),
        held_out=ids.by_user(tables.test.unique(maintain_order=True)),
        features=_genres(ids, tables.items, separator),
        mask_seen=exclude_seen,
        seen=ids.by_user(tables.train, tables.validation),
    )


def _genres(ids: Ids, items: pl.DataFrame | None, separator: str) -> np.ndarray | None:
    """``(n_items, G) float32`` of 0 and 1; None without genres."""
    import numpy as np
    import polars as pl

    if items is None or "genres" not in items.columns:
        return None
    genres = pl.col("genres") if items["genres"].dtype.is_nested() else pl.col("genres").str.split(separator)
    pairs = ids.with_ids(
        items.select("item", genre=genres).explode("genre").drop_nulls("genre").filter(pl.col("genre") != "")
    )
    names = pairs["genre"].unique().sort()
    if not len(names):
        return None
    column = pairs["genre"].cast(pl.Enum(names)).to_physical().to_numpy()
    matrix = np.zeros((len(ids.items) + 1, len(names)), dtype=np.float32)
    matrix[pairs["id"].to_numpy(), column] = 1
    return matrix


def _seen_note(evidence: Evidence, lists: np.ndarray, exclude_seen: bool) -> tuple[str, ...]:
    """Says so where a list shows what its user had before, although seen items are to be excluded."""
    import numpy as np

    if not exclude_seen or evidence.seen is None:
        return ()
    indptr, items = evidence.seen
    had = np.repeat(np.arange(len(lists)), np.diff(indptr)) * evidence.n_items + items
    shown = (np.arange(len(lists))[:, None] * evidence.n_items + lists)[lists > 0]
    number = int(np.isin(shown, had).sum())
    if not number:
        return ()
    return (
        f"{number:,} of {shown.size:,} places show an item that its user had before: with exclude_seen=False the "
        "expectation of Random counts these items, too",
    )


def _names(metrics: Sequence[str] | None, evidence: Evidence) -> list[str]:
    from recbole_ext.evaluator.metric_info import METRIC_INFO
    from recbole_ext.evaluator.register import known_metrics, metric_name

    if isinstance(metrics, str):
        raise ConfigError(f"metrics is the text {metrics!r}: give a list, such as ['NDCG', 'ItemCoverage']")
    names = known_metrics() if metrics is None else [metric_name(name) for name in metrics]
    missing = [
        name for name in names if name in METRIC_INFO and not all(map(evidence.has, METRIC_INFO[name].needs))
    ]
    if metrics is not None and missing:
        raise DataError(f"{missing[0]} needs genres: give items= with a column genres, or leave it out")
    return [name for name in names if name not in missing]


def _shown(
    users: pl.Series,
    catalogue: pl.Series,
    result: Any,
    intervals: Mapping[str, tuple[float, float]],
    limits: Mapping[str, Mapping[str, float]],
    notes: tuple[str, ...],
) -> Measured:
    import pandas as pd

    nothing = (float("nan"),) * 2
    rows = [
        {
            "metric": name,
            "value": value,
            "low": intervals.get(name, nothing)[0],
            "high": intervals.get(name, nothing)[1],
            "ceiling": limits["ceiling"].get(name),
            "random": limits["random"].get(name),
        }
        for name, value in result.means.items()
    ]
    table = pd.DataFrame(rows).set_index("metric").astype(float)
    per_user = pd.DataFrame(result.per_user, index=pd.Index(users.to_list(), name="user"))
    return Measured(table, per_user, len(users), len(catalogue), notes)
