"""The names of all metrics and what is known of each without computing it; imports neither numpy nor SciPy."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["ACCURACY", "HOST_METRICS", "METRIC_INFO", "NEEDS_RATINGS", "REFUSED", "MetricInfo"]


@dataclass(frozen=True)
class MetricInfo:
    """A metric beyond accuracy.

    Attributes:
        name: Name in the protocol and in ``metrics:``.
        per_user: Whether it is a mean over users, else one figure for all lists.
        needs: Optional parts of the evidence without which it cannot be computed.
        bigger: True = larger is better, False = smaller is better, None = neither.
        source: Author and year.
    """

    name: str
    per_user: bool
    needs: tuple[str, ...]
    bigger: bool | None
    source: str


ACCURACY = ("Recall", "MRR", "NDCG", "Hit", "Precision", "MAP")
"""Metrics computed from the ranks of the held-out items; larger is better for all of them."""

METRIC_INFO: dict[str, MetricInfo] = {
    info.name: info
    for info in (
        MetricInfo("ItemCoverage", False, (), True, "Ge et al. 2010"),
        MetricInfo("TailCoverage", False, (), True, "Abdollahpouri et al. 2019"),
        MetricInfo("TailShare", True, (), True, "Abdollahpouri et al. 2017"),
        MetricInfo("UserCoverage", True, ("held_out",), True, "Ge et al. 2010"),
        MetricInfo("AvgPopularity", True, (), False, "Yin et al. 2012"),
        MetricInfo("AvgPopularityNormalized", True, (), False, "Yin et al. 2012"),
        MetricInfo("PopularityLift", False, ("profiles",), None, "Abdollahpouri et al. 2020"),
        MetricInfo("Novelty", True, (), True, "Zhou et al. 2010"),
        MetricInfo("Gini", False, (), False, "Shani & Gunawardana 2011"),
        MetricInfo("Entropy", False, (), True, "Shannon 1948"),
        MetricInfo("IntraListDiversity", True, ("features",), True, "Ziegler et al. 2005"),
        MetricInfo("Serendipity", True, ("held_out",), True, "RecTools; Ge et al. 2010"),
        MetricInfo("PopularityCalibration", True, ("profiles",), False, "Abdollahpouri et al. 2021"),
        MetricInfo("PopREO", False, ("held_out",), False, "Zhu et al. 2020"),
        MetricInfo("PopRSP", False, ("profiles",), False, "Zhu et al. 2020"),
    )
}
"""The protocol's "Beyond accuracy" table by name; ``evaluator.register.register_metric`` adds to it."""

REFUSED = MappingProxyType(
    {
        "averagepopularity": "it is the protocol's AvgPopularity; use that name",
        "gauc": "it needs the scores of all items, not the ranks of the held-out ones; use NDCG or MRR",
        "giniindex": "RecBole's counts the padding item as an item; use Gini",
        "shannonentropy": "RecBole's is divided by the number of distinct recommended items; use Entropy",
        "tailpercentage": "RecBole's tail is the least popular 10 % of the items seen in training; use TailShare",
    }
)
"""Lower-case names of RecBole's metrics that are not computed here, each with the reason and what to use."""

NEEDS_RATINGS = ("auc", "logloss", "mae", "rmse")
"""Lower-case names of RecBole's metrics of predicted ratings."""

HOST_METRICS = frozenset({*REFUSED, *NEEDS_RATINGS, "itemcoverage", *map(str.lower, ACCURACY)})
"""Lower-case names of all metrics of RecBole: nobody's own metric may take one of them."""
