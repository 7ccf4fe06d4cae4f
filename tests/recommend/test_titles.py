"""Items by the names that people write: tokens and titles, with and without articles, remarks and years."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_ext.errors import DataError
from recbole_ext.recommend.titles import ItemNames

ROWS = [
    ("1", "Toy Story", "1995"),
    ("2", "Matrix, The", "1999"),
    ("3", "City of Lost Children, The (Cité des enfants perdus, La)", "1995"),
    ("4", "Sabrina", "1954"),
    ("5", "Sabrina", "1995"),
    ("6", "Solaris (1972)", None),
    ("7", "300", "2006"),
    ("8", None, None),
    ("99", "Filtered Away", "2000"),
]
TOKENS = np.array(["[PAD]", "1", "2", "3", "4", "5", "6", "7", "8", "300"])


@pytest.fixture(scope="module")
def names() -> ItemNames:
    return ItemNames(TOKENS, pl.DataFrame(ROWS, schema=["item_id", "title", "year"], orient="row"))


@pytest.mark.parametrize(
    ("name", "item"),
    [
        (1, 1),
        (np.int64(2), 2),
        ("1", 1),
        ("Toy Story (1995)", 1),
        ("  toy   STORY", 1),
        ("The Matrix", 2),
        ("matrix, the (1999)", 2),
        ("The City of Lost Children", 3),
        ("City of Lost Children, The (1995)", 3),
        ("Sabrina (1954)", 4),
        ("Sabrina (1995)", 5),
        ("Solaris", 6),
        ("Solaris (1972)", 6),
        ("8", 8),
        (300, 9),
        # A token, whatever is called so.
        ("300", 9),
        ("300 (2006)", 7),
    ],
)
def test_an_item_is_found_as_people_write_it(names: ItemNames, name: object, item: int) -> None:
    assert names.item(name) == item
    assert names.items([name, name]).tolist() == [item, item]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Toi Story", r"the nearest: 'Toy Story \(1995\)' \(item 1\)"),
        ("Sabrina", r"may be 'Sabrina \(1954\)' \(item 4\), 'Sabrina \(1995\)' \(item 5\): name one"),
        ("Sabrina (2010)", "no item is called 'Sabrina"),
        ("Solaris (2002)", "no item is called 'Solaris"),
        ("Filtered Away", r"\(item 99\) is in the data set, but not in the run's catalogue"),
        ("99", "not in the run's catalogue"),
        ("[PAD]", "no item is called"),
        ("", "no item is called ''"),
        (True, "a bool"),
        (1.0, "a float"),
        (None, "NoneType"),
    ],
)
def test_another_name_is_refused_with_what_may_be_meant(names: ItemNames, name: object, words: str) -> None:
    with pytest.raises(DataError, match=words):
        names.item(name)


def test_numbers_that_are_equal_to_true_are_not_mixed_up_with_it(names: ItemNames) -> None:
    assert names.items([1]).tolist() == [1]
    with pytest.raises(DataError, match="a bool"):
        names.items([1, True])


def test_without_titles_only_tokens_count() -> None:
    names = ItemNames(TOKENS, None)
    assert names.item("300") == 9
    assert names.title(3) == "3"
    with pytest.raises(DataError, match="the data set has no titles"):
        names.item("Alien")


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=8, unique=True))
def test_every_title_of_its_own_finds_its_item(titles: list[str]) -> None:
    tokens = [f"t{place}:" for place in range(len(titles))]
    table = pl.DataFrame({"item_id": tokens, "title": titles, "year": [None] * len(titles)})
    names = ItemNames(np.array(["[PAD]", *tokens]), table)
    assert [names.item(title) for title in titles if title not in tokens] == [
        place + 1 for place, title in enumerate(titles) if title not in tokens
    ]
