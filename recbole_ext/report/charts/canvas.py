"""What every chart is made of: scales, ticks, axes and an inline SVG in the page's colours."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

__all__ = ["NARROW", "WIDE", "Frame", "Scale", "mark", "shape", "short", "svg", "text", "text_width", "ticks"]

WIDE, NARROW = 720, 340
_CHARACTER = 7.0


def text_width(words: str) -> float:
    """About how wide a text of 12 px is, in px."""
    return _CHARACTER * len(words)


def short(value: float) -> str:
    """A number for an axis: no more digits than it needs."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers from ``low`` to ``high``, about ``count`` of them."""
    if not high > low:
        return [low]
    raw = (high - low) / max(count, 1)
    power = 10 ** math.floor(math.log10(raw))
    step = next((factor * power for factor in (1, 2, 2.5, 5) if factor * power >= raw * 0.999), 10 * power)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


@dataclass(frozen=True)
class Scale:
    """From values to px, linear or logarithmic."""

    low: float
    high: float
    start: float
    stop: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """The place of a value in px."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log10(low), math.log10(high), math.log10(max(value, self.low))
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.stop - self.start)

    def ticks(self, count: int = 5) -> list[float]:
        """Round numbers inside the scale."""
        if not self.logarithmic:
            return ticks(self.low, self.high, count)
        powers = range(math.floor(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
        every = [step * 10.0**power for power in powers for step in (1, 2, 5)]
        inside = [value for value in every if self.low * 0.999 <= value <= self.high * 1.001]
        return inside if len(inside) <= 2 * count else [value for value in inside if f"{value:e}"[0] == "1"]


def text(x: float, y: float, words: str, kind: str = "tick", anchor: str = "start", turn: str = "") -> str:
    """A text element; ``kind`` is a class of the style sheet."""
    turned = f" transform={quoteattr(turn)}" if turn else ""
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{turned}>{escape(words)}</text>'
    )


def mark(body: str, tip: str) -> str:
    """A group that shows ``tip`` when it is pointed at."""
    return f'<g class="mark" data-tip={quoteattr(tip)}>{body}</g>'


def shape(kind: str, x: float, y: float, colour: str, size: float = 5) -> str:
    """A circle, square, triangle, diamond or ring in a colour class; the shapes stay distinct in grey print."""
    if kind == "square":
        place = f'x="{x - size:.1f}" y="{y - size:.1f}" width="{2 * size}" height="{2 * size}"'
        return f'<rect class="{colour} fill" {place}/>'
    if kind in ("triangle", "diamond"):
        lower = f"{x:.1f},{y + 1.25 * size:.1f} " if kind == "diamond" else ""
        base = 0.0 if kind == "diamond" else size
        right, left = f"{x + 1.2 * size:.1f},{y + base:.1f}", f"{x - 1.2 * size:.1f},{y + base:.1f}"
        points = f"{x:.1f},{y - 1.25 * size:.1f} {right} {lower}{left}"
        return f'<polygon class="{colour} fill" points="{points}"/>'
    ring = " ring" if kind == "ring" else ""
    return f'<circle class="{colour} fill{ring}" cx="{x:.1f}" cy="{y:.1f}" r="{size}"/>'


@dataclass(frozen=True)
class Frame:
    """A plot area with its two scales.

    Attributes:
        width, height: Of the whole drawing, px.
        left, right, top, bottom: Edges of the plot area, px.
        x, y: Scales onto those edges.
    """

    width: int
    height: int
    left: float
    right: float
    top: float
    bottom: float
    x: Scale
    y: Scale

    def x_axis(self, label: str, form: Callable[[float], str] = short, grid: bool = True) -> list[str]:
        """Ticks, grid and label of the horizontal axis."""
        count = 6 if self.width > 500 else 4
        parts = []
        for value in self.x.ticks(count):
            place = self.x(value)
            if grid:
                parts.append(f'<path class="grid" d="M{place:.1f} {self.top:.1f}V{self.bottom:.1f}"/>')
            parts.append(text(place, self.bottom + 18, form(value), anchor="middle"))
        parts.append(text((self.left + self.right) / 2, self.bottom + 38, label, "axis", "middle"))
        return parts

    def y_axis(self, label: str, form: Callable[[float], str] = short) -> list[str]:
        """Ticks and grid of the vertical axis, with its label above them, set horizontally."""
        parts = []
        for value in self.y.ticks(5):
            place = self.y(value)
            parts.append(f'<path class="grid" d="M{self.left:.1f} {place:.1f}H{self.right:.1f}"/>')
            parts.append(text(self.left - 8, place + 4, form(value), anchor="end"))
        parts.append(text(0, self.top - 14, label, "axis"))
        return parts

    def v_line(self, value: float, words: str, row: int = 0) -> list[str]:
        """A dashed vertical line with its name at the top; nothing where it lies outside."""
        if not self.x.low <= value <= self.x.high:
            return []
        place = self.x(value)
        near = place + text_width(words) + 6 > self.right
        anchor, shift = ("end", -5) if near else ("start", 5)
        return [
            f'<path class="reference" d="M{place:.1f} {self.top:.1f}V{self.bottom:.1f}"/>',
            text(place + shift, self.top + 11 + 15 * row, words, "remark", anchor),
        ]


def span(values: Iterable[float | None], zero: bool = True, pad: float = 0.06) -> tuple[float, float]:
    """Lowest and highest value with some room; from 0 if ``zero``."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    room = pad * ((high - low) or 1.0)
    lowest = low - room
    # Shares and accuracies are not negative: the room below them is not either.
    return (low if zero and low == 0 else max(lowest, 0.0) if low >= 0 else lowest), high + room


def svg(title: str, description: str, width: int, height: float, body: Sequence[str]) -> str:
    """A complete element; ``title`` and ``description`` are its alternative text."""
    return (
        f'<svg role="img" aria-label={quoteattr(f"{title}. {description}")} viewBox="0 0 {width} {height:.0f}" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(title)}</title><desc>{escape(description)}</desc>'
        f"{''.join(body)}</svg>"
    )
