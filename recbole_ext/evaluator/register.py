"""Metrics by name: the accuracy metrics of RecBole's meaning, the protocol's, and anybody's own.

Where RecBole uses another definition for a name of its own, that name is refused with the reason; the one name that
both use, ``ItemCoverage``, means the protocol's, without the padding item. Knows neither RecBole nor numpy until
somebody registers a metric of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from recbole_ext.errors import ConfigError, nearest
from recbole_ext.evaluator.metric_info import ACCURACY, ANY, HOST_METRICS, METRIC_INFO, NEEDS_RATINGS, REFUSED
from recbole_ext.evaluator.outside import import_outside

if TYPE_CHECKING:
    from recbole_ext.evaluator.metrics.beyond_accuracy import Evidence

__all__ = [
    "REFUSED",
    "bigger_is_better",
    "is_accuracy",
    "known_metrics",
    "metric_name",
    "metric_path",
    "reads_lists",
    "register_metric",
]

_ACCURACY = {name.lower(): name for name in ACCURACY}


def known_metrics() -> list[str]:
    """Every name that ``metrics:`` takes, spelt as it is shown."""
    return [*ACCURACY, *METRIC_INFO]


def is_accuracy(name: str) -> bool:
    """Whether the metric is computed from the ranks of the held-out items."""
    return name.lower() in _ACCURACY


def reads_lists(name: str) -> bool:
    """Whether a known metric describes what a list shows, and not only where its held-out items stand."""
    return not is_accuracy(name) and "areas" not in METRIC_INFO[name].needs


def bigger_is_better(name: str) -> bool | None:
    """Whether a larger value of a known metric is better; None where neither direction is."""
    return METRIC_INFO[name].bigger if name in METRIC_INFO else True


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
        ConfigError: The name is not an identifier, or is taken.
    """
    if not name.isidentifier():
        raise ConfigError(f"a metric cannot be named {name!r}: use letters, digits and underscores")
    if name.lower() in {*HOST_METRICS, *(known.lower() for known in METRIC_INFO)}:
        raise ConfigError(f"a metric named {name!r} exists already: choose another name")
    from recbole_ext.evaluator.metrics.beyond_accuracy import BEYOND_ACCURACY, BeyondAccuracy

    metric = BeyondAccuracy(name, per_user, needs, bigger, ANY, source, compute)
    METRIC_INFO[name] = BEYOND_ACCURACY[name] = metric


def _external(path: str, place: str) -> str:
    """Imports ``package.module:function`` and registers it under the function's name, once."""
    module_name, _, name = path.partition(":")
    known = METRIC_INFO.get(name)
    try:
        module = import_outside(module_name)
    except Exception as error:  # whatever a user's module does when it is imported
        reason = str(error) if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
        raise ConfigError(
            f"the metric {path}{place} cannot be imported ({reason}): give package.module:function"
        ) from error
    if name in METRIC_INFO and known is None:
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


def metric_path(name: str) -> str:
    """What ``metrics:`` takes for a metric in another process: ``package.module:function`` for one from outside."""
    source = METRIC_INFO[name].source if name in METRIC_INFO else ""
    return source if re.fullmatch(rf"[\w.]+:{re.escape(name)}", source) else name


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
    shown = _ACCURACY | {known.lower(): known for known in METRIC_INFO}
    if key in shown:
        return shown[key]
    if key in REFUSED:
        raise ConfigError(f"the metric {name}{place} is refused: {REFUSED[key]}")
    if key in NEEDS_RATINGS:
        raise ConfigError(
            f"the metric {name}{place} needs ratings, not ranks: use one of {', '.join(shown.values())}"
        )
    raise ConfigError(
        f"unknown metric {name!r}{place}{nearest(name, shown.values()) or ': use one of ' + ', '.join(shown.values())}"
    )
