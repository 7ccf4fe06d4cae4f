"""Recipes of features, by hand and against sums written out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from recbole_ext.data.content.recipes import decades, in_fewer_dimensions, multi_hot, weighted_words, words_of


def test_each_value_has_a_column() -> None:
    matrix, names = multi_hot([[], ["War", "Drama"], ["Drama"]])
    assert names == ("Drama", "War")
    np.testing.assert_array_equal(matrix, [[0, 0], [1, 1], [1, 0]])


def test_a_year_lies_between_two_decades() -> None:
    found = decades(np.array([np.nan, 1984.0, 1990.0, 1995.0]))
    np.testing.assert_allclose(found, [[0, 0, 0], [0.6, 0.4, 0], [0, 1, 0], [0, 0.5, 0.5]], atol=1e-6)
    assert decades(np.array([np.nan])).tolist() == [[0.0]]
    assert decades(np.array([2000.0, 2000.0])).tolist() == [[1.0], [1.0]]


def test_words_are_those_that_tell_something() -> None:
    assert words_of("The Léon & a Toy-Story 2, of 1995_x") == ["léon", "toy", "story", "1995"]


def test_words_weigh_by_how_rare_they_are() -> None:
    """Of four items, a is in three, b in two, c in one: c is left out."""
    rows = [["a", "b", "b"], ["a", "c"], ["a", "b"], []]
    found, recipe = weighted_words(rows, 5)
    idf = {"a": math.log(5 / 4) + 1, "b": math.log(5 / 3) + 1}
    first = np.array([idf["a"], (1 + math.log(2)) * idf["b"]])
    third = np.array([idf["a"], idf["b"]])
    expected = [first / np.linalg.norm(first), [1, 0], third / np.linalg.norm(third), [0, 0]]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert recipe == "tf-idf of 2 words"
    assert weighted_words([["a"], ["b"]], 5)[1] == "no word of two items"


def test_fewer_dimensions_keep_the_products_as_well_as_any() -> None:
    """Eckart and Young: the error of the Gram matrix is the sum of squares of the singular values left out."""
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((12, 7)) @ np.diag([9, 8, 7, 0.3, 0.2, 0.1, 0.05])
    found = in_fewer_dimensions(matrix, 3)
    values = np.linalg.svd(matrix, compute_uv=False)
    error = np.linalg.norm(matrix @ matrix.T - found @ found.T)
    assert error == pytest.approx(np.sqrt((values[3:] ** 4).sum()), rel=1e-3)
    np.testing.assert_array_equal(found, in_fewer_dimensions(matrix, 3))
