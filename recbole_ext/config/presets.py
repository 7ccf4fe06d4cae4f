"""Settings of published models by name: a layer under the files and options of a user.

A preset is a row of a paper in ``properties/papers`` (``gsasrec-2023:gSASRec``) or, for a model whose table is not
there, a file of ``properties/presets``. Wherever a configuration file is named, ``preset:NAME`` names one of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from recbole_ext.config.problem import Key
from recbole_ext.config.yaml_reader import Document, read_packaged_yaml, read_yaml
from recbole_ext.errors import ConfigError, nearest

__all__ = ["PREFIX", "Preset", "is_preset", "known_presets", "preset", "read_layer", "slug"]

PREFIX = "preset:"
_PROPERTIES = Path(__file__).parents[1] / "properties"


@dataclass(frozen=True)
class Preset:
    """Settings of a published model.

    Attributes:
        name: What ``--preset`` takes.
        model: The model's name.
        source: Paper, venue and year.
        note: How the model differs from the paper's; empty if nothing is known.
        path: The file that holds the settings.
        place: Where in the file: keys and numbers of entries.
    """

    name: str
    model: str
    source: str
    note: str
    path: Path
    place: Key

    def read(self) -> Document:
        """The model and its settings, with the line of each."""
        document = read_yaml(self.path)
        values: Any = document.values
        for part in self.place:
            values = values[part]
        lines: dict[Key, int] = {(key,): document.origin(*self.place, key).line or 0 for key in values}
        return Document(document.source, {"model": self.model, **values}, lines)


def slug(label: str) -> str:
    """The label of a row as a part of a name."""
    return re.sub(r"\W+", "_", label).strip("_")


@cache
def known_presets() -> dict[str, Preset]:
    """All presets by name, those of papers first."""
    found: list[Preset] = []
    for path in sorted((_PROPERTIES / "papers").glob("*.yaml")):
        paper = read_packaged_yaml(path)
        for number, row in enumerate(paper["models"]):
            if row.get("settings") and "source" in paper:
                name, note = f"{path.stem}:{slug(row['label'])}", row.get("note", "")
                place = ("models", number, "settings")
                found.append(Preset(name, row["model"], _words(paper["source"]), note, path, place))
    for path in sorted((_PROPERTIES / "presets").glob("*.yaml")):
        own = read_packaged_yaml(path)
        found.append(
            Preset(path.stem, own["model"], _words(own["source"]), own.get("note", ""), path, ("settings",))
        )
    return {one.name: one for one in found}


def preset(name: str) -> Preset:
    """A preset by its name, small and capital letters alike.

    Raises:
        ConfigError: There is none of this name.
    """
    by_small = {known.lower(): one for known, one in known_presets().items()}
    if (found := by_small.get(name.lower())) is None:
        near = [known for known in known_presets() if name and name.lower() in known.lower()]
        meant = f"; did you mean {' or '.join(near[:3])}?" if near else nearest(name, known_presets())
        raise ConfigError(f"{name!r} is no preset{meant} (the command presets lists them)")
    return found


def is_preset(file: Path | str) -> bool:
    """Whether a layer is named ``preset:NAME``."""
    return str(file).startswith(PREFIX)


def read_layer(file: Path | str) -> Document:
    """Reads a configuration file, or the preset that ``preset:NAME`` names.

    Raises:
        ConfigError: There is no such file or preset, or it cannot be read.
    """
    return preset(str(file)[len(PREFIX) :]).read() if is_preset(file) else read_yaml(Path(file))


def _words(source: dict[str, Any]) -> str:
    place = " ".join(str(source[part]) for part in ("venue", "year") if source.get(part))
    return f"{source['title']} ({place})" if place else str(source["title"])
