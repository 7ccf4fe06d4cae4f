"""The page of re-ranker curves that ``pareto`` and ``compare`` write beside their figures."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from recbole_ext.config.safe_text import printable

if TYPE_CHECKING:
    from recbole_ext.rerank.curves import Curves

__all__ = ["curves_page"]

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_PANELS = (("itemcoverage", "coverage"), ("tailshare", "tail share"))
_BOUNDS = (("random", "dot"), ("ceiling", "dash"))


def _add_methods(plot: Any, validation: pl.DataFrame, key: str, place: dict[str, int]) -> None:
    """Each method's curve, which starts at the model's own lists; chosen points are large."""
    own = validation.filter(pl.col("method") == "none")
    methods = [name for name in validation["method"].unique(maintain_order=True) if name != "none"]
    for index, method in enumerate(methods):
        part = pl.concat([own, validation.filter(pl.col("method") == method)])
        plot.add_scatter(
            x=part[key],
            y=part["ndcg"],
            text=[f"{method} {value:g}" for value in part["strength"]],
            mode="lines+markers",
            marker={"size": np.where(part["chosen"].to_numpy(), 13, 6)},
            line={"color": _COLOURS[index % len(_COLOURS)]},
            name=method,
            legendgroup=method,
            showlegend=place["col"] == 1,
            **place,
        )


def _add_published(plot: Any, validation: pl.DataFrame, key: str, place: dict[str, int]) -> None:
    """The setting of the study that is reproduced."""
    published = validation.filter((pl.col("method") == "popularity_penalty") & (pl.col("strength") == 0.1))
    if published.is_empty():
        return
    plot.add_scatter(
        x=published[key],
        y=published["ndcg"],
        mode="markers",
        marker={"size": 14, "symbol": "diamond-open", "color": "#d62728", "line": {"width": 2}},
        name="penalty, α = 0.1",
        legendgroup="published",
        showlegend=place["col"] == 1,
        **place,
    )


def _add_panel(plot: Any, curves: Curves, key: str, name: str, column: int) -> None:
    place = {"row": 1, "col": column}
    _add_methods(plot, curves.validation, key, place)
    _add_published(plot, curves.validation, key, place)
    for kind, dash in _BOUNDS:
        value = curves.bounds[kind].get(f"{key}@{curves.k}")
        if value is not None:
            plot.add_vline(value, line_dash=dash, line_color="grey", annotation_text=kind, **place)
    plot.update_xaxes(title_text=f"{name} at {curves.k}", range=[-0.02, 1.05], **place)


def curves_page(curves: Curves, title: str) -> str:
    """An HTML page that opens offline: NDCG against coverage and against tail share, on validation.

    Args:
        curves: Points of the sweep, and the bounds that are drawn as vertical lines.
        title: Heading of the page.
    """
    from plotly.subplots import make_subplots

    names = [name for _, name in _PANELS]
    plot = make_subplots(rows=1, cols=len(_PANELS), shared_yaxes=True, subplot_titles=names)
    for column, (key, name) in enumerate(_PANELS, start=1):
        _add_panel(plot, curves, key, name, column)
    plot.update_yaxes(title_text=f"NDCG@{curves.k}, validation", rangemode="tozero", col=1)
    subtitle = f"large points: chosen on validation ({curves.rule})"
    plot.update_layout(
        # Plotly reads a subset of HTML in its texts.
        title={"text": html.escape(printable(title)), "subtitle": {"text": subtitle}},
        template="plotly_white",
        legend={"orientation": "h", "y": -0.2},
    )
    return str(plot.to_html(include_plotlyjs=True))
