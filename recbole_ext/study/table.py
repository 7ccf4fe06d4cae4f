"""Comparisons and ablations as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from recbole_ext.config import safe_text
from recbole_ext.config.safe_text import markdown_code
from recbole_ext.evaluator.difference import Difference
from recbole_ext.evaluator.register import known_metrics
from recbole_ext.runs.results import (
    Ablation,
    Comparison,
    ComparisonRow,
    Estimate,
)

__all__ = [
    "ablation_markdown",
    "difference_text",
    "estimate_text",
    "markdown",
    "protocol_lines",
    "table_lines",
]

_BEYOND = (
    "itemcoverage",
    "tailcoverage",
    "tailshare",
    "novelty",
    "intralistdiversity",
    "gini",
    "avgpopularity",
)
_ACCURACY = ("ndcg", "hit", "recall", "mrr")


_text = safe_text.markdown


def _name(key: str) -> str:
    """The display name of a metric."""
    return next((name for name in known_metrics() if name.lower() == key), key)


def table_lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table and an empty line; every column but the first to the right."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines] + [""]


def _shown(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def estimate_text(value: Estimate | None) -> str:
    """A figure with its interval."""
    if value is None:
        return "–"
    if value.low is None or value.high is None:
        return f"{value.mean:.4f}"
    spread = "" if value.sd_over_seeds is None else f" ± {value.sd_over_seeds:.4f}"
    return f"{value.mean:.4f}{spread} [{value.low:.4f}, {value.high:.4f}]"


def difference_text(value: Difference | None) -> str:
    """A difference with its interval and Holm's p; * where significant."""
    if value is None:
        return "–"
    star = "*" if value.significant else " (undecided)" if value.undecided else ""
    return f"{value.mean:+.4f} [{value.low:+.4f}, {value.high:+.4f}], p {value.p_holm:.3g}{star}"


def _of_metrics(rows: Sequence[ComparisonRow], names: Sequence[str], k: int) -> list[str]:
    shown = [name for name in names if any(f"{name}@{k}" in row.metrics for row in rows)]
    return table_lines(
        ["model", *(f"{_name(name)}@{k}" for name in shown)],
        [
            [_text(row.model), *(estimate_text(row.metrics.get(f"{name}@{k}")) for name in shown)]
            for row in rows
        ],
    )


def _of_groups(rows: Sequence[ComparisonRow], k: int) -> list[str]:
    groups = list(dict.fromkeys(name for row in rows for name in row.groups))
    if not groups:
        return []
    metric = next(key for key in rows[0].groups[groups[0]] if key != "n")
    sizes = {name: f"{name} (n = {rows[0].groups[name]['n']:.0f})" for name in groups}
    cells = [
        [
            _text(row.model),
            *(f"{row.groups[name][metric]:.4f}" if name in row.groups else "–" for name in groups),
        ]
        for row in rows
    ]
    return [
        f"## {_name(metric)}@{k} of heavy and light users, head and tail targets",
        "",
        *table_lines(["model", *sizes.values()], cells),
    ]


def _of_effort(comparison: Comparison) -> list[str]:
    rows = []
    for row in comparison.rows:
        search = comparison.tuning.get(row.model)
        told = "–" if search is None else f"{search.trials} in {search.minutes:.1f} min"
        settings = ", ".join(f"{key} {value}" for key, value in row.tuned.items()) or "–"
        rows.append(
            [
                _text(row.model),
                _shown(row.seconds_training, ".1f"),
                _shown(row.parameters, ","),
                _shown(row.users_per_second, ",.0f"),
                _shown(row.best_epoch, "d"),
                told,
                _text(settings),
            ]
        )
    head = ["model", "training s", "parameters", "users/s", "best epoch", "trials", "settings found"]
    return ["## Effort", "", *table_lines(head, rows)]


def protocol_lines(protocol: Mapping[str, Any]) -> list[str]:
    """The chapter that says what the figures rest on."""
    return [
        "## Protocol",
        "",
        *(f"- {_text(key)}: {_text(str(value))}" for key, value in protocol.items() if key != "bounds"),
        "",
    ]


def _of_curves(comparison: Comparison) -> list[str]:
    if not comparison.curves:
        return []
    links = [
        f"- {_text(model)}: [{_text(folder)}]({quote(folder)}/curves.html)"
        for model, folder in comparison.curves.items()
    ]
    return ["## Curves of re-rankers", "", *links, ""]


def markdown(comparison: Comparison) -> str:
    """Renders all tables of a comparison, with the protocol of each figure."""
    rows, protocol = comparison.rows, comparison.protocol
    k = int(protocol["shown_k"])
    keys = list(dict.fromkeys(key for row in rows for key in row.difference))
    level = f"{float(protocol['confidence']):.0%}"
    lines = [
        f"# {_text(comparison.title)}",
        "",
        f"{_text(str(protocol['dataset']))}, {protocol['users']:,} test users, {protocol['items']:,} items; test "
        f"figures; in brackets the {level} bootstrap interval over users, ± the standard deviation over seeds.",
        "",
        "## Accuracy",
        "",
        *_of_metrics(rows, _ACCURACY, k),
        f"## Difference from {_text(str(comparison.baseline))}",
        "",
        f"The baseline has the {protocol['baseline_rule']}. {protocol['test_rule']}; * where significant; "
        "undecided where p is within two of its standard errors of the level.",
        "",
        *table_lines(
            ["model", *(f"{_name(key.partition('@')[0])}@{k}" for key in keys)],
            [
                [_text(row.model), *(difference_text(row.difference.get(key)) for key in keys)]
                for row in rows
                if row.difference
            ],
        ),
        f"## Beyond accuracy, head rule {protocol['head_rule']}",
        "",
        *_of_metrics(rows, _BEYOND, k),
        *_of_groups(rows, k),
        *_of_effort(comparison),
    ]
    lines += _of_curves(comparison)
    lines += [*protocol_lines(protocol), f"Command: {markdown_code(comparison.command)}"]
    return "\n".join(lines)


def ablation_markdown(ablation: Ablation) -> str:
    """Renders one table per sweep."""
    k = int(ablation.protocol["shown_k"])
    lines = ["# Ablations", ""]
    for sweep in ablation.sweeps:
        rows = [
            [
                _text(str(point.value)),
                estimate_text(point.ndcg),
                _shown(point.itemcoverage, ".4f"),
                _shown(point.seconds, ".1f"),
            ]
            for point in sweep.points
        ]
        lines += [f"## {_text(sweep.model)}: {_text(sweep.key)}", ""]
        lines += table_lines([_text(sweep.key), f"NDCG@{k}", f"ItemCoverage@{k}", "training s"], rows)
    lines += [*protocol_lines(ablation.protocol), f"Command: {markdown_code(ablation.command)}"]
    return "\n".join(lines)
