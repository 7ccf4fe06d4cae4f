"""Batches for training and evaluation, cut from the compressed interactions on demand."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from recbole_ext._compat.host import InputType, Interaction, ModelType, construct_transform
from recbole_ext.data.dataset import ExactDataset
from recbole_ext.data.evidence import evidence_of
from recbole_ext.data.histories import Histories
from recbole_ext.data.interactions import TRAIN, Split
from recbole_ext.data.negative_sampler import NegativeSampler
from recbole_ext.data.sampled_candidates import candidates_of
from recbole_ext.data.window_batches import batches_in_order
from recbole_ext.data.windows import cut_windows
from recbole_ext.errors import DataError
from recbole_ext.evaluator.metrics.beyond_accuracy import Evidence
from recbole_ext.progress import tracked

__all__ = [
    "EvaluationBatch",
    "EvaluationLoader",
    "PositiveLoader",
    "PrefixLoader",
    "Sequences",
    "TrainLoader",
    "UserLoader",
    "history_fields",
    "last_windows",
]


class Sequences(Protocol):
    """Flat histories, such as :class:`~recbole_ext.data.interactions.Interactions`."""

    @property
    def items(self) -> np.ndarray:
        """``(n,)`` internal item ids."""
        ...

    @property
    def times(self) -> np.ndarray | None:
        """``(n,) int64`` seconds; None if they are unknown."""
        ...


def history_fields(
    dataset: ExactDataset, stop: np.ndarray, length: np.ndarray, width: int, source: Sequences | None = None
) -> dict[str, torch.Tensor]:
    """Returns histories ``(B, width)`` that end before ``stop``, and their lengths ``(B,)``, under RecBole's names.

    A model with ``reads_times`` also gets the items' timestamps, in seconds, where they are known. The histories are
    cut from ``source``; from the interactions of the data set if None.
    """
    sequences = dataset.interactions if source is None else source
    fields = {
        dataset.item_id_list_field: cut_windows(sequences.items, stop, length, width),
        dataset.item_list_length_field: length,
    }
    if dataset.negative_history is not None:
        name = dataset.config["NEG_PREFIX"] + dataset.item_id_list_field
        negatives = dataset.negative_history if source is None else dataset.other_items(source.items)
        fields[name] = cut_windows(negatives, stop, length, width)
    if dataset.history_times and sequences.times is not None:
        name = dataset.time_field + dataset.config["LIST_SUFFIX"]
        fields[name] = cut_windows(sequences.times, stop, length, width)
    return {name: torch.from_numpy(values) for name, values in fields.items()}


def last_windows(
    config: Any,
    dataset: ExactDataset,
    users: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    source: Sequences | None = None,
) -> Interaction:
    """Returns what a sequential model reads at an evaluation: users and the last window of each history.

    Transforms that augment (masking, cropping, reordering) belong to training and are skipped.

    Args:
        config: The merged configuration.
        dataset: The training part, as tensors.
        users: ``(B,) int64`` internal user ids.
        start, stop: ``(B,) int64`` rows of each history.
        source: As in :func:`history_fields`.
    """
    width = int(config["MAX_ITEM_LIST_LENGTH"])
    length = np.minimum(stop - start, width)
    batch = Interaction({dataset.uid_field: torch.from_numpy(users)})
    batch.update(Interaction(history_fields(dataset, stop, length, width, source)))
    if config["transform"] not in ("mask_itemseq", "crop_itemseq", "reorder_itemseq"):
        batch = construct_transform(config)(dataset, batch)
    return dataset.join(batch)


class TrainLoader:
    """An epoch of shuffled batches; its random state can be saved and restored between epochs.

    Args:
        config: The merged configuration.
        dataset: The training part, as tensors.
        split: The split it belongs to.
        sampler: Negative sampler, or None if the loss needs no negatives.
    """

    def __init__(
        self, config: Any, dataset: ExactDataset, split: Split, sampler: NegativeSampler | None
    ) -> None:
        self.config, self.dataset, self.split, self.negatives = config, dataset, split, sampler
        self._dataset = dataset
        self.shuffle = True
        self.rng = np.random.default_rng(config["seed"])
        self.sample_num = int(config["sample_num"]) if sampler else 0
        self.transform = construct_transform(config)
        self.batch_size = self._batch_size()
        self._order = self._examples()
        if not len(self._order):
            raise DataError(
                f"{config['dataset']} leaves nothing to train on: no user has {self.first_target + 1} interactions "
                "before those that are held out; lower min_item_interactions or rating_threshold, or take another split"
            )

    first_target = 0  # place of a user's first interaction that is a target

    def _examples(self) -> np.ndarray:
        """``(n,) int64`` examples of one epoch, before shuffling."""
        return self.split.rows(TRAIN)

    def _batch_size(self) -> int:
        times = 1
        if self.negatives:
            pointwise = self.config["MODEL_INPUT_TYPE"] == InputType.POINTWISE
            times = self.sample_num + 1 if pointwise else self.sample_num
        return max(1, int(self.config["train_batch_size"]) // times)

    def _cut(self, chosen: np.ndarray) -> Interaction:
        raise NotImplementedError

    def __len__(self) -> int:
        return -(-len(self._order) // self.batch_size)

    def __iter__(self) -> Iterator[Interaction]:
        self._order = self._examples()
        batches = self._batches()
        for chosen in tracked(batches, "an epoch:", len(batches), "batches"):
            yield self.transform(self.dataset, self._cut(chosen))

    def _batches(self) -> list[np.ndarray]:
        """The examples of one epoch by batch, shuffled."""
        order = self.rng.permutation(self._order) if self.config["shuffle"] else self._order
        return batches_in_order(order, self.batch_size)

    def _with_negatives(self, batch: Interaction) -> Interaction:
        """RecBole's layout: positives repeated for pairs; positives, then negatives, for points."""
        if self.negatives is None:
            return batch
        user_field, item_field = self.dataset.uid_field, self.dataset.iid_field
        drawn = torch.from_numpy(
            self.negatives.sample(batch[user_field].numpy(), self.sample_num).T.reshape(-1).copy()
        )
        if self.config["MODEL_INPUT_TYPE"] == InputType.PAIRWISE:
            batch = batch.repeat(self.sample_num)
            negative = self.dataset.join(Interaction({item_field: drawn}))
            negative.add_prefix(self.config["NEG_PREFIX"])
            batch.update(negative)
            return batch
        positives = len(batch)
        batch = batch.repeat(self.sample_num + 1)
        batch[item_field][positives:] = drawn
        label = torch.zeros(len(batch))
        label[:positives] = 1.0
        batch.update(Interaction({self.config["LABEL_FIELD"]: label}))
        return self.dataset.join(batch)

    def state(self) -> dict[str, Any]:
        """Returns the random state as plain data."""
        return {
            "rng": self.rng.bit_generator.state,
            "negatives": self.negatives.state() if self.negatives else None,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Continues from :meth:`state`."""
        self.rng.bit_generator.state = state["rng"]
        if self.negatives:
            self.negatives.set_state(state["negatives"])


class PositiveLoader(TrainLoader):
    """One example per training interaction, for general models."""

    def __init__(
        self, config: Any, dataset: ExactDataset, split: Split, sampler: NegativeSampler | None
    ) -> None:
        super().__init__(config, dataset, split, sampler)
        self._position = np.full(len(split.phase), -1, dtype=np.int64)
        self._position[split.rows(TRAIN)] = np.arange(len(dataset.inter_feat))

    def _cut(self, chosen: np.ndarray) -> Interaction:
        batch = self.dataset.inter_feat[torch.from_numpy(self._position[chosen])]
        return self._with_negatives(self.dataset.join(batch))


class UserLoader(TrainLoader):
    """One example per user with training interactions, for auto-encoders."""

    def _examples(self) -> np.ndarray:
        start, stop = self.split.period(TRAIN)
        return np.flatnonzero(stop > start)

    def _cut(self, chosen: np.ndarray) -> Interaction:
        return Interaction({self.dataset.uid_field: torch.from_numpy(chosen)})


class PrefixLoader(TrainLoader):
    """RecBole's sequential training: one target per prefix, cut lazily."""

    first_target = 1  # a user's first item has no prefix

    def _examples(self) -> np.ndarray:
        rows = self.split.rows(TRAIN)
        first = self.split.interactions.indptr[:-1]
        is_first = np.zeros(len(self.split.phase) + 1, dtype=bool)
        is_first[first] = True
        return rows[~is_first[rows]]

    def _cut(self, chosen: np.ndarray) -> Interaction:
        data, width = self.split.interactions, int(self.config["MAX_ITEM_LIST_LENGTH"])
        users = np.searchsorted(data.indptr, chosen, side="right") - 1
        length = np.minimum(chosen - data.indptr[users], width)
        batch = Interaction(
            {
                self.dataset.uid_field: torch.from_numpy(users),
                self.dataset.iid_field: torch.from_numpy(data.items[chosen].astype(np.int64)),
                self.config["RATING_FIELD"]: torch.from_numpy(data.ratings[chosen]),
                self.dataset.time_field: torch.from_numpy(data.times[chosen]),
                **history_fields(self.dataset, chosen, length, width),
            }
        )
        return self._with_negatives(self.dataset.join(batch))


@dataclass(frozen=True)
class EvaluationBatch:
    """A batch of users of a phase.

    Attributes:
        interaction: Input of the model: users, and their last windows for sequential models.
        users: ``(B,) int64`` internal user ids.
        seen_rows, seen_items: ``(S,) int64`` pairs of a row of the batch and an earlier item of the user.
        target_rows, target_items: ``(T,) int64`` pairs of a row of the batch and a held-out item.
        histories: What a general model reads instead of the users' training items; None where it reads these.
    """

    interaction: Interaction
    users: np.ndarray
    seen_rows: torch.Tensor
    seen_items: torch.Tensor
    target_rows: torch.Tensor
    target_items: torch.Tensor
    histories: Histories | None = None


def _flat_ranges(start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``(owner, row)`` of all rows in the ranges ``start:stop``, both ``(sum of lengths,) int64``."""
    length = stop - start
    owner = np.repeat(np.arange(len(start)), length)
    offset = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    return owner, np.repeat(start, length) + offset


# Not the seed of a run: see EvaluationLoader.each_epoch.
_SAMPLE_SEED = 0


class EvaluationLoader:
    """Users with held-out items in a phase, in batches sized by memory.

    The model never sees a held-out item. Users without earlier interactions are skipped, because models that learn
    from histories cannot rank for them.

    Args:
        config: The merged configuration.
        dataset: The training part, as tensors.
        split: The split.
        phase: ``VALID`` or ``TEST``; everything before it is history.
    """

    score_bytes = 16 * 2**20  # keeps a block of scores in the CPU cache
    gpu_score_bytes = 256 * 2**20  # keeps the GPU busy
    most_scores_an_epoch = 2 * 10**9  # of valid_users: auto; some 30 seconds of one core

    def __init__(self, config: Any, dataset: ExactDataset, split: Split, phase: int) -> None:
        self.config, self.dataset, self.split, self.phase = config, dataset, split, phase
        self._dataset = dataset
        self.start, self.stop = split.history(phase)
        self.target_stop = split.targets(phase)[1]
        self.users = split.evaluated_users(phase)
        self.candidates = candidates_of(config, split, phase)
        self.weighting = config["history_weighting"]
        sequential = config["MODEL_TYPE"] == ModelType.SEQUENTIAL
        # Nothing was learnt about a user who is not trained on, not even by a sequential model with vectors of users.
        unmet = config["split"] == "cold_users"
        self.folds_in = unmet or (not sequential and bool(config["same_history"] or self.weighting))
        # With same_history a general model reads what a sequential one does, else what it was trained on.
        whole = sequential or config["same_history"]
        self.read_stop = (split.read(phase) if whole else split.before(TRAIN + 1))[1]
        self.users_without_history = int((self.target_stop > self.stop).sum()) - len(self.users)
        on_processor = torch.device(config["device"] or "cpu").type == "cpu"
        by_memory = (self.score_bytes if on_processor else self.gpu_score_bytes) // (
            4 * split.interactions.n_items
        )
        self.batch_size = int(max(1, min(config["eval_batch_size"], by_memory)))

    @functools.cached_property
    def each_epoch(self) -> EvaluationLoader:
        """The users on which each epoch is validated: ``valid_users`` of them, drawn once and for all, or this loader.

        ``auto`` takes as many as need at most two billion scores. The draw is the same for every model, trial and seed
        of a study, so that all of them are chosen alike; it therefore depends on no measured time.
        """
        wanted = self.config["valid_users"]
        if wanted == "auto":
            wanted = max(1, self.most_scores_an_epoch // self.split.interactions.n_items)
        if wanted is None or wanted >= len(self.users):
            return self
        some = copy.copy(self)
        some.__dict__.pop("evidence", None)
        drawn = np.random.default_rng(_SAMPLE_SEED).choice(self.users, wanted, replace=False)
        some.users = np.sort(drawn)
        return some

    @property
    def n_targets(self) -> int:
        """Held-out items of ``users``, which a measurement may shorten."""
        return int((self.target_stop - self.stop)[self.users].sum())

    @functools.cached_property
    def evidence(self) -> Evidence:
        """What the metrics know about ``users`` and their items; made once, when it is first asked for."""
        return evidence_of(
            self.split,
            self.phase,
            self.users,
            head_rule=self.config["head_rule"],
            genres=self.dataset.genres,
            mask_seen=bool(self.config["mask_seen"]),
            propensity_power=float(self.config["propensity_power"]),
        )

    def __len__(self) -> int:
        return -(-len(self.users) // self.batch_size)

    def __iter__(self) -> Iterator[EvaluationBatch]:
        return self.batches(self.users)

    def batches(self, users: np.ndarray) -> Iterator[EvaluationBatch]:
        """Batches of some users ``(U,)`` of the phase, in their order."""
        for begin in range(0, len(users), self.batch_size):
            yield self._cut(users[begin : begin + self.batch_size])

    def _cut(self, users: np.ndarray) -> EvaluationBatch:
        items = self.split.interactions.items
        seen_rows, seen = _flat_ranges(self.start[users], self.stop[users])
        target_rows, target = _flat_ranges(self.stop[users], self.target_stop[users])
        return EvaluationBatch(
            interaction=self._interaction(users),
            users=users,
            seen_rows=torch.from_numpy(seen_rows),
            seen_items=torch.from_numpy(items[seen].astype(np.int64)),
            target_rows=torch.from_numpy(target_rows),
            target_items=torch.from_numpy(items[target].astype(np.int64)),
            histories=self._histories(users) if self.folds_in else None,
        )

    def _histories(self, users: np.ndarray) -> Histories:
        found = Histories.cut(self.dataset.interactions, self.start[users], self.read_stop[users], users)
        weighting = self.weighting
        return found.weighted(weighting["by"], weighting["decay"]) if weighting else found

    def _interaction(self, users: np.ndarray) -> Interaction:
        if self.config["MODEL_TYPE"] == ModelType.SEQUENTIAL:
            return last_windows(self.config, self.dataset, users, self.start[users], self.read_stop[users])
        return self.dataset.join(Interaction({self.dataset.uid_field: torch.from_numpy(users)}))
