"""Rules of the keys that name columns of the data files, or fields of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from recbole_ext.config.host_keys import IGNORED_KEYS
from recbole_ext.config.messages import as_yaml, config_error
from recbole_ext.config.problem import Origin, Problem

__all__ = ["check_columns"]

_INTERACTIONS = ("user_id", "item_id", "rating", "timestamp")
_NEEDED = {
    "inter": ("user_id", "item_id", "timestamp"),
    "user": ("user_id",),
    "item": ("item_id",),
}
_NAMING = (
    "discretization",
    "item_attribute",
    "normalize_field",
    "numerical_features",
    "preload_weight",
    "selected_features",
    "seq_len",
)


def check_columns(values: Mapping[str, Any], origins: Mapping[str, Origin]) -> None:
    """Checks the names of columns and fields against each other; no file is looked at.

    Args:
        values: The merged keys, each of the right type.
        origins: Where each key was written that a user set.

    Raises:
        ConfigError: Two fields have one name, or a key names a column that is not loaded.
    """
    for key, reason in _mistakes(values):
        raise config_error(
            Problem((key,), "value_error", values[key], reason=reason, origin=origins.get(key))
        )


def _mistakes(values: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Keys and what is wrong with each."""
    yield from _fields(values)
    yield from _loaded(values["load_col"], values.get("unload_col") or {})
    if values.get("normalize_all"):
        yield (
            "normalize_all",
            "would change ratings and times too: name the columns of users and items in normalize_field",
        )
    lists = [columns for source, columns in values["load_col"].items() if source != "inter"]
    if "*" in lists:
        # Which columns there are is known when RecBole reads the file.
        return
    there = {column for columns in lists for column in columns}
    for key in _NAMING:
        for name in _named(key, values.get(key)):
            if name not in there:
                yield (
                    key,
                    f"names the column {name!r}, which load_col does not name for user or item: add it there, or leave "
                    "it out",
                )


def _named(key: str, value: Any) -> list[str]:
    """The columns that a key names: those of a list or a text, the names in a block and, for weights, its values."""
    if value is None or isinstance(value, str):
        return [value] if value else []
    if isinstance(value, Mapping):
        return [*value, *(value.values() if key == "preload_weight" else ())]
    return [str(name) for name in value]


def _fields(values: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Fields of a batch with a name that another one has: one would be written over the other."""
    item = values["ITEM_ID_FIELD"]
    seen = {
        **dict.fromkeys(_INTERACTIONS, "a column of every .inter file"),
        f"{item}{values['LIST_SUFFIX']}": f"{item} with LIST_SUFFIX",
        f"{values['NEG_PREFIX']}{item}": f"{item} with NEG_PREFIX",
    }
    for key, name in values.items():
        if key.endswith("_FIELD") and key not in IGNORED_KEYS:
            if name in seen:
                yield key, f"is {name}, which is {seen[name]} already: choose another name"
            seen[name] = f"the value of {key}"


def _loaded(load: Mapping[str, Any], unload: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for source, columns in load.items():
        missing = [] if columns == "*" else [name for name in _NEEDED[source] if name not in columns]
        extra = [] if source != "inter" else [name for name in columns if name not in _INTERACTIONS]
        if extra:
            yield (
                "load_col",
                f"has {as_yaml(columns)} for inter, of which only {', '.join(_INTERACTIONS)} are read: name these, or "
                "leave inter out",
            )
        if missing:
            yield "load_col", f"has {as_yaml(columns)} for {source}, without {missing[0]}: add it"
    for source, columns in unload.items():
        if load.get(source) != "*":
            yield (
                "unload_col",
                f"leaves out {as_yaml(columns)} of {source}, of which load_col names the columns: leave them out there",
            )
        if _NEEDED[source][0] in columns:
            yield "unload_col", f"leaves out {_NEEDED[source][0]}, which {source} needs: keep it"
