"""Bars: counts of a histogram, one length a row, and the shading of a square of shares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recbole_ext.report.charts.canvas import (
    NARROW,
    WIDE,
    Frame,
    Scale,
    mark,
    short,
    svg,
    text,
    text_width,
)
from recbole_ext.report.document import Figure

__all__ = ["bars", "histogram", "matrix"]


def _log_edges(values: np.ndarray, bins: int) -> np.ndarray:
    """Whole-numbered edges that grow evenly on a logarithmic axis; every value lies inside."""
    low, top = int(values.min()), max(int(values.max()) + 1, 2)
    growth, edges = (top / low) ** (1 / bins), [low]
    while edges[-1] < top:
        edges.append(max(edges[-1] + 1, round(edges[-1] * growth)))
    return np.array(edges, dtype=float)


def _bar(x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="c1 fill" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _columns(
    width: int,
    figure: tuple[str, str],
    counts: np.ndarray,
    edges: np.ndarray,
    labels: tuple[str, str],
    median: float,
) -> str:
    height = 260
    left, right, top, bottom = 54, width - 12, 34, height - 48
    x = Scale(float(edges[0]), float(edges[-1]), left, right, True)
    frame = Frame(
        width, height, left, right, top, bottom, x, Scale(0, float(counts.max() or 1) * 1.08, bottom, top)
    )
    body = [*frame.y_axis(labels[1]), *frame.x_axis(labels[0], grid=False)]
    for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True):
        a, b, y = frame.x(low), frame.x(high), frame.y(count)
        bar = _bar(a + 0.5, y, max(b - a - 1, 0.5), bottom - y)
        upper = f"{high - 1:,.0f}"
        tip = f"{low:,.0f}" if upper == f"{low:,.0f}" else f"{low:,.0f} to {upper}"
        body.append(mark(bar, f"{tip}: {count:,}"))
    body += frame.v_line(median, f"median {short(median)}")
    return svg(*figure, width, height, body)


def histogram(
    title: str,
    description: str,
    values: np.ndarray,
    labels: tuple[str, str],
    *,
    bins: int = 24,
    caption: str = "",
) -> Figure:
    """How many have how much, on a logarithmic axis.

    Args:
        title, description: Alternative text.
        values: ``(n,)`` whole numbers; those below 1 are left out.
        labels: Of the horizontal and the vertical axis.
        bins: About how many bars.
        caption: Shown below.
    """
    kept = np.asarray(values)[np.asarray(values) >= 1]
    edges = _log_edges(kept, bins) if len(kept) else np.array([1.0, 2.0])
    counts = np.histogram(kept, edges)[0]
    median = float(np.median(kept)) if len(kept) else 1.0
    wide, narrow = (
        _columns(width, (title, description), counts, edges, labels, median) for width in (WIDE, NARROW)
    )
    return Figure(title, description, wide, narrow, caption)


def _lengths(width: int, figure: tuple[str, str], rows: Sequence[tuple[str, float, str]], label: str) -> str:
    left = min(max((text_width(name) for name, *_ in rows), default=0) + 16, width * 0.45)
    height, room = 28 * len(rows) + 60, 70
    x = Scale(0, max((value for _, value, _ in rows), default=1) or 1, left, width - room)
    frame = Frame(
        width, height, left, width - room, 8, height - 48, x, Scale(0, max(len(rows), 1), 8, height - 48)
    )
    body = frame.x_axis(label)
    for row, (name, value, words) in enumerate(rows):
        y = frame.y(row + 0.5)
        bar = _bar(left, y - 7, max(x(value) - left, 1), 14)
        body += [
            text(left - 10, y + 4, name, "name", "end"),
            mark(bar, f"{name}: {words}"),
            text(x(value) + 6, y + 4, words, "tick"),
        ]
    return svg(*figure, width, height, body)


def bars(
    title: str, description: str, rows: Sequence[tuple[str, float, str]], label: str, *, caption: str = ""
) -> Figure:
    """One bar a row, from 0; each row is a name, a length and the words at its end."""
    wide, narrow = (_lengths(width, (title, description), rows, label) for width in (WIDE, NARROW))
    return Figure(title, description, wide, narrow, caption)


def _squares(width: int, figure: tuple[str, str], names: Sequence[str], shares: np.ndarray) -> str:
    left = max(text_width(name) for name in names) + 10
    size = min((width - left - 4) / len(names), 52)
    head = max(text_width(name) for name in names) * 0.75 + 14
    body = []
    for column, name in enumerate(names):
        x, y = left + (column + 0.6) * size, head - 8
        body.append(text(x, y, name, "name", "start", f"rotate(-45 {x:.1f} {y:.1f})"))
    for row, name in enumerate(names):
        y = head + row * size
        body.append(text(left - 8, y + size / 2 + 4, name, "name", "end"))
        for column, other in enumerate(names):
            share, x = float(shares[row, column]), left + column * size
            strong = " over" if share > 0.55 else " mid" if share > 0.2 else ""
            square = (
                f'<rect class="heat" style="fill-opacity:{0.04 + 0.9 * share:.2f}" x="{x + 1:.1f}" y="{y + 1:.1f}" '
                f'width="{size - 2:.1f}" height="{size - 2:.1f}" rx="2"/>'
            )
            inside = text(x + size / 2, y + size / 2 + 4, f"{100 * share:.0f}", "tick" + strong, "middle")
            body.append(mark(square + inside, f"{name} and {other}: {share:.0%}"))
    return svg(*figure, width, head + len(names) * size + 4, body)


def matrix(
    title: str, description: str, names: Sequence[str], shares: np.ndarray, *, caption: str = ""
) -> Figure:
    """Shares between 0 and 1 of each name with each other, ``(n, n)``, shaded and written in per cent."""
    wide, narrow = (_squares(width, (title, description), names, shares) for width in (WIDE, NARROW))
    return Figure(title, description, wide, narrow, caption)
