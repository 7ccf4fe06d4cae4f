"""Comparisons and ablations as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from recbole_ext.config import safe_text
from recbole_ext.config.safe_text import markdown_code
from recbole_ext.evaluator.difference import Difference
from recbole_ext.evaluator.register import known_metrics
from recbole_ext.runs.protocol import is_sampled, split_words
from recbole_ext.runs.results import (
    Ablation,
    Comparison,
    ComparisonRow,
    Estimate,
    ProtocolsComparison,
)

__all__ = [
    "PlainTable",
    "ablation_markdown",
    "ablation_tables",
    "comparison_tables",
    "difference_text",
    "estimate_text",
    "introduction",
    "markdown",
    "metric_name",
    "protocol_lines",
    "protocols_markdown",
    "protocols_tables",
    "protocols_words",
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


def metric_name(key: str) -> str:
    """A metric with K as it is shown: ``NDCG@10`` for ``ndcg@10``."""
    name, _, k = key.partition("@")
    return f"{_name(name)}@{k}"


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


@dataclass(frozen=True)
class PlainTable:
    """A table of a study, its cells as they are.

    Attributes:
        title: Above it.
        head: One for each column; the first one holds the names of the rows.
        rows: Cells, as many as in the head.
        text: What to know of it; may be empty.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    text: str = ""

    def markdown(self) -> list[str]:
        """Heading, text and table."""
        rows = [[_text(name), *cells] for name, *cells in self.rows]
        text = [_text(self.text), ""] if self.text else []
        return [
            f"## {_text(self.title)}",
            "",
            *text,
            *table_lines([_text(self.head[0]), *self.head[1:]], rows),
        ]


def _of_metrics(title: str, rows: Sequence[ComparisonRow], names: Sequence[str], k: int) -> PlainTable:
    shown = [name for name in names if any(f"{name}@{k}" in row.metrics for row in rows)]
    return PlainTable(
        title,
        ["model", *(f"{_name(name)}@{k}" for name in shown)],
        [[row.model, *(estimate_text(row.metrics.get(f"{name}@{k}")) for name in shown)] for row in rows],
    )


def comparison_tables(comparison: Comparison) -> list[PlainTable]:
    """Accuracy, differences from the baseline, and figures beyond accuracy."""
    rows, protocol = comparison.rows, comparison.protocol
    k = int(protocol["shown_k"])
    keys = list(dict.fromkeys(key for row in rows for key in row.difference))
    difference = PlainTable(
        f"Difference from {comparison.baseline}",
        ["model", *(f"{_name(key.partition('@')[0])}@{k}" for key in keys)],
        [
            [row.model, *(difference_text(row.difference.get(key)) for key in keys)]
            for row in rows
            if row.difference
        ],
        f"The baseline has the {protocol['baseline_rule']}. {protocol['test_rule']}; * where significant; "
        "undecided where p is within two of its standard errors of the level.",
    )
    beyond = f"Beyond accuracy, head rule {protocol['head_rule']}"
    return [
        _of_metrics("Accuracy", rows, _ACCURACY, k),
        difference,
        _of_metrics(beyond, rows, _BEYOND, k),
    ]


def introduction(comparison: Comparison) -> str:
    """What the figures are of, in one sentence."""
    protocol = comparison.protocol
    sampled = f"{protocol['candidates']}; " if is_sampled(protocol) else ""
    return (
        f"{protocol['dataset']}, {protocol['users']:,} test users, {protocol['items']:,} items; test figures; {sampled}"
        f"in brackets the {float(protocol['confidence']):.0%} bootstrap interval over users, ± the standard deviation "
        "over seeds."
    )


def ablation_tables(ablation: Ablation) -> list[PlainTable]:
    """One table for each sweep."""
    k = int(ablation.protocol["shown_k"])
    return [
        PlainTable(
            f"{sweep.model}: {sweep.key}",
            [sweep.key, f"NDCG@{k}", f"ItemCoverage@{k}", "training s"],
            [
                [
                    str(point.value),
                    estimate_text(point.ndcg),
                    _shown(point.itemcoverage, ".4f"),
                    _shown(point.seconds, ".1f"),
                ]
                for point in sweep.points
            ],
        )
        for sweep in ablation.sweeps
    ]


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
    lines = [f"# {_text(comparison.title)}", "", _text(introduction(comparison)), ""]
    for table in comparison_tables(comparison):
        lines += table.markdown()
    lines += [*_of_groups(rows, int(protocol["shown_k"])), *_of_effort(comparison), *_of_curves(comparison)]
    lines += [*protocol_lines(protocol), f"Command: {markdown_code(comparison.command)}"]
    return "\n".join(lines)


def protocols_tables(found: ProtocolsComparison) -> list[PlainTable]:
    """The models under each protocol, each with its place, and the agreement of each two protocols."""
    places = {name: sorted(row, key=lambda model: -row[model].mean) for name, row in found.ndcg.items()}
    folds = all("fold" in protocol for protocol in found.protocols.values())
    rows = [
        [
            model,
            *(
                f"{places[name].index(model) + 1}. {estimate_text(row[model])}"
                for name, row in found.ndcg.items()
            ),
            *([_over_folds([row[model].mean for row in found.ndcg.values()])] if folds else []),
        ]
        for model in next(iter(places.values()))
    ]
    agreements = [
        [
            f"{one.first} and {one.second}",
            f"{one.tau:.2f} [{one.low:.2f}, {one.high:.2f}]",
            ", ".join(one.swapped),
        ]
        for one in found.agreements
    ]
    return [
        PlainTable(
            f"{found.metric} by protocol",
            ["model", *found.ndcg, *(["mean over folds"] if folds else [])],
            rows,
            "With its place in the order.",
        ),
        PlainTable("Order of the models", ["protocols", "Kendall's tau", "in opposite orders"], agreements),
    ]


def _over_folds(means: Sequence[float]) -> str:
    """Mean and standard deviation of a figure over folds."""
    return f"{statistics.fmean(means):.4f} ± {statistics.stdev(means):.4f}"


def protocols_words(found: ProtocolsComparison) -> list[str]:
    """A sentence for each two protocols."""
    return [
        f"{one.first} and {one.second} put the models in {'another' if one.swapped else 'the same'} order: Kendall's "
        f"tau of {found.metric} is {one.tau:.2f}, {found.level:.0%} bootstrap interval over users [{one.low:.2f}, "
        f"{one.high:.2f}]"
        for one in found.agreements
    ]


def protocols_markdown(found: ProtocolsComparison) -> str:
    """Renders the agreement of protocols, with what each of them says."""
    lines = [f"# {_text(found.title)}", ""]
    for table in protocols_tables(found):
        lines += table.markdown()
    lines += [*(f"- {_text(words)}." for words in protocols_words(found)), ""]
    for name, protocol in found.protocols.items():
        lines += [
            f"## {_text(name)}",
            "",
            f"[All tables]({quote(name)}/comparison.md): {_text(split_words(protocol))}.",
            "",
        ]
    return "\n".join([*lines, f"Command: {markdown_code(found.command)}"])


def ablation_markdown(ablation: Ablation) -> str:
    """Renders one table per sweep."""
    lines = ["# Ablations", ""]
    for table in ablation_tables(ablation):
        lines += table.markdown()
    lines += [*protocol_lines(ablation.protocol), f"Command: {markdown_code(ablation.command)}"]
    return "\n".join(lines)
