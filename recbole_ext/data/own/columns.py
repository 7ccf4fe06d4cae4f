"""Which column of a table holds what: named by the user, or guessed where its name is clear."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from recbole_ext.errors import ConfigError, DataError, nearest

__all__ = ["ROLES", "Role", "find_column", "missing_column"]


@dataclass(frozen=True)
class Role:
    """What a column holds.

    Attributes:
        name: The role, as messages call it.
        option: The option that names the column.
        guesses: Names that are clear, in small letters and digits only.
    """

    name: str
    option: str
    guesses: frozenset[str]


def _role(name: str, guesses: str) -> Role:
    return Role(name, f"--{name}-column", frozenset(guesses.split()))


ROLES = {
    role.name: role
    for role in (
        _role(
            "user",
            "user userid uid username customer customerid visitor visitorid member memberid client clientid account "
            "accountid buyer buyerid reviewer reviewerid person personid listener listenerid reader readerid",
        ),
        _role(
            "item",
            "item itemid iid product productid movie movieid film filmid article articleid book bookid song songid "
            "track trackid artist artistid game gameid sku asin isbn",
        ),
        _role(
            "time",
            "time timestamp ts date datetime eventtime eventdate createdat purchasedate purchasetime orderdate "
            "orderedat ordertime playedat purchasedat ratedat reviewtime unixreviewtime viewedat watchedat",
        ),
        _role("rating", "rating ratings score stars star overall"),
        _role(
            "title",
            "title titles name itemname itemtitle productname producttitle movietitle filmtitle booktitle",
        ),
        _role("genre", "genre genres category categories"),
    )
}
"""The roles by their names; the first four are of interactions, ``item``, ``title`` and ``genre`` of items."""

_TYPE = re.compile(r":(token|float|token_seq|float_seq)$")


def _plain(column: str) -> str:
    """``userid`` for ``User ID``, ``user_id`` and RecBole's ``user_id:token``."""
    return re.sub(r"[^a-z0-9]", "", _TYPE.sub("", column.strip()).lower())


def find_column(
    columns: Sequence[str], role: Role, given: str | None, place: str, *, also: Sequence[str] = ()
) -> str | None:
    """The column of a role.

    Args:
        columns: All columns of the table.
        role: What is looked for.
        given: The user's word, or None.
        place: How messages call the table's header.
        also: Further plain names that are clear in this table.

    Returns:
        The column, or None if none is named and no name is clear.

    Raises:
        DataError: The named column is missing or occurs twice.
        ConfigError: Several names are clear.
    """
    if given is not None:
        if given not in columns:
            raise DataError(
                f"{place} has no column {given!r}{nearest(given, columns)} (found: {_listed(columns)}): "
                f"correct {role.option}"
            )
        return _single(columns, given, place)
    found = [column for column in columns if _plain(column) in role.guesses]
    found = found or [column for column in columns if _plain(column) in also]
    if len(set(found)) > 1:
        raise ConfigError(
            f"{place} has several columns that can be the {role.name} ({_listed(found)}): choose with {role.option}"
        )
    return _single(columns, found[0], place) if found else None


def missing_column(columns: Sequence[str], role: Role, place: str, hint: str = "") -> DataError:
    """The error where no column has a role that is needed."""
    if all(re.fullmatch(r"[\d.,:\-+ TZ]*", column) for column in columns):
        return DataError(
            f"{place} looks like data ({_listed(columns)}), not like a header: put a line with the names of the "
            "columns on top"
        )
    return DataError(
        f"{place} has no column that is clearly the {role.name} (found: {_listed(columns)}): name it with "
        f"{role.option}{hint}"
    )


def _single(columns: Sequence[str], name: str, place: str) -> str:
    if list(columns).count(name) > 1:
        raise DataError(f"{place} has the column {name!r} twice: rename or remove one of them")
    return name


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(columns[:12])
    shown = shown if len(shown) <= 200 else f"{shown[:200]}..."
    return shown + (", ..." if len(columns) > 12 else "")
