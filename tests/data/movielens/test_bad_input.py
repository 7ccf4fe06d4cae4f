"""One table of what can be wrong with a set: one sentence with file and line, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from recbole_ext.data.movielens import prepare
from recbole_ext.errors import DataError
from tests.data.movielens.raw_sets import CSV, DAT, UDATA, write_set

R = "userId,movieId,rating,timestamp\n1,1,3,5\n"
M = "movieId,title,genres\n1,A (1999),Drama\n"

# set, replaced file, its text, what the message must say
BAD = [
    ("ml-latest-small", "ratings", "", r"ratings\.csv is empty"),
    ("ml-latest-small", "ratings", "userId,movieId,rating,timestamp\n", r"ratings\.csv holds no ratings"),
    (
        "ml-latest-small",
        "ratings",
        "userId,movieId,rating\n1,1,3\n",
        r"line 1: the column 'timestamp' is missing",
    ),
    ("ml-latest-small", "ratings", "userId,movieID,rating,timestamp\n1,1,3,5\n", r"did you mean 'movieID'"),
    (
        "ml-latest-small",
        "ratings",
        R + "1,2,3,yesterday\n",
        r"ratings\.csv, line 3: the timestamp 'yesterday'",
    ),
    ("ml-latest-small", "ratings", R + "1,2,3,5.5\n", r"line 3: the timestamp '5\.5'"),
    ("ml-latest-small", "ratings", R + "1,2,3,-5\n", r"line 3: the timestamp '-5'"),
    ("ml-latest-small", "ratings", R + "1,2,3,NaN\n", r"line 3: the timestamp 'NaN'"),
    ("ml-latest-small", "ratings", R + "1,2,3,99999999999999999999\n", r"line 3: the timestamp '9+'"),
    ("ml-latest-small", "ratings", R + "1,2,NaN,5\n", r"line 3: the rating 'NaN'"),
    ("ml-latest-small", "ratings", R + "1,2,inf,5\n", r"line 3: the rating 'inf'"),
    ("ml-latest-small", "ratings", R + "1,2,good,5\n", r"line 3: the rating 'good'"),
    ("ml-latest-small", "ratings", R + "1,2,-3,5\n", r"line 3: the rating '-3'"),
    ("ml-latest-small", "ratings", R + "1,2,,5\n", r"line 3: the value of rating is missing"),
    ("ml-latest-small", "ratings", R + ",2,3,5\n", r"line 3: the value of user_id is missing"),
    ("ml-latest-small", "ratings", R + "1,2,3\n", r"line 3: 3 fields instead of 4"),
    ("ml-latest-small", "ratings", R + "1,2,3,5,6\n", r"line 3: 5 fields instead of 4"),
    ("ml-latest-small", "ratings", R + '"1,2,3,5\n', r"line 3: .*fix the line"),
    ("ml-latest-small", "ratings", R + '"a\tb",2,3,5\n', r"line 3: the user_id 'a\\tb' has a tab"),
    (
        "ml-latest-small",
        "ratings",
        R + "2,1,3,5\n1,1,3,5\n",
        r"line 4: the row of user 1, item 1 and timestamp 5",
    ),
    ("ml-latest-small", "ratings", "u\0s\0e\0r\0", r"ratings\.csv is not text"),
    ("ml-latest-small", "movies", "", r"movies\.csv is empty"),
    ("ml-latest-small", "movies", "movieId,title,genres\n", r"movies\.csv holds no films"),
    (
        "ml-latest-small",
        "movies",
        "movieId,title\n1,A\n",
        r"movies\.csv, line 1: the column 'genres' is missing",
    ),
    (
        "ml-latest-small",
        "movies",
        M + "2,B, The (1999),Drama\n",
        r"movies\.csv, line 3: 4 fields instead of 3",
    ),
    (
        "ml-latest-small",
        "movies",
        M + "1,B (1999),Drama\n",
        r"movies\.csv, line 3: film 1 is listed twice",
    ),
    ("ml-latest-small", "movies", M + ",B (1999),Drama\n", r"movies\.csv, line 3: .*missing"),
    ("ml-latest-small", "movies", M + '2,"B (1999),Drama\n', r"movies\.csv, line \d: .*fix the line"),
    (
        "ml-latest-small",
        "links",
        "movieId,imdbId\n1,2\n",
        r"links\.csv, line 1: the column 'tmdbId' is missing",
    ),
    (
        "ml-latest-small",
        "tags",
        "userId,movieId,timestamp\n",
        r"tags\.csv, line 1: the column 'tag' is missing",
    ),
    ("ml-1m", "ratings", "1::2::3::4\n1::2::3\n", r"ratings\.dat, line 2: 3 fields instead of 4"),
    ("ml-1m", "ratings", "1::2::3::4\n1:2:3:4\n", r"ratings\.dat, line 2: 1 fields instead of 4"),
    ("ml-1m", "ratings", "1::2::3::4\n1:9:2::3::4\n", r"ratings\.dat, line 2: 3 fields"),
    ("ml-1m", "ratings", "1::2::3::4\n1::2::x::4\n", r"ratings\.dat, line 2: the rating 'x'"),
    ("ml-1m", "ratings", "1::2::3::4\n1::2::3::4\n", r"ratings\.dat, line 2: the row of user 1"),
    ("ml-1m", "movies", "1::A\n", r"movies\.dat, line 1: 2 fields instead of 3"),
    ("ml-1m", "users", "1::F::1\n", r"users\.dat, line 1: 3 fields instead of 5"),
]


@pytest.mark.parametrize(("name", "file", "text", "message"), BAD)
def test_bad_file(tmp_path: Path, name: str, file: str, text: str, message: str) -> None:
    files = CSV if name == "ml-latest-small" else DAT
    source = write_set(tmp_path / "raw", files, **{file: text})
    with pytest.raises(DataError, match=message) as raised:
        prepare(name, source=source, out=tmp_path / "out")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("u.data", "1\t2\t3\t4\n1\t2\t3\tx\n", r"u\.data, line 2: the timestamp 'x'"),
        ("u.data", "1 2 3 4\n", r"u\.data, line 1: 1 fields instead of 4"),
        ("u.item", "1|A (1999)|x||y|1\n", r"u\.item, line 1: 6 fields instead of 24"),
        ("u.item", "1|A|x||y" + "|2" * 19 + "\n", r"u\.item, line 1: a genre flag"),
        ("u.user", "1|24|M\n", r"u\.user, line 1: 3 fields instead of 5"),
    ],
)
def test_bad_udata(tmp_path: Path, file: str, text: str, message: str) -> None:
    source = write_set(tmp_path / "raw", UDATA | {file: text})
    with pytest.raises(DataError, match=message):
        prepare("ml-100k", source=source, out=tmp_path / "out")


@pytest.mark.parametrize("text", ["\n\n", "\ufeff", "\r\n"])
def test_only_blank(tmp_path: Path, text: str) -> None:
    source = write_set(tmp_path / "raw", CSV, ratings=text)
    with pytest.raises(DataError, match=r"ratings\.csv"):
        prepare("ml-latest-small", source=source, out=tmp_path / "out")


def test_blank_lines_and_spaces_do_no_harm(tmp_path: Path) -> None:
    ratings = "userId, movieId,rating,timestamp\n\n1, 2 ,3.5, 7\n\n\n"
    source = write_set(tmp_path / "raw", CSV, ratings=ratings)
    folder = prepare("ml-latest-small", source=source, out=tmp_path / "out").folder
    assert (folder / "ml-latest-small.inter").read_text().splitlines()[1:] == ["1\t2\t3.5\t7"]
