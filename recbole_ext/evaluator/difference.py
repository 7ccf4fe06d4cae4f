"""What a paired comparison gives; importing it needs no numpy, so that result files are read quickly."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Difference", "PairedDifference"]


@dataclass(frozen=True)
class PairedDifference:
    """Mean of ``a - b`` over the same users, with the test of a paired comparison.

    Attributes:
        mean, low, high: With its bootstrap interval.
        p_value: Of the paired randomisation test.
        p_error: Standard error of ``p_value`` from the flips drawn; 0 where it is exact.
    """

    mean: float
    low: float
    high: float
    p_value: float
    p_error: float = 0.0


@dataclass(frozen=True)
class Difference:
    """One of several models less the same baseline, user by user.

    Attributes:
        mean, low, high: With the paired bootstrap interval.
        p: Of the paired randomisation test.
        p_holm: Adjusted for the models compared (Holm 1979).
        significant: Whether ``p_holm`` is below one less the confidence level, beyond the errors of the drawing.
        undecided: Whether other flips may as well have decided otherwise: p-values two of their own standard errors
            lower would be significant, and as much higher would not.
    """

    mean: float
    low: float
    high: float
    p: float
    p_holm: float
    significant: bool
    undecided: bool = False
