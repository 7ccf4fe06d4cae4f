"""The metrics of the package in RecBole's own tables, so that its ``Config`` takes their names."""

from __future__ import annotations

from typing import Any

from recbole_ext._compat.host import AbstractMetric, EvaluatorType, metric_tables
from recbole_ext.errors import ConfigError
from recbole_ext.evaluator.metric_info import METRIC_INFO, MetricInfo

__all__ = ["enter_metrics"]


def enter_metrics() -> None:
    """Enters every metric beyond accuracy that is not entered yet; called before RecBole's ``Config`` is made."""
    for metric in METRIC_INFO.values():
        if getattr(metric_tables.metrics_dict.get(metric.name.lower()), "__module__", None) != __name__:
            _enter(metric)


def _enter(metric: MetricInfo) -> None:
    """An entry in RecBole's four tables; its class says where the value comes from."""

    def refuse(self: AbstractMetric, dataobject: Any) -> Any:
        raise ConfigError(
            f"{metric.name} needs the training data beside the lists, which RecBole's evaluator does not pass on: "
            "train through recbole_ext, or call recbole_ext.evaluator.metrics.beyond_accuracy.measure"
        )

    key, smaller = metric.name.lower(), metric.bigger is False
    metric_tables.metrics_dict[key] = type(
        metric.name,
        (AbstractMetric,),
        {
            "metric_type": EvaluatorType.RANKING,
            "metric_need": ["rec.items"],
            "smaller": smaller,
            "calculate_metric": refuse,
            "__module__": __name__,
            "__doc__": f"{metric.name} ({metric.source}).",
        },
    )
    metric_tables.metric_types[key] = EvaluatorType.RANKING
    metric_tables.metric_information[key] = ["rec.items"]
    if smaller and key not in metric_tables.smaller_metrics:
        metric_tables.smaller_metrics.append(key)
