"""What order is worth, as Markdown and in plain words."""

from __future__ import annotations

from recbole_ext.config.safe_text import markdown as _text
from recbole_ext.config.safe_text import markdown_code
from recbole_ext.runs.results import ModelOrder, OrderPoint, Sequentiality
from recbole_ext.study.table import PlainTable, difference_text, estimate_text, protocol_lines, table_lines

__all__ = ["sequentiality_markdown", "sequentiality_tables", "sequentiality_words"]

_FACTS = {
    "equal_seconds": ("steps of a user within one second", ".1%"),
    "below_a_minute": ("steps of a user below a minute", ".1%"),
    "sessions_a_user": ("sessions of the median user", ".0f"),
    "users_with_one_session": ("users with one session", ".1%"),
    "tied_targets": ("users whose held-out item shares its second with the item before", ".1%"),
    "ascending_ids": ("steps within one second that go to a larger item id (50 % by chance)", ".1%"),
    "id_correlation": ("rank correlation of place and item id, mean over users", "+.3f"),
    "popularity_correlation": ("rank correlation of place and popularity at the time", "+.3f"),
}


def sequentiality_markdown(result: Sequentiality) -> str:
    """Renders the words, one table a model, the facts of the data and the protocol."""
    lines = [f"# What order is worth on {_text(str(result.protocol['dataset']))}", ""]
    lines += [*sequentiality_words(result), ""]
    for table in sequentiality_tables(result):
        lines += table.markdown()
    shown = [
        [name, format(result.facts[key], form) if result.facts.get(key) is not None else "–"]
        for key, (name, form) in _FACTS.items()
    ]
    lines += ["## The data", "", *table_lines(["fact", "value"], shown)]
    lines += [*protocol_lines(result.protocol), f"Command: {markdown_code(result.command)}"]
    return "\n".join(lines)


def sequentiality_tables(result: Sequentiality) -> list[PlainTable]:
    """One table for each model."""
    return [_of_model(model, int(result.protocol["shown_k"])) for model in result.models]


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


def sequentiality_words(result: Sequentiality) -> list[str]:
    """One sentence a model: what order is worth, and at which distance in time."""
    return [_words(model, str(result.protocol["dataset"])) for model in result.models]


def _words(model: ModelOrder, dataset: str) -> str:
    points = {point.condition: point for point in model.points}
    kept = points["in order"].ndcg.mean
    parts = [
        f"{_worth(points[condition], kept)} {where}"
        for condition, where in (
            ("shuffled whole", "in all"),
            ("shuffled within sessions", "inside sessions"),
            ("shuffled within equal seconds", "inside one second"),
        )
    ]
    return f"- On {_text(dataset)}, order is worth to {_text(model.model)} ({kept:.4f} in order): {'; '.join(parts)}."


def _worth(point: OrderPoint, kept: float) -> str:
    loss, difference = kept - point.ndcg.mean, point.difference
    share = f"{loss:+.4f} ({loss / kept:.0%} of its NDCG)" if kept else f"{loss:+.4f}"
    if difference is None or difference.significant:
        return share
    return f"{share}, {'undecided' if difference.undecided else 'not significant'},"
