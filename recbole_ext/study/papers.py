"""Published papers as YAML files: source, data set with counts, protocol, settings and figures of each model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from recbole_ext.config.catalog import known_anywhere
from recbole_ext.config.presets import slug
from recbole_ext.config.problem import Origin
from recbole_ext.config.yaml_reader import Document
from recbole_ext.data.movielens.shelf import ShelvedSet, shelf
from recbole_ext.errors import ConfigError, nearest
from recbole_ext.model.registry import known_models
from recbole_ext.study.settings import Seed, read_settings

__all__ = [
    "Paper",
    "PaperClaim",
    "PaperData",
    "PaperFile",
    "PaperModel",
    "Proxy",
    "chosen_rows",
    "known_papers",
    "read_paper",
]

_FOLDER = Path(__file__).parents[1] / "properties" / "papers"
_ENDINGS = (".yaml", ".yml")
_METRIC = re.compile(r"[a-z]\w*@[1-9]\d*")
_Count = Annotated[int, Field(strict=True, gt=0)]
_Figure = Annotated[float, Field(allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PaperSource(_Part):
    """Where the figures were published.

    Attributes:
        authors, title, venue, year: Of the paper.
        table: Which of its tables.
        read_in: Where the figures were read, if not in the paper itself.
    """

    authors: list[str] = Field(default_factory=list)
    title: str
    venue: str = ""
    year: int | None = None
    table: str
    read_in: str = ""

    def words(self) -> str:
        """Authors, title, venue and year in one line."""
        place = " ".join(filter(None, [self.venue, str(self.year or "")]))
        parts = filter(None, [", ".join(self.authors), self.title, place])
        return " ".join(part if part.endswith((".", "?")) else f"{part}." for part in parts)


class PaperData(_Part):
    """A data set with its published counts behind the paper's filter."""

    name: str
    users: _Count
    items: _Count
    interactions: _Count

    def words(self) -> str:
        """The counts."""
        return f"{self.users:,} users, {self.items:,} items and {self.interactions:,} interactions"


class Proxy(PaperData):
    """What is taken where the paper's data set cannot be had.

    Attributes:
        deviation: How it differs, behind "on a proxy".
        how: How it is made.
        settings: Keys that differ from the paper's, such as the filter.
    """

    deviation: str
    how: str
    settings: dict[str, Any] = Field(default_factory=dict)


class PaperModel(_Part):
    """A row of the paper's table.

    Attributes:
        label: As the paper calls it.
        model: A name of ``models``.
        settings: Configuration keys.
        of, rerank: Instead: the label of the row whose test lists are re-ranked, and a ``rerank:`` block.
        published: Metric with K, such as ``ndcg@10``, to its figure; empty for a model that stands beside them.
        needs: Models and configuration keys that this version may lack.
        waits: Why it cannot be run at all; empty if it can.
        note: How it differs from the paper's.
    """

    label: str
    model: str = ""
    settings: dict[str, Any] = Field(default_factory=dict)
    of: str = ""
    rerank: dict[str, Any] = Field(default_factory=dict)
    published: dict[str, _Figure] = Field(default_factory=dict)
    needs: list[str] = Field(default_factory=list)
    waits: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _is_trained_or_reranked(self) -> PaperModel:
        if bool(self.model) == bool(self.of) or bool(self.of) != bool(self.rerank):
            raise ValueError("needs a model, or of and rerank instead")
        if self.of and self.settings:
            raise ValueError("re-ranks another row and has settings: set them there")
        if "," in self.label or not self.slug:
            raise ValueError(f"has the label {self.label!r}: give it letters, and no comma")
        for key in self.published:
            if not _METRIC.fullmatch(key):
                raise ValueError(f"publishes {key!r}: name a metric with K in small letters, such as ndcg@10")
        return self

    @property
    def slug(self) -> str:
        """The label as a part of a file name."""
        return slug(self.label)


class PaperClaim(_Part):
    """A claim on the order of models.

    Attributes:
        says: In words.
        metric: With K.
        above, below: Labels; each of the former is better than each of the latter.
    """

    says: str
    metric: str
    above: list[str] = Field(min_length=1)
    below: list[str] = Field(min_length=1)


class Paper(_Part):
    """The file of a paper.

    Attributes:
        source: Where its figures were published.
        dataset: The data set, with the counts that it must have.
        proxy: What is taken where it cannot be had.
        candidates: ``full``: every item of the catalogue is ranked; else the block ``candidates:`` of a configuration.
        protocol: Configuration keys of all runs: filter, split, mask, metrics.
        needs, waits, note: As in :class:`PaperModel`, of all rows.
        seeds: Each random model is run once a seed.
        models, claims: What was published.
    """

    source: PaperSource
    dataset: PaperData
    proxy: Proxy | None = None
    candidates: Literal["full"] | dict[str, Any] = "full"
    protocol: dict[str, Any]
    needs: list[str] = Field(default_factory=list)
    waits: str = ""
    note: str = ""
    seeds: list[Seed] = Field(default=[2020], min_length=1)
    models: list[PaperModel] = Field(min_length=1)
    claims: list[PaperClaim] = Field(default_factory=list)

    @model_validator(mode="after")
    def _names_rows(self) -> Paper:
        labels = [row.label for row in self.models]
        if len({row.slug for row in self.models}) < len(labels):
            raise ValueError("has two rows whose labels have the same letters: name them apart")
        trained = [row.label for row in self.models if row.model]
        named = [("of", row.of, trained) for row in self.models if row.of]
        named += [("a claim", label, labels) for one in self.claims for label in (*one.above, *one.below)]
        for what, label, known in named:
            if label not in known:
                raise ValueError(f"has {what} that names the row {label!r}{nearest(label, known)}")
        return self

    def row(self, label: str) -> PaperModel:
        """The row of a label."""
        return next(row for row in self.models if row.label == label)

    def waiting(self, row: PaperModel) -> str:
        """Why a row cannot be run by this version; empty if it can."""
        if reason := self.waits or row.waits:
            return reason
        if row.of and (reason := self.waiting(self.row(row.of))):
            return reason
        lacking = [name for name in (*self.needs, *row.needs) if name not in _known_names()]
        return f"waits for {', '.join(lacking)}, which this version does not have" if lacking else ""


def _known_names() -> set[str]:
    return {*known_models(), *known_anywhere()}


@dataclass(frozen=True)
class PaperFile:
    """A paper by its name.

    Attributes:
        name: Of the file, without ending.
        path: The file.
        paper: Its content.
        document: The file as it was read, which knows the line of each key.
    """

    name: str
    path: Path
    paper: Paper
    document: Document

    def origins(self, row: PaperModel, proxy: bool) -> dict[str, Origin]:
        """Where each key of a row's configuration was written.

        Args:
            row: One of the paper's.
            proxy: Whether the keys of the proxy win over the paper's.
        """
        place = self.paper.models.index(row)
        origins = {key: self.document.origin("protocol", key) for key in self.paper.protocol}
        if proxy and self.paper.proxy:
            origins |= {
                key: self.document.origin("proxy", "settings", key) for key in self.paper.proxy.settings
            }
        return origins | {key: self.document.origin("models", place, "settings", key) for key in row.settings}

    def data(self, out: Path) -> tuple[PaperData, ShelvedSet | None]:
        """The data set to take and where it is: the paper's, else the proxy, else the paper's and None.

        Args:
            out: The folder of the atomic files.
        """
        there = {one.name: one for one in shelf(out) if one.place is not None}
        usable = [self.paper.dataset, *([self.paper.proxy] if self.paper.proxy else [])]
        found = next((one for one in usable if one.name in there), None)
        return (found, there[found.name]) if found else (self.paper.dataset, None)


def known_papers() -> dict[str, Path]:
    """The papers that come with the package: name to file."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.yaml"))}


def read_paper(name: str) -> PaperFile:
    """A paper by its name, or by a file of one's own.

    Raises:
        ConfigError: There is none of this name, or the file has an unknown key or a value that cannot be used.
    """
    if name.endswith(_ENDINGS):
        path = Path(name)
    elif (found := known_papers().get(name)) is None:
        raise ConfigError(
            f"{name!r} is no paper{nearest(name, known_papers())} (papers: {', '.join(known_papers())}; "
            "or name a file that ends in .yaml)"
        )
    else:
        path = found
    return PaperFile(path.stem, path, *read_settings(path, Paper))


def chosen_rows(file: PaperFile, names: Iterable[str]) -> list[PaperModel]:
    """The rows that labels or names of models choose, in the paper's order; all if none is named.

    A name that is both is taken for the label. A row that re-ranks another's lists brings that one along.

    Raises:
        ConfigError: A name is that of no row.
    """
    rows = file.paper.models
    labels = {label for name in names for label in _labels(file, name)}
    if not labels:
        return list(rows)
    labels |= {row.of for row in rows if row.label in labels}
    return [row for row in rows if row.label in labels]


def _labels(file: PaperFile, name: str) -> set[str]:
    """The rows of one name."""
    known = [row.label for row in file.paper.models]
    own = {label for label in known if label.lower() == name.lower()}
    of_model = {row.label for row in file.paper.models if row.model and row.model.lower() == name.lower()}
    if not own and not of_model:
        raise ConfigError(
            f"--models names {name!r}, which is no row of {file.name}{nearest(name, known)} "
            f"(rows: {'; '.join(known)})"
        )
    return own or of_model
