"""What order is worth, as Markdown and in plain words."""

from __future__ import annotations

from recbole_ext.config.safe_text import markdown as _text
from recbole_ext.config.safe_text import markdown_code
from recbole_ext.runs.order import ModelOrder, Sequentiality, fact_texts, order_words
from recbole_ext.study.table import PlainTable, difference_text, estimate_text, protocol_lines

__all__ = ["sequentiality_markdown", "sequentiality_tables"]


def sequentiality_tables(result: Sequentiality) -> list[PlainTable]:
    """One table a model, and the facts of the data."""
    k = int(result.protocol["shown_k"])
    facts = [list(fact) for fact in fact_texts(result)]
    return [
        *(_of_model(model, k) for model in result.models),
        PlainTable("The data", ["fact", "value"], facts),
    ]


def sequentiality_markdown(result: Sequentiality) -> str:
    """Renders the words, the tables and the protocol."""
    lines = [f"# What order is worth on {_text(str(result.protocol['dataset']))}", ""]
    lines += [*(f"- {_text(line)}" for line in order_words(result)), ""]
    for table in sequentiality_tables(result):
        lines += table.markdown()
    lines += [*protocol_lines(result.protocol), f"Command: {markdown_code(result.command)}"]
    return "\n".join(lines)


def _of_model(model: ModelOrder, k: int) -> PlainTable:
    rows = [
        [
            point.condition,
            estimate_text(point.ndcg),
            difference_text(point.difference),
            "–" if point.tied is None else f"{point.tied:.4f}",
            "–" if point.untied is None else f"{point.untied:.4f}",
        ]
        for point in model.points
    ]
    head = ["histories", f"NDCG@{k}", "less in order, Holm's p", "tied users", "untied users"]
    return PlainTable(model.model, head, rows)
