"""The comparison: table, intervals, accuracy against coverage."""

from __future__ import annotations

from recbole_ext.evaluator.confidence import Difference
from recbole_ext.report.charts import Point, intervals, scatter
from recbole_ext.report.comparison import Comparison, Row
from recbole_ext.report.context import FORMS, Context, legend_of
from recbole_ext.report.document import Block, Cell, Details, Paragraph, Section, Table, cell
from recbole_ext.report.sentences import baseline_words, leaders, reference
from recbole_ext.report.wording import METRIC_NAMES, interval_note, joined, number, p_text, percent, signed

__all__ = ["accuracy_against_coverage", "comparison_section"]

_ACCURACY = ("ndcg", "hit", "recall", "mrr")
_SHARES = ("itemcoverage", "tailcoverage", "tailshare")


def _value_cell(comparison: Comparison, row: Row, name: str) -> Cell:
    key = comparison.key(name)
    estimate = row.metrics.get(key)
    if estimate is None:
        return cell(None)
    if name in _SHARES:
        return Cell(percent(estimate.mean), estimate.mean)
    if name in ("novelty", "avgpopularity", "gini", "intralistdiversity"):
        return cell(estimate.mean, 1 if name == "avgpopularity" else 2)
    note = interval_note(estimate.low, estimate.high, estimate.sd_over_seeds)
    best = max((other.mean(key) or 0.0) for other in comparison.rows) == estimate.mean
    return Cell(number(estimate.mean), estimate.mean, note, "strong" if best else "")


def _difference_cell(comparison: Comparison, row: Row) -> Cell:
    if row.model == comparison.baseline:
        return Cell("baseline", 0.0, tone="quiet")
    found = row.difference.get(comparison.key("ndcg"))
    if found is None:
        return cell(None)
    tone = ("good" if found.mean > 0 else "bad") if found.significant else ""
    words = p_text(found.p_holm) if found.significant else f"n.s., {p_text(found.p_holm)}"
    return Cell(signed(found.mean), found.mean, words, tone)


def _bound_row(comparison: Comparison, kind: str, label: str, names: list[str]) -> tuple[Cell, ...]:
    values = comparison.bounds.get(kind, {})
    cells = [Cell(label)]
    for name in names:
        value = values.get(comparison.key(name))
        if value is None:
            cells.append(cell(""))
        else:
            shown = percent(value) if name in _SHARES else f"{value:.{1 if name == 'avgpopularity' else 2}f}"
            cells.append(Cell(shown, value))
    return tuple(cells)


def _recall_is_hit(comparison: Comparison) -> bool:
    """With one held-out item a user they are the same number, and one of them is enough."""
    keys = comparison.key("recall"), comparison.key("hit")
    return all(row.mean(keys[0]) == row.mean(keys[1]) for row in comparison.rows)


def _tables(comparison: Comparison) -> list[Block]:
    """Accuracy with the test, and what the lists are like: one table of all columns would not fit a page."""
    names = [n for n in METRIC_NAMES if any(comparison.key(n) in row.metrics for row in comparison.rows)]
    alike = _recall_is_hit(comparison)
    accuracy = [name for name in names if name in _ACCURACY and not (alike and name == "recall")]
    beyond = [name for name in names if name not in _ACCURACY]
    at = f"@{comparison.k}"
    columns = ("Model", *(METRIC_NAMES[n] + at for n in accuracy[:2]), "Δ NDCG")
    columns += tuple(METRIC_NAMES[n] + at for n in accuracy[2:])
    rows = []
    for row in comparison.rows:
        cells = [_value_cell(comparison, row, name) for name in accuracy]
        rows.append((_named(row), *cells[:2], _difference_cell(comparison, row), *cells[2:]))
    tables: list[Block] = [Table(f"Accuracy at {comparison.k} on the test items", columns, tuple(rows))]
    if beyond:
        lists = [
            (_named(row), *(_value_cell(comparison, row, name) for name in beyond)) for row in comparison.rows
        ]
        foot = tuple(
            _bound_row(comparison, kind, label, beyond)
            for kind, label in (("random", "Random, expected"), ("ceiling", "Ceiling"))
            if comparison.bounds.get(kind)
        )
        words = ("Model", *(METRIC_NAMES[name] for name in beyond))
        tables.append(Table(f"The lists of {comparison.k}", words, tuple(lists), foot))
    return tables


def _named(row: Row) -> Cell:
    return Cell(row.model, note="" if len(row.seeds) < 2 else f"{len(row.seeds)} seeds")


def _forest(comparison: Comparison) -> Block:
    key = comparison.key("ndcg")
    points = [
        Point(
            row.model, e.mean, low=e.low, high=e.high, colour=FORMS[row.family][0], form=FORMS[row.family][1]
        )
        for row in comparison.rows
        if (e := row.metrics.get(key))
    ]
    base = comparison.row(comparison.baseline)
    lines = [(base.metrics[key].mean, base.model)] if base and key in base.metrics else []
    values = "; ".join(f"{point.name} {number(point.x)}" for point in points)
    several = len(points) > 1
    alike = " Overlapping bars do not mean that two models are alike: the paired test in the table decides."
    return intervals(
        f"NDCG@{comparison.k} on the test items, with 95 % intervals",
        f"Models from best to worst: {values}" if several else values,
        points,
        f"NDCG@{comparison.k}",
        lines=lines,
        caption="Bars: bootstrap over users." + (alike if several else ""),
        legend=legend_of(comparison.rows),
    )


def _test_rows(found: list[tuple[str, str, Difference]]) -> tuple[tuple[Cell, ...], ...]:
    return tuple(
        (
            Cell(model),
            Cell(metric),
            Cell(
                signed(one.mean),
                one.mean,
                tone=("good" if one.mean > 0 else "bad") if one.significant else "",
            ),
            Cell(f"{signed(one.low)} to {signed(one.high)}"),
            Cell(p_text(one.p).removeprefix("p ").removeprefix("= "), one.p),
            Cell(p_text(one.p_holm).removeprefix("p ").removeprefix("= "), one.p_holm),
            Cell("yes" if one.significant else "no"),
        )
        for model, metric, one in found
    )


def _all_tests(comparison: Comparison) -> list[Block]:
    """Every test, folded away: against the baseline, and of NDCG against the most accurate model."""
    columns = ("Model", "Metric", "Difference", "95 % interval", "p", "p, Holm", "Significant")
    doubled = {comparison.key("recall")} if _recall_is_hit(comparison) else set()
    against = [
        (row.model, key, one)
        for row in comparison.rows
        for key, one in sorted(row.difference.items())
        if key not in doubled
    ]
    best = [(model, comparison.key("ndcg"), one) for model, one in comparison.below_best.items()]
    places = (0, 1, 3, 6)
    tables = []
    if against:
        name = f"Differences to {comparison.baseline}, paired over users"
        tables.append(Table(name, columns, _test_rows(against), text_columns=places))
    # Where the baseline leads, the first table holds these tests already.
    if best and not (against and comparison.rows[0].model == comparison.baseline):
        name = f"Differences to {comparison.rows[0].model}, the most accurate model, paired over users"
        tables.append(Table(name, columns, _test_rows(best), text_columns=places))
    return [Details("All tests", blocks=tuple(tables))] if tables else []


def comparison_section(context: Context) -> Section:
    """Who ranks best, and is it certain?"""
    comparison = context.comparison
    blocks: list[Block] = [_forest(comparison), *_tables(comparison)]
    rule = comparison.protocol.get("head_rule", "not stated")
    level = float(comparison.protocol.get("confidence", 0.95))
    words = f"Below a figure, or in brackets behind it: bootstrap interval of {100 * level:g} % over users"
    if any(len(row.seeds) > 1 for row in comparison.rows):
        words += "; ±: standard deviation over seeds"
    words += ". "
    if comparison.baseline:
        words += (
            f"Δ NDCG: difference to {baseline_words(comparison)}, by a paired randomisation test with Holm's "
            "correction over the models; n.s. = no significant difference. "
        )
    if all(comparison.bounds.get(kind) for kind in ("random", "ceiling")):
        words += (
            "The last two rows of the second table say what a random recommender expects and what no recommender can "
            "exceed. "
        )
    words += f"Tail by the head rule {rule}."
    blocks += [Paragraph(words, quiet=True), *_all_tests(comparison)]
    return Section("comparison", "The comparison", tuple(blocks))


def accuracy_against_coverage(context: Context) -> Section | None:
    """NDCG and coverage of each model, with what is possible."""
    comparison, key = context.comparison, context.comparison.key("itemcoverage")
    rows = [row for row in comparison.rows if row.mean(key) is not None]
    if len(rows) < 2:
        return None
    points = []
    for row in rows:
        estimate = row.metrics[comparison.key("ndcg")]
        colour, form = FORMS[row.family]
        points.append(
            Point(row.model, row.mean(key) or 0.0, estimate.mean, estimate.low, estimate.high, colour, form)
        )
    lines = [
        (comparison.bounds[kind][key], label)
        for kind, label in (("random", "Random, expected"), ("ceiling", "ceiling"))
        if key in comparison.bounds.get(kind, {})
    ]
    front = _front([row for row in rows if row.family != "floor"], comparison)
    verb = "is" if len(front) == 1 else "are"
    alone = f"By their means alone, {joined(front)} {verb} beaten in both by no other trained model."
    near = [row.model for row in leaders(comparison) if row.model != reference(comparison)]
    figure = scatter(
        f"NDCG@{comparison.k} against item coverage@{comparison.k}",
        "; ".join(f"{p.name}: coverage {percent(p.x)}, NDCG {number(p.y)}" for p in points),
        points,
        (f"item coverage@{comparison.k}", f"NDCG@{comparison.k}"),
        lines=lines,
        legend=legend_of(comparison.rows),
        caption="Item coverage: the share of the catalogue that stands in anybody's list. Bars: 95 % interval of NDCG.",
        top_x=1.0,
        form_x=lambda value: f"{value:.0%}",
    )
    close = f"Not significantly behind {reference(comparison)} in accuracy: {joined(near)}."
    lead = " ".join(words for words, names in ((alone, front), (close, near)) if names)
    return Section("coverage", "Accuracy against coverage", (figure,), lead)


def _front(rows: list[Row], comparison: Comparison) -> list[str]:
    """Models that no other one beats in both NDCG and coverage."""
    keys = comparison.key("ndcg"), comparison.key("itemcoverage")

    def values(row: Row) -> tuple[float, ...]:
        return tuple(row.mean(key) or 0.0 for key in keys)

    return [
        row.model
        for row in rows
        if not any(
            all(a >= b for a, b in zip(values(other), values(row), strict=True))
            and values(other) != values(row)
            for other in rows
        )
    ]
