"""Negative sampling: draws against the exact conditional distribution, and what may never be drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from recbole_ext.data.negative_sampler import NegativeSampler
from recbole_ext.errors import ConfigError, DataError

COUNTS = np.array([0, 40, 20, 10, 5, 3, 1, 0, 1])
# User 0 is padding without interactions, user 1 has the head, user 2 repeats an item, user 3 has nothing.
INDPTR = np.array([0, 0, 3, 6, 6])
INDICES = np.array([1, 2, 5, 4, 4, 3])
POSITIVES: dict[int, set[int]] = {1: {1, 2, 5}, 2: {3, 4}, 3: set()}


def conditional(user: int, weight: np.ndarray) -> np.ndarray:
    """Exact probabilities ``(n_items,)``: the weights of what the user does not have, normalised."""
    allowed = weight.astype(float).copy()
    allowed[[0, *POSITIVES[user]]] = 0.0
    return allowed / allowed.sum()


def assert_distribution(drawn: np.ndarray, probability: np.ndarray) -> None:
    """Pearson's chi-square test at a level that a right sampler with a fixed seed passes."""
    observed = np.bincount(drawn.ravel(), minlength=len(probability))
    possible = probability > 0
    assert observed[~possible].sum() == 0
    expected = probability[possible] * drawn.size
    assert expected.min() > 5
    assert stats.chisquare(observed[possible], expected).pvalue > 1e-3


@pytest.mark.parametrize("user", [1, 2, 3])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 2.0])
def test_draws_have_the_conditional_distribution(user: int, alpha: float) -> None:
    sampler = NegativeSampler(INDPTR, INDICES, len(COUNTS), alpha=alpha, counts=COUNTS, seed=7)
    weight = np.ones(len(COUNTS)) if alpha == 0 else np.where(COUNTS > 0, COUNTS**alpha, 0.0)
    drawn = sampler.sample(np.full(5_000, user), 6)
    assert drawn.shape == (5_000, 6)
    assert drawn.dtype == np.int64
    assert_distribution(drawn, conditional(user, weight))


def test_places_are_independent_of_each_other() -> None:
    sampler = NegativeSampler(INDPTR, INDICES, len(COUNTS), seed=3)
    first, second = sampler.sample(np.full(20_000, 1), 2).T
    table = np.zeros((len(COUNTS), len(COUNTS)))
    np.add.at(table, (first, second), 1)
    rest = sorted(set(range(1, len(COUNTS))) - POSITIVES[1])
    assert stats.chi2_contingency(table[np.ix_(rest, rest)]).pvalue > 1e-3


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_users_who_know_nearly_everything(alpha: float) -> None:
    # 3 of 3,000 items are left: most draws end in the enumerated rest, and must follow the same law.
    n_items, rest = 3_001, np.array([17, 900, 2_999])
    indices = np.setdiff1d(np.arange(1, n_items), rest)
    counts = np.full(n_items, 5)
    counts[rest] = [1, 2, 7]
    sampler = NegativeSampler(
        np.array([0, 0, len(indices)]), indices, n_items, alpha=alpha, counts=counts, seed=1
    )
    drawn = sampler.sample(np.ones(3_000, dtype=int), 2)
    weight = np.zeros(n_items)
    weight[rest] = counts[rest] ** alpha
    assert_distribution(drawn, weight / weight.sum())


def test_where_all_allowed_weights_are_zero_draws_are_uniform() -> None:
    # User 1 has every item with interactions; 3, 4 and 5 have none.
    counts = np.array([0, 9, 4, 0, 0, 0])
    sampler = NegativeSampler(np.array([0, 0, 2]), np.array([1, 2]), 6, alpha=1.0, counts=counts, seed=5)
    assert_distribution(sampler.sample(np.ones(1_000, dtype=int), 3), np.array([0, 0, 0, 1, 1, 1]) / 3)


def test_no_counts_at_all_is_uniform() -> None:
    sampler = NegativeSampler(np.array([0, 0]), np.array([], int), 5, alpha=0.5, counts=np.zeros(5), seed=5)
    assert_distribution(sampler.sample(np.zeros(1_000, dtype=int), 3), np.array([0, 1, 1, 1, 1]) / 4)


@st.composite
def catalogues(draw: st.DrawFn) -> tuple[list[set[int]], int, np.ndarray]:
    """Positives of each user, some repeated later, with at least one item left for everybody."""
    n_items = draw(st.integers(2, 12))
    item = st.integers(1, n_items - 1)
    users = draw(st.lists(st.sets(item, max_size=n_items - 2), min_size=1, max_size=6))
    counts = np.array([0, *draw(st.lists(st.integers(0, 9), min_size=n_items - 1, max_size=n_items - 1))])
    return users, n_items, counts


@settings(deadline=None)
@given(catalogues(), st.sampled_from([0.0, 0.3, 1.0]), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_never_a_positive_nor_padding(
    catalogue: tuple[list[set[int]], int, np.ndarray], alpha: float, num: int, seed: int
) -> None:
    positives, n_items, counts = catalogue
    rows = [list(known) * 2 for known in positives]
    indptr = np.cumsum([0, *map(len, rows)])
    indices = np.array([item for row in rows for item in row], dtype=np.int64)
    sampler = NegativeSampler(indptr, indices, n_items, alpha=alpha, counts=counts, seed=seed)
    users = np.tile(np.arange(len(positives)), 5)
    drawn = sampler.sample(users, num)
    assert drawn.shape == (len(users), num)
    assert drawn.min() >= 1
    assert drawn.max() < n_items
    for user, row in zip(users, drawn, strict=True):
        assert not positives[user] & set(row.tolist())
        with_weight = {i for i in range(1, n_items) if i not in positives[user] and counts[i] > 0}
        if alpha > 0 and with_weight:
            assert set(row.tolist()) <= with_weight


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_user_with_every_item_is_an_error(alpha: float) -> None:
    sampler = NegativeSampler(
        np.array([0, 0, 3]), np.array([1, 2, 3]), 4, alpha=alpha, counts=np.array([0, 1, 1, 1])
    )
    with pytest.raises(DataError, match="user 1 has every item"):
        sampler.sample(np.array([0, 1]), 1)
    assert sampler.sample(np.array([0]), 1).shape == (1, 1)


@pytest.mark.parametrize("num", [0, -1])
def test_less_than_one_negative_is_an_error(num: int) -> None:
    with pytest.raises(ConfigError, match="sample_num"):
        NegativeSampler(INDPTR, INDICES, len(COUNTS)).sample(np.array([1]), num)


@pytest.mark.parametrize("alpha", [-0.1, float("nan"), float("inf")])
def test_alpha_must_be_a_number_of_at_least_zero(alpha: float) -> None:
    with pytest.raises(ConfigError, match="sampling_alpha"):
        NegativeSampler(INDPTR, INDICES, len(COUNTS), alpha=alpha, counts=COUNTS)


def test_popularity_needs_counts() -> None:
    with pytest.raises(ConfigError, match="counts"):
        NegativeSampler(INDPTR, INDICES, len(COUNTS), alpha=1.0)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_state_continues_the_stream_exactly(alpha: float) -> None:
    def fresh(seed: int) -> NegativeSampler:
        return NegativeSampler(INDPTR, INDICES, len(COUNTS), alpha=alpha, counts=COUNTS, seed=seed)

    users = np.array([1, 2, 3] * 20)
    running = fresh(11)
    running.sample(users, 3)
    saved = running.state()
    expected = [running.sample(users, 3) for _ in range(2)]
    other = fresh(99)
    other.set_state(saved)
    assert all(np.array_equal(other.sample(users, 3), wanted) for wanted in expected)


def test_the_state_is_a_copy_that_later_draws_leave_alone() -> None:
    sampler = NegativeSampler(INDPTR, INDICES, len(COUNTS), seed=11)
    users = np.array([1, 2, 3] * 20)
    saved = sampler.state()
    expected = sampler.sample(users, 2)
    sampler.set_state(saved)
    assert np.array_equal(sampler.sample(users, 2), expected)


def test_same_seed_same_draws() -> None:
    users = np.array([1, 2, 3] * 50)
    one, same, other = (NegativeSampler(INDPTR, INDICES, 9, seed=seed).sample(users, 2) for seed in (4, 4, 5))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
