"""Every format becomes the same atomic files, whole, in the exact order."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recbole_ext.data.movielens import atomic as atomic_module
from recbole_ext.data.movielens import is_prepared, prepare
from recbole_ext.errors import ConfigError, DataError, OutputError
from tests.data.movielens.raw_sets import (
    CSV,
    CSV_ORDERED,
    DAT,
    GENOME,
    UDATA,
    header,
    real_set,
    rows,
    write_set,
    write_zip,
)

INTER_HEADER = ["user_id:token", "item_id:token", "rating:float", "timestamp:float"]
REAL_SMALL = real_set("ml-latest-small")


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_csv_set(tmp_path: Path, line_end: str, encoding: str) -> None:
    files = {name: text.replace("\n", line_end) for name, text in CSV.items()}
    source = write_set(tmp_path / "raw", files, encoding=encoding)
    prepared = prepare("ml-latest-small", source=source, out=tmp_path / "out")
    folder = prepared.folder
    assert folder == tmp_path / "out" / "ml-latest-small"
    assert header(folder / "ml-latest-small.inter") == INTER_HEADER
    assert rows(folder / "ml-latest-small.inter") == CSV_ORDERED
    assert (prepared.interactions, prepared.users, prepared.items) == (5, 2, 3)
    assert prepared.tie_share == 0.5
    assert header(folder / "ml-latest-small.item") == [
        *("item_id:token", "movie_title:token_seq", "release_year:token", "genres:token_seq"),
        *("imdb_id:token", "tmdb_id:token", "tags:token_seq"),
    ]
    assert rows(folder / "ml-latest-small.item") == [
        ("1", "'Quoted' Été", "1975", "", "0114709", "862", "great_fun boxing"),
        ("2", "American President, The", "1995", "Comedy Romance", "0112346", "", ""),
        ("30", "Heat", "1995", "Action Crime Thriller", "0113277", "949", "a,_'b' null"),
    ]
    assert not (folder / "ml-latest-small.user").exists()
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_dat_set(tmp_path: Path, encoding: str, line_end: str) -> None:
    files = {name: text.replace("\n", line_end) for name, text in DAT.items()}
    source = write_set(tmp_path / "raw", files, encoding=encoding)
    folder = prepare("ml-1m", source=source, out=tmp_path / "out").folder
    assert rows(folder / "ml-1m.inter") == [
        ("1", "2", "3.0", "978300019"),
        ("1", "10", "5.0", "978300760"),
        ("2", "10", "4.0", "978298413"),
    ]
    assert rows(folder / "ml-1m.item") == [
        ("2", "Léon: The Professional::Uncut", "1994", "Action Crime"),
        ("10", "Sabrina", "1995", "Comedy"),
    ]
    assert header(folder / "ml-1m.user") == [
        *("user_id:token", "age:token", "gender:token", "occupation:token", "zip_code:token")
    ]
    assert rows(folder / "ml-1m.user") == [
        ("1", "1", "F", "10", "48067-1234"),
        ("2", "56", "M", "16", "70072"),
    ]


def test_ml_10m_reads_tags_and_the_zips_own_folder_name(tmp_path: Path) -> None:
    tags = {"tags.dat": "15::10::excellent::Film!::1215184630\n16::10::Boxing::1215184631\n"}
    files = {name: text for name, text in DAT.items() if name != "users.dat"} | tags
    archive = write_zip(tmp_path / "ml-10m.zip", "ml-10M100K", files)
    folder = prepare("ml-10m", source=archive, out=tmp_path / "out").folder
    assert rows(folder / "ml-10m.item")[1] == ("10", "Sabrina", "1995", "Comedy", "boxing excellent::film!")


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_udata_set(tmp_path: Path, line_end: str) -> None:
    files = {name: text.replace("\n", line_end) for name, text in UDATA.items()}
    source = write_set(tmp_path / "raw", files, encoding="latin-1")
    folder = prepare("ml-100k", source=source, out=tmp_path / "out").folder
    assert rows(folder / "ml-100k.inter") == [
        ("1", "2", "4.0", "881250948"),
        ("1", "10", "5.0", "881250950"),
        ("2", "10", "3.0", "881250949"),
    ]
    assert rows(folder / "ml-100k.item") == [
        ("2", "unknown", "", "unknown"),
        ("10", "Misérables, Les", "1995", "Drama Musical"),
    ]
    assert rows(folder / "ml-100k.user")[1] == ("2", "53", "F", "other", "94043")


def test_packaged_ml_100k_needs_no_network_and_imports_no_recbole(tmp_path: Path) -> None:
    code = (
        "import sys; from recbole_ext.data.movielens import prepare; "
        f"p = prepare('ml-100k', out={str(tmp_path)!r}, download=False); "
        "assert not {'torch', 'recbole'} & set(sys.modules), 'imported'; "
        "print(p.interactions, p.users, p.items)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["100000", "943", "1682"]
    assert rows(tmp_path / "ml-100k" / "ml-100k.item")[0] == (
        "1",
        "Toy Story",
        "1995",
        "Animation Children's Comedy",
    )
    assert len(rows(tmp_path / "ml-100k" / "ml-100k.user")) == 943


def test_genome_scores_are_an_option(tmp_path: Path) -> None:
    source = write_set(tmp_path / "raw", CSV | {"genome-scores.csv": GENOME})
    plain = prepare("ml-25m", source=source, out=tmp_path / "plain").folder
    assert "genome:float_seq" not in header(plain / "ml-25m.item")
    folder = prepare("ml-25m", source=source, out=tmp_path / "out", genome=True).folder
    assert header(folder / "ml-25m.item")[-1] == "genome:float_seq"
    assert [row[-1] for row in rows(folder / "ml-25m.item")] == ["1.0 0.125", "", "0.5 0.25"]
    with pytest.raises(ConfigError, match="ml-32m has no genome"):
        prepare("ml-32m", source=source, out=tmp_path / "out", genome=True)


def test_random_tie_break_is_seeded_and_moves_only_ties(tmp_path: Path) -> None:
    lines = [f"1,{item},3,{1000 + item // 10}" for item in range(10, 100)]
    ratings = "userId,movieId,rating,timestamp\n" + "\n".join(lines)
    source = write_set(tmp_path / "raw", CSV, ratings=ratings)

    def items(out: str, **options: object) -> list[int]:
        folder = prepare("ml-latest-small", source=source, out=tmp_path / out, **options).folder  # type: ignore[arg-type]
        return [int(row[1]) for row in rows(folder / "ml-latest-small.inter")]

    in_file = items("file")
    first, again = items("a", tie_break="random", seed=1), items("b", tie_break="random", seed=1)
    other = items("c", tie_break="random", seed=2)
    assert in_file == list(range(10, 100))
    assert first == again != other
    assert first != in_file
    assert [item // 10 for item in first] == [item // 10 for item in in_file]
    with pytest.raises(ConfigError, match="did you mean 'random'"):
        items("d", tie_break="randon")


def test_identifiers_that_are_no_small_numbers(tmp_path: Path) -> None:
    ratings = "userId,movieId,rating,timestamp\n99999999999,5,1,3\n7,6,1,2\n7,x 1,1,1\n"
    source = write_set(tmp_path / "raw", CSV, ratings=ratings)
    folder = prepare("ml-latest-small", source=source, out=tmp_path / "out").folder
    assert [row[:2] for row in rows(folder / "ml-latest-small.inter")] == [
        *(("7", "x 1"), ("7", "6"), ("99999999999", "5"))
    ]


def test_same_item_at_another_time_is_allowed(tmp_path: Path) -> None:
    ratings = "userId,movieId,rating,timestamp\n1,1,1,9\n1,2,1,9\n1,1,1,8\n2,1,1,9\n2,2,1,9\n"
    source = write_set(tmp_path / "raw", CSV, ratings=ratings)
    assert prepare("ml-latest-small", source=source, out=tmp_path / "out").interactions == 5


def test_prepared_files_are_kept_until_options_change(tmp_path: Path) -> None:
    source = write_zip(tmp_path / "out" / "ml-latest-small.zip", "ml-latest-small", CSV)
    first = prepare("ml-latest-small", out=tmp_path / "out", download=False)
    made = (first.folder / "ml-latest-small.inter").stat().st_ino
    lines: list[str] = []
    again = prepare("ml-latest-small", out=tmp_path / "out", download=False, report=lines.append)
    assert again == first
    assert (first.folder / "ml-latest-small.inter").stat().st_ino == made
    assert any("must" in line or "redistributed" in line for line in lines)
    assert any("Harper" in line for line in lines)
    prepare("ml-latest-small", out=tmp_path / "out", download=False, tie_break="random")
    assert json.loads((first.folder / "prepared.json").read_text())["tie_break"] == "random"
    assert json.loads((first.folder / "prepared.json").read_text())["origin"] == str(source)
    write_set(tmp_path / "raw", CSV, ratings="userId,movieId,rating,timestamp\n1,1,1,1\n")
    assert prepare("ml-latest-small", source=tmp_path / "raw", out=tmp_path / "out").interactions == 1


def test_atomic_files_of_ones_own_are_used_but_never_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "out" / "ml-1m"
    write_set(folder, {"ml-1m.inter": "\t".join(INTER_HEADER) + "\n1\t2\t3\t5\n1\t3\t3\t5\n"})
    prepared = prepare("ml-1m", out=tmp_path / "out", download=False)
    assert (prepared.interactions, prepared.tie_share, prepared.origin) == (2, 1.0, str(folder))
    source = write_set(tmp_path / "raw", DAT)
    with pytest.raises(OutputError, match="move it away"):
        prepare("ml-1m", source=source, out=tmp_path / "out")
    assert len(rows(folder / "ml-1m.inter")) == 2


def test_failure_while_writing_leaves_the_old_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_set(tmp_path / "raw", CSV)
    folder = prepare("ml-latest-small", source=source, out=tmp_path / "out").folder

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_csv", full)
    with pytest.raises(OutputError, match="No space left"):
        prepare("ml-latest-small", source=source, out=tmp_path / "out")
    monkeypatch.undo()
    monkeypatch.setattr(atomic_module, "_write_items", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        prepare("ml-latest-small", source=source, out=tmp_path / "out")
    assert rows(folder / "ml-latest-small.inter") == CSV_ORDERED
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["ml-latest-small"]


def test_output_that_cannot_be_written(tmp_path: Path) -> None:
    source = write_set(tmp_path / "raw", CSV)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot be written .*choose another --out"):
        prepare("ml-latest-small", source=source, out=tmp_path / "file" / "below")


def test_is_prepared(tmp_path: Path) -> None:
    assert not is_prepared("ml-1m", tmp_path)
    prepare("ml-1m", source=write_set(tmp_path / "raw", DAT), out=tmp_path)
    assert is_prepared("ml-1m", tmp_path)


def test_unknown_set_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'ml-latest-small'"):
        prepare("ml-latest-smal", out=tmp_path)


def test_recbole_reads_odd_titles_and_tags_as_they_are(tmp_path: Path) -> None:
    movies = (
        'movieId,title,genres\n1,Null (2009),Drama\n2,"Tab\there ""and""\nthere",Drama\n30,"""Open",Drama\n'
    )
    source = write_set(tmp_path / "raw", CSV, movies=movies)
    folder = prepare("ml-latest-small", source=source, out=tmp_path / "out").folder
    pandas = pytest.importorskip("pandas")
    # Exactly how RecBole's Dataset._load_feat reads a file.
    table = pandas.read_csv(folder / "ml-latest-small.item", delimiter="\t", dtype=str, engine="python")
    titles = [" ".join(filter(None, title.split(" "))) for title in table["movie_title:token_seq"]]
    assert titles == ["Null", "Tab here 'and' there", "'Open"]


def _independent_order(path: Path) -> dict[int, list[tuple[int, int, float]]]:
    with path.open(encoding="utf-8", newline="") as file:
        users: dict[int, list[tuple[int, int, int, float]]] = {}
        for line, row in enumerate(csv.DictReader(file)):
            entry = (int(row["timestamp"]), line, int(row["movieId"]), float(row["rating"]))
            users.setdefault(int(row["userId"]), []).append(entry)
    return {
        user: [(item, time, rating) for time, _, item, rating in sorted(users[user])]
        for user in sorted(users)
    }


@pytest.mark.skipif(REAL_SMALL is None, reason="ml-latest-small is not on this machine (MOVIELENS_HOME)")
def test_exact_order_on_the_real_set_user_by_user(tmp_path: Path) -> None:
    assert REAL_SMALL is not None
    prepared = prepare("ml-latest-small", source=REAL_SMALL, out=tmp_path)
    expected = _independent_order(REAL_SMALL / "ratings.csv")
    actual: dict[int, list[tuple[int, int, float]]] = {}
    for row in rows(prepared.folder / "ml-latest-small.inter"):
        actual.setdefault(int(row[0]), []).append((int(row[1]), int(row[3]), float(row[2])))
    assert list(actual) == list(expected)
    for user, history in expected.items():
        assert actual[user] == history, f"user {user}"
    assert (prepared.interactions, prepared.users, prepared.items) == (100_836, 610, 9_724)
    # recbole-traps.md: float32 time stamps, sorted stably from file order, give 221 users another test item.
    wrong = 0
    for user, history in expected.items():
        in_file = sorted(history)
        seconds = np.array([time for _, time, _ in in_file], dtype=np.float32)
        wrong += in_file[int(np.argsort(seconds, kind="stable")[-1])][0] != actual[user][-1][0]
    assert wrong == 221
    last_two = sum(history[-1][1] == history[-2][1] for history in expected.values())
    depend = sum(
        history[-1][1] == history[-2][1] or history[-2][1] == history[-3][1] for history in expected.values()
    )
    assert last_two == 94
    assert prepared.tie_share == pytest.approx(depend / 610)


@pytest.mark.skipif(REAL_SMALL is None, reason="ml-latest-small is not on this machine (MOVIELENS_HOME)")
def test_items_of_the_real_set(tmp_path: Path) -> None:
    assert REAL_SMALL is not None
    folder = prepare("ml-latest-small", source=REAL_SMALL.parent, out=tmp_path).folder
    with (REAL_SMALL / "movies.csv").open(encoding="utf-8", newline="") as file:
        movies = {row["movieId"]: row for row in csv.DictReader(file)}
    written = rows(folder / "ml-latest-small.item")
    assert [row[0] for row in written] == sorted(movies, key=int)
    for item, title, year, genres, *_ in written:
        original = movies[item]["title"].replace('"', "'")
        assert " ".join(original.split()).startswith(title.strip())
        assert not year or f"({year}" in original
        assert genres == movies[item]["genres"].replace("(no genres listed)", "").replace("|", " ")
    assert sum(not row[2] for row in written) < 20


def test_missing_movies_file(tmp_path: Path) -> None:
    source = write_set(tmp_path / "raw", {"ratings.csv": CSV["ratings.csv"]})
    with pytest.raises(DataError, match=r"movies\.csv cannot be read"):
        prepare("ml-latest-small", source=source, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
