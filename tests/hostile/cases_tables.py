"""Tables of one's own that ``prepare`` is given."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tests.data.own.faults import BASE, FAULTS
from tests.harness.client import Outcome
from tests.hostile.case import Case, Setup, both, write

_SHOP = "prepare --dataset=shop --out=new --source"
_ITEMS = f"{_SHOP}=events.csv --items=items.csv"


def table(what: str, name: str, content: str | bytes, words: str) -> Case:
    """A table of interactions."""
    return Case(f"own table: {what}", f"{_SHOP}={name}", words, write(name, content))


def items(what: str, content: str, words: str, options: str = "") -> Case:
    """A table of items beside good interactions."""
    return Case(f"own items: {what}", f"{_ITEMS} {options}", words, both(write("events.csv", BASE), write("items.csv", content)))


def option(what: str, options: str, words: str, dataset: str = "shop") -> Case:
    """Good interactions and wrong options."""
    return Case(f"own table: {what}", f"prepare --dataset={dataset} --out=new --source=events.csv {options}", words, write("events.csv", BASE))


def _parquet(user: object) -> Setup:
    frame = pl.DataFrame({"user": [user], "item": ["i"], "time": [5]})
    return lambda root: frame.write_parquet(root / "events.parquet")


def _prepared(outcome: Outcome, root: Path) -> None:
    assert (root / "new/shop/shop.inter").read_text().count("\n") >= 2, outcome.out


CASES = [
    *(table(*fault) for fault in FAULTS),
    items("empty", "", r"items\.csv"),
    items("header only", "item,title\n", r"items\.csv.*no rows"),
    items("no item", "what,title\ni,A\n", r"items\.csv.*--item-column"),
    items("neither title nor genre", "item,price\ni,3\n", r"items\.csv.*--title-column"),
    items("a missing token", "item,title\n,A\n", r"items\.csv, line 2.*missing"),
    items("a quote in a token", 'item,title\n"a""b",A\n', r"items\.csv, line 2.*quote"),
    items("two separators of genres", 'item,genres\ni,"a|b,c"\n', r"items\.csv.*--genre-separator"),
    items("an empty separator of genres", "item,genres\ni,a\n", "genre_separator", "--genre-separator="),
    items("a title that is not there", "item,title\ni,A\n", "nam.*--title-column", "--title-column=nam"),
    items("a field too few", "item,title\ni\n", r"items\.csv, line 2"),
    Case("own items: a file that does not exist", _ITEMS, r"items\.csv does not exist", write("events.csv", BASE)),
    Case("own table: a file that does not exist", f"{_SHOP}=nothing.csv", r"nothing\.csv does not exist"),
    Case("own table: a folder", f"{_SHOP}=saved", "--source=FILE"),
    Case("own table: users of a nested type", f"{_SHOP}=events.parquet", "user is of type Struct", _parquet({"a": 1})),
    Case("own table: users that are lists", f"{_SHOP}=events.parquet", "user is of type List", _parquet([1, 2])),
    Case("own table: users that are truths", f"{_SHOP}=events.parquet", "user is of type Boolean", _parquet(True)),
    option("a MovieLens name", "", "ml-100k", "ml-100k"),
    option("a name that leaves the folder", "", r"\.\./shop", "../shop"),
    option("a name of blanks", "", "name", "'a b'"),
    option("an empty name", "", "name|dataset", ""),
    option("a column that is not there", "--user-column=usr", "usr.*did you mean 'user'"),
    option("an empty column", "--user-column=", "no column ''"),
    option("one column for two things", "--item-column=user", "user.*two things"),
    option("a unit that does not exist", "--time-unit=h", "time-unit"),
    option("repeats of another kind", "--repeats=all", "repeats"),
    option("a title without items", "--title-column=title", "--items"),
    option("a genome", "--genome", "genome"),
    option("an out path that is a file", "--out=toy.yaml", r"toy\.yaml"),
    option("a negative seed", "--tie-break=random --seed=-1", "seed"),
    Case("own table: an option of own data for MovieLens", "prepare --dataset=ml-100k --out=new --user-column=x", "--user-column"),
    Case("own table: files of one's own in the way", "prepare --dataset=shop --source=events.csv", "dataset/shop", both(write("events.csv", BASE), write("dataset/shop/mine.txt", "mine"))),
    Case("own table: a core that leaves nobody", "--model=Pop --config=toy.yaml --min_user_interactions=1000 --output=saved/new", "min_user_interactions"),
    Case("own table: quotes, separators and line ends in fields are harmless", f"{_SHOP}=events.csv", setup=write("events.csv", 'user,note,item,time\r\nu,"a, ""b""\nc;",i,5\r\n'), survives=_prepared),
    Case("own table: a byte-order mark is harmless", f"{_SHOP}=events.csv", setup=write("events.csv", b"\xef\xbb\xbf" + BASE.encode()), survives=_prepared),
]
