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


def _drawn(
    width: int,
    figure: tuple[str, str],
    lines: Sequence[Line],
    labels: tuple[str, str],
    references: Sequence[tuple[float, str]],
    options: dict[str, object],
) -> str:
    height = 340 if width == WIDE else 300
    form = options.get("form_x") or short
    form_y = options.get("form_y") or short
    left, right, top, bottom = 54, width - 18, 34, height - 48
    y_low, y_high = span(
        [value for line in lines for part in (line.y, line.low, line.high) for value in part],
        zero=bool(options.get("zero_y", True)),
        pad=0.06 if options.get("zero_y", True) else 0.3,
    )
    places = [value for line in lines for value in line.x] + [value for value, _ in references]
    logarithmic = bool(options.get("logarithmic"))
    if logarithmic:
        x = Scale(min(places), max(places), left, right, True)
    else:
        x = Scale(*span(places, zero=bool(options.get("zero_x", True)), pad=0.03), left, right)
    frame = Frame(width, height, left, right, top, bottom, x, Scale(y_low, y_high, bottom, top))
    body = [*frame.y_axis(labels[1], form_y), *frame.x_axis(labels[0], form, grid=False)]  # type: ignore[arg-type]
    for row, (value, name) in enumerate(references):
        body += frame.v_line(value, name, row)
    level = options.get("level")
    if isinstance(level, tuple):
        y = frame.y(float(level[0]))
        body.append(f'<path class="reference" d="M{left} {y:.1f}H{right}"/>')
    for line in lines:
        body += _series(frame, line)
    # Words come last, so that no line crosses them out.
    for line in lines:
        body += _names(frame, line)
    if isinstance(level, tuple):
        body.append(text(right - 4, frame.y(float(level[0])) - 6, str(level[1]), "remark", "end"))
    return svg(*figure, width, height, body)


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
    options: dict[str, object] = {
        **{"zero_x": zero_x, "zero_y": zero_y, "logarithmic": logarithmic},
        **{"form_x": form_x, "form_y": form_y, "level": level},
    }
    wide, narrow = (
        _drawn(width, (title, description), lines, labels, references, options) for width in (WIDE, NARROW)
    )
    legend = tuple((line.colour, line.name) for line in lines) if len(lines) > 1 else ()
    return Figure(title, description, wide, narrow, caption, legend)
