"""Damaged .inter and .item files, and what ``prepare`` may be given."""

from __future__ import annotations

import functools
import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from tests.data.movielens.raw_sets import CSV, write_set, write_zip
from tests.harness.client import Outcome, copy_sample, run
from tests.hostile.case import Case, Setup, append, both, folder, replace, write

_INTER, _ITEM = "dataset/toy/toy.inter", "dataset/toy/toy.item"
_TRAIN = "--model=BPR --config=toy.yaml --output=saved/new"
_HEADER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
_ROW = "u0\ti19\t4.0\t1000000000\n"


def inter(what: str, setup: Setup, words: str = r"toy\.inter") -> Case:
    """A damaged file of interactions."""
    return Case(f".inter: {what}", _TRAIN, words, setup)


def row(what: str, text: str, words: str = r"toy\.inter.* line 2") -> Case:
    """The first interaction replaced."""
    return inter(what, replace(_INTER, _ROW, text), words)


def item(what: str, setup: Setup, words: str = r"toy\.item") -> Case:
    """A damaged file of items."""
    return Case(f".item: {what}", _TRAIN, words, setup)


def rewrite(path: str, change: Callable[[bytes], bytes]) -> Setup:
    """A file's bytes changed."""
    return lambda root: (root / path).write_bytes(change((root / path).read_bytes()))


_INTERS = [
    inter("empty", write(_INTER, "")),
    inter("only a line end", write(_INTER, "\n")),
    inter("header only", write(_INTER, _HEADER)),
    inter("header without a line end", write(_INTER, _HEADER.rstrip())),
    inter("no header", replace(_INTER, _HEADER, "")),
    inter("no column of users", replace(_INTER, "user_id:token", "person:token")),
    inter("no column of items", replace(_INTER, "item_id:token", "film:token")),
    inter("no column of time", replace(_INTER, "timestamp:float", "when:float")),
    inter("two columns of users", replace(_INTER, "rating:float", "user_id:token")),
    inter("two columns of time", replace(_INTER, "rating:float", "timestamp:float")),
    inter("two columns of ratings", rewrite(_INTER, lambda b: b.replace(b"timestamp:float\n", b"timestamp:float\trating:float\n").replace(b"0\n", b"0\t1.0\n"))),
    inter("two unknown columns of one name", rewrite(_INTER, lambda b: b.replace(b"timestamp:float\n", b"timestamp:float\tx:float\tx:float\n").replace(b"0\n", b"0\t1.0\t2.0\n"))),
    inter("spaces around a column's name", replace(_INTER, "user_id:token", " user_id:token")),
    inter("separated by commas", rewrite(_INTER, lambda b: b.replace(b"\t", b","))),
    inter("separated by blanks", rewrite(_INTER, lambda b: b.replace(b"\t", b" "))),
    inter("separated by semicolons after the header", rewrite(_INTER, lambda b: b.replace(b"\t", b";").replace(b";", b"\t", 3))),
    inter("UTF-16", rewrite(_INTER, lambda b: b.decode().encode("utf-16"))),
    inter("gzip", rewrite(_INTER, lambda b: b"\x1f\x8b\x08\x00" + b)),
    inter("random bytes", write(_INTER, bytes(range(256)) * 8)),
    inter("a NUL in the header", replace(_INTER, "rating:float", "rat\0ing:float")),
    inter("old Mac line ends", rewrite(_INTER, lambda b: b.replace(b"\n", b"\r"))),
    inter("a folder in its place", both(lambda root: (root / _INTER).unlink(), folder(_INTER))),
    inter("a link to itself", both(lambda root: (root / _INTER).unlink(), lambda root: (root / _INTER).symlink_to("toy.inter"))),
    inter("missing", lambda root: (root / _INTER).unlink(), "toy"),
    inter("cut inside a line", rewrite(_INTER, lambda b: b[: b.rindex(b"\t")])),
    inter("one user only", write(_INTER, _HEADER + "u1\ti1\t3\t1\n"), "toy|interactions|users"),
    inter("one interaction for each user", write(_INTER, _HEADER + "".join(f"u{n}\ti{n}\t3\t{n}\n" for n in range(40))), "toy|interactions|test"),
    inter("one item only", write(_INTER, _HEADER + "".join(f"u{n // 4}\ti1\t3\t{n}\n" for n in range(40))), "toy|item|twice|repeated"),
    row("a rating of infinity", "u0\ti19\tinf\t1000000000\n"),
    row("a rating of -infinity", "u0\ti19\t-inf\t1000000000\n"),
    row("a rating beyond float32", "u0\ti19\t1e39\t1000000000\n"),
    row("a rating of NaN", "u0\ti19\tNaN\t1000000000\n"),
    row("a rating of text", "u0\ti19\tgood\t1000000000\n"),
    row("a rating with a comma", "u0\ti19\t4,0\t1000000000\n"),
    row("no rating", "u0\ti19\t\t1000000000\n"),
    row("a time of text", "u0\ti19\t4.0\tyesterday\n"),
    row("a time of NaN", "u0\ti19\t4.0\tnan\n"),
    row("a time of infinity", "u0\ti19\t4.0\tinf\n"),
    row("a time with a fraction", "u0\ti19\t4.0\t1000000000.5\n"),
    row("a time beyond 64 bits", "u0\ti19\t4.0\t99999999999999999999\n"),
    row("a time of 6,000 digits", f"u0\ti19\t4.0\t{'9' * 6000}\n"),
    row("a date as time", "u0\ti19\t4.0\t2001-09-09\n"),
    row("a time in hexadecimal", "u0\ti19\t4.0\t0x10\n"),
    row("no time", "u0\ti19\t4.0\t\n"),
    row("no user", "\ti19\t4.0\t1000000000\n"),
    row("no item", "u0\t\t4.0\t1000000000\n"),
    row("a user of blanks", "   \ti19\t4.0\t1000000000\n"),
    row("a field too few", "u0\ti19\t4.0\n"),
    row("a field too many", "u0\ti19\t4.0\t1000000000\textra\n"),
    row("a NUL in a token", "u\0\ti19\t4.0\t1000000000\n"),
    row("a byte that is no UTF-8", "", r"toy\.inter"),
    row("the padding's token as item", "u0\t[PAD]\t4.0\t1000000000\n", r"toy\.inter|PAD"),
    row("the padding's token as user", "[PAD]\ti19\t4.0\t1000000000\n", r"toy\.inter|PAD"),
    row("the same row twice", _ROW + _ROW, "twice|repeated|mask_seen|second"),
]
_INTERS = [
    case
    if case.what != ".inter: a byte that is no UTF-8"
    else inter("a byte that is no UTF-8", rewrite(_INTER, lambda b: b.replace(b"u0\ti19", b"u\xff\ti19")))
    for case in _INTERS
]

_ITEMS = [
    item("empty", write(_ITEM, "")),
    item("no column of items", replace(_ITEM, "item_id:token", "film:token")),
    item("two columns of genres", replace(_ITEM, "title:token_seq", "genres:token_seq")),
    item("two columns of items", replace(_ITEM, "title:token_seq", "item_id:token")),
    item("two columns of titles", rewrite(_ITEM, lambda b: b.replace(b"genres:token_seq", b"title:token_seq"))),
    item("separated by commas", rewrite(_ITEM, lambda b: b.replace(b"\t", b","))),
    item("UTF-16", rewrite(_ITEM, lambda b: b.decode().encode("utf-16"))),
    item("a byte that is no UTF-8", rewrite(_ITEM, lambda b: b.replace(b"number 0", b"number \xff"))),
    item("a NUL", replace(_ITEM, "Film number 0", "Film\0number 0")),
    item("random bytes", write(_ITEM, bytes(range(256)) * 8)),
    item("an item twice", append(_ITEM, "i0\tAnother film\tDrama\n"), r"toy\.item|i0"),
    item("a field too few", append(_ITEM, "i99\tAnother film\n")),
    item("a field too many", append(_ITEM, "i99\tAnother film\tDrama\tmore\n")),
    item("an item without a token", append(_ITEM, "\tAnother film\tDrama\n")),
    item("a folder in its place", both(lambda root: (root / _ITEM).unlink(), folder(_ITEM))),
]


_ACCURACY = ("recall@5", "mrr@5", "ndcg@5", "hit@5", "precision@5", "map@5", "itemcoverage@5")


def _accuracy(root: Path) -> list[float]:
    figures = json.loads((root / "saved/new/metrics.json").read_text("utf-8"))["test"]
    return [figures[key] for key in _ACCURACY]


@functools.cache
def _undisturbed() -> list[float]:
    with tempfile.TemporaryDirectory() as temporary:
        root = copy_sample(Path(temporary) / "sample")
        run(["--model=Pop", "--config=toy.yaml", "--output=saved/new"], root)
        return _accuracy(root)


def _same_test_figures(outcome: Outcome, root: Path) -> None:
    """The order of tokens may change the order of a sum, and nothing else."""
    differences = [abs(one - other) for one, other in zip(_accuracy(root), _undisturbed(), strict=True)]
    assert max(differences) < 1e-12, differences


_HARMLESS = [
    Case(f".inter: {what} is harmless", "--model=Pop --config=toy.yaml --output=saved/new", setup=setup, survives=_same_test_figures)
    for what, setup in (
        ("a byte-order mark", rewrite(_INTER, lambda b: b"\xef\xbb\xbf" + b)),
        ("Windows line ends", rewrite(_INTER, lambda b: b.replace(b"\n", b"\r\n"))),
        ("no line end at the end", rewrite(_INTER, lambda b: b.rstrip(b"\n"))),
        ("a damaged cache", write("dataset/toy/toy.inter.arrow", b"hello")),
        ("an empty cache", write("dataset/toy/toy.inter.arrow", b"")),
        ("a cut cache", rewrite("dataset/toy/toy.inter.arrow", lambda b: b[:3000])),
        ("a cache that is a folder", both(lambda root: (root / "dataset/toy/toy.inter.arrow").unlink(), folder("dataset/toy/toy.inter.arrow"))),
        ("an item file with a header only", write(_ITEM, "item_id:token\ttitle:token_seq\tgenres:token_seq\n")),
        ("an item file that is missing", lambda root: (root / _ITEM).unlink()),
        ("quotes in a token", replace(_INTER, "i19\t", 'i"19\t')),
        ("a token like a formula", replace(_INTER, "i19\t", "=1+1\t")),
        ("a token like a missing value", replace(_INTER, "i19\t", "NaN\t")),
    )
]

_PREPARE = "prepare --dataset=ml-latest-small --no-download"


def raw(what: str, words: str, command: str = f"{_PREPARE} --source=raw --out=new", **changed: str) -> Case:
    """A raw MovieLens set with a damaged file."""
    return Case(f"prepare: {what}", command, words, lambda root: write_set(root / "raw", CSV, **changed))


def _zip(entries: dict[str, str]) -> Setup:
    def setup(root: Path) -> None:
        with zipfile.ZipFile(root / "raw.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in entries.items():
                archive.writestr(name, text)

    return setup


def _link(root: Path) -> None:
    with zipfile.ZipFile(root / "raw.zip", "w") as archive:
        entry = zipfile.ZipInfo("ml-latest-small/ratings.csv")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")


_ZIPPED = f"{_PREPARE} --source=raw.zip --out=new"
_RATINGS = CSV["ratings.csv"]
_PREPARES = [
    raw("a rating of infinity", r"ratings\.csv, line 2", ratings=_RATINGS.replace("4.0", "inf")),
    raw("a rating beyond float32", r"ratings\.csv, line 2", ratings=_RATINGS.replace("4.0", "1e39")),
    raw("a rating of NaN", r"ratings\.csv, line 2", ratings=_RATINGS.replace("4.0", "nan")),
    raw("a negative rating", r"ratings\.csv, line 2", ratings=_RATINGS.replace("4.0", "-4.0")),
    raw("a rating of text", r"ratings\.csv, line 2", ratings=_RATINGS.replace("4.0", "good")),
    raw("two columns of users", r"ratings\.csv, line 1.*userId", ratings=_RATINGS.replace("rating", "userId")),
    raw("two columns of ratings", r"ratings\.csv, line 1.*rating", ratings=_RATINGS.replace("timestamp\n", "timestamp,rating\n").replace("0,1.0\n", "x").replace("\n", ",1.0\n").replace("rating,1.0\n", "rating\n")),
    raw("no column of users", r"ratings\.csv, line 1", ratings=_RATINGS.replace("userId", "person")),
    raw("an empty file of ratings", r"ratings\.csv", ratings=""),
    raw("a header only", r"ratings\.csv", ratings="userId,movieId,rating,timestamp\n"),
    raw("separated by semicolons", r"ratings\.csv", ratings=_RATINGS.replace(",", ";")),
    raw("a time of text", r"ratings\.csv, line 2", ratings=_RATINGS.replace("1000000065", "yesterday")),
    raw("a time of 6,000 digits", r"ratings\.csv, line 2", ratings=_RATINGS.replace("1000000065", "9" * 6000)),
    raw("a user of 6,000 digits and no rating", r"ratings\.csv", ratings=_RATINGS + "9" * 6000 + ",1,,5\n"),
    raw("a NUL", r"ratings\.csv", ratings=_RATINGS.replace("4.0", "4\0")),
    raw("an open quote", r"ratings\.csv|movies\.csv", ratings=_RATINGS.replace("10,1", '"10,1')),
    raw("the same row twice", r"ratings\.csv", ratings=_RATINGS + "10,1,4.0,1000000065\n"),
    raw("a field too many", r"ratings\.csv, line 7", ratings=_RATINGS + "11,1,4.0,5,6\n"),
    raw("two columns of titles", r"movies\.csv", movies=CSV["movies.csv"].replace("genres\n", "title\n", 1)),
    raw("a film twice", r"movies\.csv", movies=CSV["movies.csv"] + "30,Heat (1995),Action\n"),
    raw("films without titles", r"movies\.csv", movies="movieId,genres\n1,Drama\n"),
    raw("an empty file of films", r"movies\.csv", movies=""),
    raw("an empty file of links", r"links\.csv", links=""),
    raw("links of another shape", r"links\.csv", links="a,b\n1,2\n"),
    raw("an out path that is empty", "--out", f"{_PREPARE} --source=raw --out="),
    raw("an out path with a NUL", "out|a", f"{_PREPARE} --source=raw '--out=a\0b'"),
    raw("an out path that is a file", r"toy\.yaml", f"{_PREPARE} --source=raw --out=toy.yaml"),
    raw("an out path below a file", r"toy\.yaml", f"{_PREPARE} --source=raw --out=toy.yaml/x"),
    raw("a folder of one's own in the way", "dataset/ml-latest-small", f"{_PREPARE} --source=blocked --out=dataset"),
    Case("prepare: an unknown set", "prepare --dataset=ml-2m --no-download", "ml-1m|ml-20m"),
    Case("prepare: an empty name", "prepare --dataset= --no-download", "dataset"),
    Case("prepare: a name that leaves the folder", "prepare --dataset=../ml-1m --no-download", "ml-1m"),
    Case("prepare: no name", "prepare", "dataset"),
    Case("prepare: a source that does not exist", f"{_PREPARE} --source=nothing --out=new", "nothing"),
    Case("prepare: an empty source", f"{_PREPARE} --source= --out=new", "source"),
    Case("prepare: a source with a NUL", f"{_PREPARE} '--source=a\0b' --out=new", "source|a"),
    Case("prepare: a source of another kind", f"{_PREPARE} --source=toy.yaml --out=new", r"toy\.yaml"),
    Case("prepare: a source without the set", f"{_PREPARE} --source=saved --out=new", "saved"),
    Case("prepare: a set that is not here", f"{_PREPARE} --out=new", "ml-latest-small"),
    Case("prepare: a tie-break that does not exist", f"{_PREPARE} --tie-break=coin", "coin"),
    Case("prepare: a seed of text", f"{_PREPARE} --seed=x", "seed"),
    Case("prepare: a negative seed", f"{_PREPARE} --source=raw --out=new --tie-break=random --seed=-1", "seed", lambda root: write_set(root / "raw", CSV)),
    Case("prepare: a genome that is not there", f"{_PREPARE} --genome", "genome"),
    Case("prepare: a cut zip", _ZIPPED, r"raw\.zip", both(lambda root: write_zip(root / "raw.zip", "ml-latest-small", CSV), lambda root: (root / "raw.zip").write_bytes((root / "raw.zip").read_bytes()[:-40]))),
    Case("prepare: a zip of text", _ZIPPED, r"raw\.zip", write("raw.zip", "hello")),
    Case("prepare: an empty zip", _ZIPPED, r"raw\.zip", _zip({})),
    Case("prepare: a zip with a path outside", _ZIPPED, r"raw\.zip", _zip({"../ratings.csv": "x", **CSV})),
    Case("prepare: a zip with an absolute path", _ZIPPED, r"raw\.zip", _zip({"/tmp/ratings.csv": "x", **CSV})),
    Case("prepare: a zip with a link", _ZIPPED, r"raw\.zip", _link),
    Case("prepare: a zip bomb", _ZIPPED, r"raw\.zip", _zip({"ml-latest-small/ratings.csv": "0" * 50_000_000})),
    Case("prepare: a zip without ratings", _ZIPPED, r"raw\.zip", _zip({"ml-latest-small/movies.csv": CSV["movies.csv"]})),
    Case("train: an explicit set that cannot be had", "--model=Pop --config=toy.yaml --dataset=ml-1m --offline_dataset=ml-100k --output=saved/new", "ml-1m"),
    Case("train: a set that cannot be had at the real command line", "--model=Pop --config=toy.yaml --dataset=ml-1m --output=saved/new", "ml-1m", real=True),
    Case(
        "train: a data set with brackets in its name is harmless",
        "--model=Pop --config=toy.yaml '--dataset=to[y]*?' --output=saved/new",
        setup=lambda root: write("dataset/to[y]*?/to[y]*?.inter", (root / _INTER).read_bytes())(root),
        survives=_same_test_figures,
    ),
    Case(
        "train: a data set with brackets is not another one",
        "--model=Pop --config=toy.yaml '--dataset=to[y]' --output=saved/new",
        r"to\[y\]",
    ),
]
_PREPARES = [
    case
    if case.what != "prepare: a folder of one's own in the way"
    else Case(case.what, case.command, case.words, both(lambda root: write_set(root / "blocked", CSV), write("dataset/ml-latest-small/mine.txt", "mine")))
    for case in _PREPARES
]

CASES = [*_INTERS, *_ITEMS, *_HARMLESS, *_PREPARES]
