"""What order is worth: the same models on histories that are shuffled more and more."""

from __future__ import annotations

from recbole_ext.report.charts import Point, intervals
from recbole_ext.report.comparison import level_of
from recbole_ext.report.context import FORMS, Context
from recbole_ext.report.document import Block, Bullets, Cell, Figure, Paragraph, Section, Table, cell
from recbole_ext.report.wording import interval_note, level_name, number, p_text, signed
from recbole_ext.runs.order import ModelOrder, OrderPoint, Sequentiality, fact_texts, order_words

__all__ = ["order_section"]


def _chart(model: ModelOrder, k: int, level: float) -> Figure:
    colour, form = FORMS[model.family]
    rows = [
        Point(
            point.condition,
            point.ndcg.mean,
            low=point.ndcg.low,
            high=point.ndcg.high,
            colour=colour,
            form=form,
        )
        for point in model.points
    ]
    values = "; ".join(f"{row.name} {number(row.x)}" for row in rows)
    return intervals(
        f"{model.model}: NDCG@{k} when histories are shuffled",
        values,
        rows,
        f"NDCG@{k}",
        caption=f"Bars: {level_name(level)} bootstrap interval over users.",
    )


def _loss(point: OrderPoint) -> Cell:
    one = point.difference
    if one is None:
        return Cell("baseline", 0.0, tone="quiet")
    tone = ("good" if one.mean > 0 else "bad") if one.significant else ""
    verdict = "" if one.significant else "undecided, " if one.undecided else "n.s., "
    return Cell(signed(one.mean), one.mean, f"{verdict}{p_text(one.p_holm)}", tone)


def _table(model: ModelOrder, k: int) -> Table:
    rows = tuple(
        (
            Cell(point.condition),
            Cell(
                number(point.ndcg.mean),
                point.ndcg.mean,
                interval_note(point.ndcg.low, point.ndcg.high, point.ndcg.sd_over_seeds),
            ),
            _loss(point),
            cell(point.tied),
            cell(point.untied),
        )
        for point in model.points
    )
    columns = ("Histories", f"NDCG@{k}", "Δ in order", "Tied users", "Untied users")
    return Table(f"{model.model} on shuffled histories", columns, rows)


def _facts(result: Sequentiality) -> Table:
    rows = tuple((Cell(name), Cell(value)) for name, value in fact_texts(result))
    return Table("What the time stamps say", ("Fact", "Value"), rows, text_columns=(0,))


def order_section(context: Context) -> Section | None:
    """What the order of histories is worth, and at which distance in time."""
    blocks: list[Block] = []
    for result in context.inputs.orders:
        k, level = int(result.protocol["shown_k"]), level_of(result.protocol)
        blocks.append(Bullets(tuple(("", words) for words in order_words(result))))
        for model in result.models:
            blocks += [_chart(model, k, level), _table(model, k)]
        blocks.append(_facts(result))
    if not blocks:
        return None
    note = (
        "Histories are shuffled in training, and at the test with the validation item among them; held-out items stay. "
        "Tied users: their held-out item has the time stamp of the item before it, so that its place is the file's "
        "word. Δ: paired over users, Holm's correction over the conditions."
    )
    return Section("order", "What order is worth", (*blocks, Paragraph(note, quiet=True)))
