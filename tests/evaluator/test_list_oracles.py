"""Every metric beyond accuracy against a slow version that is written from the papers alone."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_ext.evaluator.groups import HEAD_RULES, popularity_groups, popularity_thirds
from recbole_ext.evaluator.metric_info import METRIC_INFO
from recbole_ext.evaluator.metrics.beyond_accuracy import Evidence, measure
from tests.evaluator import list_oracles
from tests.evaluator.list_oracles import METRICS, Lists, head_of, thirds_of


@st.composite
def cases(draw: st.DrawFn) -> tuple[Lists, int]:
    """A small catalogue, users with training, validation and held-out items, and lists of the rest; and K."""
    n, users, k = draw(st.integers(2, 9)), draw(st.integers(1, 5)), draw(st.integers(1, 5))
    every = list(range(1, n + 1))
    profiles, masked, lists, held_out = [], [], [], []
    for _ in range(users):
        order = draw(st.permutations(every))
        had, validation = draw(st.integers(0, n - 1)), draw(st.integers(0, 1))
        own, rest = order[:had], order[had + validation :]
        repeats = draw(st.lists(st.sampled_from(own), max_size=2)) if own else []
        profiles.append(own + repeats)
        masked.append(set(order[: had + validation]))
        lists.append(draw(st.permutations(rest))[: draw(st.integers(0, k))])
        held_out.append(set(rest[: draw(st.integers(0, 3))]))
    # Others than the evaluated users have trained, too.
    others = draw(st.lists(st.integers(0, 6), min_size=n, max_size=n))
    counts = [extra + sum(own.count(i) for own in profiles) for i, extra in zip(every, others, strict=True)]
    genres = draw(st.lists(st.lists(st.integers(0, 2), min_size=3, max_size=3), min_size=n, max_size=n))
    rule = draw(st.sampled_from(sorted(HEAD_RULES)))
    power = draw(st.sampled_from([0.0, 0.5, 1.3]))
    return Lists(
        n, counts, users + draw(st.integers(0, 9)), lists, profiles, held_out, masked, genres, rule, k, power
    ), k


def rows(items: Sequence[Sequence[int] | set[int]]) -> tuple[np.ndarray, np.ndarray]:
    flat = [item for row in items for item in sorted(row)]
    return np.cumsum([0, *map(len, items)]), np.array(flat, dtype=np.int64)


def evidence(x: Lists, k: int) -> Evidence:
    counts = np.array([0, *x.counts])
    return Evidence(
        items=np.array([[*one, *[0] * (k - len(one))] for one in x.lists], dtype=np.int64),
        counts=counts,
        groups=popularity_groups(counts, x.head_rule),
        n_users=x.training_users,
        profiles=rows(x.profiles),
        held_out=rows(x.held_out),
        features=np.array([[0, 0, 0], *x.genres], dtype=np.float32),
        seen=rows(x.masked),
        propensity_power=x.propensity_power,
    )


def test_each_metric_has_an_oracle() -> None:
    # AUC reads scores: its oracle is in test_ranking.
    assert METRICS.keys() == METRIC_INFO.keys() - {"AUC"}


def test_the_oracles_use_nothing_of_the_package() -> None:
    tree = ast.parse(Path(list_oracles.__file__).read_text("utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert modules <= {"__future__", "collections.abc", "dataclasses", "fractions", "itertools", "math"}


@pytest.mark.parametrize("name", METRICS)
@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_a_metric_is_that_of_its_paper(name: str, case: tuple[Lists, int]) -> None:
    x, k = case
    expected = METRICS[name](x)
    value, by_user = measure(name, evidence(x, k))
    if isinstance(expected, list):
        assert by_user is not None
        np.testing.assert_allclose(by_user, expected, rtol=1e-9, atol=1e-9)
        assert value == pytest.approx(list_oracles.mean(expected), abs=1e-9)
    else:
        assert by_user is None
        assert value == pytest.approx(expected, rel=1e-9, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_parity_without_masking_counts_the_whole_catalogue(case: tuple[Lists, int]) -> None:
    x, k = case
    open_to_all = Lists(**{**vars(x), "masked": [set[int]()] * len(x.lists)})
    found = measure("PopRSP", Evidence(**{**vars(evidence(x, k)), "mask_seen": False}))
    assert found[0] == pytest.approx(METRICS["PopRSP"](open_to_all), abs=1e-12)


@settings(max_examples=200, deadline=None)
@given(counts=st.lists(st.integers(0, 12), min_size=1, max_size=12))
def test_groups_are_those_of_the_definitions(counts: list[int]) -> None:
    array = np.array([7, *counts])  # what stands at the padding's place is ignored
    for rule in HEAD_RULES:
        groups = popularity_groups(array, rule)
        assert set(np.flatnonzero(groups.head)) == head_of(counts, rule)
        assert set(np.flatnonzero(groups.tail)) == set(range(1, len(counts) + 1)) - head_of(counts, rule)
    thirds = popularity_thirds(array)
    assert [set(np.flatnonzero(thirds == part)) for part in range(3)] == thirds_of(counts)
