"""A run as Python sees it: its figures as DataFrames, and recommendations from its model."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from recbole_ext.api.frames import AsFrame, as_pandas, as_polars, check_kind
from recbole_ext.api.reranked import Curves, ListFrames, Reranked
from recbole_ext.api.show import figures_html, figures_text
from recbole_ext.errors import ConfigError, DataError
from recbole_ext.runs.files import check_new
from recbole_ext.runs.folder import open_run, read_trusted_config
from recbole_ext.runs.run import Run as RunFiles
from recbole_ext.runs.run import read_lists, read_run

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from recbole_ext.api.events import Table
    from recbole_ext.recommend.explain import Explanation
    from recbole_ext.recommend.people import People, Strangers
    from recbole_ext.recommend.recommender import Recommender
    from recbole_ext.recommend.wish import Wish
    from recbole_ext.trainer.opened import OpenedRun

__all__ = ["Run", "load"]

FrameT = TypeVar("FrameT")
Token = str | int


class _Opened:
    """The model of a run, opened when it is first needed and then kept."""

    def __init__(self, folder: Path, trust: bool) -> None:
        self.folder, self.trust = folder, trust

    @functools.cached_property
    def recommender(self) -> Recommender:
        from recbole_ext.recommend.recommender import Recommender
        from recbole_ext.trainer.opened import open_model

        return Recommender(open_model(self.folder, trust=self.trust))

    def with_head(self, rule: str | None) -> OpenedRun:
        """The opened run, with another head rule than its own if one is named."""
        from recbole_ext.trainer.opened import open_model

        if rule is None:
            return self.recommender.run
        return open_model(self.folder, head_rule=rule, trust=self.trust)


class Run(ListFrames[FrameT]):
    """A finished run, from :func:`~recbole_ext.train` or :func:`~recbole_ext.load`.

    Figures are read from the run's folder; the model is opened when a method first needs it, and stays open. In a
    notebook a run shows its test figures with their intervals.

    Attributes:
        folder: The run folder.
    """

    def __init__(self, files: RunFiles, opened: _Opened, frame: AsFrame[FrameT]) -> None:
        super().__init__(files, frame)
        self._files, self._opened = files, opened

    @overload
    def frames(self, kind: Literal["pandas"]) -> Run[pd.DataFrame]: ...

    @overload
    def frames(self, kind: Literal["polars"]) -> Run[pl.DataFrame]: ...

    def frames(self, kind: str) -> Run[Any]:
        """The same run with frames of ``pandas``, the default, or of ``polars``.

        Raises:
            ConfigError: It is neither.
        """
        check_kind(kind)
        return Run(self._files, self._opened, as_polars if kind == "polars" else as_pandas)

    @property
    def model(self) -> str:
        """Name of the model."""
        return self._files.model

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return self._files.figures.dataset

    @property
    def config(self) -> dict[str, Any]:
        """Every key of the configuration."""
        return dict(self._files.config)

    @property
    def protocol(self) -> dict[str, Any]:
        """What the figures rest on: filters, split, candidates, mask, head rule, seed."""
        return dict(self._files.metrics["protocol"])

    @property
    def metrics(self) -> FrameT:
        """The test figures, one row a metric, by ``metric`` such as ``ndcg@10``.

        Columns: ``value``; ``low`` and ``high``, the bootstrap interval over users of a mean over users; ``ceiling``
        and ``random``, what could be reached and what a random recommender is expected to get; ``validation``, the
        value on the validation items.
        """
        return self._frame(figures_table(self._files.metrics), "metric")

    @property
    def history(self) -> FrameT:
        """One row a validation: ``epoch``, ``loss``, ``valid_score`` and ``seconds``."""
        import polars as pl

        form = {"epoch": pl.Int64, "loss": pl.Float64, "valid_score": pl.Float64, "seconds": pl.Float64}
        rows = [{name: row.get(name) for name in form} for row in self._files.metrics.get("history", ())]
        return self._frame(pl.DataFrame(rows, schema=form))

    def __repr__(self) -> str:
        return figures_text(self._files)

    def _repr_html_(self) -> str:
        return figures_html(self._files)

    def recommend(
        self,
        users: Token | Sequence[Token] | None = None,
        *,
        history: Any = None,
        k: int = 10,
        exclude_seen: bool | None = None,
        candidates: Sequence[Token] | None = None,
        rerank: Mapping[str, Any] | None = None,
        with_titles: bool = True,
    ) -> FrameT:
        """The best items for some people, one row a place of a list, the best first.

        Users of the data set get the lists of the test: their histories end before the item that the test held out.
        Other people are scored from the history that is given, where the model can do so.

        Args:
            users: Tokens of users; every test user if neither this nor ``history`` is given.
            history: What people had, the oldest item first: a list of items for one person; a list of such lists; a
                dict of such lists by name; or a DataFrame or file with the columns ``user`` and ``item`` and perhaps
                ``time``. An item is named by its token or its title.
            k: Length of the lists.
            exclude_seen: Whether a person's own items are left out; None does as the run's evaluation does.
            candidates: The items to choose from, by token or title; the whole catalogue if None.
            rerank: A re-ranker, such as ``{"method": "mmr", "lambda": 0.7}``: a ``rerank:`` block. ``exposure`` solves
                one problem over all people of the call; the other methods look at each person alone.
            with_titles: Whether there is a column ``title``.

        Returns:
            ``user``, ``rank`` from 1, ``item``, ``title`` (the token where an item has none) and ``score``. A person
            without a name is a number from 0.

        Raises:
            ConfigError: k, a user, the re-ranker or the candidates cannot be used.
            DataError: A history is empty, or an item is unknown, ambiguous or given twice.
            RecBoleExtError: The model cannot score people whom it was not trained on.
        """
        import polars as pl

        wish = _wish(k, exclude_seen, candidates, rerank, with_titles)
        return self._frame(pl.concat(self._blocks(users, history, wish)))

    def write_recommendations(
        self,
        path: str | Path,
        users: Token | Sequence[Token] | None = None,
        *,
        history: Any = None,
        k: int = 10,
        exclude_seen: bool | None = None,
        candidates: Sequence[Token] | None = None,
        rerank: Mapping[str, Any] | None = None,
        with_titles: bool = True,
    ) -> int:
        """The lists of :meth:`recommend` to a file, block by block, so that any number of people needs little memory.

        Args:
            path: A new ``.parquet`` or ``.csv`` file.
            users, history, k, exclude_seen, candidates, rerank, with_titles: As in :meth:`recommend`.

        Returns:
            The number of rows.

        Raises:
            ConfigError, DataError, RecBoleExtError: As :meth:`recommend`, or the name has another ending.
            OutputError: The file exists, or cannot be written; nothing half-written is left.
        """
        from recbole_ext.recommend.writing import check_output, write_recommendations

        place = Path(path).expanduser()
        check_output(place)
        wish = _wish(k, exclude_seen, candidates, rerank, with_titles)
        return write_recommendations(place, self._blocks(users, history, wish))

    def explain(
        self,
        user: Token | None = None,
        *,
        history: Any = None,
        k: int = 3,
        reasons: int = 5,
    ) -> Explanation:
        """Which items of a history made the best recommendations; ``print`` shows it.

        Args:
            user: Token of a test user.
            history: In place of a user, what one person had, as in :meth:`recommend`.
            k: Number of recommendations.
            reasons: At most so many items of the history for each.

        Raises:
            ConfigError: The user is not tested, neither or both are given, or k cannot be used.
            DataError, RecBoleExtError: As :meth:`recommend`.
        """
        from recbole_ext.recommend.explain import explain_stranger, explain_user

        if (user is None) == (history is None):
            raise ConfigError("one person is explained at a time: give a user, or a history")
        if user is not None:
            return explain_user(self._opened.recommender, str(user), top=k, reasons=reasons)
        people = self._strangers(history)
        if len(people) != 1:
            raise ConfigError(f"{len(people)} histories are given: give that of one person")
        return explain_stranger(self._opened.recommender, people, top=k, reasons=reasons)

    def rerank(
        self,
        method: str,
        *,
        k: int | None = None,
        output: str | Path | None = None,
        head_rule: str | None = None,
        **options: Any,
    ) -> Reranked[FrameT]:
        """Re-ranks the test lists without training again, and writes a folder with the new ones.

        Args:
            method: ``popularity_penalty``, ``value_aware``, ``xquad``, ``calibrated``, ``mmr`` or ``exposure``.
            k: Length of the lists; that of ``valid_metric`` if None.
            output: The folder; beside the run if None.
            head_rule: What counts as the head; the run's if None.
            **options: Of the method, such as ``alpha=0.1``; ``lam`` stands for λ.

        Raises:
            ConfigError: The method or an option cannot be used.
            DataError: The data set lacks what the method needs, such as genres.
            OutputError: The folder exists, or cannot be written.
        """
        from recbole_ext.config.blocks import read_rerank

        settings = read_rerank({"method": method, **options})
        place = _new_folder(output)

        from recbole_ext.rerank.run import rerank_run

        opened = self._opened.with_head(head_rule)
        return Reranked(read_lists(rerank_run(opened, settings, k=k, output=place).folder), self._frame)

    def pareto(
        self,
        methods: Sequence[str] | None = None,
        *,
        candidates: int | None = None,
        most_loss: float | None = None,
        output: str | Path | None = None,
        head_rule: str | None = None,
        progress: bool = True,
    ) -> Curves[FrameT]:
        """What accuracy each re-ranker costs at each strength: swept on validation, tested once at the chosen ones.

        Whatever is not given comes from the run's ``pareto:`` block.

        Args:
            methods: Names of re-rankers; all if None.
            candidates: Length of the lists that are re-ranked.
            most_loss: Share of validation NDCG that a chosen strength may cost.
            output, head_rule: As in :meth:`rerank`.
            progress: Whether to print what is going on.

        Raises:
            ConfigError: A method or a value cannot be used.
            OutputError: The folder exists, or cannot be written.
        """
        from recbole_ext.config.blocks import read_pareto

        given = {"methods": methods, "candidates": candidates, "most_loss": most_loss}
        changes = {key: value for key, value in given.items() if value is not None}
        read_pareto(changes)
        place = _new_folder(output)

        from recbole_ext.report.charts.curves import curves_page
        from recbole_ext.rerank.run import pareto_run

        opened = self._opened.with_head(head_rule)
        say = print if progress else _silent
        return Curves(pareto_run(opened, changes, output=place, draw=curves_page, report=say), self._frame)

    def _blocks(self, users: Any, history: Any, wish: Wish) -> Iterator[pl.DataFrame]:
        from recbole_ext.recommend.recommendations import recommended

        return recommended(self._opened.recommender, self._people(users, history), wish)

    def _people(self, users: Any, history: Any) -> People:
        if users is not None and history is not None:
            raise ConfigError("both users and history are given: give one of them")
        if history is not None:
            return self._strangers(history)
        return self._opened.recommender.known(_tokens(users))

    def _strangers(self, history: Any) -> Strangers:
        if _is_table(history):
            return self._opened.recommender.strangers_of_events(_events(history))
        return self._opened.recommender.strangers(history)


def _silent(_: Any) -> None:
    """Receives what is said and drops it."""


def _new_folder(output: str | Path | None) -> Path | None:
    """The path of results; one that is taken is refused at once."""
    if output is None:
        return None
    place = Path(output).expanduser()
    check_new(place)
    return place


def _tokens(users: Any) -> list[Any] | None:
    """Tokens as a list; a single one is a list of one."""
    if users is None or isinstance(users, list):
        return users
    if isinstance(users, (str, int)) or not isinstance(users, Iterable):
        return [users]
    return list(users)


def _events(table: Table) -> pl.DataFrame:
    """A table of histories, with times in seconds.

    Raises:
        DataError: It cannot be read, lacks a column or a value, or has times that are neither numbers nor dates.
    """
    import polars as pl

    from recbole_ext.api.events import opened_table

    events = opened_table(table, "history", ["user", "item"], ["time"])
    if "time" not in events.columns:
        return events
    kind = events["time"].dtype
    if kind.is_temporal() and kind not in (pl.Time, pl.Duration):
        return events.with_columns(pl.col("time").cast(pl.Datetime("us")).dt.epoch("s"))
    if not kind.is_numeric():
        raise DataError(
            f"history has times of the type {kind}: give seconds since 1970, or dates of pandas or polars"
        )
    return events.with_columns(pl.col("time").cast(pl.Int64))


def _is_table(history: Any) -> bool:
    module = type(history).__module__.partition(".")[0]
    return isinstance(history, (str, Path)) or (
        module in ("pandas", "polars") and hasattr(history, "columns")
    )


def _wish(
    k: int,
    exclude_seen: bool | None,
    candidates: Sequence[Token] | None,
    rerank: Mapping[str, Any] | None,
    with_titles: bool,
) -> Wish:
    from recbole_ext.config.blocks import read_rerank
    from recbole_ext.recommend.wish import Wish, check_wish

    settings = None if rerank is None else read_rerank(rerank)
    wish = Wish(k, exclude_seen, candidates, settings, with_titles)
    check_wish(wish)
    return wish


def figures_table(metrics: Mapping[str, Any]) -> pl.DataFrame:
    """The test figures of a ``metrics.json``, one row a metric."""
    import polars as pl

    intervals, bounds = metrics["test_intervals"], metrics["test_bounds"]
    names = list(metrics["test"])
    columns: dict[str, list[float | None]] = {
        "value": [metrics["test"][name] for name in names],
        "low": [intervals.get(name, (None, None))[0] for name in names],
        "high": [intervals.get(name, (None, None))[1] for name in names],
        "ceiling": [bounds["ceiling"].get(name) for name in names],
        "random": [bounds["random"].get(name) for name in names],
        "validation": [metrics["validation"].get(name) for name in names],
    }
    floats = {name: pl.Series(values, dtype=pl.Float64) for name, values in columns.items()}
    return pl.DataFrame({"metric": pl.Series(names, dtype=pl.String), **floats})


def load(folder: str | Path, *, trust: bool = False) -> Run[pd.DataFrame]:
    """Opens a finished run.

    Args:
        folder: The run folder, such as ``saved/gru``.
        trust: Whether a model or metric from outside RecBole and this package may be imported because the folder names
            it; True for folders of your own only.

    Raises:
        CheckpointError: The folder is no finished run, a file is damaged, or it names code from outside and is not
            trusted.
    """
    path = open_run(Path(folder).expanduser())
    read_trusted_config(path, trust)
    return Run(read_run(path), _Opened(path, trust), as_pandas)
