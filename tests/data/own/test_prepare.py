"""From a table of one's own to atomic files: one result whatever the form, and a sentence for whatever is wrong."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recbole_ext.data.atomic_cache import read_columns
from recbole_ext.data.own import ColumnNames, Settings, prepare
from recbole_ext.errors import ConfigError, DataError, OutputError, RecBoleExtError
from tests.data.own.faults import BASE, FAULTS

EVENTS = """user_id,product,when,stars
ann,tea,30,4.5
bob,milk,20,1
ann,milk,10,3
bob,tea,40,2
"""


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def inter(out: Path, name: str = "shop") -> list[str]:
    return (out / name / f"{name}.inter").read_text().splitlines()


def prepared(tmp_path: Path, text: str | bytes, name: str = "events.csv", **options: Any) -> list[str]:
    prepare(write(tmp_path / name, text), "shop", out=tmp_path / "out", **options)
    return inter(tmp_path / "out")


def test_rows_are_sorted_by_user_and_time(tmp_path: Path) -> None:
    lines = prepared(tmp_path, EVENTS, columns=ColumnNames(time="when"))
    assert lines == [
        "user_id:token\titem_id:token\trating:float\ttimestamp:float",
        "ann\tmilk\t3.0\t10",
        "ann\ttea\t4.5\t30",
        "bob\tmilk\t1.0\t20",
        "bob\ttea\t2.0\t40",
    ]
    record = json.loads((tmp_path / "out/shop/prepared.json").read_text())
    assert record["origin"] == "events.csv"
    assert record["columns"] == {"user": "user_id", "item": "product", "time": "when", "rating": "stars"}
    assert (record["rows"], record["interactions"], record["users"], record["items"]) == (4, 4, 2, 2)


def test_the_column_cache_holds_what_the_text_holds(tmp_path: Path) -> None:
    prepared(tmp_path, EVENTS, columns=ColumnNames(time="when"))
    file = tmp_path / "out/shop/shop.inter"
    cached = read_columns(file)
    file.with_name("shop.inter.arrow").unlink()
    parsed = read_columns(file)
    for tokens, codes in (("user_tokens", "users"), ("item_tokens", "items")):
        one = getattr(cached, tokens).gather(getattr(cached, codes)).to_list()
        assert one == getattr(parsed, tokens).gather(getattr(parsed, codes)).to_list()
    assert cached.times.tolist() == parsed.times.tolist() == [10, 30, 20, 40]
    assert cached.ratings.tolist() == parsed.ratings.tolist()


def test_numbers_are_sorted_as_numbers(tmp_path: Path) -> None:
    lines = prepared(tmp_path, "user,item,time\n10,1,5\n9,1,5\n9,2,5\n")
    assert lines[0] == "user_id:token\titem_id:token\ttimestamp:float"
    assert lines[1:] == ["9\t1\t5", "9\t2\t5", "10\t1\t5"]


def test_leading_zeros_are_part_of_a_token(tmp_path: Path) -> None:
    assert prepared(tmp_path, "user,item,time\n007,1,5\n7,1,5\n")[1:] == ["7\t1\t5", "007\t1\t5"]


def test_order_within_a_second_survives(tmp_path: Path) -> None:
    """The file holds seconds; what happened first stands first."""
    text = "user,item,time\nu,late,1700000000900\nu,early,1700000000100\n"
    assert prepared(tmp_path, text)[1:] == ["u\tearly\t1700000000", "u\tlate\t1700000000"]


@pytest.mark.parametrize(
    "text",
    [
        "1700000000",
        "1700000000.0",
        "1.7e9",
        "1700000000000",
        "1700000000000000",
        "1700000000000000000",
        "2023-11-14 22:13:20",
        "2023-11-14T22:13:20",
        "2023-11-14T22:13:20.999999",
        "2023-11-14 22:13:20 UTC",
        "2023-11-14T22:13:20Z",
        "2023-11-15T00:13:20+02:00",
        "2023-11-14T16:43:20-0530",
        "2023-11-14 23:13:20+01",
    ],
)
def test_a_moment_in_any_form_is_the_same_second(tmp_path: Path, text: str) -> None:
    assert prepared(tmp_path, f"user,item,time\nu,i,{text}\n")[1] == "u\ti\t1700000000"


def test_a_date_is_its_midnight_in_utc(tmp_path: Path) -> None:
    midnight = int(datetime(2024, 2, 29, tzinfo=UTC).timestamp())
    assert prepared(tmp_path, "user,item,date\nu,i,2024-02-29\n")[1] == f"u\ti\t{midnight}"


def test_the_order_of_the_rows_takes_the_place_of_times_where_asked(tmp_path: Path) -> None:
    lines = prepared(tmp_path, "user,item\nb,x\na,y\nb,z\n", settings=Settings(file_order=True))
    assert lines[1:] == ["a\ty\t1", "b\tx\t0", "b\tz\t2"]


def test_separators_and_line_ends_in_quoted_fields(tmp_path: Path) -> None:
    text = 'user,note,item,time\r\nu,"a, ""b""\r\nc",x,1\r\nu,5" disc,y,2\r\n'
    assert prepared(tmp_path, text)[1:] == ["u\tx\t1", "u\ty\t2"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_out(tmp_path: Path, separator: str) -> None:
    text = "user,item,time\nu,i,5\n".replace(",", separator)
    assert prepared(tmp_path, text)[1] == "u\ti\t5"


def test_repeats_are_kept_counted_or_left_out(tmp_path: Path) -> None:
    text = "user,item,time\nu,i,3\nu,j,2\nu,i,1\nu,i,3\n"
    said: list[str] = []
    assert prepared(tmp_path, text, report=said.append)[1:] == ["u\ti\t1", "u\tj\t2", "u\ti\t3", "u\ti\t3"]
    assert any("2 of 4 rows repeat" in line for line in said)
    assert prepared(tmp_path, text, settings=Settings(repeats="first"))[1:] == ["u\ti\t1", "u\tj\t2"]
    assert prepared(tmp_path, text, settings=Settings(repeats="last"))[1:] == ["u\tj\t2", "u\ti\t3"]


def test_what_was_guessed_is_said_in_one_line_each(tmp_path: Path) -> None:
    said: list[str] = []
    prepared(tmp_path, "Customer ID,sku,timestamp,price\nc,s,5,1\n", report=said.append)
    guessed = [line for line in said if "(guessed" in line]
    assert [re.findall(r"(\w+) is the column '([^']+)'", line)[0] for line in guessed] == [
        ("user", "Customer ID"),
        ("item", "sku"),
        ("time", "timestamp"),
    ]
    assert "events.csv: not used: price" in said


def test_the_core_is_said_before_training(tmp_path: Path) -> None:
    """Users 0 and 1 share two items; user 2 and item "z" have one interaction each."""
    text = "user,item,time\n0,x,1\n0,y,2\n1,x,3\n1,y,4\n2,x,5\n1,z,6\n"
    said: list[str] = []
    prepared(tmp_path, text, core=(2, 2), report=said.append)
    assert any("2-core removes 1 of 3 users, 1 of 3 items and 2 of 6 interactions" in line for line in said)


ITEMS = 'sku,name,category\ni,"Tea, green",Crime|Film Noir\nj,Milk,Drama\n'
SHOP = "user,sku,time\nu,i,5\nu,j,6\nu,k,7\n"


def items_of(tmp_path: Path, text: str | bytes, name: str = "items.csv", **options: Any) -> list[str]:
    prepared(tmp_path, SHOP, items=write(tmp_path / name, text), **options)
    return (tmp_path / "out/shop/shop.item").read_text().splitlines()


def test_genres_are_split_and_titles_keep_their_separators(tmp_path: Path) -> None:
    assert items_of(tmp_path, ITEMS) == [
        "item_id:token\ttitle:token_seq\tgenres:token_seq",
        "i\tTea, green\tCrime Film_Noir",
        "j\tMilk\tDrama",
    ]


@pytest.mark.parametrize("separator", ["|", ";", ","])
def test_the_separator_of_genres_is_found_out(tmp_path: Path, separator: str) -> None:
    text = f'id,title,genres\ni,A,"Crime{separator}Drama"\n'
    assert items_of(tmp_path, text)[1] == "i\tA\tCrime Drama"


def test_the_separator_of_genres_can_be_named(tmp_path: Path) -> None:
    text = 'id,genres\ni,"Children\'s, Family / Drama|x"\n'
    assert (
        items_of(tmp_path, text, settings=Settings(genre_separator=" / "))[1]
        == "i\tChildren's,_Family Drama|x"
    )
    with pytest.raises(ConfigError, match=r"'\|' and ','.*--genre-separator"):
        items_of(tmp_path, text)


def test_genres_may_be_lists(tmp_path: Path) -> None:
    text = '{"id": "i", "title": "A", "genres": ["Crime", "Film Noir"]}\n{"id": "j", "genres": []}\n'
    assert items_of(tmp_path, text, "items.jsonl")[1:] == ["i\tA\tCrime Film_Noir", "j\t\t"]
    frame = pl.DataFrame({"id": ["i", "j"], "genres": [["Crime", "Film Noir"], None]})
    prepared(tmp_path, SHOP, items=frame)
    assert (tmp_path / "out/shop/shop.item").read_text().splitlines()[1:] == ["i\tCrime Film_Noir", "j\t"]


def test_doubled_and_unknown_items_are_counted(tmp_path: Path) -> None:
    said: list[str] = []
    lines = items_of(tmp_path, "sku,title\ni,A\ni,B\nz,C\n", report=said.append)
    assert lines[1:] == ["i\tA", "z\tC"]
    assert any("1 rows name an item again" in line for line in said)
    assert any("2 items, 1 of them without interactions; 2 items with interactions" in line for line in said)


def test_a_second_prepare_replaces_the_first(tmp_path: Path) -> None:
    prepared(
        tmp_path,
        EVENTS,
        columns=ColumnNames(time="when"),
        items=write(tmp_path / "i.csv", "id,title\ntea,T\n"),
    )
    said: list[str] = []
    lines = prepared(tmp_path, "user,item,time\nu,i,5\n", report=said.append)
    assert lines[1:] == ["u\ti\t5"]
    assert not (tmp_path / "out/shop/shop.item").exists()
    assert any("replaces" in line for line in said)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["shop"]


def test_files_of_ones_own_are_not_replaced(tmp_path: Path) -> None:
    own = write(tmp_path / "out/shop/shop.inter", "mine")
    with pytest.raises(OutputError, match="not written by prepare"):
        prepared(tmp_path, EVENTS, columns=ColumnNames(time="when"))
    assert own.read_text() == "mine"


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    source = write(tmp_path / "events.csv", "user,item,time\nu,i,5\n")

    def change(line: str) -> None:
        if "reading" in line:
            with source.open("a") as file:
                file.write("u,j,6\n")

    with pytest.raises(DataError, match="changed while it was read"):
        prepare(source, "shop", out=tmp_path / "out", report=change)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "content", "words"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS]
)
def test_a_fault_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, name: str, content: str | bytes, words: str
) -> None:
    source = write(tmp_path / name, content)
    with pytest.raises(RecBoleExtError, match=words) as caught:
        prepare(source, "shop", out=tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500 + len(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (ColumnNames(user="usr"), "no column 'usr'; did you mean 'user'"),
        (ColumnNames(user="item"), "cannot be two things"),
        (ColumnNames(title="name"), "--items"),
    ],
)
def test_a_column_that_is_named_wrongly(tmp_path: Path, names: ColumnNames, words: str) -> None:
    with pytest.raises(RecBoleExtError, match=words):
        prepared(tmp_path, BASE, columns=names)


@pytest.mark.parametrize("name", ["ml-100k", "../shop", "a/b", "", ".hidden", "a b", "-x"])
def test_a_name_that_cannot_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="name"):
        prepare(write(tmp_path / "events.csv", BASE), name, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pl.DataFrame({"user": [{"a": 1}], "item": ["i"], "time": [5]}), "user is of type Struct"),
        (pl.DataFrame({"user": ["u"], "item": [["i"]], "time": [5]}), "item is of type List"),
        (pl.DataFrame({"user": ["u"], "item": ["i"], "time": [True]}), "time is of type Boolean"),
        (pl.DataFrame({"user": ["u"], "item": [1.5], "time": [5]}), "1.5 is no whole number"),
        (pl.DataFrame({"user": ["u"], "item": ["i"], "time": [float("nan")]}), "not a number"),
        (pl.DataFrame({"user": ["u"], "item": ["i"], "time": [-5]}), "1970"),
        (
            pl.DataFrame({"user": ["u", None], "item": ["i", "j"], "time": [5, 6]}),
            r"row 1 \(counted from 0\): the user",
        ),
    ],
)
def test_nested_and_odd_columns(tmp_path: Path, frame: pl.DataFrame, words: str) -> None:
    with pytest.raises(DataError, match=words):
        prepare(frame, "shop", out=tmp_path / "out")
    if frame.height == 1:
        frame.write_parquet(tmp_path / "events.parquet")
        with pytest.raises(DataError, match=words):
            prepare(tmp_path / "events.parquet", "shop", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_columns_that_are_not_used_may_hold_anything(tmp_path: Path) -> None:
    frame = pd.DataFrame({"user": ["u"], "item": ["i"], "time": [5], "basket": [{"a": object()}]})
    assert prepare(frame, "shop", out=tmp_path).interactions == 1
    with pytest.raises(DataError, match="'user' has values of several types"):
        prepare(pd.concat([frame, frame.assign(user=3)]), "shop", out=tmp_path)


def test_a_time_beyond_64_bits(tmp_path: Path) -> None:
    frame = pl.DataFrame({"user": ["u"], "item": ["i"], "time": pl.Series([2**64 - 1], dtype=pl.UInt64)})
    with pytest.raises(DataError, match=r"row 0 .*too large"):
        prepare(frame, "shop", out=tmp_path)


def test_names_that_are_no_text(tmp_path: Path) -> None:
    frame = pl.DataFrame({"user": ["u"], "item": ["i"], "time": [5]})
    with pytest.raises(ConfigError, match="name '5'"):
        prepare(frame, 5, out=tmp_path)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="user_column is 5"):
        ColumnNames(user=5)  # type: ignore[arg-type]


def test_something_that_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="of type dict"):
        prepare({"user": [1]}, "shop", out=tmp_path / "out")
    with pytest.raises(DataError, match="twice"):
        prepare(
            pd.DataFrame([["u", "v", "i", 5]], columns=["user", "user", "item", "time"]), "shop", out=tmp_path
        )


TOKENS = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters='"'),
    min_size=1,
    max_size=5,
)


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    rows = draw(st.integers(1, 12))

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=rows, max_size=rows))

    numbers = draw(st.booleans())
    tokens = st.integers(0, 30) if numbers else TOKENS.filter(lambda text: text.strip() == text)
    data: dict[str, Any] = {"user": column(tokens), "item": column(tokens)}
    kind = draw(st.sampled_from(["s", "ms", "dates"]))
    seconds = column(st.integers(10**9, 2 * 10**9))
    if kind == "dates":
        data["time"] = [datetime.fromtimestamp(one, UTC).replace(tzinfo=None) for one in seconds]
    else:
        data["time"] = [one * (1000 if kind == "ms" else 1) for one in seconds]
    if draw(st.booleans()):
        data["rating"] = column(st.floats(-1e6, 1e6, width=32))
    return pl.DataFrame(data)


def _json(frame: pl.DataFrame, path: Path) -> None:
    rows = frame.with_columns(pl.col(pl.Datetime).dt.to_string("iso:strict")).to_dicts()
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _compressed(codec: str) -> Callable[[pl.DataFrame, Path], None]:
    def save(frame: pl.DataFrame, path: Path) -> None:
        path.write_bytes(pa.compress(frame.write_csv().encode(), codec=codec, asbytes=True))

    return save


WRITERS: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    "events.csv": lambda frame, path: frame.write_csv(path),
    "events.tsv": lambda frame, path: frame.write_csv(path, separator="\t"),
    "events.parquet": lambda frame, path: frame.write_parquet(path),
    "events.jsonl": _json,
    "events.csv.gz": lambda frame, path: path.write_bytes(gzip.compress(frame.write_csv().encode())),
    "events.csv.zst": _compressed("zstd"),
}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frame=frames())
def test_one_frame_gives_the_same_files_in_every_form(
    tmp_path_factory: pytest.TempPathFactory, frame: pl.DataFrame
) -> None:
    folder = tmp_path_factory.mktemp("forms")
    results = {}
    for name, save in WRITERS.items():
        save(frame, folder / name)
        prepare(folder / name, "shop", out=folder / f"out-{name}")
        results[name] = _files(folder / f"out-{name}")
    for name, source in (("polars", frame), ("lazy", frame.lazy()), ("pandas", frame.to_pandas())):
        prepare(source, "shop", out=folder / f"out-{name}")
        results[name] = _files(folder / f"out-{name}")
    first = results.pop("events.csv")
    for name, found in results.items():
        assert found == first, name
    assert len(first["shop.inter"].splitlines()) == frame.height + 1


def _files(out: Path) -> dict[str, bytes]:
    return {name: (out / "shop" / name).read_bytes() for name in ("shop.inter", "shop.inter.arrow")}
