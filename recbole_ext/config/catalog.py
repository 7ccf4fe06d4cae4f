"""The list of configuration keys: type, default and a line each, from the places where these are written.

The line is the comment behind the key in the files of defaults (RecBole's and ours), the type is the one that a value
is checked by, and the default is what the merged files hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from recbole_ext.config.host_keys import FORMER_KEYS, REPLACED_KEYS
from recbole_ext.config.messages import as_yaml
from recbole_ext.config.model_source import ModelSource, host_arguments, host_folder, keys_read_in
from recbole_ext.config.read import COMPUTED_KEYS, default_files, known_keys
from recbole_ext.config.rules import described_type
from recbole_ext.config.yaml_reader import read_packaged_yaml

__all__ = ["KeyInfo", "known_anywhere", "list_keys", "matching"]

_LINE = re.compile(r"([A-Za-z_]\w*):.*?(?:\s#\s*(.*))?$")
_MORE = re.compile(r"\s+#\s*(.*)$")
_KIND = re.compile(r"\((\w+(?: or \w+)*)\)\s*")
_OURS = Path(__file__).parents[1]
# Keys that no file of defaults holds.
_UNWRITTEN = {
    "model": "The model: a name that the command models lists, or package.module:Class.",
    "encoding": "Character encoding of RecBole's own readers; the atomic files are UTF-8.",
    "train_neg_sample_args": "RecBole's block of negatives: read as sample_num and sampling_alpha.",
}


@dataclass(frozen=True)
class KeyInfo:
    """A configuration key.

    Attributes:
        name: As it is written.
        kind: What it may hold, in words.
        default: Its default as YAML; empty where there is none.
        line: What it does; empty where its source says nothing.
        of_model: Whether it belongs to the model rather than to all models.
    """

    name: str
    kind: str
    default: str
    line: str
    of_model: bool = False


@cache
def known_anywhere() -> frozenset[str]:
    """Every key that some model of RecBole or of this package takes, and ``encoding`` and ``model``."""
    models = [host_folder() / "properties" / "model", _OURS / "properties" / "model"]
    files = [*default_files(), *(file for folder in models for file in folder.glob("*.yaml"))]
    written = (read_packaged_yaml(file) for file in files)
    read = (keys_read_in(folder / "model") for folder in (host_folder(), _OURS))
    return frozenset().union(host_arguments(), {"model", "encoding"}, *written, *read) - COMPUTED_KEYS


def list_keys(model: ModelSource | None = None) -> list[KeyInfo]:
    """The keys that can be set, by name.

    Args:
        model: Adds its own keys, and its defaults; only what all models share if None.
    """
    shared = host_arguments().union(*(read_packaged_yaml(file) for file in default_files()))
    names = (known_keys(model) if model else shared) | _UNWRITTEN.keys()
    files = default_files(model.names if model else ())
    defaults: dict[str, Any] = {}
    lines: dict[str, str] = {}
    for file in files:
        defaults |= read_packaged_yaml(file)
        lines |= _comments(file)
    # Keys that are refused, and those that RecBole reads for data other than interactions.
    left_out = REPLACED_KEYS.keys() | FORMER_KEYS | COMPUTED_KEYS
    return [
        _info(name, defaults, lines, of_model=name not in shared | _UNWRITTEN.keys())
        for name in sorted(names - left_out, key=str.lower)
    ]


def matching(keys: list[KeyInfo], pattern: str) -> list[KeyInfo]:
    """The keys whose name holds the pattern (``*`` stands for anything); else those whose line does.

    Args:
        keys: From :func:`list_keys`.
        pattern: Of a name or a line; capitals do not matter, and ``-`` is ``_`` in a name.
    """
    asked = pattern.lower()
    shape = asked.replace("-", "_")
    shape = shape if "*" in shape else f"*{shape}*"
    named = [key for key in keys if fnmatchcase(key.name.lower(), shape)]
    return named or [key for key in keys if asked in key.line.lower()]


def _info(name: str, defaults: dict[str, Any], lines: dict[str, str], of_model: bool) -> KeyInfo:
    line = lines.get(name) or _UNWRITTEN.get(name, "")
    found = _KIND.match(line)
    kind = described_type(name, type(defaults.get(name))) or (found[1] if found else "")
    default = as_yaml(defaults[name], longest=10_000) if name in defaults else ""
    return KeyInfo(name, kind, default, line[found.end() :] if found else line, of_model)


def _comments(file: Path) -> dict[str, str]:
    """Each key of a file with the comment behind it, which may go on in the lines below."""
    found: dict[str, str] = {}
    last = ""
    for text in file.read_text(encoding="utf-8").splitlines():
        if (line := _LINE.match(text)) is not None:
            last = line[1]
            if line[2]:
                found[last] = line[2].strip()
        elif last in found and (more := _MORE.match(text)) is not None:
            found[last] += f" {more[1].strip()}"
        elif not text.startswith(" "):
            last = ""
    return found
