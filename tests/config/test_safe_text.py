"""Text of others: what a terminal, Markdown and a reader of files must never get from it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_ext.config.safe_text import markdown, markdown_code, mask_secrets, printable, shortened, visible

ESC = "\x1b"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Amélie (2001)\tDrama\n", "Amélie (2001)\tDrama\n"),
        (f"{ESC}[31mred", r"\x1b[31mred"),
        (f"{ESC}]8;;http://x\x07link", r"\x1b]8;;http://x\x07link"),
        ("a\rb\x08c\x7fd", r"a\rb\x08c\x7fd"),
        ("\x9b2J\x85", r"\x9b2J\x85"),
        ("a\u202eb", r"a\u202eb"),
        ("bad\udcff", r"bad\udcff"),
    ],
)
def test_a_terminal_is_shown_what_it_would_obey(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_no_control_character_is_left(text: str) -> None:
    for made in (visible(text), printable(text)):
        assert not any((ord(sign) < 32 or 127 <= ord(sign) < 160) and sign not in "\t\n" for sign in made)
        made.encode()
    # What is harmless stays as it is.
    assert printable(printable(text)) == printable(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Pop", "Pop"),
        ("0.0765 [0.062, 0.091]", "0.0765 [0.062, 0.091]"),
        ("interactions_80", "interactions_80"),
        ("a|b", r"a\|b"),
        ("a\nb", "a b"),
        ("*b* _c_ `d`", r"\*b\* \_c\_ \`d\`"),
        ("[x](http://e)", r"\[x\](http://e)"),
        ("[1](http://e)", r"\[1\](http://e)"),
        ("![1][2]", r"!\[1\][2]"),
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("&lt;b&gt; AT&T", "&amp;lt;b&amp;gt; AT&T"),
        ("back\\slash", r"back\\slash"),
        ("~~gone~~", r"\~\~gone\~\~"),
        (f"{ESC}[1m", r"\[1m"),
    ],
)
def test_markdown_means_nothing(text: str, shown: str) -> None:
    assert markdown(text) == shown


@given(st.text(alphabet="`ab |\n", min_size=1))
def test_code_ends_where_it_should(text: str) -> None:
    made = markdown_code(text)
    ticks = re.match("`+", made)
    assert ticks
    inner = made[len(ticks[0]) : -len(ticks[0])]
    assert "\n" not in made
    assert made.endswith(ticks[0])
    assert ticks[0] not in re.findall("`+", inner)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql://user:secret@host/db", "postgresql://user:***@host/db"),
        ("postgresql+psycopg://u:se:cr@et@host:5432/db", "postgresql+psycopg://u:***@host:5432/db"),
        ("mysql://:secret@host", "mysql://:***@host"),
        ("postgresql://u:my secret@host/db", "postgresql://u:***@host/db"),
        ("p://u@h/db?sslpassword=secret&x=1", "p://***@h/db?sslpassword=***&x=1"),
        ("p://h/db?auth_token=secret", "p://h/db?auth_token=***"),
        ("--storage=p://u:secret@h --trials=3", "--storage=p://u:***@h --trials=3"),
        ("https://ghp_T0ken@host/x", "https://***@host/x"),
        ("https://ghp_T0ken:@host/x", "https://***@host/x"),
        ("https://ghp_T0ken:x-oauth-basic@host/x", "https://***@host/x"),
        ("--storage='postgresql://tok@en@host:5432/db'", "--storage='postgresql://***@host:5432/db'"),
        ("https://host/page?to=me@home", "https://host/page?to=me@home"),
        ("https://host/@user", "https://host/@user"),
        ("sqlite:///tune.db", "sqlite:///tune.db"),
        ("http://host:80/a", "http://host:80/a"),
        ("env:STORAGE", "env:STORAGE"),
    ],
)
def test_passwords_are_masked(text: str, masked: str) -> None:
    assert mask_secrets(text) == masked


@pytest.mark.parametrize("length", [40, 255, 256, 6000])
def test_words_longer_than_a_file_name_are_cut(length: int) -> None:
    word = "9" * length
    shown = word if length <= 255 else f"{'9' * 40}…"
    assert shortened(f"{word} is too large") == f"{shown} is too large"
    path = "/".join(["a" * 200] * 10)
    assert shortened(path) == path
