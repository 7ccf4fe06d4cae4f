"""Tiny raw MovieLens sets, written by hand in every published format."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

CSV = {
    "ratings.csv": (
        "userId,movieId,rating,timestamp\n"
        "10,1,4.0,1000000065\n10,2,3.5,1000000001\n10,30,5.0,1000000064\n"
        "2,30,0.5,1000000000\n2,1,2.0,1000000000\n"
    ),
    "movies.csv": (
        "movieId,title,genres\n"
        "30,Heat (1995),Action|Crime|Thriller\n"
        '2,"American President, The (1995)",Comedy|Romance\n'
        '1,"""Quoted"" Été (1975-1979)",(no genres listed)\n'
    ),
    "links.csv": "movieId,imdbId,tmdbId\n1,0114709,862\n2,0112346,\n30,0113277,949\n",
    "tags.csv": (
        "userId,movieId,tag,timestamp\n"
        '2,1,Great Fun,5\n10,1,great  fun,6\n10,1,boxing,7\n10,30,"a, ""b""",8\n10,30,null,9\n'
    ),
}
# (user, item, rating, time stamp) in the order of protocol.md: user as a number, time, file order.
CSV_ORDERED = [
    ("2", "30", "0.5", "1000000000"),
    ("2", "1", "2.0", "1000000000"),
    ("10", "2", "3.5", "1000000001"),
    ("10", "30", "5.0", "1000000064"),
    ("10", "1", "4.0", "1000000065"),
]
GENOME = "movieId,tagId,relevance\n30,1,0.5\n30,2,0.25\n1,2,0.125\n1,1,1.0\n"
DAT = {
    "ratings.dat": "1::10::5::978300760\n1::2::3::978300019\n2::10::4::978298413\n",
    "movies.dat": "2::Léon: The Professional::Uncut (1994)::Action|Crime\n10::Sabrina (1995)::Comedy\n",
    "users.dat": "2::M::56::16::70072\n1::F::1::10::48067-1234\n",
}
UDATA = {
    "u.data": "2\t10\t3\t881250949\n1\t10\t5\t881250950\n1\t2\t4\t881250948\n",
    "u.item": (
        "10|Misérables, Les (1995)|01-Jan-1995||http://x|0|0|0|0|0|0|0|0|1|0|0|0|1|0|0|0|0|0|0\n"
        "2|unknown||||1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
    ),
    "u.user": "1|24|M|technician|85711\n2|53|F|other|94043\n",
}


def write_set(folder: Path, files: dict[str, str], *, encoding: str = "utf-8", **changed: str) -> Path:
    """Write a raw set's files; ``changed`` replaces one by its stem, such as ``ratings="..."``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        stem = name.partition(".")[0]
        (folder / name).write_bytes(changed.get(stem, text).encode(encoding))
    return folder


def write_zip(path: Path, folder: str, files: dict[str, str]) -> Path:
    """Write a raw set as the zip that GroupLens would publish."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(f"{folder}/{name}", text)
    return path


def rows(path: Path) -> list[tuple[str, ...]]:
    """An atomic file's rows without its header."""
    return [tuple(line.split("\t")) for line in path.read_text(encoding="utf-8").splitlines()[1:]]


def header(path: Path) -> list[str]:
    """An atomic file's header."""
    return path.read_text(encoding="utf-8").splitlines()[0].split("\t")


def real_set(name: str) -> Path | None:
    """A real set on this machine, from MOVIELENS_HOME or beside the repository."""
    beside = Path(__file__).parents[4] / "shared" / "data"
    homes = [*os.environ.get("MOVIELENS_HOME", "").split(os.pathsep), str(beside)]
    return next((Path(home) / name for home in homes if home and (Path(home) / name).is_dir()), None)
