"""Folders of lists as Python sees them: the lists of a run or a re-ranker, and the curves of re-rankers."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from recbole_ext.api.frames import AsFrame, as_pandas
from recbole_ext.runs.run import ListFolder

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from recbole_ext.rerank.run import ParetoResult

__all__ = ["Curves", "ListFrames", "Reranked"]

FrameT = TypeVar("FrameT")


class ListFrames(Generic[FrameT]):
    """A folder with lists.

    Attributes:
        folder: The folder.
    """

    def __init__(self, files: ListFolder, frame: AsFrame[FrameT]) -> None:
        self._lists, self._frame = files, frame
        self.folder = files.path

    @property
    def per_user(self) -> FrameT:
        """The test figures of each user, one row a user, by ``user``: a column for each metric that has such values."""
        return self._frame(self._lists.per_user.rename({"user_id": "user"}), "user")

    @property
    def lists(self) -> FrameT:
        """The test lists: ``user``, ``rank`` from 1, ``item``, ``title`` where the set has titles, and ``score``."""
        table = self._lists.lists.rename({"user_id": "user", "item_id": "item"})
        order = ("user", "rank", "item", "title", "score")
        return self._frame(table.select(name for name in order if name in table.columns))


class Reranked(ListFrames[FrameT]):
    """The test lists of a run in the order of a re-ranker."""

    @property
    def rule(self) -> str:
        """The re-ranker in one sentence: formula, strength, scaling."""
        return str(self._lists.metrics["rule"])

    @property
    def metrics(self) -> FrameT:
        """One row a metric, by ``metric``: ``before`` and ``after``, ``difference`` with its interval, and bounds."""
        return self._frame(_table(self._lists.metrics), "metric")

    def _words(self) -> str:
        metrics = self._lists.metrics
        note = f"; {metrics['note']}" if metrics["note"] else ""
        return f"{metrics['rule']}{note}; folder: {self.folder}"

    def _small(self) -> pd.DataFrame:
        return as_pandas(_table(self._lists.metrics), "metric")[
            ["before", "after", "difference", "low", "high"]
        ]

    def __repr__(self) -> str:
        return f"{self._small().to_string(float_format='{:.4f}'.format, na_rep='')}\n{self._words()}"

    def _repr_html_(self) -> str:
        table = self._small().to_html(float_format="{:.4f}".format, na_rep="")
        return f"{table}<p><small>{escape(self._words())}</small></p>"


def _table(metrics: dict[str, Any]) -> pl.DataFrame:
    import polars as pl

    nothing = (None, None, None)
    rows = []
    for name, after in metrics["after"].items():
        mean, low, high = metrics["difference"].get(name, nothing)
        rows.append(
            {
                "metric": name,
                "before": metrics["before"][name],
                "after": after,
                "difference": mean,
                "low": low,
                "high": high,
                "ceiling": metrics["bounds"]["ceiling"].get(name),
                "random": metrics["bounds"]["random"].get(name),
            }
        )
    form = {name: pl.String if name == "metric" else pl.Float64 for name in rows[0]}
    return pl.DataFrame(rows, schema=form)


class Curves(Generic[FrameT]):
    """What re-rankers cost at each strength.

    Attributes:
        folder: Holds the tables, and ``curves.html``, which shows them.
        rule: How a strength was chosen on validation.
    """

    def __init__(self, result: ParetoResult, frame: AsFrame[FrameT]) -> None:
        self._result, self._frame = result, frame
        self.folder, self.rule = result.folder, result.curves.rule

    @property
    def validation(self) -> FrameT:
        """One row a method and strength: ``ndcg``, ``itemcoverage`` and ``tailshare`` on validation."""
        return self._frame(self._result.curves.validation)

    @property
    def test(self) -> FrameT:
        """The chosen strengths, tested once, with the difference of NDCG from the model's own lists."""
        return self._frame(self._result.curves.test)

    def _small(self) -> pd.DataFrame:
        return as_pandas(self._result.curves.test, "method")

    def __repr__(self) -> str:
        table = self._small().to_string(float_format="{:.4f}".format, na_rep="")
        return f"{table}\nrule: {self.rule}; folder: {self.folder}"

    def _repr_html_(self) -> str:
        table = self._small().to_html(float_format="{:.4f}".format, na_rep="")
        return f"{table}<p><small>{escape(f'rule: {self.rule}; folder: {self.folder}')}</small></p>"
