"""A reproduced paper as tables and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from recbole_ext.config.messages import as_yaml
from recbole_ext.config.safe_text import markdown as _text
from recbole_ext.config.safe_text import markdown_code
from recbole_ext.runs.reproduction import ReproducedFigure, ReproducedModel, Reproduction
from recbole_ext.study.table import PlainTable, estimate_text, metric_name, protocol_lines

__all__ = ["deviation_words", "reproduction_markdown", "reproduction_tables"]

_WORDS = {
    "within": "within our interval",
    "above": "ours is above",
    "below": "ours is below",
    "not published": "not published",
    "not run": "not run",
}


def deviation_words(result: Reproduction) -> list[str]:
    """What sets our figures apart from the paper's before any model does: a proxy, and keys set by options."""
    lines = []
    if result.deviation:
        name, paper = result.dataset.partition(":")[0], result.published_data.partition(":")[0]
        lines.append(f"On the proxy {name}, not {paper}: {result.deviation}.")
    if result.changed:
        keys = ", ".join(f"{key}: {as_yaml(value)}" for key, value in result.changed.items())
        lines.append(f"Set by options, not by the paper: {keys}.")
    return lines


def reproduction_tables(result: Reproduction) -> list[PlainTable]:
    """The figures, the claims, and the rows that were not run."""
    ran = [row for row in result.models if not row.reason]
    figures = [_row(model, figure) for model in ran for figure in model.figures]
    head = ["row", "metric", "published", "ours", "ours less published", "verdict"]
    level = float(result.protocol.get("confidence", 0.95))
    tables = [
        PlainTable("Figures", head, figures, f"In brackets the {level:.0%} bootstrap interval over users.")
    ]
    if result.claims:
        claims = [[one.says, metric_name(one.metric), one.verdict, one.why] for one in result.claims]
        tables.append(PlainTable("Claims", ["claim", "metric", "verdict", "why"], claims))
    if missing := [row for row in result.models if row.reason]:
        rows = [[row.label, _published(row.figures), row.reason] for row in missing]
        tables.append(PlainTable("Not run", ["row", "published", "why"], rows))
    return tables


def reproduction_markdown(result: Reproduction) -> str:
    """The page of a paper."""
    lines = [f"# {_text(result.name)}", ""]
    lines += [f"**{_text(line)}**\n" for line in deviation_words(result)]
    read_in = f" Read in: {result.read_in}." if result.read_in else ""
    lines += [_text(f"{result.source} Table: {result.table}.{read_in}"), ""]
    if result.note:
        lines += [_text(result.note), ""]
    for table in reproduction_tables(result):
        rows = [[name, *map(_text, cells)] for name, *cells in table.rows]
        lines += replace(table, rows=rows).markdown()
    lines += ["## Data and models", ""]
    lines += [
        f"- Data of the paper: {_text(result.published_data)}",
        f"- Data here: {_text(result.dataset)}",
    ]
    lines += [_settings(model) for model in result.models if not model.reason]
    lines += ["", *protocol_lines(result.protocol), f"Command: {markdown_code(result.command)}"]
    return "\n".join(lines)


def _row(model: ReproducedModel, figure: ReproducedFigure) -> list[str]:
    ours, published = figure.ours, figure.published
    difference = "–"
    if ours is not None and published is not None:
        difference = f"{ours.mean - published:+.4f}"
        if ours.low is not None and ours.high is not None:
            difference += f" [{ours.low - published:+.4f}, {ours.high - published:+.4f}]"
    return [
        model.label,
        metric_name(figure.metric),
        "–" if published is None else f"{published:.4f}",
        estimate_text(ours),
        difference,
        _WORDS[figure.verdict],
    ]


def _published(figures: Sequence[ReproducedFigure]) -> str:
    known = [f"{metric_name(one.metric)} {one.published:.4f}" for one in figures if one.published is not None]
    return ", ".join(known) or "–"


def _settings(model: ReproducedModel) -> str:
    settings = ", ".join(f"{key}: {as_yaml(value)}" for key, value in model.settings.items()) or "defaults"
    seeds = f"; seed {', '.join(map(str, model.seeds))}" if model.seeds else ""
    epochs = f"; {model.epochs} epochs" if (model.epochs or 0) > 1 else ""
    what = model.model or "lists re-ranked"
    note = f" {model.note}" if model.note else ""
    return f"- {_text(f'{model.label} ({what}): {settings}{seeds}{epochs}.{note}')}"
