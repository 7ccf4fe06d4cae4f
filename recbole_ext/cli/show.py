"""Terminal output: epoch lines, explanations and tables, with the protocol of each figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console

from recbole_ext.cli.console import say
from recbole_ext.cli.tables import Grid, plain, print_grid
from recbole_ext.evaluator.register import bigger_is_better, is_accuracy, known_metrics
from recbole_ext.runs.protocol import is_sampled, protocol_line

if TYPE_CHECKING:
    from recbole_ext.trainer.opened import RunResult
    from recbole_ext.trainer.trainer import EpochReport

__all__ = [
    "EpochLines",
    "show",
    "show_curves",
    "show_reranked",
]


class EpochLines:
    """One line after each epoch."""

    def __call__(self, report: EpochReport) -> None:
        """Prints the line."""
        say(str(report))


def _shown(key: str) -> str:
    """The display name of a metric."""
    return next((name for name in known_metrics() if name.lower() == key), key)


def _with_interval(metrics: Mapping[str, Any], key: str) -> str:
    value = f"{metrics['test'][key]:.4f}"
    if key not in metrics["test_intervals"]:
        return value
    low, high = metrics["test_intervals"][key]
    return f"{value} [{low:.3f} {high:.3f}]"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _accuracy(metrics: Mapping[str, Any], names: Iterable[str]) -> Grid:
    ks, shown_k = metrics["protocol"]["topk"], metrics["protocol"]["shown_k"]
    rows = [[_shown(name), *(_with_interval(metrics, f"{name}@{k}") for k in ks)] for name in names]
    order = [1 + ks.index(shown_k)] if shown_k in ks else []
    protocol = metrics["protocol"]
    sampled = f", {protocol['candidates'].partition(':')[0]}" if is_sampled(protocol) else ""
    return Grid(
        f"{metrics['model']} on {metrics['dataset']}, test{sampled}",
        ["", *(f"@{k}" for k in ks)],
        rows,
        order,
    )


def _beyond(metrics: Mapping[str, Any], names: Iterable[str], k: int) -> Grid:
    """A table for one K, with the ceiling and the value of Random beside each figure."""
    rule, bounds, rows = metrics["protocol"]["head_rule"], metrics["test_bounds"], []
    for name in names:
        key = f"{name}@{k}"
        shown = _shown(name)
        better = {True: "higher", False: "lower", None: ""}[bigger_is_better(shown)]
        known = (_number(bounds[kind].get(key)) for kind in ("random", "ceiling"))
        rows.append([shown, _number(metrics["test"][key]), *known, better])
    heads = ("", f"@{k}", "Random", "ceiling", "better")
    return Grid(f"Beyond accuracy at {k}, head rule {rule}", heads, rows)


def show(result: RunResult, console: Console) -> None:
    """The tables at the end of a run."""
    metrics = result.metrics
    protocol = metrics["protocol"]
    names = list(dict.fromkeys(key.rpartition("@")[0] for key in metrics["test"]))
    whole = f"see --wide or {result.folder / 'metrics.json'}"
    print_grid(_accuracy(metrics, [name for name in names if is_accuracy(name)]), console, whole)
    beyond = [name for name in names if not is_accuracy(name)]
    if beyond:
        print_grid(_beyond(metrics, beyond, protocol["shown_k"]), console, whole)
    console.print(
        plain(f"[{float(protocol['confidence']):.0%} bootstrap interval over users] {protocol_line(metrics)}")
    )
    apart = _cold_and_warm(metrics)
    if apart:
        console.print(plain(apart))
    console.print(
        plain(
            f"epochs: {metrics['epochs']}, the best: {metrics['best_epoch']}, "
            f"training: {metrics['seconds']['training']:.1f} s; "
            f"run folder: {result.folder}"
        )
    )


def _cold_and_warm(metrics: Mapping[str, Any]) -> str:
    """NDCG of users and targets that were unknown before the test, and of the others; empty where one is missing."""
    key = f"ndcg@{metrics['protocol']['shown_k']}"
    found = {
        name: f"{name.replace('_', ' ')} {means[key]:.4f} ({means['users']:,.0f})"
        for name, means in metrics["test_by_user_group"].items()
        if name.startswith(("cold_", "warm_")) and key in means
    }
    return f"{_shown('ndcg')}@{metrics['protocol']['shown_k']}: {', '.join(found.values())}" if found else ""


def show_reranked(metrics: Mapping[str, Any], console: Console) -> None:
    """Prints a re-ranker's metrics beside the model's own."""
    rows = []
    for key, after in metrics["after"].items():
        bounds = (_number(metrics["bounds"][kind].get(key)) for kind in ("random", "ceiling"))
        figures = [_number(metrics["before"][key]), _number(after), *bounds]
        rows.append([_shown(key.rpartition("@")[0]), *figures, _difference(metrics["difference"].get(key))])
    title = f"Test lists of {metrics['k']}, head rule {metrics['protocol']['head_rule']}"
    heads = ("", "before", "after", "Random", "ceiling", f"difference [{_level(metrics)}]")
    print_grid(Grid(title, heads, rows, order=(1, 2, 5, 3, 4)), console)
    console.print(plain(f"{metrics['rule']}{'; ' if metrics['note'] else ''}{metrics['note']}"))


def _level(metrics: Mapping[str, Any]) -> str:
    """Coverage of the intervals of a re-ranking; version 0.1.0 did not record it, it was always 95 %."""
    return f"{float(metrics.get('level', 0.95)):.0%}"


def _difference(values: Sequence[float] | None) -> str:
    """Mean and interval; empty for metrics without per-user values."""
    return "" if values is None else "{:+.4f} [{:+.4f} {:+.4f}]".format(*values)


def show_curves(metrics: Mapping[str, Any], console: Console) -> None:
    """The chosen points of the curves, tested once."""
    names = ("ndcg", "itemcoverage", "tailshare")
    heads = ("", "strength", *(_shown(name) for name in names), f"NDCG difference [{_level(metrics)}]")
    rows = [
        [
            row["method"],
            f"{row['strength']:g}",
            *(_number(row[name]) for name in names),
            _difference([row[key] for key in ("ndcg_difference", "difference_low", "difference_high")]),
        ]
        for row in metrics["test"]
    ]
    print_grid(Grid("Chosen on validation, tested once", heads, rows, order=(1, 2, 5, 3, 4)), console)
    console.print(plain(f"rule: {metrics['rule']}"))
    areas = metrics.get("hypervolume", {})
    if areas:
        shown = ", ".join(
            f"{name} {area:.4f}" for name, area in sorted(areas.items(), key=lambda one: -one[1])
        )
        console.print(plain(f"hypervolume of NDCG and ItemCoverage on validation, above (0, 0): {shown}"))
