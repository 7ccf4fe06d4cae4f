"""Processes that want the same folder or the same data set at the same time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.faults import COUNTS
from tests.faults.jobs import JOBS, Job, finish, place
from tests.faults.test_kills import differing, marked
from tests.harness.client import start

Figures = Callable[[Job], dict[str, Any]]


@pytest.mark.parametrize("name", [marked("train-two-on-one-folder", "train")])
def test_two_on_one_folder(name: str, tmp_path: Path, undisturbed: Figures) -> None:
    _two_on_one_folder(name, tmp_path, undisturbed)


@pytest.mark.long
@pytest.mark.parametrize(
    "name",
    [
        marked(f"{name}-two-on-one-folder", name, always=False)
        for name in JOBS
        if name not in ("train", "prepare-again")
    ],
)
def test_two_long_ones_on_one_folder(name: str, tmp_path: Path, undisturbed: Figures) -> None:
    _two_on_one_folder(name, tmp_path, undisturbed)


def _two_on_one_folder(name: str, tmp_path: Path, undisturbed: Figures) -> None:
    """At least one finishes; the other one too, or it is refused in one sentence."""
    job = JOBS[name]
    root = place(job, tmp_path / "sample")
    outcomes = [running.wait() for running in [start(job.arguments, root, limit=240) for _ in range(2)]]
    assert any(outcome.code == 0 for outcome in outcomes), outcomes
    for outcome in outcomes:
        assert outcome.code in (0, 2), outcome
        assert "Traceback" not in outcome.err
        assert "\n" not in outcome.message
    finish(job, root)
    COUNTS["pairs on one folder"] += 1
    if name == "tune":
        # Two processes that share a search propose other settings than one: the number of trials is what must hold.
        assert json.loads((root / job.result / "tuning.json").read_text("utf-8"))["states"] == {"complete": 3}
        return
    differing(job, root, undisturbed)


def _fresh(root: Path, number: int) -> list[str]:
    """A training on a set that nobody has prepared yet."""
    return [
        *(
            "--model=Pop",
            "--dataset=ml-latest-small",
            f"--output=saved/new{number}",
            "--download=false",
            "--topk=5",
        ),
        *(
            "--valid_metric=NDCG@5",
            "--min_user_interactions=1",
            "--min_item_interactions=1",
            "--use_gpu=false",
        ),
    ]


def _many_on_a_fresh_set(many: int, root: Path) -> None:
    lines = ["userId,movieId,rating,timestamp"]
    lines += [
        f"{user},{(user * 7 + step * 3) % 23 + 1},4.0,{1_000_000 + step}"
        for user in range(40)
        for step in range(8)
    ]
    (root / "home/ml-latest-small").mkdir(parents=True)
    (root / "home/ml-latest-small/ratings.csv").write_text("\n".join(lines) + "\n", "utf-8")
    films = ["movieId,title,genres", *(f"{film},Film {film} (2000),Drama" for film in range(1, 24))]
    (root / "home/ml-latest-small/movies.csv").write_text("\n".join(films) + "\n", "utf-8")
    (root / "home/ml-latest-small/tags.csv").write_text("userId,movieId,tag,timestamp\n", "utf-8")
    environment = {"MOVIELENS_HOME": str(root / "home")}
    running = [
        start(_fresh(root, number), root, environment=environment, limit=240) for number in range(many)
    ]
    outcomes = [one.wait() for one in running]
    assert [outcome.code for outcome in outcomes] == [0] * many, outcomes
    lists = {(root / f"saved/new{number}/recommendations.parquet").read_bytes() for number in range(many)}
    assert len(lists) == 1
    assert sorted(path.name for path in (root / "dataset").iterdir()) == ["ml-latest-small", "toy"]
    COUNTS["groups on a fresh data set"] += 1


def test_two_on_a_fresh_set(tmp_path: Path) -> None:
    _many_on_a_fresh_set(2, place(JOBS["train"], tmp_path / "sample"))


@pytest.mark.long
def test_eight_on_a_fresh_set(tmp_path: Path) -> None:
    _many_on_a_fresh_set(8, place(JOBS["train"], tmp_path / "sample"))
