"""Tables that cannot be used: what is wrong, the file's name and content, and what the refusal must name."""

from __future__ import annotations

import gzip

import numpy as np

__all__ = ["BASE", "FAULTS"]


def _gz_cut(text: str) -> bytes:
    return gzip.compress(text.encode() + bytes(np.random.default_rng(0).integers(0, 255, 9000, np.uint8)))[
        :5000
    ]


BASE = "user,item,time\nu,i,5\n"
DAY = "user,item,time\nu,i,2024-01-31\n"
JSON = '{"user":"u","item":"i","time":5}\n'
FAULTS: list[tuple[str, str | bytes, str, str]] = [
    ("no header", "events.csv", "1,2,3.5\n1,3,3.5\n", "line 1, looks like data"),
    ("no separator", "events.csv", "user item time\nu i 5\n", "line 1.*separate its columns"),
    ("two separators", "events.csv", "user;item|time\nu;i|5\n", "separate its columns"),
    ("another separator below", "events.csv", "user,item,time\nu;i;5\n", "line 2: 1 fields instead of 3"),
    ("no user", "events.csv", "who,item,time\nu,i,5\n", "no column that is clearly the user.*--user-column"),
    ("no time", "events.csv", "user,item\nu,i\n", "clearly the time.*--file-order"),
    ("two users", "events.csv", "user,customer,item,time\nu,c,i,5\n", r"several.*user \(user, customer\)"),
    ("a column twice", "events.csv", "user,item,time,item\nu,i,5,j\n", "'item' twice"),
    ("empty", "events.csv", "", "is empty"),
    ("blanks only", "events.csv", "\n\n", "is empty"),
    ("header only", "events.csv", "user,item,time\n", "no rows"),
    ("header without an end", "events.csv", "user,item,time", "no rows"),
    ("a field too many", "events.csv", BASE + "u,i,5,6\n", "line 3: 4 fields instead of 3"),
    ("a field too few", "events.csv", BASE + "u,i\n", "line 3: 2 fields instead of 3"),
    ("an open quote", "events.csv", BASE + 'u,"i,5\n', "line 3"),
    ("not UTF-8", "events.csv", BASE.encode() + b"\xff,i,5\n", "UTF-8"),
    ("UTF-16", "events.csv", BASE.encode("utf-16"), "UTF-8"),
    (
        "dates in two forms",
        "events.csv",
        "user,item,time\nu,i,2024-01-31\nu,j,2024-01-31 10:00\n",
        "line 3.*a date with",
    ),
    ("a number among dates", "events.csv", DAY + "u,j,5\n", "line 3.*a number"),
    (
        "two units",
        "events.csv",
        "user,item,time\nu,i,1700000000000\nu,j,1700000000\n",
        "line 3.*seconds.*--time-unit",
    ),
    (
        "a date without separators",
        "events.csv",
        "user,item,time\nu,i,20240131\n",
        "line 2.*without separators",
    ),
    ("a day first", "events.csv", "user,item,time\nu,i,31/01/2024\n", "line 2.*neither a number nor a date"),
    ("a day that is none", "events.csv", "user,item,time\nu,i,2024-02-30\n", "line 2.*calendar"),
    ("a negative time", "events.csv", BASE + "u,j,-1\n", "line 3.*1970"),
    ("a date before 1970", "events.csv", "user,item,time\nu,i,1969-12-31\n", "line 2.*1970"),
    ("a time of NaN", "events.csv", BASE + "u,j,nan\n", "line 3.*'nan'"),
    ("a time of infinity", "events.csv", BASE + "u,j,1e999\n", "line 3.*too large"),
    ("a time of text", "events.csv", BASE + "u,j,soon\n", "line 3.*'soon'"),
    ("a missing time", "events.csv", BASE + "u,j,\n", "line 3.*time is missing"),
    ("a missing user", "events.csv", BASE + ",j,5\n", "line 3.*user is missing"),
    ("an item of blanks", "events.csv", BASE + "u,  ,5\n", "line 3.*item is missing"),
    ("a tab in a token", "events.csv", BASE + "u,a\tb,5\n", "line 3.*holds a tab"),
    ("a line break in a token", "events.csv", BASE + 'u,"a\nb",5\n', "line 4.*holds a tab, a line break"),
    ("a NUL in a token", "events.jsonl", '{"user":"a\\u0000","item":"i","time":5}\n', "line 1.*NUL"),
    ("a quote in a token", "events.csv", BASE + 'u,"a""b",5\n', "line 3.*double quote"),
    ("the padding", "events.csv", BASE + "u,[PAD],5\n", "line 3.*padding"),
    ("a rating of text", "events.csv", "user,item,time,score\nu,i,5,good\n", "line 2.*'good'.*--implicit"),
    ("no rating", "events.csv", "user,item,time,score\nu,i,5,\n", "line 2.*rating is missing.*--implicit"),
    ("a rating of infinity", "events.csv", "user,item,time,score\nu,i,5,inf\n", "line 2.*finite"),
    ("a cut gz", "events.csv.gz", _gz_cut(BASE), "cannot be read"),
    ("no gz", "events.csv.gz", BASE, "cannot be read"),
    ("no parquet", "events.parquet", BASE, "cannot be read"),
    ("no JSON", "events.jsonl", JSON + '{"user"\n', "line 2.*not a JSON object"),
    ("JSON that is no object", "events.jsonl", "[1, 2]\n", "line 1.*not a JSON object"),
    (
        "a JSON key twice",
        "events.jsonl",
        '{"user":"u","item":"i","time":5,"user":"v"}\n',
        "line 1.*'user' twice",
    ),
    (
        "a JSON row without a user",
        "events.jsonl",
        JSON + '{"item":"i","time":5}\n',
        "line 2.*user",
    ),
    ("an unknown ending", "events.xlsx", BASE, "ending"),
    ("no ending", "events", BASE, "ending"),
]
