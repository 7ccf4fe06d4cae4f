"""Intervals, paired comparisons and Holm's correction: by simulation, by hand and against scipy."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from recbole_ext.errors import ConfigError
from recbole_ext.evaluator import confidence
from recbole_ext.evaluator.confidence import holm, mean_interval, paired_difference


@pytest.mark.parametrize(("level", "least", "most"), [(0.95, 0.91, 0.98), (0.8, 0.74, 0.86)])
def test_the_interval_covers_the_true_mean_as_often_as_it_says(
    level: float, least: float, most: float
) -> None:
    # 400 experiments of 80 users with Hit@10 of .3: the count of covering ones has a deviation of .011 at 95 %.
    random = np.random.default_rng(0)
    covered = 0
    for experiment in range(400):
        hits = (random.random(80) < 0.3).astype(float)
        low, high = mean_interval(hits, level=level, samples=400, seed=experiment)
        covered += low <= 0.3 <= high
    assert least <= covered / 400 <= most


def test_the_width_is_that_of_the_normal_approximation() -> None:
    # The protocol's figure: 610 users and a Hit@10 of .09 give a half-width of .023.
    hits = np.zeros(610)
    hits[:55] = 1
    low, high = mean_interval(hits, samples=5_000)
    assert low < hits.mean() < high
    assert (high - low) / 2 == pytest.approx(1.96 * hits.std() / math.sqrt(610), rel=0.06)
    assert (high - low) / 2 == pytest.approx(0.023, abs=0.002)


def test_identical_values_have_no_width() -> None:
    assert mean_interval(np.full(30, 0.1)) == (0.1, 0.1)
    assert mean_interval(np.array([0.7])) == (0.7, 0.7)


def test_a_higher_level_is_wider_and_the_seed_decides() -> None:
    values = np.random.default_rng(1).random(50)
    narrow, wide = mean_interval(values, level=0.5), mean_interval(values, level=0.99)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
    assert mean_interval(values, seed=3) == mean_interval(values, seed=3)
    assert mean_interval(values, seed=3) != mean_interval(values, seed=4)


def test_memory_does_not_change_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).random(50)
    whole = mean_interval(values, samples=200)
    monkeypatch.setattr(confidence, "_CHUNK", 170)
    assert mean_interval(values, samples=200) == whole


@pytest.mark.parametrize("level", [0.0, 1.0, 95, -0.1, float("nan")])
def test_a_level_is_between_zero_and_one(level: float) -> None:
    with pytest.raises(ConfigError, match="confidence"):
        mean_interval(np.array([0.0, 1.0]), level=level)


def test_no_users_no_interval() -> None:
    with pytest.raises(ConfigError, match="no user"):
        mean_interval(np.array([]))


def test_the_sign_is_that_of_the_first_minus_the_second() -> None:
    random = np.random.default_rng(2)
    worse = random.random(200)
    better = worse + 0.1 + 0.02 * random.standard_normal(200)
    forward, backward = paired_difference(better, worse), paired_difference(worse, better)
    assert forward.mean == pytest.approx((better - worse).mean())
    assert 0 < forward.low < forward.mean < forward.high
    assert backward.mean == pytest.approx(-forward.mean)
    assert backward.low < backward.mean < backward.high < 0
    assert forward.p_value == pytest.approx(
        1 / 100_001
    )  # none of 100,000 flips is as far out, on either side
    assert forward.p_value == pytest.approx(backward.p_value)


def test_pairs_are_compared_user_by_user() -> None:
    # The users differ far more than the models: unpaired intervals would overlap, the paired one is narrow.
    base = np.random.default_rng(3).random(100) * 10
    found = paired_difference(base + 0.05 * np.arange(100) / 100, base)
    assert 0 < found.low < found.high < 0.05


def test_equal_models_do_not_differ() -> None:
    values = np.random.default_rng(4).random(20)
    found = paired_difference(values, values)
    assert (found.mean, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize("seed", range(3))
def test_few_differences_are_flipped_in_every_way(seed: int) -> None:
    random = np.random.default_rng(seed)
    a = np.concatenate([random.normal(0.3, 1, 10), np.full(30, 0.5)])
    b = np.concatenate([np.zeros(10), np.full(30, 0.5)])
    sums = np.array([(signs * a[:10]).sum() for signs in itertools.product([1, -1], repeat=10)])
    by_hand = (np.abs(sums) >= abs(a[:10].sum()) - 1e-12).mean()
    assert paired_difference(a, b, samples=10).p_value == pytest.approx(by_hand)


def flipped_p(difference: np.ndarray, draws: int, seed: int) -> float:
    """The definition: the share of sums with random signs that are as far from 0 as the one observed."""
    random = np.random.default_rng(seed)
    sums = [abs((random.choice([-1, 1], len(difference)) * difference).sum()) for _ in range(draws)]
    return (1 + sum(one >= abs(difference.sum()) - 1e-12 for one in sums)) / (1 + draws)


@pytest.mark.parametrize("users", [17, 40, 133])
@pytest.mark.parametrize("shift", [0.0, 0.1, 0.25])
def test_drawn_flips_agree_with_the_definition(users: int, shift: float) -> None:
    difference = np.random.default_rng(users).normal(shift, 1, users)
    found = paired_difference(difference, np.zeros(users), samples=10)
    assert found.p_error == pytest.approx(math.sqrt(found.p_value * (1 - found.p_value) / 100_000))
    draws = 4000
    error = math.sqrt(max(found.p_value * (1 - found.p_value), 1 / draws) / draws)
    assert abs(flipped_p(difference, draws, seed=users + 1) - found.p_value) < 5 * error


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=11))
def test_all_flips_agree_with_the_definition(values: list[int]) -> None:
    """Whole numbers make many sums equal to the one observed, which count as being as far out."""
    difference = np.array(values) / 10
    sums = [
        sum(sign * one for sign, one in zip(signs, values, strict=True))
        for signs in itertools.product([1, -1], repeat=len(values))
    ]
    by_hand = sum(abs(one) >= abs(sum(values)) for one in sums) / len(sums)
    found = paired_difference(difference, np.zeros(len(values)), samples=10)
    assert found.p_value == pytest.approx(by_hand)
    assert found.p_error == 0


def test_equal_sums_count_where_flips_are_drawn() -> None:
    # 40 differences of .1: a sum is as far out only if all signs agree; with two of 20 against it, by counting.
    difference = np.where(np.arange(40) < 14, -0.1, 0.1)
    found = paired_difference(difference, np.zeros(40), samples=10)
    wanted = 2 * stats.binom.cdf(14, 40, 0.5)
    assert abs(found.p_value - wanted) < 5 * found.p_error


@pytest.mark.parametrize("users", [20, 501])
def test_flips_are_the_same_each_time(users: int) -> None:
    difference = np.random.default_rng(users).normal(0.05, 1, users)
    first, second = (paired_difference(difference, np.zeros(users), samples=10) for _ in range(2))
    assert first == second


def test_a_p_within_two_errors_of_the_level_is_undecided() -> None:
    random = np.random.default_rng(0)
    users = 60
    values = random.normal(0.25, 1, users)
    one = paired_difference(values, np.zeros(users))
    assert one.p_error > 0
    for errors, significant, undecided in (
        (3, True, False),
        (1, False, True),
        (-1, False, True),
        (-3, False, False),
    ):
        alpha = one.p_value + errors * one.p_error
        found = confidence.differences({"a": values}, np.zeros(users), level=1 - alpha)["a"]
        assert (found.significant, found.undecided) == (significant, undecided), errors
    # With Holm's factor of 2, p and its error are doubled.
    far = np.full(users, 5.0) + random.random(users)
    for errors, undecided in ((1.5, True), (2.5, False)):
        alpha = 2 * (one.p_value + errors * one.p_error)
        both = confidence.differences(
            {"a": values, "b": values * 3, "far": far}, np.zeros(users), level=1 - alpha
        )
        assert [both[name].undecided for name in ("a", "b", "far")] == [undecided, undecided, False]


def test_an_exact_p_is_always_decided() -> None:
    # Five equal differences: p = 2 / 32 exactly.
    for level, significant in ((0.93, True), (0.94, False)):
        found = confidence.differences({"a": np.ones(5)}, np.zeros(5), level=level)["a"]
        assert (found.p, found.significant, found.undecided) == (2 / 32, significant, False)


@pytest.mark.parametrize("shift", [0.0, 0.02, 0.05])
def test_many_differences_agree_with_the_normal_distribution(
    shift: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(7)
    a, b = random.random(900) + shift, random.random(900)
    flipped = paired_difference(a, b, samples=10).p_value
    assert flipped == pytest.approx(float(stats.ttest_rel(a, b).pvalue), abs=0.02)
    monkeypatch.setattr(confidence, "_MOST_FLIPPED", 10)
    assert paired_difference(a, b, samples=10).p_value == pytest.approx(flipped, abs=0.02)


def test_equal_means_of_unlike_shape_are_no_difference() -> None:
    # Averaged over seeds, 60 users gain a little; in one run 3 users gain much: both means are .015. A test of ranks
    # takes the first for better.
    often, seldom = np.zeros(200), np.zeros(200)
    often[:60], seldom[-3:] = 0.05, 1.0
    found = paired_difference(often, seldom)
    assert found.low < 0 < found.high
    assert found.p_value > 0.5
    assert stats.wilcoxon(often, seldom, zero_method="pratt", method="approx").pvalue < 0.001


def test_p_values_of_equal_models_are_uniform() -> None:
    random = np.random.default_rng(5)
    p_values = [
        paired_difference(random.random(40), random.random(40), samples=2).p_value for _ in range(300)
    ]
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3


def test_the_paired_interval_is_that_of_the_differences() -> None:
    random = np.random.default_rng(6)
    a, b = random.random(60), random.random(60)
    found = paired_difference(a, b, level=0.9, samples=500, seed=8)
    assert (found.low, found.high) == mean_interval(a - b, level=0.9, samples=500, seed=8)


@pytest.mark.parametrize("shape", [(3,), (4, 1), (1,)])
def test_other_users_are_an_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="same users"):
        paired_difference(np.zeros(4), np.ones(shape))


def test_holm_by_hand() -> None:
    # Sorted .005 .01 .03 .04, times 4 3 2 1: .02 .03 .06 .04, and never below the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.02, 0.02, 0.5]) == pytest.approx([0.06, 0.06, 0.5])
    assert holm([0.6, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([0.03]) == pytest.approx([0.03])
    assert holm([]).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.001, 0.5))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values: list[float], alpha: float) -> None:
    rejected: set[int] = set()
    for step, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[index] * (len(p_values) - step) > alpha:
            break
        rejected.add(index)
    adjusted = holm(p_values)
    assert set(np.flatnonzero(adjusted <= alpha).tolist()) == rejected
    assert (adjusted >= np.array(p_values)).all()
    assert adjusted.max() <= 1


def test_many_columns_have_the_intervals_of_each_alone() -> None:
    random = np.random.default_rng(5)
    columns = {"a": random.random(70), "same": np.full(70, 0.3), "b": random.integers(0, 2, 70) * 1.0}
    together = confidence.mean_intervals(columns, samples=500, seed=2)
    assert list(together) == ["a", "same", "b"]
    for name, values in columns.items():
        assert together[name] == pytest.approx(mean_interval(values, samples=500, seed=2), abs=1e-12)
    # By the definition: resample users, average, take quantiles.
    drawn = np.random.default_rng(2).integers(0, 70, (500, 70))
    assert together["b"] == pytest.approx(np.quantile(columns["b"][drawn].mean(axis=1), [0.025, 0.975]))


def test_a_family_of_differences_is_corrected_together() -> None:
    random = np.random.default_rng(9)
    base = random.random(120)
    values = {"far": base + 1, "near": base + random.normal(0.02, 0.1, 120), "same": base.copy()}
    found = confidence.differences(values, base, level=0.9)
    alone = {name: paired_difference(one, base, level=0.9) for name, one in values.items()}
    assert [found[name].p for name in values] == [alone[name].p_value for name in values]
    assert [found[name].p_holm for name in values] == holm([one.p_value for one in alone.values()]).tolist()
    assert (found["near"].low, found["near"].high) == (alone["near"].low, alone["near"].high)
    assert found["far"].significant
    assert not found["same"].significant
    assert confidence.differences({}, base) == {}
