"""What groups of users and of held-out items get."""

from __future__ import annotations

from recbole_ext.report.comparison import ComparisonView, Estimate, RowView
from recbole_ext.report.wording import nouns_of, with_interval

__all__ = ["targets", "users"]


def users(comparison: ComparisonView) -> tuple[str, str] | None:
    """What users with long and with short histories get."""
    found = _for_rows(comparison, ("heavy", "light"), ("heavy users", "light users"))
    return ("Heavy and light users", " ".join(found)) if found else None


def targets(comparison: ComparisonView) -> tuple[str, str] | None:
    """How well popular and rare held-out items are found."""
    found = _for_rows(comparison, ("head", "tail"), ("a held-out head item", "a held-out tail item"))
    return (f"Popular and rare {nouns_of(comparison.dataset).many}", " ".join(found)) if found else None


def _for_rows(comparison: ComparisonView, names: tuple[str, str], words: tuple[str, str]) -> list[str]:
    """A sentence for the most accurate model and one for the baseline."""
    shown = [comparison.rows[0]]
    base = comparison.row(comparison.baseline)
    if base is not None and base.model != shown[0].model:
        shown.append(base)
    return [text for row in shown if (text := _group_sentence(row, names, words))]


def _group_sentence(row: RowView, names: tuple[str, str], words: tuple[str, str]) -> str | None:
    if not all(name in row.groups for name in names):
        return None
    (a, n_a), (b, n_b) = (row.groups[name] for name in names)
    return (
        f"{row.model}: {words[0]} NDCG {with_interval(a)} (n = {n_a}), {words[1]} {with_interval(b)} "
        f"(n = {n_b}){_overlap_words(a, b)}."
    )


def _overlap_words(a: Estimate, b: Estimate) -> str:
    """Whether two intervals overlap; nothing where one of them is not known."""
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return ""
    return f"; their intervals {'do not overlap' if a.low > b.high or b.low > a.high else 'overlap'}"
