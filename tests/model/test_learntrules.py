"""LearntRules against its formula in plain loops, counted without the user who is asked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recbole.data.interaction import Interaction

from recbole_ext.config.build import build_config
from recbole_ext.errors import ConfigError
from recbole_ext.model.sequential_recommender.learntrules import LearntRules
from tests.model.histories import History, built, histories, score_rows, windows

N_ITEMS = 8
ENDS, LAGS, TIMES = [1, 2, 4], [0, 1, 3], [0, 86_400, 3 * 86_400]
SETTINGS: dict[str, Any] = {
    "distance_bins": ENDS,
    "lag_bins": LAGS,
    "time_bins": TIMES,
    "k": None,
    "equal_users": True,
    "rules_rate": 2.0,
    "mask_seen": True,
}
NUMBERS = st.lists(st.floats(-1, 1), min_size=19, max_size=19)
TRAINING = st.lists(histories(N_ITEMS), min_size=1, max_size=5)


def bin_of(value: int, ends: list[int]) -> int:
    return next((b for b, end in enumerate(ends) if value <= end), len(ends))


class Looped:
    """The formula of the docstring. ``numbers``: 6 of distances, 4 of lags, 4 of times, 5 powers."""

    def __init__(self, training: list[History], numbers: list[float]) -> None:
        self.training, self.distance, self.lag, self.since = (
            training,
            numbers[:6],
            numbers[6:10],
            numbers[10:14],
        )
        self.alpha, self.beta, _, self.prior, self.gamma = numbers[14:]

    def count(self, i: int, j: int, b: int, backwards: bool) -> int:
        return sum(
            i == one[s][0] and j == one[t][0] and i != j and bin_of(abs(t - s), ENDS) == b
            for one in self.training
            for s in range(len(one))
            for t in range(len(one))
            if (t < s if backwards else t > s)
        )

    def popularity(self, j: int) -> int:
        return max(1, sum(item == j for one in self.training for item, _ in one))

    def parts(self, row: History, j: int, source: Looped | None = None) -> list[float]:
        """What each place adds; the popularity of the history's items is taken from ``source``."""
        found = []
        for place, (i, time) in enumerate(row):
            of_history = self.lag[bin_of(len(row) - 1 - place, LAGS)]
            of_history += self.since[bin_of(row[-1][1] - time, TIMES)]
            pairs = sum(
                math.exp(self.distance[b + 3 * back]) * self.count(i, j, b, bool(back))
                for b in range(3)
                for back in range(2)
            )
            scale = (source or self).popularity(i) ** -self.alpha * self.popularity(j) ** -self.beta
            found.append(math.exp(of_history) * pairs * scale)
        return found

    def offset(self, j: int) -> float:
        return math.exp(self.prior) * self.popularity(j) ** self.gamma


def with_numbers(training: list[History], numbers: list[float], **changes: Any) -> Any:
    model = built(LearntRules, training, N_ITEMS, **{**SETTINGS, **changes})
    for name, part in (
        ("distance", numbers[:6]),
        ("lag", numbers[6:10]),
        ("since", numbers[10:14]),
        ("powers", numbers[14:]),
    ):
        getattr(model, name).data = torch.tensor(part) / model.rate
    return model


@settings(max_examples=40)
@given(TRAINING, st.lists(histories(N_ITEMS, repeats=True), min_size=1, max_size=3), NUMBERS)
def test_the_scores_are_those_of_the_formula(
    training: list[History], rows: list[History], numbers: list[float]
) -> None:
    looped = Looped(training, numbers)
    expected = [[sum(looped.parts(row, j)) + looped.offset(j) for j in range(N_ITEMS)] for row in rows]
    np.testing.assert_allclose(score_rows(with_numbers(training, numbers), rows), expected, rtol=1e-4)


@settings(max_examples=40)
@given(TRAINING, histories(N_ITEMS, repeats=True), NUMBERS)
def test_the_parts_are_those_of_the_formula(
    training: list[History], row: History, numbers: list[float]
) -> None:
    model, looped = with_numbers(training, numbers), Looped(training, numbers)
    items, parts = model.parts(windows([row]), np.arange(N_ITEMS))
    assert items.tolist() == [item for item, _ in row]
    np.testing.assert_allclose(parts, np.transpose([looped.parts(row, j) for j in range(N_ITEMS)]), rtol=1e-4)
    np.testing.assert_allclose(
        parts.sum(axis=0) + model.offset(np.arange(N_ITEMS)), score_rows(model, [row])[0], rtol=1e-4
    )


def training_batch(training: list[History], first: list[int], width: int) -> Interaction:
    """A window of each user from place ``first`` on, with the next item as the target of each place."""
    rows, targets = [], []
    for one, begin in zip(training, first, strict=True):
        row = [*one[begin : begin + width + 1]]
        rows.append(row[:-1] or row)
        targets.append([item for item, _ in row[1:]])
    batch = windows(rows, list(range(1, len(rows) + 1)))
    wide = batch["item_id_list"].shape[1]
    batch.interaction["target_seq"] = torch.tensor([[*one, *[0] * wide][:wide] for one in targets])
    batch.interaction["first_place"] = torch.tensor(first)
    return batch


@settings(max_examples=60)
@given(st.data(), st.booleans())
def test_a_position_is_scored_as_if_its_user_had_not_been_counted(data: st.DataObject, repeats: bool) -> None:
    """The oracle counts again without the user's pairs, and without the user's later items in their popularity."""
    training = data.draw(st.lists(histories(N_ITEMS, repeats=repeats), min_size=1, max_size=5))
    numbers, width = data.draw(NUMBERS), data.draw(st.integers(1, 6))
    first = [data.draw(st.integers(0, max(0, len(one) - 2))) for one in training]
    batch = training_batch(training, first, width)
    model = with_numbers(training, numbers, mask_seen=not repeats)
    if not batch["target_seq"].any():
        return
    scores, refused, targets = model.window_scores(batch)
    row, every = 0, Looped(training, numbers)
    for user, begin in enumerate(first):
        one = training[user]
        for end in range(begin + 1, min(begin + width, len(one) - 1) + 1):
            others = [*training[:user], *training[user + 1 :]]
            without = Looped([*others, *([(item, time)] for item, time in one[:end])], numbers)
            expected = [
                sum(without.parts(one[begin:end], j, every)) + without.offset(j) for j in range(N_ITEMS)
            ]
            np.testing.assert_allclose(scores[row].exp().detach(), expected, rtol=1e-3)
            assert targets[row] == one[end][0]
            seen = {item for item, _ in one[:end]} if not repeats else set()
            assert set(refused[row].nonzero().flatten().tolist()) == {0, *seen}
            row += 1
    assert row == len(scores)


def test_gradients_are_those_of_differences() -> None:
    training = [
        [(1, 0), (2, 1), (3, 90_000), (4, 400_000)],
        [(2, 0), (3, 5), (1, 5)],
        [(5, 0), (2, 2), (4, 3)],
    ]
    numbers = np.random.default_rng(0).uniform(-1, 1, 19).tolist()
    numbers[16] = 1.5
    batch = training_batch(training, [0, 0, 0], 4)
    model = with_numbers(training, numbers)
    model.calculate_loss(batch).backward()
    found = torch.cat([p.grad.flatten() for p in (model.distance, model.lag, model.since, model.powers)])
    for place in range(19):
        losses = [
            float(
                with_numbers(training, [n + step * (p == place) for p, n in enumerate(numbers)])
                .calculate_loss(batch)
                .detach()
            )
            for step in (0.01, -0.01)
        ]
        np.testing.assert_allclose(found[place] / 2, (losses[0] - losses[1]) / 0.02, rtol=2e-2, atol=2e-4)


@pytest.mark.parametrize("equal", [True, False])
def test_users_or_targets_count_alike(equal: bool) -> None:
    """Histories of five, three and one item: four, two and no targets."""
    training = [[(i, i) for i in (1, 2, 3, 4, 5)], [(2, 0), (6, 3), (1, 9)], [(7, 4)]]
    model = with_numbers(training, [0.1] * 16 + [1.5, -1.0, 0.2], equal_users=equal)
    batch = training_batch(training, [0, 0, 0], 4)
    logits, refused, targets = model.window_scores(batch)
    logits = (1.5 * logits).masked_fill(refused, -torch.inf)
    each = -logits.log_softmax(1)[torch.arange(6), targets]
    expected = (each[:4].mean() + each[4:].mean()) / 2 if equal else each.mean()
    assert float(model.calculate_loss(batch).detach()) == pytest.approx(float(expected.detach()), rel=1e-5)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("distance_bins", [], "distance_bins"),
        ("distance_bins", [0, 2], "distance_bins"),
        ("distance_bins", [2, 1], "distance_bins .* ascend"),
        ("lag_bins", [1, 1], "lag_bins .* ascend"),
        ("time_bins", [-1], "time_bins"),
        ("rules_rate", 0, "rules_rate .* above 0"),
        ("k", 0, "k .* 1 or more"),
        ("ips_power", 0.5, "ips_power .*must be 0 for LearntRules"),
        ("sequence_loss", "gbce", "sequence_loss .*must be full_softmax for LearntRules"),
    ],
)
def test_bad_values_are_refused_when_configured(
    key: str, value: Any, words: str, quick: dict[str, object]
) -> None:
    with pytest.raises(ConfigError, match=words):
        build_config(LearntRules, None, (), {**quick, key: value})


def test_prefixes_are_refused_before_training(quick: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"sequence_training .* all_positions"):
        build_config(LearntRules, None, (), {**quick, "sequence_training": "prefixes"})


def test_the_scores_follow_the_optimiser() -> None:
    """A fused optimiser changes a tensor without a new version of it."""
    training = [[(1, 0), (2, 1), (3, 2)], [(2, 0), (3, 5), (1, 6)], [(1, 0), (2, 2)]]
    model = with_numbers(training, [0.1] * 19)
    before = score_rows(model, [[(1, 0)]])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.5, fused=True)
    model.calculate_loss(training_batch(training, [0, 0, 0], 3)).backward()
    optimizer.step()
    numbers = torch.cat([model.distance, model.lag, model.since, model.powers]).detach() * model.rate
    after = score_rows(with_numbers(training, numbers.tolist()), [[(1, 0)]])
    assert not np.allclose(before, after)
    np.testing.assert_allclose(score_rows(model, [[(1, 0)]]), after, rtol=1e-5)
