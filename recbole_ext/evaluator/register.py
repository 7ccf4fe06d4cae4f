"""One table of metrics: the accuracy metrics of RecBole's meaning, the protocol's, and anybody's own.

The protocol's metrics are also entered into RecBole's own tables, so that ``metrics:`` and ``valid_metric`` take
them. Where RecBole uses another definition for a name of its own, that name is refused with the reason; the one
name that both use, ``ItemCoverage``, means the protocol's, without the padding item.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from recbole_ext._compat.host import AbstractMetric, EvaluatorType
from recbole_ext._compat.host import metric_tables as host
from recbole_ext.errors import ConfigError, nearest
from recbole_ext.evaluator.metrics.accuracy import METRICS
from recbole_ext.evaluator.metrics.beyond_accuracy import BEYOND_ACCURACY, BeyondAccuracy, Evidence

__all__ = ["REFUSED", "is_accuracy", "known_metrics", "metric_name", "register_metric", "smaller_is_better"]

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

_ACCURACY = {name.lower(): name for name in ("Recall", "MRR", "NDCG", "Hit", "Precision", "MAP")}


def known_metrics() -> list[str]:
    """Every name that ``metrics:`` takes, spelt as it is shown."""
    return [*_ACCURACY.values(), *BEYOND_ACCURACY]


def is_accuracy(name: str) -> bool:
    """Whether the metric is computed from the ranks of the held-out items."""
    return name.lower() in METRICS


def smaller_is_better(name: str) -> bool:
    """Whether ``valid_metric`` chooses the smallest value."""
    return name.lower() in host.smaller_metrics


def _enter(metric: BeyondAccuracy) -> None:
    """An entry in RecBole's four tables; its class says where the value comes from."""

    def refuse(self: AbstractMetric, dataobject: Any) -> Any:
        raise ConfigError(
            f"{metric.name} needs the training data beside the lists, which RecBole's evaluator does not pass on: "
            "train through recbole_ext, or call recbole_ext.evaluator.metrics.beyond_accuracy.measure"
        )

    key = metric.name.lower()
    host.metrics_dict[key] = type(
        metric.name,
        (AbstractMetric,),
        {
            "metric_type": EvaluatorType.RANKING,
            "metric_need": ["rec.items"],
            "smaller": metric.bigger is False,
            "calculate_metric": refuse,
            "__module__": __name__,
            "__doc__": f"{metric.name} ({metric.source}).",
        },
    )
    host.metric_types[key] = EvaluatorType.RANKING
    host.metric_information[key] = ["rec.items"]
    if metric.bigger is False and key not in host.smaller_metrics:
        host.smaller_metrics.append(key)


def register_metric(
    name: str,
    compute: Callable[[Evidence], Any],
    *,
    per_user: bool = True,
    needs: tuple[str, ...] = (),
    bigger: bool | None = True,
    source: str = "",
) -> None:
    """Adds a metric of one's own under a name that ``metrics:`` and ``valid_metric`` take.

    Args:
        name: An identifier that no metric has yet.
        compute: From :class:`~recbole_ext.evaluator.metrics.beyond_accuracy.Evidence` to ``(U,)`` floats, one for
            each list, or to one float for all lists.
        per_user: Which of the two.
        needs: Optional parts of the evidence that it reads: ``profiles``, ``held_out``, ``features``.
        bigger: True = larger is better, False = smaller is better, None = neither.
        source: Author and year.

    Raises:
        ConfigError: The name is no identifier or is taken.
    """
    if not name.isidentifier():
        raise ConfigError(f"a metric cannot be named {name!r}: use letters, digits and underscores")
    taken = {*METRICS, *REFUSED, *host.metrics_dict, *(known.lower() for known in BEYOND_ACCURACY)}
    if name.lower() in taken:
        raise ConfigError(f"a metric named {name!r} exists already: choose another name")
    metric = BeyondAccuracy(name, compute, per_user, needs, bigger, source)
    BEYOND_ACCURACY[name] = metric
    _enter(metric)


def _external(path: str, place: str) -> str:
    """Imports ``package.module:function`` and registers it under the function's name, once."""
    module_name, _, name = path.partition(":")
    known = BEYOND_ACCURACY.get(name)
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ConfigError(
            f"the metric {path}{place} cannot be imported ({error}): give package.module:function"
        ) from error
    if name in BEYOND_ACCURACY and known is None:
        return name
    compute = getattr(module, name, None)
    if not callable(compute):
        raise ConfigError(
            f"the metric {path}{place}: {module_name} has no function {name!r}{nearest(name, vars(module))}"
        )
    if known is None:
        register_metric(name, compute, source=path)
    elif known.source != path:
        raise ConfigError(f"the metric {path}{place}: a metric named {name!r} exists already, rename yours")
    return name


def metric_name(name: str, place: str = "") -> str:
    """A metric's own spelling.

    Args:
        name: What the user wrote, in any case, or ``package.module:function``: a function from
            :class:`~recbole_ext.evaluator.metrics.beyond_accuracy.Evidence` to one float a list, which is registered.
        place: Where it was written, for the message.

    Raises:
        ConfigError: It is unknown, or a name of RecBole's that is not computed here, with the reason.
    """
    key = name.lower()
    if ":" in name:
        return _external(name, place)
    shown = _ACCURACY | {known.lower(): known for known in BEYOND_ACCURACY}
    if key in shown:
        return shown[key]
    if key in REFUSED:
        raise ConfigError(f"the metric {name}{place} is refused: {REFUSED[key]}")
    if key in host.metric_types:
        raise ConfigError(
            f"the metric {name}{place} needs ratings, not ranks: use one of {', '.join(shown.values())}"
        )
    raise ConfigError(
        f"unknown metric {name!r}{place}{nearest(name, shown.values()) or ': use one of ' + ', '.join(shown.values())}"
    )


for _metric in BEYOND_ACCURACY.values():
    _enter(_metric)
