"""Text that others wrote, such as titles and names, made harmless where it is shown; and secrets masked."""

from __future__ import annotations

import re

__all__ = ["markdown", "markdown_code", "mask_secrets", "printable", "shortened", "visible"]

# Bytes that a terminal obeys (C0 but tab and line end, DEL, C1), and marks that turn the direction of what follows.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_NUMBERS = re.compile(r"\[[-+.,%\d\s]*\]")
_ACTIVE = re.compile(r"[\\`*|\[\]]|(?<![^\W_])_|_(?![^\W_])|~~+")
_LONG = re.compile(r"([^\s/]{40})[^\s/]{216,}")
_ENTITY = re.compile(r"&(?=#?\w+;)")
_PASSWORD = re.compile(r"(\b[A-Za-z][\w+.-]*://[^\s:/@'\"]*):(?:\S*|[^@\n'\"]*)@")
# A user name without a password, as services take a token: https://TOKEN@host, https://TOKEN:x-oauth-basic@host.
_TOKEN = re.compile(r"(\b[A-Za-z][\w+.-]*://)[^\s:/?#'\"]+(?::(?:x-oauth-basic)?)?@")
_PARAMETER = re.compile(
    r"([?&][\w.-]*(?:pass|pwd|token|secret|key|credential)[\w.-]*=)[^&\s'\"]+", flags=re.IGNORECASE
)


def visible(text: str) -> str:
    """A text for a terminal or a log: control characters are shown as escapes, ``\\x1b``, tab and line end stay.

    Args:
        text: Whatever a file or a user wrote.
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)


def shortened(text: str) -> str:
    """A text whose words have at most 255 characters, as long as the name of a file can be; more is cut to 40."""
    return _LONG.sub(r"\1…", text)


def printable(text: str) -> str:
    """A text for a file that a browser or an editor opens: without control characters, tab and line end stay."""
    return _CONTROL.sub("", text)


def markdown(text: str) -> str:
    """A text as Markdown shows it letter by letter, on one line: nothing in it is a link, a tag, code or a table's bar.

    An underscore inside a word and brackets around numbers, which mean nothing to Markdown, stay as they are.
    """
    plain = " ".join(printable(text).splitlines())
    found, end = [], 0
    for numbers in _NUMBERS.finditer(plain):
        found += [_escaped(plain[end : numbers.start()]), numbers[0]]
        end = numbers.end()
        if plain[end : end + 1] in ("(", "[", ":"):
            found[-1] = f"\\{numbers[0][:-1]}\\]"
    return "".join([*found, _escaped(plain[end:])])


def _escaped(text: str) -> str:
    named = _ENTITY.sub("&amp;", text)
    active = _ACTIVE.sub(lambda found: "".join(f"\\{sign}" for sign in found[0]), named)
    return active.replace("<", "&lt;").replace(">", "&gt;")


def markdown_code(text: str) -> str:
    """A text as code inside a line of Markdown, whatever backticks it holds."""
    plain = " ".join(printable(text).splitlines())
    ticks = "`" * (1 + max(map(len, re.findall("`+", plain)), default=0))
    room = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{ticks}{room}{plain}{room}{ticks}"


def mask_secrets(text: str) -> str:
    """A text without the passwords and tokens of its URLs: ``postgresql://user:***@host/database?sslpassword=***``.

    A user name without a password can be a token, so that it is masked too: ``https://***@host``.
    """
    without_tokens = _TOKEN.sub(r"\1***@", text)
    return _PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1:***@", without_tokens))
