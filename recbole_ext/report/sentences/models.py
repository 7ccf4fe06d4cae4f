"""Which models a sentence is about: the accurate ones, the baseline, and those above and below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recbole_ext.report.comparison import ComparisonView, RowView

__all__ = ["NEURAL", "Verdicts", "among", "baseline_words", "leaders", "reference", "verdicts"]

NEURAL = ("neural", "sequence")
"""Families of neural models."""


def reference(comparison: ComparisonView) -> str:
    """The model that :func:`leaders` are measured against: the most accurate one, or the baseline."""
    best = comparison.rows[0].model
    return best if comparison.below_best else comparison.baseline or best


def leaders(comparison: ComparisonView) -> list[RowView]:
    """The models that are not significantly less accurate than :func:`reference`, which is among them.

    Models that do not learn are left out: with few users nothing might be proven of Random.
    """
    key = comparison.key("ndcg")
    name = reference(comparison)
    tests = comparison.below_best or {
        row.model: row.difference[key] for row in comparison.rows if key in row.difference
    }
    kept = {name, *(model for model, one in tests.items() if not one.significant or one.mean > 0)}
    return [row for row in comparison.rows if row.model in kept and row.family != "floor"]


@dataclass(frozen=True)
class Verdicts:
    """Names of models by what the test of their NDCG against the baseline shows.

    Attributes:
        above: Significantly better.
        below: Significantly worse.
        alike: No significant difference is shown.
        undecided: The p is within two of its standard errors of the level.
    """

    above: list[str]
    below: list[str]
    alike: list[str]
    undecided: list[str]


def verdicts(comparison: ComparisonView, rows: Sequence[RowView]) -> Verdicts:
    """What the tests show of some rows; rows without a test are left out."""
    key = comparison.key("ndcg")
    tests = {
        row.model: row.difference[key]
        for row in rows
        if key in row.difference and row.model != comparison.baseline
    }
    return Verdicts(
        above=[model for model, one in tests.items() if one.significant and one.mean > 0],
        below=[model for model, one in tests.items() if one.significant and one.mean < 0],
        alike=[model for model, one in tests.items() if not one.significant and not one.undecided],
        undecided=[model for model, one in tests.items() if one.undecided],
    )


def baseline_words(comparison: ComparisonView) -> str:
    """What the baseline is, such as ``EASE, the best non-neural baseline by validation NDCG``."""
    row = comparison.row(comparison.baseline)
    kind = "model" if row is not None and row.family in NEURAL else "non-neural baseline"
    return f"{comparison.baseline}, the best {kind} by validation NDCG"


def among(comparison: ComparisonView, front: Sequence[RowView]) -> str:
    """Which rows are compared, two or more: ``Of EASE and the 2 models that are not significantly less accurate``."""
    name = reference(comparison)
    others = [row.model for row in front if row.model != name]
    some = f"{others[0]}, which is" if len(others) == 1 else f"the {len(others)} models that are"
    if len(others) == len(front):
        return f"Of {some} not significantly less accurate than {name}"
    return f"Of {name} and {some} not significantly less accurate"
