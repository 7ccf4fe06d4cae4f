"""Lanes of a search: which trials are drawn when, and what becomes of each outcome."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from recbole_ext.runs.results import Objective
from recbole_ext.study.jobs import Job, Lost
from recbole_ext.study.queue import counted
from recbole_ext.study.space import SearchSpace, read_space
from recbole_ext.study.trial import TrialOutcome
from recbole_ext.study.worker import Search
from recbole_ext.trainer.train import Validated


@pytest.fixture
def space(tmp_path: Path) -> SearchSpace:
    file = tmp_path / "space.yaml"
    file.write_text("learning_rate: {type: float, low: 0.001, high: 0.1, log: true}\n")
    return read_space(file, {"learning_rate"})


def search(space: SearchSpace, folder: Path, trials: int = 5, **options: Any) -> Search:
    return Search(
        model="BPR",
        files=(),
        overrides={"epochs": 9},
        space=space,
        objectives=(Objective("NDCG@5", True),),
        trials=trials,
        folder=folder,
        name="s",
        storage=None,
        sampler="random",
        pruner="asha",
        seed=1,
        epochs=9,
        first={"learning_rate": 0.01},
        budget_seconds=options.get("budget_seconds"),
    )


def value(number: float, seconds: float = 1.0) -> TrialOutcome:
    return TrialOutcome(
        "there:1", seconds, Validated({"ndcg@5": number}, 4, 2, seconds), scores={0: 0.1, 1: number}
    )


def begun() -> tuple[optuna.storages.BaseStorage, optuna.Study]:
    storage = optuna.storages.InMemoryStorage()
    return storage, optuna.create_study(storage=storage, study_name="s", direction="maximize")


def states_known(job: Job) -> list[TrialState]:
    return [trial.state for trial in job.work.known]  # type: ignore[attr-defined]


def test_trials_of_a_group_do_not_know_each_others_results(space: SearchSpace, tmp_path: Path) -> None:
    storage, study = begun()
    told: list[None] = []
    lane = search(space, tmp_path).lane(study, storage, lambda: told.append(None), at_once=2)
    first = next(lane)
    assert [states_known(job) for job in first] == [[], [TrialState.RUNNING]]
    assert first[0].work.values["learning_rate"] == 0.01  # type: ignore[attr-defined]
    pruned = TrialOutcome(
        "there:2", 1.0, pruned="pruned after epoch 4", scores={3: 0.2}, notes={"completed_rung_0": 0.2}
    )
    second = lane.send([value(0.5), pruned])
    assert [states_known(job) for job in second] == [
        [TrialState.COMPLETE, TrialState.PRUNED],
        [TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING],
    ]
    assert second[0].work.known[1].system_attrs["completed_rung_0"] == 0.2  # type: ignore[attr-defined]
    assert second[0].work.known[0].intermediate_values == {0: 0.1, 1: 0.5}  # type: ignore[attr-defined]
    failed = TrialOutcome("there:3", 1.0, failed="no such layer")
    (last,) = lane.send([failed, Lost("it ran out of memory")])
    assert len(states_known(last)) == 4
    with pytest.raises(StopIteration):
        lane.send([value(float("nan"))])
    assert [trial.state for trial in study.trials] == [
        TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.FAIL, TrialState.FAIL
    ]  # fmt: skip
    assert [trial.user_attrs.get("reason") for trial in study.trials] == [
        None, "pruned after epoch 4", "no such layer", "it ran out of memory", "NDCG@5 is nan"
    ]  # fmt: skip
    assert len(told) == 5


def test_the_trials_of_a_group_are_those_of_one_after_the_other_where_nothing_is_learnt(
    space: SearchSpace, tmp_path: Path
) -> None:
    def drawn(at_once: int) -> list[float]:
        storage, study = begun()
        lane = search(space, tmp_path).lane(study, storage, lambda: None, at_once)
        jobs = next(lane, None)
        while jobs:
            try:
                jobs = lane.send([value(0.1 * len(study.trials)) for _ in jobs])
            except StopIteration:
                jobs = None
        return [trial.params["learning_rate"] for trial in study.trials]

    # The random sampler is seeded by a trial's rank alone.
    assert drawn(1) == drawn(2) == drawn(5)


def test_a_search_that_is_interrupted_hands_its_group_back(space: SearchSpace, tmp_path: Path) -> None:
    storage, study = begun()
    lane = search(space, tmp_path).lane(study, storage, lambda: None, at_once=3)
    wanted = [job.work.values["learning_rate"] for job in next(lane)]  # type: ignore[attr-defined]
    lane.close()
    assert counted(study) == []
    again = next(search(space, tmp_path).lane(study, storage, lambda: None, at_once=3))
    assert [job.work.values["learning_rate"] for job in again] == wanted  # type: ignore[attr-defined]


def test_the_time_that_a_trial_waits_for_a_node_is_not_spent(space: SearchSpace, tmp_path: Path) -> None:
    storage, study = begun()
    lane = search(space, tmp_path, budget_seconds=10.0).lane(study, storage, lambda: None)
    next(lane)
    (job,) = lane.send([value(0.5, seconds=4.0)])
    assert job.work.seconds_left == 6.0  # type: ignore[attr-defined]
    with pytest.raises(StopIteration):
        lane.send([value(0.6, seconds=6.0)])
    assert len(study.trials) == 2
