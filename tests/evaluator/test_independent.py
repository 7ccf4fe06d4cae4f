"""Agreement with RecTools and ranx, two independent implementations.

RecTools asks for pandas 2 and, before Python 3.13, for numpy 1.26, which the pinned environment does not have: these
tests run where ``pip install -e ".[test,agreement]"`` without the constraints has found versions for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recbole_ext.evaluator.metrics.accuracy import accuracy_per_user
from recbole_ext.evaluator.metrics.coverage import item_coverage, user_coverage
from recbole_ext.evaluator.metrics.popularity import average_popularity, novelty
from recbole_ext.evaluator.metrics.serendipity import serendipity

USERS, ITEMS, K = 80, 50, 10


@dataclass(frozen=True)
class Case:
    lists: np.ndarray  # (U, K)
    train: pd.DataFrame
    held_out: pd.DataFrame
    counts: np.ndarray  # (ITEMS + 1,)
    indptr: np.ndarray
    indices: np.ndarray

    @property
    def recommended(self) -> pd.DataFrame:
        users = np.repeat(np.arange(USERS), K)
        ranks = np.tile(np.arange(1, K + 1), USERS)
        return pd.DataFrame({"user_id": users, "item_id": self.lists.ravel(), "rank": ranks})

    @property
    def ranks(self) -> tuple[np.ndarray, np.ndarray]:
        """Rank and user of each held-out item; infinity where it is not in the list."""
        users, items = self.held_out["user_id"].to_numpy(), self.held_out["item_id"].to_numpy()
        equal = self.lists[users] == items[:, None]
        return np.where(equal.any(axis=1), equal.argmax(axis=1) + 1.0, np.inf), users


@pytest.fixture(scope="module", params=[1, 3], ids=["one held out", "three held out"])
def case(request: pytest.FixtureRequest) -> Case:
    rng = np.random.default_rng(request.param)
    share = 1 / np.arange(1, ITEMS + 1)
    lists, train, held_out = [], [], []
    for user in range(USERS):
        order = rng.choice(np.arange(1, ITEMS + 1), ITEMS, replace=False, p=share / share.sum())
        train += [(user, item) for item in order[:15]]
        held_out += [(user, item) for item in order[15 : 15 + request.param]]
        lists.append(rng.permutation(order[15:])[:K])
    columns = ["user_id", "item_id"]
    history, targets = pd.DataFrame(train, columns=columns), pd.DataFrame(held_out, columns=columns)
    counts = np.bincount(history["item_id"], minlength=ITEMS + 1)
    # An item that nobody had has no popularity for RecTools, and no novelty.
    assert (counts[1:] > 0).all()
    indptr = np.arange(0, USERS * request.param + 1, request.param)
    return Case(np.array(lists), history, targets, counts, indptr, targets["item_id"].to_numpy())


def by_user(values: Any) -> np.ndarray:
    return values.reindex(range(USERS)).to_numpy()


def test_accuracy_is_that_of_rectools(case: Case) -> None:
    metrics = pytest.importorskip("rectools.metrics", reason="RecTools does not install beside pandas 3")
    ranks, users = case.ranks
    ours = accuracy_per_user(ranks, users, USERS, [K], ["recall", "precision", "hit", "mrr"])
    for name, theirs in (
        ("recall", metrics.Recall(K)),
        ("precision", metrics.Precision(K)),
        ("hit", metrics.HitRate(K)),
        ("mrr", metrics.MRR(K)),
    ):
        values = by_user(theirs.calc_per_user(case.recommended, case.held_out))
        np.testing.assert_allclose(ours[f"{name}@{K}"], values, atol=1e-12)


def test_novelty_popularity_and_serendipity_are_those_of_rectools(case: Case) -> None:
    metrics = pytest.importorskip("rectools.metrics", reason="RecTools does not install beside pandas 3")
    recommended = case.recommended
    theirs = metrics.MeanInvUserFreq(K).calc_per_user(recommended, case.train)
    np.testing.assert_allclose(novelty(case.lists, case.counts, USERS), by_user(theirs), atol=1e-12)
    theirs = metrics.AvgRecPopularity(K).calc_per_user(recommended, case.train)
    np.testing.assert_allclose(average_popularity(case.lists, case.counts), by_user(theirs), atol=1e-12)
    theirs = metrics.Serendipity(K).calc_per_user(
        recommended, case.held_out, case.train, list(range(1, ITEMS + 1))
    )
    ours = serendipity(case.lists, case.counts, case.indptr, case.indices)
    # Items of equal popularity share a rank here and there.
    np.testing.assert_allclose(ours, by_user(theirs), atol=1e-12)


def test_coverage_is_that_of_rectools(case: Case) -> None:
    metrics = pytest.importorskip("rectools.metrics", reason="RecTools does not install beside pandas 3")
    few = case.lists[:3]
    recommended = case.recommended[case.recommended["user_id"] < 3]
    theirs = metrics.CatalogCoverage(K, normalize=True).calc(recommended, list(range(1, ITEMS + 1)))
    assert item_coverage(few, ITEMS + 1) == pytest.approx(theirs)
    hits = metrics.HitRate(K).calc_per_user(case.recommended, case.held_out)
    ours = user_coverage(case.lists, case.indptr, case.indices, ITEMS + 1)
    np.testing.assert_allclose(ours, by_user(hits))


def test_accuracy_is_that_of_ranx(case: Case) -> None:
    ranx = pytest.importorskip("ranx", reason="an extra of the tests: pip install -e '.[agreement]'")
    wanted: dict[str, dict[str, int]] = {}
    for user, item in case.held_out.itertuples(index=False):
        wanted.setdefault(str(user), {})[str(item)] = 1
    found = {
        str(user): {str(item): float(K - place) for place, item in enumerate(row)}
        for user, row in enumerate(case.lists)
    }
    names = {"recall": "recall", "precision": "precision", "hit": "hit_rate", "mrr": "mrr", "ndcg": "ndcg"}
    theirs = ranx.evaluate(
        ranx.Qrels(wanted), ranx.Run(found), [f"{name}@{K}" for name in names.values()], return_mean=False
    )
    ranks, users = case.ranks
    ours = accuracy_per_user(ranks, users, USERS, [K], list(names))
    # A Qrels has keys but cannot be iterated.
    order = [int(user) for user in ranx.Qrels(wanted).keys()]  # noqa: SIM118
    for name, other in names.items():
        np.testing.assert_allclose(ours[f"{name}@{K}"][order], theirs[f"{other}@{K}"], atol=1e-6)
