"""Lines: curves of re-rankers, sweeps of one key, cumulative shares."""

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

__all__ = ["Line", "lines_chart"]


@dataclass(frozen=True)
class Line:
    """A series.

    Attributes:
        name: In the legend.
        x, y: Places, in the order in which they are joined.
        low, high: Band around ``y``; empty for none.
        tips: What each place is.
        marked: Indices of places that are ringed and named.
        names: Their names.
        colour: A class of the style sheet.
        dots: Are the places drawn?
        joined: Are they joined?
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    tips: Sequence[str] = ()
    marked: Sequence[int] = ()
    names: Sequence[str] = ()
    colour: str = "c1"
    dots: bool = True
    joined: bool = True


def _path(frame: Frame, x: Sequence[float], y: Sequence[float]) -> str:
    return "M" + "L".join(f"{frame.x(a):.1f} {frame.y(b):.1f}" for a, b in zip(x, y, strict=True))


def _series(frame: Frame, line: Line) -> list[str]:
    parts = []
    if len(line.low) > 1:
        edge = _path(frame, line.x, line.high) + "L" + _path(frame, line.x[::-1], line.low[::-1])[1:] + "Z"
        parts.append(f'<path class="{line.colour} band" d="{edge}"/>')
    if line.joined and len(line.x) > 1:
        parts.append(f'<path class="{line.colour} line" d="{_path(frame, line.x, line.y)}"/>')
    for index, (x, y) in enumerate(zip(line.x, line.y, strict=True)):
        if not line.dots and index not in line.marked:
            continue
        size = 6 if index in line.marked else 3
        form = "ring" if index in line.marked else "circle"
        tip = line.tips[index] if line.tips else f"{line.name}: {short(x)}, {y:.4f}"
        parts.append(mark(shape(form, frame.x(x), frame.y(y), line.colour, size), tip))
    return parts


def _names(frame: Frame, line: Line) -> list[str]:
    parts = []
    for index, name in zip(line.marked, line.names, strict=False):
        x, y = frame.x(line.x[index]), frame.y(line.y[index])
        end = x + 10 + text_width(name) > frame.width
        parts.append(text(x + (-4 if end else 4), y + 22, name, "name", "end" if end else "start"))
    return parts


@dataclass(frozen=True)
class _Axes:
    """What :func:`lines_chart` takes about its axes."""

    labels: tuple[str, str]
    zero_x: bool
    zero_y: bool
    logarithmic: bool
    form_x: Callable[[float], str]
    form_y: Callable[[float], str]
    references: Sequence[tuple[float, str]]
    level: tuple[float, str] | None


def _frame(width: int, lines: Sequence[Line], axes: _Axes) -> Frame:
    """The plot area, with scales that hold every line and reference."""
    height = 340 if width == WIDE else 300
    left, right, top, bottom = 54, width - 18, 34, height - 48
    heights = [value for line in lines for part in (line.y, line.low, line.high) for value in part]
    low, high = span(heights, zero=axes.zero_y, pad=0.06 if axes.zero_y else 0.3)
    places = [value for line in lines for value in line.x] + [value for value, _ in axes.references]
    if axes.logarithmic:
        x = Scale(min(places), max(places), left, right, True)
    else:
        x = Scale(*span(places, zero=axes.zero_x, pad=0.03), left, right)
    return Frame(width, height, left, right, top, bottom, x, Scale(low, high, bottom, top))


def _drawn(width: int, figure: tuple[str, str], lines: Sequence[Line], axes: _Axes) -> str:
    frame = _frame(width, lines, axes)
    body = [
        *frame.y_axis(axes.labels[1], axes.form_y),
        *frame.x_axis(axes.labels[0], axes.form_x, grid=False),
    ]
    for row, (value, name) in enumerate(axes.references):
        body += frame.v_line(value, name, row)
    level = axes.level
    if level is not None:
        body.append(f'<path class="reference" d="M{frame.left} {frame.y(level[0]):.1f}H{frame.right}"/>')
    for line in lines:
        body += _series(frame, line)
    # Words come last, so that no line crosses them out.
    for line in lines:
        body += _names(frame, line)
    if level is not None:
        body.append(text(frame.right - 4, frame.y(level[0]) - 6, level[1], "remark", "end"))
    return svg(*figure, width, frame.height, body)


def lines_chart(
    title: str,
    description: str,
    lines: Sequence[Line],
    labels: tuple[str, str],
    *,
    references: Sequence[tuple[float, str]] = (),
    caption: str = "",
    zero_x: bool = True,
    zero_y: bool = True,
    logarithmic: bool = False,
    form_x: Callable[[float], str] | None = None,
    form_y: Callable[[float], str] | None = None,
    level: tuple[float, str] | None = None,
) -> Figure:
    """Series against two axes.

    Args:
        title, description: Alternative text.
        lines: The series.
        labels: Of the horizontal and the vertical axis.
        references: Vertical lines with names.
        caption: Shown below.
        zero_x, zero_y: Does the axis begin at 0?
        logarithmic: Is the horizontal axis logarithmic?
        form_x, form_y: How tick labels are written.
        level: A horizontal line with its name.
    """
    axes = _Axes(labels, zero_x, zero_y, logarithmic, form_x or short, form_y or short, references, level)
    wide, narrow = (_drawn(width, (title, description), lines, axes) for width in (WIDE, NARROW))
    legend = tuple((line.colour, line.name) for line in lines) if len(lines) > 1 else ()
    return Figure(title, description, wide, narrow, caption, legend)
