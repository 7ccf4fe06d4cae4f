"""Charts are well-formed SVG, inside their frame, with alternative text."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from recbole_ext.report.charts import (
    Line,
    Point,
    bars,
    histogram,
    intervals,
    lines_chart,
    matrix,
    pairs,
    scatter,
)
from recbole_ext.report.charts.canvas import Scale, short, ticks
from recbole_ext.report.document import Figure

SPACE = "{http://www.w3.org/2000/svg}"


def points() -> list[Point]:
    return [Point("A & B", 0.2, 0.05, 0.04, 0.06), Point("<C>", 0.21, 0.051, 0.03, 0.07, "c2", "triangle")]


FIGURES = {
    "intervals": lambda: intervals("t", "d", points(), "x", lines=[(0.2, "base")]),
    "scatter": lambda: scatter("t", "d", points(), ("x", "y"), lines=[(0.8, "Random"), (1.0, "ceiling")]),
    "lines": lambda: lines_chart(
        "t",
        "d",
        [
            Line(
                "l",
                [1, 10, 100],
                [0.1, 0.2, 0.15],
                low=[0.05] * 3,
                high=[0.3] * 3,
                marked=[1],
                names=["here"],
            )
        ],
        ("x", "y"),
        logarithmic=True,
    ),
    "bars": lambda: bars("t", "d", [("a", 0.0, "0"), ("b", 3.0, "3")], "s"),
    "histogram": lambda: histogram("t", "d", np.array([1, 1, 2, 5, 90, 0]), ("x", "n")),
    "matrix": lambda: matrix("t", "d", ["a", "b"], np.array([[1, 0.5], [0.5, 1]])),
    "pairs": lambda: pairs("t", "d", [("a", 0.1, 0.2)], ("heavy", "light"), "x"),
}


@pytest.mark.parametrize("name", FIGURES)
def test_both_widths_are_well_formed_and_say_what_they_show(name: str) -> None:
    figure: Figure = FIGURES[name]()
    for drawn, width in ((figure.wide, 720), (figure.narrow, 340)):
        root = ET.fromstring(drawn)
        assert root.get("role") == "img"
        assert root.get("viewBox", "").split()[2] == str(width)
        assert [root[0].tag, root[1].tag] == [f"{SPACE}title", f"{SPACE}desc"]
        assert root[1].text == "d"
        assert "nan" not in drawn
        for element in root.iter():
            for key in ("cx", "x"):
                assert -20 <= float(element.get(key, 0)) <= width + 1, (name, element.attrib)


def test_an_equal_place_needs_no_room() -> None:
    drawn = intervals("t", "d", [Point("a", 0.0)], "x").wide
    assert "nan" not in drawn
    assert "inf" not in drawn


def test_ticks_are_round_and_inside() -> None:
    assert ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert ticks(0.013, 0.047, 4) == [0.02, 0.03, 0.04]
    assert (
        Scale(1, 1000, 0, 300, True).ticks(4) == [1, 10, 100, 1000]
        or len(Scale(1, 1000, 0, 300, True).ticks(4)) <= 8
    )
    assert Scale(1, 1000, 0, 300, True)(10) == pytest.approx(100)
    assert [short(v) for v in (0, 0.05, 12345)] == ["0", "0.05", "12,345"]


def test_names_in_a_scatter_do_not_cover_each_other() -> None:
    close = [Point(f"model{i}", 0.5 + i * 1e-3, 0.05) for i in range(4)]
    root = ET.fromstring(scatter("t", "d", close, ("x", "y")).wide)
    placed = [
        (float(e.get("x", 0)), float(e.get("y", 0)))
        for e in root.iter(f"{SPACE}text")
        if e.get("class") == "name"
    ]
    assert len(set(placed)) == 4
    assert len({round(y / 6) for _, y in placed}) > 1


def test_every_value_of_a_histogram_is_counted_once() -> None:
    drawn = histogram("t", "d", np.array([1, 2, 3, 50, 1000]), ("x", "n")).wide
    assert sum(int(n) for n in re.findall(r': (\d+)"', drawn)) == 5
