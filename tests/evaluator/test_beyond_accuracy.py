"""The table by protocol name, its ceilings, and the random recommender against a simulation."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from recbole_ext.errors import ConfigError, DataError
from recbole_ext.evaluator.groups import popularity_groups
from recbole_ext.evaluator.metrics.beyond_accuracy import BEYOND_ACCURACY, Evidence, measure
from recbole_ext.evaluator.metrics.ceilings import (
    ceilings,
    coverage_ceiling,
    random_recommender,
    random_recommenders,
)
from tests.evaluator.oracles import random_coverage

PROTOCOL = {
    "ItemCoverage", "TailCoverage", "TailShare", "UserCoverage", "AvgPopularity", "PopularityLift", "Novelty",
    "Gini", "Entropy", "IntraListDiversity", "Serendipity", "PopularityCalibration", "PopREO", "PopRSP",
}  # fmt: skip
RATIOS = {"PopularityLift", "PopREO", "PopRSP"}


def small(mask_seen: bool) -> Evidence:
    """Five users, nine items; the last user has seen all but two items, so that its list is short."""
    profiles = [[1, 2, 3], [1, 1, 4], [2], [], [1, 2, 3, 4, 5, 6, 7]]
    held_out = [[4, 8], [2], [1], [9, 3], [8]]
    rows = [
        (np.concatenate([[0], np.cumsum([len(r) for r in part])]), np.array(list(itertools.chain(*part))))
        for part in (profiles, held_out)
    ]
    counts = np.bincount(rows[0][1], minlength=10)
    features = np.random.default_rng(3).integers(0, 2, (10, 4))
    items, areas = np.zeros((5, 3), dtype=int), np.linspace(0, 1, 5)
    groups = popularity_groups(counts, "interactions_80")
    return Evidence(items, counts, groups, None, rows[0], rows[1], features, mask_seen, areas=areas)


def draw(evidence: Evidence, random: np.random.Generator) -> Evidence:
    items = np.zeros_like(evidence.items)
    indptr, indices = evidence.seen or evidence.profiles or (None, None)
    for user in range(len(items)):
        seen = set(indices[indptr[user] : indptr[user + 1]].tolist()) if evidence.mask_seen else set()
        pool = random.permutation([i for i in range(1, evidence.n_items) if i not in seen])
        items[user, : len(pool[:3])] = pool[:3]
    return replace(evidence, items=items)


def test_every_row_of_the_protocol_is_there() -> None:
    of_held_out = {"AUC", "RecallIPS", "NDCGIPS", "RecallSNIPS", "NDCGSNIPS"}
    assert set(BEYOND_ACCURACY) - {"AvgPopularityNormalized"} - of_held_out == PROTOCOL
    assert all(name == metric.name and metric.source for name, metric in BEYOND_ACCURACY.items())


def at_the_test(evidence: Evidence) -> Evidence:
    """The same with a validation item behind each user's profile, which the lists do not show either."""
    indptr, indices = evidence.profiles or (None, None)
    validation = [5, 6, 3, 7, 9]
    seen = [[*indices[indptr[u] : indptr[u + 1]], validation[u]] for u in range(5)]
    rows = np.concatenate([[0], np.cumsum([len(r) for r in seen])]), np.array(list(itertools.chain(*seen)))
    return replace(evidence, seen=rows)


@pytest.mark.parametrize("phase", ["validation", "test"])
@pytest.mark.parametrize("mask_seen", [True, False])
def test_random_expectation_agrees_with_a_simulation(mask_seen: bool, phase: str) -> None:
    evidence = small(mask_seen) if phase == "validation" else at_the_test(small(mask_seen))
    random = np.random.default_rng(11)
    expected = random_recommender(evidence)
    names = set(expected) - RATIOS
    if mask_seen:
        names -= {"Gini", "Entropy"}
    lists = [draw(evidence, random) for _ in range(3000)]
    for name in sorted(names):
        drawn = np.array([measure(name, one)[0] for one in lists])
        error = max(4.5 * drawn.std() / np.sqrt(len(drawn)), 1e-9)
        assert drawn.mean() == pytest.approx(expected[name], abs=error), name


def test_parity_is_measured_over_what_could_be_shown_in_the_phase() -> None:
    # Each group's shown items over the pairs of user and item that were not masked, counted one by one.
    evidence = draw(at_the_test(small(mask_seen=True)), np.random.default_rng(2))
    indptr, indices = evidence.seen or (None, None)
    chances = []
    for group in (evidence.groups.head, evidence.groups.tail):
        pairs = [(u, i) for u in range(5) for i in range(1, 10) if group[i]]
        possible = [(u, i) for u, i in pairs if i not in indices[indptr[u] : indptr[u + 1]]]
        shown = [(u, i) for u, i in pairs if i in evidence.items[u]]
        assert set(shown) <= set(possible)
        chances.append(len(shown) / len(possible))
    assert measure("PopRSP", evidence)[0] == pytest.approx(np.std(chances) / np.mean(chances))
    # A random recommender has the same chance for each candidate of a user, K over their number.
    sizes = [9 - len(set(indices[indptr[u] : indptr[u + 1]].tolist())) for u in range(5)]
    expected = []
    for group in (evidence.groups.head, evidence.groups.tail):
        free = [
            sum(group[i] for i in range(1, 10) if i not in indices[indptr[u] : indptr[u + 1]])
            for u in range(5)
        ]
        drawn = sum(f * min(3, n) / n for f, n in zip(free, sizes, strict=True))
        expected.append(drawn / sum(free))
    wanted = np.std(expected) / np.mean(expected)
    assert random_recommender(evidence)["PopRSP"] == pytest.approx(wanted)


def test_random_lift_is_the_ratio_of_means() -> None:
    # Without masking every list has the catalogue's mean popularity; user 3 has no profile.
    evidence = small(mask_seen=False)
    phi = evidence.counts.astype(float)
    profiles = [[1, 2, 3], [1, 1, 4], [2], [1, 2, 3, 4, 5, 6, 7]]
    gap = np.mean([phi[p].mean() for p in profiles])
    assert random_recommender(evidence)["PopularityLift"] == pytest.approx(phi[1:].mean() / gap - 1)


def test_random_has_parity_without_masking() -> None:
    values = random_recommender(small(mask_seen=False))
    assert values["PopRSP"] == pytest.approx(0.0)
    assert values["PopREO"] == pytest.approx(0.0)


def test_coverage_closed_forms() -> None:
    evidence = replace(small(mask_seen=False), profiles=None)
    values = random_recommender(evidence)
    assert values["ItemCoverage"] == pytest.approx(1 - (1 - 3 / 9) ** 5)
    assert values["ItemCoverage"] == pytest.approx(random_coverage(5, 3, 9))
    assert values["TailCoverage"] == pytest.approx(random_coverage(5, 3, 9))
    assert values["TailShare"] == pytest.approx(evidence.groups.n_tail / 9)
    # The protocol's own example: 610 users, K = 10, ml-latest-small with and without its 5-core.
    assert coverage_ceiling(610, 10, 9724) == pytest.approx(0.627, abs=5e-4)
    assert coverage_ceiling(610, 10, 3650) == 1.0
    assert random_coverage(610, 10, 3650) == pytest.approx(0.81, abs=5e-3)


def test_ceilings() -> None:
    evidence = small(mask_seen=True)
    best = ceilings(evidence.at(1))
    assert best["ItemCoverage"] == pytest.approx(5 / 9)
    assert best["TailCoverage"] == pytest.approx(min(1, 5 / evidence.groups.n_tail))
    assert best["TailShare"] == 1.0
    assert best["UserCoverage"] == 1.0
    assert best["Entropy"] == pytest.approx(np.log2(5))
    all_head = replace(evidence, groups=popularity_groups(np.array([0, 9, *[0] * 8])))
    assert ceilings(all_head)["TailShare"] == 1.0
    no_tail = Evidence(np.array([[1]]), np.array([0, 3]), popularity_groups(np.array([0, 3])))
    assert ceilings(no_tail)["TailCoverage"] == 0.0
    assert ceilings(no_tail)["TailShare"] == 0.0


def test_no_value_is_ever_nan() -> None:
    full = small(mask_seen=True)
    empty_rows = np.zeros(6, dtype=int), np.zeros(0, dtype=int)
    cases = [
        full,
        replace(full, profiles=empty_rows, held_out=empty_rows),
        replace(full, counts=np.zeros(10, dtype=int), groups=popularity_groups(np.zeros(10, dtype=int)),
                profiles=empty_rows, features=np.zeros((10, 2))),
    ]  # fmt: skip
    for case in cases:
        for name in BEYOND_ACCURACY:
            value, per_user = measure(name, case)
            assert np.isfinite(value), name
            assert per_user is None or np.isfinite(per_user).all()
        for name, value in {**random_recommender(case), **ceilings(case)}.items():
            assert np.isfinite(value), name
    assert random_recommender(replace(full, items=full.items[:0], profiles=None, held_out=None)) == {}


@pytest.mark.parametrize("mask_seen", [True, False])
def test_random_lists_of_several_lengths_are_those_of_each_length(mask_seen: bool) -> None:
    evidence = small(mask_seen)
    together = random_recommenders(evidence, [1, 3, 2])
    assert together == [random_recommender(evidence.at(k)) for k in (1, 3, 2)]
    assert together[0] != together[1]


def test_per_user_values_average_to_the_value() -> None:
    evidence = draw(small(mask_seen=True), np.random.default_rng(0))
    for name, metric in BEYOND_ACCURACY.items():
        value, per_user = measure(name, evidence)
        assert (per_user is not None) == metric.per_user
        if per_user is not None:
            assert per_user.shape == (5,)
            assert per_user.mean() == pytest.approx(value)


def test_what_the_user_gets_wrong() -> None:
    evidence = small(mask_seen=True)
    with pytest.raises(ConfigError, match="did you mean 'TailShare'"):
        measure("TailShares", evidence)
    with pytest.raises(DataError, match="held_out"):
        measure("Serendipity", replace(evidence, held_out=None))
    with pytest.raises(DataError, match="at least one user"):
        measure("Gini", replace(evidence, items=evidence.items[:0]))
    with pytest.raises(ConfigError, match="K is 4"):
        evidence.at(4)
    with pytest.raises(DataError, match="catalogue differ"):
        replace(evidence, features=np.ones((3, 2)))
