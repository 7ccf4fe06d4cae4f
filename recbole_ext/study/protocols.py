"""One comparison under several protocols, and whether they put the models in the same order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from recbole_ext.errors import OutputError
from recbole_ext.model.registry import seeds_of
from recbole_ext.progress import stage
from recbole_ext.runs.agreement import Ranking, order_agreement, swapped
from recbole_ext.runs.compare import over_seeds
from recbole_ext.runs.files import alone_in, made_folder
from recbole_ext.runs.results import Agreement, Comparison, ProtocolsComparison, write_result
from recbole_ext.runs.run import read_run
from recbole_ext.study.compare import Draw, run_comparison
from recbole_ext.study.plan import ComparisonPlan
from recbole_ext.study.table import protocols_markdown
from recbole_ext.study.tune_all import cell_name
from recbole_ext.study.where import HERE, Where

__all__ = ["run_protocols"]

_FILES = {"protocols.json", "protocols.md"}


def run_protocols(
    plan: ComparisonPlan,
    *,
    output: Path | None = None,
    command: str = "",
    draw: Draw | None = None,
    report: Callable[[str], None] = lambda _: None,
    where: Where = HERE,
) -> tuple[dict[str, Comparison], ProtocolsComparison]:
    """Runs a comparison under each of its protocols; the same call resumes an interrupted one.

    The folder holds a complete comparison for each protocol, under its name, and ``protocols.json`` and
    ``protocols.md`` with Kendall's tau of each two protocols.

    Args:
        plan: A study with ``protocols``.
        output, command, draw, report, where: As of :func:`~recbole_ext.study.compare.compare`.

    Returns:
        The comparisons by protocol, and what they say of each other.

    Raises:
        OutputError: The folder holds something else.
        RecBoleExtError: As of :func:`~recbole_ext.study.compare.compare`.
    """
    place = output or Path("saved") / "study" / plan.file.stem
    strange = (
        {entry.name for entry in place.iterdir()} - plan.protocols.keys() - _FILES if place.is_dir() else ()
    )
    if strange:
        raise OutputError(
            f"{place} holds {min(strange)}, which is none of this study's: choose another --output"
        )
    folder = made_folder(place)
    with alone_in(folder):
        comparisons = {}
        for name, one in plan.protocols.items():
            report(f"protocol {name}")
            comparisons[name] = run_comparison(
                one, output=folder / name, command=command, draw=draw, report=report, where=where
            )
        with stage("comparing the orders of the models"):
            found = _agreements(plan, comparisons, folder, command)
        write_result(folder, "protocols", found, protocols_markdown(found))
    return comparisons, found


def _agreements(
    plan: ComparisonPlan, comparisons: Mapping[str, Comparison], folder: Path, command: str
) -> ProtocolsComparison:
    models, first = plan.settings.models, next(iter(comparisons.values()))
    key, level = f"ndcg@{first.protocol['shown_k']}", float(first.protocol["confidence"])
    ndcg = {
        name: {row.model: row.metrics[key] for row in comparison.rows}
        for name, comparison in comparisons.items()
    }
    rankings = {name: _ranking(plan, folder / name, key) for name in comparisons}
    agreements = []
    for one, other in itertools.combinations(comparisons, 2):
        tau, low, high = order_agreement(rankings[one], rankings[other], level=level)
        means = [{model: ndcg[name][model].mean for model in models} for name in (one, other)]
        agreements.append(
            Agreement(first=one, second=other, tau=tau, low=low, high=high, swapped=swapped(models, *means))
        )
    return ProtocolsComparison(
        title=plan.settings.title or f"Protocols on {first.protocol['dataset']}",
        command=command,
        metric=f"NDCG@{first.protocol['shown_k']}",
        level=level,
        protocols={name: comparison.protocol for name, comparison in comparisons.items()},
        ndcg=ndcg,
        agreements=agreements,
    )


def _ranking(plan: ComparisonPlan, folder: Path, key: str) -> Ranking:
    """Test values of all models under one protocol, each averaged over its seeds."""
    columns = []
    for model in plan.settings.models:
        seeds = seeds_of(model, plan.settings.seeds)
        runs = [read_run(folder / "cells" / cell_name(model, seed)) for seed in seeds]
        columns.append(over_seeds(runs)[key])
    return Ranking(runs[0].per_user["user_id"].to_numpy().astype(str), np.column_stack(columns))
