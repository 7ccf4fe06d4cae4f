"""The names of all metrics and what is known of each without computing it; imports neither numpy nor SciPy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType

__all__ = [
    "ACCURACY",
    "ANY",
    "HOST_METRICS",
    "METRIC_INFO",
    "NEEDS_RATINGS",
    "REFUSED",
    "MetricInfo",
    "limits_of",
]

Limits = tuple[float, float]

ANY: Limits = (-math.inf, math.inf)
"""Limits of a metric that can have any finite value."""

_SHARE: Limits = (0.0, 1.0)
_POSITIVE: Limits = (0.0, math.inf)


@dataclass(frozen=True)
class MetricInfo:
    """A metric beyond accuracy.

    Attributes:
        name: Name in the protocol and in ``metrics:``.
        per_user: Whether it is a mean over users, else one figure for all lists.
        needs: Optional parts of the evidence without which it cannot be computed.
        bigger: True = larger is better, False = smaller is better, None = neither.
        limits: Smallest and largest value that it can have.
        source: Author and year.
    """

    name: str
    per_user: bool
    needs: tuple[str, ...]
    bigger: bool | None
    limits: Limits
    source: str


ACCURACY = ("Recall", "MRR", "NDCG", "Hit", "Precision", "MAP")
"""Metrics computed from the ranks of the held-out items; larger is better for all of them."""

METRIC_INFO: dict[str, MetricInfo] = {
    info.name: info
    for info in (
        MetricInfo("ItemCoverage", False, (), True, _SHARE, "Ge et al. 2010"),
        MetricInfo("TailCoverage", False, (), True, _SHARE, "Abdollahpouri et al. 2019"),
        MetricInfo("TailShare", True, (), True, _SHARE, "Abdollahpouri et al. 2017"),
        MetricInfo("UserCoverage", True, ("held_out",), True, _SHARE, "Ge et al. 2010"),
        MetricInfo("AvgPopularity", True, (), False, _POSITIVE, "Yin et al. 2012"),
        MetricInfo("AvgPopularityNormalized", True, (), False, _POSITIVE, "Yin et al. 2012"),
        MetricInfo(
            "PopularityLift", False, ("profiles",), None, (-1.0, math.inf), "Abdollahpouri et al. 2020"
        ),
        # Below 0 where repeats give an item more interactions than there are users.
        MetricInfo("Novelty", True, (), True, ANY, "Zhou et al. 2010"),
        MetricInfo("Gini", False, (), False, _SHARE, "Shani & Gunawardana 2011"),
        MetricInfo("Entropy", False, (), True, _POSITIVE, "Shannon 1948"),
        MetricInfo("IntraListDiversity", True, ("features",), True, _SHARE, "Ziegler et al. 2005"),
        MetricInfo("Serendipity", True, ("held_out",), True, _SHARE, "RecTools; Ge et al. 2010"),
        MetricInfo("PopularityCalibration", True, ("profiles",), False, _SHARE, "Abdollahpouri et al. 2021"),
        MetricInfo("PopREO", False, ("held_out",), False, _SHARE, "Zhu et al. 2020"),
        MetricInfo("PopRSP", False, ("profiles",), False, _SHARE, "Zhu et al. 2020"),
        MetricInfo("AUC", True, ("areas",), True, _SHARE, "Rendle et al. 2009"),
        MetricInfo("RecallIPS", True, ("held_out",), True, _POSITIVE, "Yang et al. 2018"),
        MetricInfo("NDCGIPS", True, ("held_out",), True, _POSITIVE, "Yang et al. 2018"),
        MetricInfo(
            "RecallSNIPS", False, ("held_out",), True, _SHARE, "Yang et al. 2018; Swaminathan & Joachims 2015"
        ),
        MetricInfo(
            "NDCGSNIPS", False, ("held_out",), True, _SHARE, "Yang et al. 2018; Swaminathan & Joachims 2015"
        ),
    )
}
"""The protocol's "Beyond accuracy" table by name; ``evaluator.register.register_metric`` adds to it."""

REFUSED = MappingProxyType(
    {
        "averagepopularity": "it is the protocol's AvgPopularity; use that name",
        "gauc": "RecBole's weighs users by their held-out items; use AUC, which weighs them alike",
        "giniindex": "RecBole's counts the padding item as an item; use Gini",
        "shannonentropy": "RecBole's is divided by the number of distinct recommended items; use Entropy",
        "tailpercentage": "RecBole's tail is the least popular 10 % of the items seen in training; use TailShare",
    }
)
"""Lower-case names of RecBole's metrics that are not computed here, each with the reason and what to use."""

NEEDS_RATINGS = ("logloss", "mae", "rmse")
"""Lower-case names of RecBole's metrics of predicted ratings."""

HOST_METRICS = frozenset({*REFUSED, *NEEDS_RATINGS, "auc", "itemcoverage", *map(str.lower, ACCURACY)})
"""Lower-case names of all metrics of RecBole: nobody's own metric may take one of them."""


def limits_of(name: str) -> Limits:
    """Smallest and largest value of a metric.

    Args:
        name: In any case, with or without K; of an unknown metric, such as one of another project, any value is
            possible.
    """
    metric = name.partition("@")[0].lower()
    if metric in map(str.lower, ACCURACY):
        return _SHARE
    return next((info.limits for info in METRIC_INFO.values() if info.name.lower() == metric), ANY)
