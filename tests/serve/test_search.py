"""Titles are found whatever the case, accents, articles or one typing error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_ext.serve.search import TitleSearch, _one_error, plain_words

TITLES = [
    "",
    "Matrix, The",
    "Matrix Reloaded, The",
    "Amélie",
    "Léon: The Professional",
    "Heat",
    "It",
    "Straße",
]
SEARCH = TitleSearch(TITLES, np.array([0, 5, 9, 3, 2, 1, 7, 1]))


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("the matrix", 1),
        ("MATRIX, the", 1),
        ("matirx", 1),
        ("matrx reloaded", 2),
        ("matrix rel", 2),
        ("amelie", 3),
        ("leon professional", 4),
        ("strasse", 7),
        ("it", 6),
        ("hea", 5),
    ],
)
def test_the_best_match_comes_first(text: str, first: int) -> None:
    assert SEARCH.find(text, 3)[0] == first


def test_what_is_in_no_title_finds_nothing() -> None:
    assert SEARCH.find("matrix zebra", 5) == []
    assert SEARCH.find("!?", 5) == []
    assert SEARCH.find("heta", 5) == [5]
    assert SEARCH.find("haet matrix", 5) == []


def test_of_equal_matches_the_more_popular_comes_first() -> None:
    search = TitleSearch(["", "Blue Moon", "Blue Sky", "Blue Sea"], np.array([0, 1, 8, 3]))
    assert search.find("blue", 3) == [2, 3, 1]


def distance(a: str, b: str) -> int:
    """Optimal string alignment: letters added, left out, exchanged, or swapped with their neighbour."""
    table = np.zeros((len(a) + 1, len(b) + 1), dtype=int)
    table[:, 0], table[0] = range(len(a) + 1), range(len(b) + 1)
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            table[i, j] = min(
                table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (a[i - 1] != b[j - 1])
            )
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                table[i, j] = min(table[i, j], table[i - 2, j - 2] + 1)
    return int(table[-1, -1])


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_one_error_is_a_distance_of_one(a: str, b: str) -> None:
    if a != b:
        assert _one_error(a, b) == (distance(a, b) == 1)


@given(st.text(max_size=30))
def test_any_text_can_be_searched(text: str) -> None:
    assert all(0 < item < len(TITLES) for item in SEARCH.find(text, 5))
    assert all(word == word.casefold() for word in plain_words(text) if word.isascii())
