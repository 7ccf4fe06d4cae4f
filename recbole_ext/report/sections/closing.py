"""Time, interpretability, protocol and configurations."""

from __future__ import annotations

from typing import Any

import yaml

from recbole_ext.errors import program
from recbole_ext.model.explainable import how_explainable
from recbole_ext.report.charts import bars
from recbole_ext.report.context import Context
from recbole_ext.report.document import Block, Cell, Details, Paragraph, Section, Table, cell
from recbole_ext.report.wording import nouns_of, seconds

__all__ = ["interpretability_section", "protocol_section", "timing_section"]


def timing_section(context: Context) -> Section | None:
    """What each model costs."""
    rows = [row for row in context.comparison.rows if row.seconds_training is not None]
    if not rows:
        return None
    ordered = sorted(rows, key=lambda row: row.seconds_training or 0.0)
    chart = bars(
        "Training time",
        "; ".join(f"{row.model} {seconds(row.seconds_training or 0)}" for row in ordered),
        [(row.model, row.seconds_training or 0.0, seconds(row.seconds_training or 0)) for row in ordered],
        "seconds of training, without preparation",
    )
    table = Table(
        "Effort, on the machine of these runs",
        ("Model", "Training s", "Best epoch", "Parameters", "Users ranked per s"),
        tuple(
            (
                Cell(r.model),
                cell(r.seconds_training, 1),
                cell(r.best_epoch, 0),
                cell(r.parameters, 0),
                cell(r.users_per_second, 0),
            )
            for r in rows
        ),
    )
    note = Paragraph(
        "Training seconds are the sum over epochs, with validation; a model with a closed-form solution, such as EASE, "
        "is computed while it is built and shows almost no training time. Epochs are counted from 0.",
        quiet=True,
    )
    return Section("timing", "What it costs", (chart, table, note))


def interpretability_section(context: Context) -> Section:
    """What each model can say about the reasons of a recommendation."""
    rows = []
    for row in context.comparison.rows:
        summary = how_explainable(row.model)
        rows.append((Cell(row.model), Cell(summary.method), Cell(summary.meaning)))
    table = Table(
        "How a recommendation can be explained",
        ("Model", "Method", "What it shows, and what it does not"),
        tuple(rows),
        text_columns=(0, 1, 2),
    )
    nouns = nouns_of(context.comparison.dataset)
    note = Paragraph(
        f"For one user: {program()} explain RUN --user=TOKEN. Taking an item away shows what a score depends on, not "
        f"why the user likes the {nouns.one}.",
        quiet=True,
    )
    return Section("why", f"Why {nouns.a_one} is recommended", (table, note))


def _yaml(content: dict[str, Any]) -> str:
    return str(yaml.safe_dump(content, sort_keys=True, allow_unicode=True)).strip()


def _configurations(configs: dict[str, dict[str, Any]]) -> list[Block]:
    first = next(iter(configs.values()))
    shared = {
        key: value
        for key, value in first.items()
        if all(key in other and other[key] == value for other in configs.values())
    }
    blocks: list[Block] = []
    if len(configs) > 1:
        blocks.append(Details(f"Configuration shared by all {len(configs)} models", _yaml(shared)))
    for model, config in configs.items():
        own = {k: v for k, v in config.items() if k not in shared} if len(configs) > 1 else config
        blocks.append(
            Details(f"{model}: {'its own keys' if len(configs) > 1 else 'configuration'}", _yaml(own))
        )
    return blocks


def protocol_section(context: Context) -> Section:
    """Everything that is needed to reproduce the figures."""
    c = context.comparison
    blocks: list[Block] = [Details("Protocol", _yaml({"dataset": c.dataset, **c.protocol}))]
    tuned = {row.model: row.tuned for row in c.rows if row.tuned}
    if tuned:
        blocks.append(Details("Tuned keys", _yaml(tuned)))
    commands = [c.command] if c.command else []
    commands += dict.fromkeys(str(run.metrics.get("command", "")) for run in context.inputs.runs)
    commands += [str(one["command"]) for one in context.inputs.ablations if one.get("command")]
    blocks.append(Details("Commands", "\n".join(filter(None, commands))))
    configs = {name: run.config for name, run in context.one_run_each.items()}
    if configs:
        blocks += _configurations(configs)
        versions = next(iter(context.one_run_each.values())).metrics.get("versions")
        if versions:
            blocks.append(Details("Versions", _yaml(versions)))
    return Section("protocol", "Protocol and configurations", tuple(blocks))
