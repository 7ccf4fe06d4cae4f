"""The comparison: intervals, tables and tests."""

from __future__ import annotations

from recbole_ext.evaluator.difference import Difference
from recbole_ext.report.charts import Point, intervals
from recbole_ext.report.comparison import ComparisonView, RowView
from recbole_ext.report.context import FORMS, Context, legend_of
from recbole_ext.report.document import Block, Cell, Details, Paragraph, Section, Table, cell
from recbole_ext.report.sentences import baseline_words
from recbole_ext.report.wording import (
    METRIC_NAMES,
    interval_note,
    level_name,
    number,
    p_text,
    percent,
    signed,
)

__all__ = ["comparison_section"]

_ACCURACY = ("ndcg", "hit", "recall", "mrr")
_SHARES = ("itemcoverage", "tailcoverage", "tailshare")
_BOUNDS = (("random", "Random, expected"), ("ceiling", "Ceiling"))


def _value_cell(comparison: ComparisonView, row: RowView, name: str) -> Cell:
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


def _difference_cell(comparison: ComparisonView, row: RowView) -> Cell:
    if row.model == comparison.baseline:
        return Cell("baseline", 0.0, tone="quiet")
    found = row.difference.get(comparison.key("ndcg"))
    if found is None:
        return cell(None)
    tone = ("good" if found.mean > 0 else "bad") if found.significant else ""
    verdict = "" if found.significant else "undecided, " if found.undecided else "n.s., "
    words = f"{verdict}{p_text(found.p_holm)}"
    return Cell(signed(found.mean), found.mean, words, tone)


def _bound_row(comparison: ComparisonView, kind: str, label: str, names: list[str]) -> tuple[Cell, ...]:
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


def _recall_is_hit(comparison: ComparisonView) -> bool:
    """With one held-out item for each user both are the same number, and one column is enough."""
    keys = comparison.key("recall"), comparison.key("hit")
    return all(row.mean(keys[0]) == row.mean(keys[1]) for row in comparison.rows)


def _tables(comparison: ComparisonView) -> list[Block]:
    """Accuracy with the test, and what the lists are like: one table of all columns would not fit a page."""
    names = [n for n in METRIC_NAMES if any(comparison.key(n) in row.metrics for row in comparison.rows)]
    beyond = [name for name in names if name not in _ACCURACY]
    if _recall_is_hit(comparison):
        names = [name for name in names if name != "recall"]
    tables: list[Block] = [_accuracy_table(comparison, [name for name in names if name in _ACCURACY])]
    return [*tables, _lists_table(comparison, beyond)] if beyond else tables


def _accuracy_table(comparison: ComparisonView, names: list[str]) -> Table:
    """Accuracies, with the difference to the baseline behind the first two of them."""
    headers = [f"{METRIC_NAMES[name]}@{comparison.k}" for name in names]
    rows = []
    for row in comparison.rows:
        cells = [_value_cell(comparison, row, name) for name in names]
        rows.append((_named(row), *cells[:2], _difference_cell(comparison, row), *cells[2:]))
    columns = ("Model", *headers[:2], "Δ NDCG", *headers[2:])
    return Table(f"Accuracy at {comparison.k} on the test items", columns, tuple(rows))


def _lists_table(comparison: ComparisonView, names: list[str]) -> Table:
    """What the lists are like, above what a random recommender expects and what is possible."""
    rows = tuple(
        (_named(row), *(_value_cell(comparison, row, name) for name in names)) for row in comparison.rows
    )
    foot = tuple(
        _bound_row(comparison, kind, label, names) for kind, label in _BOUNDS if comparison.bounds.get(kind)
    )
    columns = ("Model", *(METRIC_NAMES[name] for name in names))
    return Table(f"The lists of {comparison.k}", columns, rows, foot)


def _named(row: RowView) -> Cell:
    return Cell(row.model, note="" if len(row.seeds) < 2 else f"{len(row.seeds)} seeds")


def _forest(comparison: ComparisonView) -> Block:
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
        f"NDCG@{comparison.k} on the test items, with {level_name(comparison.level)} intervals",
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
            Cell("yes" if one.significant else "undecided" if one.undecided else "no"),
        )
        for model, metric, one in found
    )


def _all_tests(comparison: ComparisonView) -> list[Block]:
    """Every test, folded away: against the baseline, and of NDCG against the most accurate model."""
    columns = (
        "Model",
        "Metric",
        "Difference",
        f"{level_name(comparison.level)} interval",
        "p",
        "p, Holm",
        "Significant",
    )
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
        name = f"Differences from {comparison.baseline}, paired over users"
        tables.append(Table(name, columns, _test_rows(against), text_columns=places))
    # Where the baseline leads, the first table holds these tests already.
    if best and not (against and comparison.rows[0].model == comparison.baseline):
        name = f"Differences from {comparison.rows[0].model}, the most accurate model, paired over users"
        tables.append(Table(name, columns, _test_rows(best), text_columns=places))
    return [Details("All tests", blocks=tuple(tables))] if tables else []


def _legend_words(comparison: ComparisonView) -> str:
    """How to read the tables."""
    words = f"Below a figure, or in brackets after it: {level_name(comparison.level)} bootstrap interval over users"
    if any(len(row.seeds) > 1 for row in comparison.rows):
        words += "; ±: standard deviation over seeds"
    words += ". "
    if comparison.baseline:
        words += (
            f"Δ NDCG: difference from {baseline_words(comparison)}, by a paired randomisation test with Holm's "
            "correction over the models; n.s. = no significant difference"
        )
        undecided = any(one.undecided for row in comparison.rows for one in row.difference.values())
        words += "; undecided = p is within two of its standard errors of the level. " if undecided else ". "
    if all(comparison.bounds.get(kind) for kind in ("random", "ceiling")):
        words += (
            "The last two rows of the second table say what a random recommender expects and what no recommender can "
            "exceed. "
        )
    return words + f"Tail by the head rule {comparison.protocol.get('head_rule', 'not stated')}."


def comparison_section(context: Context) -> Section:
    """Which model ranks best, and how certain that is."""
    comparison = context.comparison
    blocks: list[Block] = [_forest(comparison), *_tables(comparison)]
    blocks += [Paragraph(_legend_words(comparison), quiet=True), *_all_tests(comparison)]
    return Section("comparison", "The comparison", tuple(blocks))
