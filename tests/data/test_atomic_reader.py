"""Columns of an .inter file: exact values, whatever the pieces that it is read in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_ext.data import atomic_reader as columns
from recbole_ext.data.atomic_reader import encode, parse_inter
from recbole_ext.data.features import read_items
from recbole_ext.errors import DataError
from tests.conftest import write_inter

TOKENS = st.one_of(st.integers(0, 2**32 - 1).map(str), st.text("abZ01-_ü", min_size=1, max_size=4))


def rows_of(found: columns.Columns) -> list[tuple[str, str, float, int]]:
    users, items = found.user_tokens.to_list(), found.item_tokens.to_list()
    return [
        (users[u], items[i], float(rating), int(time))
        for u, i, rating, time in zip(found.users, found.items, found.ratings, found.times, strict=True)
    ]


@given(
    st.lists(
        st.tuples(TOKENS, TOKENS, st.integers(0, 10).map(lambda n: n / 2), st.integers(0, 2**53)),
        min_size=1,
        max_size=40,
    ),
    st.integers(1, 200),
)
def test_every_row_in_the_order_of_the_file(tmp_path_factory, rows, piece):
    path = write_inter(tmp_path_factory.mktemp("columns"), "toy", rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "_CHUNK_BYTES", piece)
        found = parse_inter(path)
    assert rows_of(found) == rows
    assert found.user_tokens.n_unique() == len(found.user_tokens)
    kinds = [array.dtype for array in (found.users, found.items, found.ratings, found.times)]
    assert kinds == [np.int32, np.int32, np.float32, np.int64]


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_the_line_of_a_fault_is_counted_over_all_pieces(tmp_path, monkeypatch, piece):
    rows = [("u", f"i{k}", 3.0, k) for k in range(30)]
    path = write_inter(tmp_path, "toy", [*rows[:20], ("u", "x", 3.0, "noon"), *rows[20:]])
    monkeypatch.setattr(columns, "_CHUNK_BYTES", piece)
    # the header is line 1, twenty good rows are lines 2 to 21
    with pytest.raises(DataError, match="line 22: timestamp is 'noon'"):
        parse_inter(path)


def test_other_columns_and_other_orders_are_read(tmp_path: Path):
    path = tmp_path / "toy.inter"
    path.write_text(
        "timestamp:float\tnote:token\titem_id:token\tuser_id:token\n7\thm\ta\tu\n8.0\t\tb\tu\n",
        encoding="utf-8",
    )
    assert rows_of(parse_inter(path)) == [("u", "a", 1.0, 7), ("u", "b", 1.0, 8)]


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=50))
def test_numbers_and_their_text_are_encoded_to_the_same_tokens(numbers):
    for column in (pl.Series(numbers, dtype=pl.UInt32), pl.Series([str(number) for number in numbers])):
        codes, tokens = encode(column)
        assert tokens.gather(codes).to_list() == [str(number) for number in numbers]
        assert codes.dtype == np.int32
        assert tokens.n_unique() == len(tokens)


@pytest.mark.parametrize("rating", ["inf", "-inf", "NaN", "1e39"])
def test_a_rating_that_is_no_finite_number_is_refused(tmp_path: Path, rating: str) -> None:
    """1e39 is infinite as the 32-bit number that a rating is."""
    path = write_inter(tmp_path, "toy", [("u", "a", 3.0, 1), ("u", "b", rating, 2)])
    with pytest.raises(DataError, match=rf"line 3: rating is '{rating}', not a finite number"):
        parse_inter(path)


@pytest.mark.parametrize("header", ["rating:float\trating:float", "rating:float\trating:token"])
def test_two_columns_of_one_name_are_refused(tmp_path: Path, header: str) -> None:
    path = tmp_path / "toy.inter"
    path.write_text(f"user_id:token\titem_id:token\ttimestamp:float\t{header}\nu\ti\t1\t2\t3\n")
    with pytest.raises(DataError, match=r"toy\.inter has two columns named 'rating' in line 1"):
        parse_inter(path)
    path = tmp_path / "toy.item"
    path.write_text("item_id:token\tgenres:token\tgenres:token_seq\ni\tDrama\tComedy\n")
    with pytest.raises(DataError, match=r"toy\.item has two columns named 'genres' in line 1"):
        read_items(path)


HEADER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"


@pytest.mark.parametrize("piece", [1, 30, 1000])
@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("u\tb\t3.0", "it has 3 fields, but line 1 has 4"),
        ("u\tb\t3.0\t7\tmore", "it has 5 fields, but line 1 has 4"),
        ("u", "it has 1 field, but line 1 has 4"),
        ("[PAD]\tb\t3.0\t7", r"user_id is '\[PAD\]', which cannot be a token"),
        ("u\t[PAD]\t3.0\t7", r"item_id is '\[PAD\]', which cannot be a token"),
        ("  \tb\t3.0\t7", "user_id is '  ', which cannot be a token"),
        ("u\tb\0\t3.0\t7", r"item_id is 'b\\x00', which cannot be a token"),
        (f"u\tb\t3.0\t{'9' * 6000}", r"timestamp is '9{59}\.\.\. \(6,002 characters\), not a whole number"),
    ],
)
@pytest.mark.parametrize("before", [0, 4])
def test_a_row_that_cannot_be_read_is_named_by_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: str, words: str, before: int, piece: int
) -> None:
    path = tmp_path / "toy.inter"
    path.write_text(HEADER + "u\ta\t3.0\t1\n" * before + row + "\nu\tc\t3.0\t9\n")
    monkeypatch.setattr(columns, "_CHUNK_BYTES", piece)
    with pytest.raises(DataError, match=rf"toy\.inter, line {before + 2}: {words}"):
        parse_inter(path)


def test_a_header_with_a_nul_or_an_unknown_type_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "toy.inter"
    for header in (HEADER.replace("rating", "rat\0ing"), HEADER.replace("rating:float", "rating:number")):
        path.write_text(header + "u\ta\t3.0\t1\n")
        with pytest.raises(DataError, match=r"toy\.inter has the column 'rat.*in line 1"):
            parse_inter(path)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=8), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_the_first_line_with_another_number_of_fields_is_found(counts, ends, line_end):
    """0 is a line without any character, which is no line of data."""
    lines = ["\t".join("x" * count) for count in counts]
    text = line_end.join(lines) + (line_end if ends else "")
    bad = next((place for place, count in enumerate(counts) if count not in (0, 3)), None)
    if bad is None:
        columns.check_fields(text.encode(), 3, Path("f"))
        return
    with pytest.raises(DataError, match=f"f, line {bad + 2}: it has {counts[bad]} field"):
        columns.check_fields(text.encode(), 3, Path("f"))
