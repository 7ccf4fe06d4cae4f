"""Builds data and loaders from a configuration; the only place that chooses the loader of a model."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recbole_ext._compat.host import (
    AbstractRecommender,
    AutoEncoderMixin,
    InputType,
    ModelType,
    UserDataLoader,
    get_dataloader,
)
from recbole_ext.data.cloze import ClozeLoader
from recbole_ext.data.dataloader import (
    EvaluationLoader,
    PositiveLoader,
    PrefixLoader,
    TrainLoader,
    UserLoader,
)
from recbole_ext.data.dataset import ExactDataset
from recbole_ext.data.drawn import DRAWN, draw_of
from recbole_ext.data.fingerprint import fingerprint
from recbole_ext.data.interactions import TEST, TRAIN, VALID, Interactions, Split, history_shuffled
from recbole_ext.data.negative_sampler import NegativeSampler
from recbole_ext.data.shuffle import shuffle_of
from recbole_ext.data.window_loader import WindowLoader
from recbole_ext.errors import ConfigError
from recbole_ext.progress import stage

__all__ = ["DataCache", "PreparedData", "fingerprint", "loader_class", "prepare_data"]

_ROWS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class PreparedData:
    """A split data set with everything that training and evaluation need.

    Attributes:
        dataset: The training part with RecBole's interface, as tensors.
        split: All interactions and their phases.
        validation, test: Evaluation loaders.
    """

    dataset: ExactDataset
    split: Split
    validation: EvaluationLoader
    test: EvaluationLoader


class DataCache:
    """A per-process cache of interactions, shared by runs with the same data keys.

    Models, sequence lengths and metrics may differ: each run builds its own datasets and loaders from the same
    read-only arrays.
    """

    def __init__(self) -> None:
        self._read: dict[tuple[Any, ...], Interactions] = {}
        self._fingerprints: dict[tuple[Any, ...], str] = {}

    def fingerprint(self, config: Any) -> str:
        """The fingerprint of the split data of a configuration, computed once.

        Raises:
            DataError, ConfigError: As :func:`prepare_data`.
        """
        key = (*self._key(config), *self._split_key(config))
        if key not in self._fingerprints:
            self._fingerprints[key] = fingerprint(prepare_data(config, self).split)
        return self._fingerprints[key]

    def interactions(self, config: Any) -> Interactions | None:
        """Returns the interactions read by an earlier run with the same data keys, or None."""
        return self._read.get(self._key(config))

    def keep(self, config: Any, interactions: Interactions) -> None:
        """Stores interactions; only the last data set is kept, because a large one fills the memory."""
        self._read = {self._key(config): interactions}

    @staticmethod
    def _split_key(config: Any) -> tuple[str, ...]:
        keys = ("split", "split_ratio", "split_targets", "split_time")
        return (*(str(config[key]) for key in keys), str(draw_of(config)))

    @staticmethod
    def _key(config: Any) -> tuple[Any, ...]:
        path = Path(config["data_path"]) / f"{config['dataset']}.inter"
        state = path.stat() if path.is_file() else None
        filters = ("rating_threshold", "min_user_interactions", "min_item_interactions", "tie_break")
        shuffle = (shuffle_of(config), config["session_gap"])
        # Training items alone are shuffled, and drawn splits put rows into the order of their phases.
        ordered = shuffle[0] != "none" or config["split"] in DRAWN
        shuffle_key = (*shuffle, *(DataCache._split_key(config) if ordered else ()))
        seed = config["seed"] if config["tie_break"] == "random" or shuffle[0] != "none" else None
        return (
            *shuffle_key,
            str(path),
            state and (state.st_mtime_ns, state.st_size),
            *(config[key] for key in filters),
            seed,
        )


def prepare_data(config: Any, cache: DataCache | None = None) -> PreparedData:
    """Loads, filters, orders and splits the data set of a configuration.

    Args:
        config: The merged configuration.
        cache: Cache to read interactions from and store them in.

    Raises:
        DataError: The files are missing or malformed, or no interaction passes the filters.
        ConfigError: K is larger than the catalogue.
    """
    with stage(f"reading {config['dataset']}"):
        return _prepared(config, cache)


def _prepared(config: Any, cache: DataCache | None) -> PreparedData:
    whole = ExactDataset(config, cache.interactions(config) if cache else None)
    if cache:
        cache.keep(config, whole.interactions)
    split = whole.split()
    catalogue = whole.item_num - 1
    if max(config["topk"]) > catalogue:
        raise ConfigError(
            f"topk asks for {max(config['topk'])} items, but the filtered catalogue has {catalogue}: lower topk"
        )
    if config["mask_seen"]:
        _check_repeats(split)
    dataset = whole.restricted_to(split)
    validation = EvaluationLoader(config, dataset, split, VALID)
    test = EvaluationLoader(config, _test_histories(config, dataset, split), split, TEST)
    return PreparedData(dataset, split, validation, test)


def _test_histories(config: Any, dataset: ExactDataset, split: Split) -> ExactDataset:
    """The dataset whose interactions give the histories at the test: the validation item is shuffled with the rest."""
    if shuffle_of(config) == "none":
        return dataset
    part = copy.copy(dataset)
    start, stop = split.read(TEST)
    rows = np.arange(len(split.phase))
    movable = (rows >= start[split.interactions.users]) & (rows < stop[split.interactions.users])
    part.interactions = history_shuffled(config, split.interactions, movable)
    return part


def _check_repeats(split: Split) -> None:
    """Rejects repeated interactions with masking: a masked item could be the target, and figures would be wrong."""
    data = split.interactions
    # Blocks of complete users keep the memory for sorting small.
    borders = np.searchsorted(data.indptr, np.arange(0, len(data), _ROWS_AT_ONCE), side="right") - 1
    for first, last in zip(borders, [*borders[1:], data.n_users], strict=True):
        length = np.diff(data.indptr[first : last + 1])
        rows = slice(data.indptr[first], data.indptr[last])
        key = np.repeat(np.arange(len(length)) * data.n_items, length) + data.items[rows]
        key.sort()
        if (key[1:] == key[:-1]).any():
            raise ConfigError(
                "mask_seen is True, but some users have the same item twice, and a masked item cannot be found "
                "again: set mask_seen: false to allow repeats"
            )


def loader_class(config: Any, model: type[AbstractRecommender]) -> type[TrainLoader]:
    """Selects the training loader of a model: users, windows (all positions or masked), prefixes or positives."""
    listwise = issubclass(model, AutoEncoderMixin) or getattr(model, "input_type", None) == InputType.LISTWISE
    if listwise or get_dataloader(config, "train") is UserDataLoader:
        return UserLoader
    if model.type != ModelType.SEQUENTIAL:
        return PositiveLoader
    everywhere = config["sequence_training"] == "all_positions" and config["loss_type"] == "CE"
    if everywhere and getattr(model, "cloze", False):
        return ClozeLoader
    windows = hasattr(model, "encode") or getattr(model, "reads_places", False)
    return WindowLoader if everywhere and windows else PrefixLoader


def train_loader(config: Any, data: PreparedData, model: type[AbstractRecommender]) -> TrainLoader:
    """Builds the loader of the training part, with negatives if the loss needs them."""
    kind = loader_class(config, model)
    positives = kind in (UserLoader, WindowLoader, ClozeLoader) or model.type == ModelType.TRADITIONAL
    cross_entropy = model.type == ModelType.SEQUENTIAL and config["loss_type"] == "CE"
    sampler = None if positives or cross_entropy else _sampler(config, data.split)
    return kind(config, data.dataset, data.split, sampler)


def _sampler(config: Any, split: Split) -> NegativeSampler:
    """Builds a sampler of negatives that excludes a user's training items and padding."""
    data = split.interactions
    train = split.rows(TRAIN)
    counts = np.bincount(data.users[train], minlength=data.n_users)
    return NegativeSampler(
        np.concatenate([[0], np.cumsum(counts)]),
        data.items[train].astype(np.int64),
        data.n_items,
        alpha=float(config["sampling_alpha"]),
        counts=split.train_counts(),
        seed=int(config["seed"]) + 1,
    )
