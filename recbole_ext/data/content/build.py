"""The features that a configuration names, made for the items of a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from recbole_ext.data.content.block import FeatureBlock, ItemFeatures
from recbole_ext.data.content.recipes import decades, in_fewer_dimensions, multi_hot, weighted_words, words_of
from recbole_ext.data.content.sentences import sentence_vectors
from recbole_ext.data.content.tags import Ends, tags_in_training
from recbole_ext.data.content.vectors import read_vectors
from recbole_ext.data.features import FEATURE_COLUMNS, read_items
from recbole_ext.errors import DataError
from recbole_ext.progress import stage

__all__ = ["item_features"]

_ENDS: dict[str, Ends] = {"global_time": "one", "k_fold": "none", "cold_items": "none"}


def item_features(config: Any, dataset: Any) -> ItemFeatures:
    """Makes the features that ``item_features`` names.

    Args:
        config: The merged configuration: ``item_features``, ``feature_size``, ``feature_vectors``, ``feature_tokens``
            and ``text_model``.
        dataset: An :class:`~recbole_ext.data.dataset.ExactDataset`; its split decides which tags may be known.

    Raises:
        DataError: A feature is missing or the same for every item, or a file of it is damaged.
        ConfigError: ``text_model`` names a package that is not installed.
    """
    names = list(dict.fromkeys(config["item_features"]))
    source = _Source(config, dataset)
    blocks = []
    for name in names:
        if name != "id":
            with stage(f"making the feature {name} of {config['dataset']}"):
                blocks.append(_MAKERS[name](source))
    return ItemFeatures("id" in names, tuple(blocks))


class _Source:
    """The files and the catalogue that features are made from."""

    def __init__(self, config: Any, dataset: Any) -> None:
        self.config, self.dataset = config, dataset
        self.tokens: list[str] = [str(token) for token in dataset.interactions.item_tokens]
        self.file: Path = dataset.item_file
        self.size = int(config["feature_size"])
        self._frame: pl.DataFrame | None = None

    def column(self, name: str) -> list[str]:
        """The text of a feature for each item of the catalogue, empty where it has none."""
        frame = self._items(name)
        found = [column for column in FEATURE_COLUMNS[name] if column in frame.columns]
        if not found:
            raise DataError(
                f"item_features names {name}, but {self.file} has no column {' or '.join(FEATURE_COLUMNS[name])} "
                f"(it has {', '.join(frame.columns)}): leave {name} out, or add the column"
            )
        text = frame.select("item_id", text=pl.concat_str(found, separator=" ", ignore_nulls=True))
        of = dict(text.iter_rows())
        return ["", *((of.get(token) or "").strip() for token in self.tokens[1:])]

    def _items(self, name: str) -> pl.DataFrame:
        if self._frame is None:
            self._frame = read_items(self.file)
        if self._frame is None:
            raise DataError(
                f"item_features names {name}, but {self.file} does not exist: leave {name} out, or write the file"
            )
        return self._frame


def _genres(source: _Source) -> FeatureBlock:
    rows = [text.split() for text in source.column("genres")]
    values, names = multi_hot(rows)
    return FeatureBlock.of("genres", values, _any(rows), f"one column for each of {len(names)} genres")


def _year(source: _Source) -> FeatureBlock:
    years = np.array([_number(text) for text in source.column("year")])
    values = decades(years)
    note = ""
    if wrong := sum(bool(text) and np.isnan(_number(text)) for text in source.column("year")):
        note = f"{wrong:,} are no years"
    return FeatureBlock.of("year", values, np.isfinite(years), "shares of the two nearest decades", note)


def _number(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) == 4 else np.nan


def _tags(source: _Source) -> FeatureBlock:
    dataset, split_name = source.dataset, source.config["split"]
    split = dataset.split()
    path = dataset.item_file.with_suffix(".tags")
    rows, later = tags_in_training(path, split, _ENDS.get(split_name, "each"))
    if split_name == "cold_items":
        # A film that nobody has seen has no tags.
        rows = [row if count else [] for row, count in zip(rows, split.train_counts(), strict=True)]
    values, recipe = weighted_words(rows, source.size)
    note = f"{later:,} tags given after training or to held-out items are left out" if later else ""
    return FeatureBlock.of("tags", values, _any(row.any() for row in values), recipe, note)


def _text(source: _Source) -> FeatureBlock:
    texts = source.column("text")
    if source.config["text_model"] == "wordllama":
        values = sentence_vectors(texts)
        return FeatureBlock.of("text", values, _any(texts), "sentence vectors of wordllama")
    values, recipe = weighted_words([words_of(text) for text in texts], source.size)
    return FeatureBlock.of("text", values, _any(row.any() for row in values), f"title words, {recipe}")


def _genome(source: _Source) -> FeatureBlock:
    texts = source.column("genome")
    known = _any(texts)
    if not known.any():
        raise DataError("item_features names genome, but no item of the catalogue has it: leave genome out")
    try:
        rows = np.array([text.split() for text in texts if text], dtype=np.float32)
    except ValueError:
        raise DataError(
            f"{source.file}: the column genome must hold the same number of numbers for each item: prepare the set anew"
        ) from None
    rows -= rows.mean(axis=0)
    recipe = f"{rows.shape[1]:,} relevances less their means"
    if min(rows.shape) - 1 > source.size:
        rows, recipe = in_fewer_dimensions(rows, source.size), f"{recipe}, SVD to {source.size}"
    values = np.zeros((len(texts), rows.shape[1]), dtype=np.float32)
    values[known] = rows
    note = "made by GroupLens from tags and ratings of all times, held-out ones among them"
    return FeatureBlock.of("genome", values, known, recipe, note)


def _vectors(source: _Source) -> FeatureBlock:
    config = source.config
    if not config["feature_vectors"]:
        raise DataError(
            "item_features names my_vectors, but feature_vectors names no file: set it to a .npy or .parquet file"
        )
    path = Path(config["feature_vectors"])
    tokens = Path(config["feature_tokens"]) if config["feature_tokens"] else None
    names, rows = read_vectors(path, tokens)
    place = {name: index for index, name in enumerate(names)}
    known = np.array([False, *(token in place for token in source.tokens[1:])])
    if not known.any():
        raise DataError(
            f"none of the {len(names):,} tokens of {path} is an item of {config['dataset']}, whose tokens are such as "
            f"{source.tokens[-1]!r}: write its tokens"
        )
    values = np.zeros((len(known), rows.shape[1]), dtype=np.float32)
    values[known] = rows[[place[token] for token in source.tokens[1:] if token in place]]
    unknown = len(names) - int(known.sum())
    note = f"{unknown:,} of its {len(names):,} tokens are no items of the catalogue" if unknown else ""
    return FeatureBlock.of(
        "my_vectors", values, known, f"{rows.shape[1]:,} numbers from {path.name}, as given", note
    )


def _any(values: Iterable[Any]) -> np.ndarray:
    return np.array([bool(value) for value in values])


_MAKERS: dict[str, Callable[[_Source], FeatureBlock]] = {
    "genres": _genres,
    "year": _year,
    "tags": _tags,
    "text": _text,
    "genome": _genome,
    "my_vectors": _vectors,
}
