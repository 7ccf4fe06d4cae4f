"""How results show themselves: text for a terminal, HTML for a notebook."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from html import escape
from typing import Any

from recbole_ext.config.safe_text import visible
from recbole_ext.runs.protocol import protocol_line
from recbole_ext.runs.run import Run

__all__ = ["figures_html", "figures_text"]


def _names(metrics: Mapping[str, Any]) -> dict[str, str]:
    """Metrics of a run by key, without K, to the name that is shown."""
    from recbole_ext.evaluator.register import known_metrics

    shown = {name.lower(): name for name in known_metrics()}
    keys = dict.fromkeys(key.rpartition("@")[0] for key in metrics["test"])
    return {key: shown.get(key, key) for key in keys}


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _interval(metrics: Mapping[str, Any], key: str) -> str:
    ends = metrics["test_intervals"].get(key)
    return "" if ends is None else f"[{ends[0]:.4f}, {ends[1]:.4f}]"


def _rows(run: Run) -> list[list[str]]:
    """The heading, then one row a metric, at the K that is shown."""
    metrics, k = run.metrics, run.k
    bounds = metrics["test_bounds"]
    heading = [f"at {k}", "test", f"{run.level:.0%} interval", "Random", "ceiling"]
    body = []
    for name, shown in _names(metrics).items():
        key = f"{name}@{k}"
        known = [_number(bounds[kind].get(key)) for kind in ("random", "ceiling")]
        body.append([shown, _number(metrics["test"].get(key)), _interval(metrics, key), *known])
    return [heading, *body]


def _notes(run: Run) -> list[str]:
    return [protocol_line(run.metrics), f"run folder: {run.path}"]


def _title(run: Run) -> str:
    return f"{run.model} on {run.figures.dataset}, test"


def figures_text(run: Run) -> str:
    """The test figures of a run, for a terminal of 80 columns."""
    rows = _rows(run)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows
    ]
    notes = [part for line in _notes(run) for part in textwrap.wrap(line, 80, break_long_words=False)]
    return visible("\n".join([_title(run), *lines, *notes]))


def figures_html(run: Run) -> str:
    """The test figures of a run, for a notebook."""
    heading, *body = _rows(run)
    head = "".join(f"<th>{escape(text)}</th>" for text in heading)
    rows = "".join(
        f"<tr><th>{escape(row[0])}</th>{''.join(f'<td>{escape(text)}</td>' for text in row[1:])}</tr>"
        for row in body
    )
    notes = "".join(f"<p><small>{escape(visible(line))}</small></p>" for line in _notes(run))
    return (
        f"<table><caption>{escape(visible(_title(run)))}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table>{notes}"
    )
