"""What the order of a data set is worth: the same models on histories that are shuffled more and more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recbole_ext.data.build import DataCache
from recbole_ext.data.interactions import TEST
from recbole_ext.data.order_statistics import order_statistics, target_is_tied
from recbole_ext.model.registry import model_spec, seeds_of, short_name
from recbole_ext.runs.compare import differences, estimates, over_seeds, token_order
from recbole_ext.runs.files import alone_in, made_folder
from recbole_ext.runs.kinds import check_study_folder
from recbole_ext.runs.order import KEPT, ModelOrder, OrderPoint, Sequentiality
from recbole_ext.runs.results import write_result
from recbole_ext.runs.run import Run
from recbole_ext.study.cells import Cells, study_protocol
from recbole_ext.study.plan import SequentialityPlan
from recbole_ext.study.sequentiality_table import sequentiality_markdown
from recbole_ext.study.steps import steps_of
from recbole_ext.trainer.configure import available_dataset

__all__ = ["CONDITIONS", "default_folder", "run_sequentiality"]

CONDITIONS: dict[str, dict[str, Any]] = {
    KEPT: {},
    "shuffled within equal seconds": {"history_shuffle": "seconds"},
    "shuffled within sessions": {"history_shuffle": "sessions"},
    "shuffled whole": {"history_shuffle": "all"},
    "equal seconds drawn anew": {"tie_break": "random"},
}
"""What is done to the order, with the keys that do it. The last one also draws which of several items is held out."""


def run_sequentiality(
    plan: SequentialityPlan,
    *,
    output: Path | None = None,
    command: str = "",
    report: Callable[[str], None] = lambda _: None,
) -> Sequentiality:
    """Trains each model on each condition and seed; the same call resumes an interrupted study.

    Histories are shuffled in training, and at the test with the validation item among them; held-out items stay. A
    random order is another one with each seed, so that deterministic models run with every seed, too, but for the order
    that is kept.

    The folder holds ``cells/<model>-order-<condition>-seed<seed>/`` (complete run folders), ``sequentiality.json`` and
    ``sequentiality.md``.

    Args:
        plan: From :func:`~recbole_ext.study.plan.plan_sequentiality`.
        output: Folder; ``saved/study/sequentiality-<dataset>`` if None.
        command: The command that repeats the study, recorded in the files.
        report: Receives each line of output for the user.

    Raises:
        ConfigError: A cell was computed with another configuration.
        CheckpointError: A finished cell is damaged.
        RecBoleExtError: Training failed; finished cells are kept.
    """
    dataset = available_dataset(plan.config, report)
    place = output or default_folder(dataset)
    check_study_folder(place, "sequentiality")
    folder = made_folder(place)
    with alone_in(folder):
        values = {**plan.values, "dataset": dataset}
        names = [
            _name(model, condition, seed)
            for model in plan.models
            for condition in CONDITIONS
            for seed in _seeds(model, condition, plan.seeds)
        ]
        with steps_of("ordering and shuffling,", len(names)) as steps:
            cells = Cells(folder / "cells", plan.files, values, DataCache(), report, steps)
            cells.check(names)
            result = _computed(cells, plan, command)
        write_result(folder, "sequentiality", result, sequentiality_markdown(result))
    return result


def default_folder(dataset: str) -> Path:
    """Where the study goes unless told otherwise."""
    return Path("saved") / "study" / f"sequentiality-{dataset}"


def _name(model: str, condition: str, seed: int) -> str:
    return f"{short_name(model)}-order-{condition.replace(' ', '_')}-seed{seed}"


def _seeds(model: str, condition: str, seeds: Sequence[int]) -> Sequence[int]:
    return seeds_of(model, seeds) if condition == KEPT else seeds


def _computed(cells: Cells, plan: SequentialityPlan, command: str) -> Sequentiality:
    """All runs that are not there yet, and their figures."""
    runs = {
        model: {
            condition: [
                cells.get(_name(model, condition, seed), model, {**keys, "seed": seed})
                for seed in _seeds(model, condition, plan.seeds)
            ]
            for condition, keys in CONDITIONS.items()
        }
        for model in plan.models
    }
    first = runs[plan.models[0]][KEPT][0]
    split = first.split()
    gap = int(plan.config["session_gap"])
    tied = target_is_tied(split)[token_order(split.interactions.user_tokens[split.evaluated_users(TEST)])]
    protocol = {**study_protocol(first, plan.seeds), "session_gap": gap}
    facts = order_statistics(split, gap)
    models = [_model(model, found, tied) for model, found in runs.items()]
    return Sequentiality(command=command, protocol=protocol, facts=facts, models=models)


def _model(model: str, runs: Mapping[str, list[Run]], tied: np.ndarray) -> ModelOrder:
    first = runs[KEPT][0]
    key = f"ndcg@{first.k}"
    values = {condition: over_seeds(found) for condition, found in runs.items()}
    against = differences(values, KEPT, [key], first.level)
    points = [
        OrderPoint(
            condition=condition,
            ndcg=estimates(found, first.level, [key])[key],
            difference=against[condition].get(key),
            tied=_mean(values[condition][key][tied]),
            untied=_mean(values[condition][key][~tied]),
        )
        for condition, found in runs.items()
    ]
    return ModelOrder(model=model, family=model_spec(model).family, points=points)


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None
