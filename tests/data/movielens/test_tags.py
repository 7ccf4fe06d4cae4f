"""Tags of films, against a count with the standard library alone."""

from __future__ import annotations

import csv
import io
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_ext.data.movielens.tags import read_tag_uses, read_tags
from recbole_ext.errors import DataError

HEADER = "userId,movieId,tag,timestamp"
TAGS = st.one_of(st.sampled_from(["a", "A", "b c", "B  C", "", " "]), st.text('xé,"\n ', max_size=5))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@given(rows=st.lists(st.tuples(st.integers(1, 4), TAGS), max_size=30))
def test_tags_are_counted_in_one_spelling(tmp_path_factory, end, rows):
    folder = tmp_path_factory.mktemp("tags")
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end)
    writer.writerows([HEADER.split(","), *((9, movie, tag, 5) for movie, tag in rows)])
    (folder / "tags.csv").write_bytes(text.getvalue().encode())
    expected: dict[str, list[str]] = {}
    counts = Counter((str(movie), "_".join(tag.lower().split())) for movie, tag in rows)
    for (movie, tag), _ in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0][1])):
        if tag:
            expected.setdefault(movie, []).append(tag)
    assert read_tags(folder, "csv") == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("9,1,a", "line 3: 3 fields instead of 4"),
        ("9,1,a,b,5", "line 3: 5 fields instead of 4"),
        ('9,1,"a"b,5', "line 3: .*expected"),
        ('9,1,"a,5', "line 4: unexpected end"),
    ],
)
def test_a_malformed_line_is_named(tmp_path, line, message):
    (tmp_path / "tags.csv").write_text(f"{HEADER}\n9,1,fine,5\n{line}\n9,1,fine,6\n", encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_tags(tmp_path, "csv")


def test_other_columns_in_another_order_are_read(tmp_path):
    (tmp_path / "tags.csv").write_text('tag,movieId\n"b, c",2\nA,02\na,2\n', encoding="utf-8")
    assert read_tags(tmp_path, "csv") == {"2": ["a", "b,_c"]}


def test_each_use_of_a_tag_keeps_its_user_and_time(tmp_path):
    rows = '2,1,Great Fun,5\n010,30,"a, ""b""",8\n10,30," ",9\n10,1,null,7\n'
    (tmp_path / "tags.csv").write_text(f"{HEADER}\n{rows}", encoding="utf-8")
    (tmp_path / "tags.dat").write_text("15::10::Film::Noir!::-5\n", encoding="utf-8")
    kept = [("2", "1", "great_fun", 5), ("10", "1", "null", 7), ("10", "30", "a,_'b'", 8)]
    assert sorted(read_tag_uses(tmp_path, "csv").rows(), key=lambda row: row[3]) == kept
    assert read_tag_uses(tmp_path, "dat").rows() == [("15", "10", "film::noir!", -5)]
    assert read_tag_uses(tmp_path, "udata") is None


def test_tags_without_users_or_times_are_no_uses(tmp_path):
    (tmp_path / "tags.csv").write_text("tag,movieId\na,2\n", encoding="utf-8")
    assert read_tag_uses(tmp_path, "csv") is None


@pytest.mark.parametrize("line", ["3,1,fine,soon", '3,1,"fi,ne",5.5'])
def test_a_tag_without_a_whole_time_is_named(tmp_path, line):
    (tmp_path / "tags.csv").write_text(f"{HEADER}\n9,1,fine,5\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"film 1 has the time stamp .* which is no whole number"):
        read_tag_uses(tmp_path, "csv")
