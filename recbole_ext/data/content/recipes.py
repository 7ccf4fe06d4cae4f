"""From what is written about items to numbers: multi-hot, decades, and words by tf-idf and truncated SVD."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

__all__ = ["decades", "in_fewer_dimensions", "multi_hot", "weighted_words", "words_of"]

_WORD = re.compile(r"[^\W_]+")
_FEWEST_ITEMS = 2
_YEARS = 10


def multi_hot(values: Sequence[Sequence[str]]) -> tuple[np.ndarray, tuple[str, ...]]:
    """One column for each value that occurs.

    Args:
        values: Values of each item.

    Returns:
        ``(n, F) float32`` of 0 and 1, and the F values in alphabetical order.
    """
    names = tuple(sorted({value for row in values for value in row}))
    column = {name: place for place, name in enumerate(names)}
    matrix = np.zeros((len(values), len(names)), dtype=np.float32)
    for place, row in enumerate(values):
        matrix[place, [column[value] for value in row]] = 1
    return matrix, names


def decades(years: np.ndarray) -> np.ndarray:
    """One column for each turn of a decade; a year lies between two of them, so that near years are alike.

    Args:
        years: ``(n,)`` years; NaN where unknown.

    Returns:
        ``(n, F) float32``, each known row sums to 1; 1984 is 0.6 of 1980 and 0.4 of 1990. Unknown rows are 0.
    """
    known = np.isfinite(years)
    if not known.any():
        return np.zeros((len(years), 1), dtype=np.float32)
    first = np.floor(years[known].min() / _YEARS)
    place = years / _YEARS - first
    knots = np.arange(int(np.ceil(np.nanmax(place))) + 1)
    shares = np.maximum(0, 1 - np.abs(place[:, None] - knots))
    return np.where(known[:, None], shares, 0).astype(np.float32)


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, without English stop words and single letters."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    found = _WORD.findall(text.lower())
    return [word for word in found if len(word) > 1 and word not in ENGLISH_STOP_WORDS]


def weighted_words(rows: Sequence[Sequence[str]], size: int) -> tuple[np.ndarray, str]:
    """Words by tf-idf (Salton and Buckley 1988), reduced by a truncated SVD (Deerwester et al. 1990).

    Words of a single item are left out: they tell nothing of its likeness to others. A word that is there n times
    counts 1 + ln n; rows have length 1 before the reduction.

    Args:
        rows: Words of each item.
        size: Most dimensions.

    Returns:
        ``(n, F) float32``, and how it was made, in words.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    weigher = TfidfVectorizer(analyzer=list, min_df=_FEWEST_ITEMS, sublinear_tf=True, dtype=np.float32)
    try:
        weighted = weigher.fit_transform(rows)
    except ValueError:  # no word occurs twice
        return np.zeros((len(rows), 1), dtype=np.float32), "no word of two items"
    words = weighted.shape[1]
    if words <= size:
        return weighted.toarray(), f"tf-idf of {words:,} words"
    return in_fewer_dimensions(weighted, size), f"tf-idf of {words:,} words, SVD to {size}"


def in_fewer_dimensions(matrix: np.ndarray, size: int) -> np.ndarray:
    """Rows in the directions of the largest singular values.

    Args:
        matrix: ``(n, m)``, dense or sparse.
        size: Number of dimensions, less than n and m.

    Returns:
        ``(n, size) float32``, the same for the same matrix.
    """
    from sklearn.decomposition import TruncatedSVD

    reduced = TruncatedSVD(min(size, min(matrix.shape) - 1), random_state=0).fit_transform(matrix)
    return np.asarray(reduced, dtype=np.float32)
