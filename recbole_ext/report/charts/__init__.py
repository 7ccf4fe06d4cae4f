"""Charts as inline SVG: light, printable, in the colours of the page, with alternative text; no library, no script."""

from recbole_ext.report.charts.bars import bars, histogram, matrix
from recbole_ext.report.charts.lines import Line, lines_chart
from recbole_ext.report.charts.points import Point, intervals, pairs, scatter

__all__ = [
    "Line",
    "Point",
    "bars",
    "histogram",
    "intervals",
    "lines_chart",
    "matrix",
    "pairs",
    "scatter",
]
