"""Points with intervals: a row for each model, or two measures against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from recbole_ext.report.charts.canvas import (
    NARROW,
    WIDE,
    Frame,
    Scale,
    mark,
    shape,
    short,
    span,
    svg,
    text,
    text_width,
)
from recbole_ext.report.document import Figure

__all__ = ["Point", "intervals", "pairs", "scatter"]


@dataclass(frozen=True)
class Point:
    """A named place with an interval in one or both directions.

    Attributes:
        name: What it is.
        x: Horizontal value.
        y: Vertical value; unused by :func:`intervals`.
        low, high: Interval of the measure that has one (``x`` in rows, ``y`` in a scatter).
        colour: A class of the style sheet.
        form: ``circle``, ``square``, ``triangle``, ``diamond`` or ``ring``.
        quiet: Drawn, but not named.
    """

    name: str
    x: float
    y: float = 0.0
    low: float | None = None
    high: float | None = None
    colour: str = "c1"
    form: str = "circle"
    quiet: bool = False


Lines = Sequence[tuple[float, str]]


def _tip(point: Point, value: float) -> str:
    range_ = "" if point.low is None or point.high is None else f" [{short(point.low)}, {short(point.high)}]"
    return f"{point.name}: {value:.4f}{range_}"


def _rows(width: int, title: str, words: str, points: Sequence[Point], label: str, lines: Lines) -> str:
    left = min(max((text_width(point.name) for point in points), default=0) + 16, width * 0.45)
    height, top = 28 * len(points) + 78, 24
    low, high = span([*(p.x for p in points), *(p.low for p in points), *(p.high for p in points)])
    frame = Frame(
        width,
        height,
        left,
        width - 16,
        top,
        height - 48,
        Scale(low, high, left, width - 16),
        Scale(0, max(len(points), 1), top, height - 48),
    )
    body = frame.x_axis(label)
    for row, (value, name) in enumerate(lines):
        body += frame.v_line(value, name, row - 1)
    for row, point in enumerate(points):
        y = frame.y(row + 0.5)
        parts = shape(point.form, frame.x(point.x), y, point.colour)
        if point.low is not None and point.high is not None:
            ends = f"M{frame.x(point.low):.1f} {y:.1f}H{frame.x(point.high):.1f}"
            parts = f'<path class="{point.colour} whisker" d="{ends}"/>' + parts
        body += [text(left - 10, y + 4, point.name, "name", "end"), mark(parts, _tip(point, point.x))]
    return svg(title, words, width, height, body)


def intervals(
    title: str,
    description: str,
    points: Sequence[Point],
    label: str,
    *,
    lines: Lines = (),
    caption: str = "",
    legend: tuple[tuple[str, str], ...] = (),
) -> Figure:
    """A row for each point with its interval, best read from the top.

    Args:
        title, description: Alternative text.
        points: Top to bottom.
        label: Of the axis.
        lines: Vertical lines with names.
        caption, legend: Shown around the chart.
    """
    wide, narrow = (_rows(width, title, description, points, label, lines) for width in (WIDE, NARROW))
    return Figure(title, description, wide, narrow, caption, legend)


_PLACES = (
    (9, 4, "start"),
    (-9, 4, "end"),
    (0, -11, "middle"),
    (0, 19, "middle"),
    (9, -8, "start"),
    (9, 16, "start"),
)
_Box = tuple[float, float, float, float]


def _box(x: float, y: float, words: str, anchor: str) -> _Box:
    width = text_width(words)
    start = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
    return start, y - 11, start + width, y + 3


def _overlap(a: _Box, b: _Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _labels(frame: Frame, points: Sequence[Point]) -> list[str]:
    """Each name at the place around its point where it covers least."""
    taken = [(frame.x(p.x) - 6, frame.y(p.y) - 6, frame.x(p.x) + 6, frame.y(p.y) + 6) for p in points]
    whiskers = [
        (frame.x(p.x) - 1, frame.y(p.high), frame.x(p.x) + 1, frame.y(p.low))
        for p in points
        if p.low is not None and p.high is not None
    ]
    taken += whiskers
    parts = []
    for point in points:
        if point.quiet:
            continue
        best: tuple[float, float, float, str] | None = None
        for dx, dy, anchor in _PLACES:
            x, y = frame.x(point.x) + dx, frame.y(point.y) + dy
            box = _box(x, y, point.name, anchor)
            cost = sum(_overlap(box, other) for other in taken)
            cost += 1e4 * (box[0] < frame.left or box[2] > frame.width or box[3] > frame.bottom)
            if best is None or cost < best[0]:
                best = cost, x, y, anchor
        assert best is not None
        taken.append(_box(best[1], best[2], point.name, best[3]))
        parts.append(text(best[1], best[2], point.name, "name", best[3]))
    return parts


def _cloud(
    width: int,
    title: str,
    words: str,
    points: Sequence[Point],
    labels: tuple[str, str],
    lines: Lines,
    x_end: tuple[float | None, Callable[[float], str]],
) -> str:
    height = 440 if width == WIDE else 380
    left, right, top, bottom = 54, width - 18, 34, height - 48
    x_low, x_high = span([*(p.x for p in points), *(value for value, _ in lines)])
    y_low, y_high = span([*(p.y for p in points), *(p.low for p in points), *(p.high for p in points)])
    x = Scale(x_low, x_high if x_end[0] is None else min(x_end[0], x_high), left, right)
    frame = Frame(width, height, left, right, top, bottom, x, Scale(y_low, y_high, bottom, top))
    body = [*frame.y_axis(labels[1]), *frame.x_axis(labels[0], x_end[1], grid=False)]
    for row, (value, name) in enumerate(lines):
        body += frame.v_line(value, name, row)
    for point in points:
        px, py = frame.x(point.x), frame.y(point.y)
        parts = shape(point.form, px, py, point.colour)
        if point.low is not None and point.high is not None:
            ends = f"M{px:.1f} {frame.y(point.low):.1f}V{frame.y(point.high):.1f}"
            parts = f'<path class="{point.colour} whisker thin" d="{ends}"/>' + parts
        body.append(mark(parts, f"{_tip(point, point.y)}; {labels[0]} {x_end[1](point.x)}"))
    return svg(title, words, width, height, [*body, *_labels(frame, points)])


def scatter(
    title: str,
    description: str,
    points: Sequence[Point],
    labels: tuple[str, str],
    *,
    lines: Lines = (),
    caption: str = "",
    legend: tuple[tuple[str, str], ...] = (),
    top_x: float | None = None,
    form_x: Callable[[float], str] = short,
) -> Figure:
    """Two measures against each other, each point named beside it, with its vertical interval.

    Args:
        title, description: Alternative text.
        points: In any order.
        labels: Of the horizontal and the vertical axis.
        lines: Vertical lines with names.
        caption, legend: Shown around the chart.
        top_x: Largest horizontal value that is possible.
        form_x: How its tick labels are written.
    """
    wide, narrow = (
        _cloud(width, title, description, points, labels, lines, (top_x, form_x)) for width in (WIDE, NARROW)
    )
    return Figure(title, description, wide, narrow, caption, legend)


def _couples(
    width: int,
    title: str,
    words: str,
    rows: Sequence[tuple[str, float, float]],
    names: tuple[str, str],
    label: str,
) -> str:
    left = min(max((text_width(row[0]) for row in rows), default=0) + 16, width * 0.45)
    height, top = 28 * len(rows) + 64, 10
    low, high = span([value for _, *both in rows for value in both])
    x = Scale(low, high, left, width - 16)
    y = Scale(0, max(len(rows), 1), top, height - 48)
    frame = Frame(width, height, left, width - 16, top, height - 48, x, y)
    body = frame.x_axis(label)
    for row, (name, first, second) in enumerate(rows):
        place = frame.y(row + 0.5)
        line = f'<path class="tie" d="M{x(first):.1f} {place:.1f}H{x(second):.1f}"/>'
        both = shape("circle", x(first), place, "c1") + shape("square", x(second), place, "c2", 4.5)
        tip = f"{name}: {names[0]} {first:.4f}, {names[1]} {second:.4f}"
        body += [text(left - 10, place + 4, name, "name", "end"), mark(line + both, tip)]
    return svg(title, words, width, height, body)


def pairs(
    title: str,
    description: str,
    rows: Sequence[tuple[str, float, float]],
    names: tuple[str, str],
    label: str,
    *,
    caption: str = "",
) -> Figure:
    """A row for each name with two values tied together, such as heavy and light users."""
    wide, narrow = (_couples(width, title, description, rows, names, label) for width in (WIDE, NARROW))
    return Figure(title, description, wide, narrow, caption, (("c1", names[0]), ("c2 square", names[1])))
