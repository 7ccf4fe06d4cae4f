"""What the terminal shows: epoch lines and tables, each figure with its protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from recbole_ext.movielens import MovieLensDataset
from recbole_ext.pipeline import RunResult
from recbole_ext.registry import ModelSpec
from recbole_ext.trainer import EpochReport

__all__ = ["EpochLines", "protocol_line", "show", "show_datasets", "show_models"]


class EpochLines:
    """One line after each epoch."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def __call__(self, report: EpochReport) -> None:
        """Prints the line."""
        self.console.print(
            f"epoch {report.epoch:>3}  loss {report.loss:>10.4f}  validation {report.score:.4f}  "
            f"best {report.best_score:.4f} (epoch {report.best_epoch})  {report.seconds:.1f} s"
        )


def protocol_line(metrics: Mapping[str, Any]) -> str:
    """The protocol in one sentence."""
    protocol, filters = metrics["protocol"], metrics["protocol"]["filter"]
    threshold = filters["rating_threshold"]
    ratio = "" if protocol["split_ratio"] is None else f" {protocol['split_ratio']}"
    return (
        f"{metrics['dataset']}, "
        f"{'all ratings' if threshold is None else f'ratings >= {threshold}'}, core users >= "
        f"{filters['min_user_interactions']}, items >= {filters['min_item_interactions']}; "
        f"split {protocol['split']}{ratio}; {protocol['candidates']}, seen items "
        f"{'masked' if protocol['mask_seen'] else 'not masked'}; {metrics['users']['test']} test users; seed "
        f"{protocol['seed']}; the tie-break '{protocol['tie_break']}' decides a held-out item of "
        f"{protocol['users_decided_by_tie_break']:.1%} of the users"
    )


def _with_interval(metrics: Mapping[str, Any], key: str) -> str:
    low, high = metrics["test_intervals"][key]
    return f"{metrics['test'][key]:.4f} [{low:.3f} {high:.3f}]"


def show(result: RunResult, console: Console) -> None:
    """The table at the end of a run."""
    metrics = result.metrics
    level = float(metrics["protocol"]["confidence"])
    table = Table(
        title=f"{result.model} on {result.dataset}, test",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("", no_wrap=True)
    ks = metrics["protocol"]["topk"]
    for k in ks:
        table.add_column(f"@{k}", justify="right", no_wrap=True)
    for name in dict.fromkeys(key.rpartition("@")[0] for key in metrics["test"]):
        table.add_row(name, *(_with_interval(metrics, f"{name}@{k}") for k in ks))
    console.print(table)
    console.print(f"[{level:.0%} bootstrap interval over users] {protocol_line(metrics)}", markup=False)
    console.print(
        f"{metrics['epochs']} epochs, best {metrics['best_epoch']}, {metrics['seconds']['training']:.1f} s; "
        f"run folder: {result.folder}",
        markup=False,
    )


def show_models(ours: Mapping[str, ModelSpec], names: Iterable[str], console: Console) -> None:
    """One line a model."""
    for name in names:
        spec = ours.get(name)
        console.print(f"{name:14} {'recbole_ext: ' + spec.paper if spec else 'RecBole'}", markup=False)


def show_datasets(datasets: Mapping[str, MovieLensDataset], console: Console) -> None:
    """One paragraph a set."""
    for name, dataset in datasets.items():
        console.print(f"{name}: {dataset.licence}\n", markup=False)
