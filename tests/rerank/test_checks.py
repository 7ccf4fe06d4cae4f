"""Floors that no model can meet are refused before training, and none that some lists meet."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_ext.config.blocks import ParetoSettings, RerankSettings, read_pareto, read_rerank
from recbole_ext.errors import ConfigError, DataError
from recbole_ext.evaluator.groups import popularity_groups
from recbole_ext.evaluator.metrics.beyond_accuracy import Evidence
from recbole_ext.rerank.checks import check_curves, check_floors


def evidence(
    counts: list[int], seen: list[list[int]], *, mask: bool = True, genres: bool = False
) -> Evidence:
    """Users by what they have seen; items from 1."""
    rows = np.cumsum([0, *map(len, seen)]), np.array([item for user in seen for item in user], dtype=np.int64)
    counted = np.array([0, *counts])
    return Evidence(
        items=np.zeros((len(seen), 0), dtype=np.int64),
        counts=counted,
        groups=popularity_groups(counted, "items_20"),
        profiles=rows,
        seen=rows,
        features=np.ones((len(counted), 1)) if genres else None,
        mask_seen=mask,
    )


# Ten items, two of which are the head: 1 and 2. Two users with lists of 2: four slots, four items at most.
COUNTS = [9, 8, 1, 1, 1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("floors", "seen", "words"),
    [
        (
            {"coverage": 0.5},
            [[], []],
            "coverage of 0.5, but 2 lists of 2 reach 0.4000 at most: lower coverage",
        ),
        # The first has had all tail items but one, the second all: one of four slots.
        (
            {"tail_share": 0.5},
            [[3, 4, 5, 6, 7, 8, 9], [3, 4, 5, 6, 7, 8, 9, 10]],
            "tail share of 0.5, .* 0.2500 at",
        ),
        # Everybody has had nine items, eight of them the same: two are left for anybody.
        ({"coverage": 0.3}, [[1, 3, 4, 5, 6, 7, 8, 9], [1, 3, 4, 5, 6, 7, 8, 9]], "reach 0.2000 at most"),
        # All slots in the tail, of which two items are left for anybody; the head's items fit beside no tail share.
        (
            {"coverage": 0.3, "tail_share": 1.0},
            [[5, 6, 7, 8, 9, 10], [5, 6, 7, 8, 9, 10]],
            "0.2000 at most beside a tail share of 1",
        ),
    ],
)
def test_a_floor_out_of_reach_is_refused(floors: dict[str, float], seen: list[list[int]], words: str) -> None:
    block = read_rerank({"method": "exposure", **floors})
    with pytest.raises(ConfigError, match=words):
        check_floors(block, evidence(COUNTS, seen), 2)


def test_seen_items_count_where_they_are_not_masked() -> None:
    block = read_rerank({"method": "exposure", "tail_share": 1.0})
    check_floors(block, evidence(COUNTS, [list(range(3, 11))] * 2, mask=False), 2)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_floors_that_some_lists_meet_are_never_refused(data: st.DataObject) -> None:
    """Lists of unseen items are drawn, and the floors are what they have."""
    k, everything = data.draw(st.integers(1, 3)), list(range(1, 11))
    pairs = []
    for _ in range(data.draw(st.integers(1, 5))):
        mixed = data.draw(st.permutations(everything))
        cut = data.draw(st.integers(k, 10))
        pairs.append((mixed[:k], mixed[cut:]))
    case = evidence(COUNTS, [seen for _, seen in pairs])
    lists = np.array([items for items, _ in pairs])
    floors = {"coverage": len(np.unique(lists)) / 10, "tail_share": float(case.groups.tail[lists].mean())}
    check_floors(read_rerank({"method": "exposure", **floors}), case, k)


def test_other_methods_have_no_floors() -> None:
    check_floors(RerankSettings(method="xquad", strength=0.5), evidence(COUNTS, [[]]), 2)


def test_curves_of_genres_alone_need_genres() -> None:
    with pytest.raises(
        DataError, match=r"the curves of pareto have no method left: .* the data set has none"
    ):
        check_curves(ParetoSettings(methods=("mmr",)), evidence(COUNTS, [[]]), 2)
    check_curves(ParetoSettings(methods=("mmr",)), evidence(COUNTS, [[]], genres=True), 2)
    check_curves(ParetoSettings(methods=("mmr", "xquad")), evidence(COUNTS, [[]]), 2)
    check_curves(ParetoSettings(), evidence(COUNTS, [[]]), 2)


def test_curves_of_floors_need_one_in_reach() -> None:
    block = {"methods": ["exposure"], "strengths": {"exposure": [0.5, 0.9]}}
    with pytest.raises(ConfigError, match=r"no method left: rerank asks for a coverage of 0.5"):
        check_curves(read_pareto(block), evidence(COUNTS, [[], []]), 2)
    check_curves(read_pareto({**block, "strengths": {"exposure": [0.4, 0.9]}}), evidence(COUNTS, [[], []]), 2)


def test_a_method_that_is_named_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"names the method 'mmr' twice: give each method once"):
        read_pareto({"methods": ["mmr", "xquad", "mmr"]})
