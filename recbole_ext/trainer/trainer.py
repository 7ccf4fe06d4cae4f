"""Narrow hooks on RecBole's trainers: fair evaluation, safe checkpoints, exact resumption."""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import random
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recbole_ext._compat.host import AbstractRecommender, Trainer
from recbole_ext.data.dataloader import EvaluationBatch, EvaluationLoader
from recbole_ext.data.interactions import VALID
from recbole_ext.data.sampled_candidates import SampledCandidates
from recbole_ext.errors import CheckpointError, ConfigError, DataError, RecBoleExtError
from recbole_ext.evaluator.evaluate import Evaluation, evaluated, try_own_metrics
from recbole_ext.evaluator.ranking import (
    Lists,
    areas_under_curve,
    best_candidates,
    keep_only_,
    mask_scores_,
    ranks_within,
)
from recbole_ext.evaluator.register import is_accuracy
from recbole_ext.model.fold_in import HistoryReader
from recbole_ext.model.scoring import catalogue_scores
from recbole_ext.progress import Stage, is_shown, stage
from recbole_ext.trainer.averages import Averages
from recbole_ext.trainer.checkpoint import load_tensors, save_tensors
from recbole_ext.trainer.ranked import Ranked
from recbole_ext.trainer.schedule import Schedule

__all__ = ["EpochReport", "trainer_class"]

_EPOCH = re.compile(r"epoch (\d+)")
# Before 2.4 PyTorch fused on accelerators only.
_FUSES = tuple(int(part) for part in torch.__version__.split(".")[:2]) >= (2, 4)


@dataclass(frozen=True)
class EpochReport:
    """What is known after a validation.

    Attributes:
        epoch: From 1 on, as everywhere but in RecBole's loop and in ``state.safetensors``.
        loss: Of this epoch.
        score, best_score, best_epoch: ``valid_metric`` now, and its best value and epoch.
        seconds: Since the validation before: of one epoch, or of ``eval_step`` epochs.
    """

    epoch: int
    loss: float
    score: float
    best_score: float
    best_epoch: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"epoch {self.epoch:>3}  loss {self.loss:>10.4f}  validation {self.score:.4f}  "
            f"best {self.best_score:.4f} (epoch {self.best_epoch})  {self.seconds:.1f} s"
        )


class _FromOne(logging.LoggerAdapter):  # type: ignore[type-arg]
    """RecBole's log of the training, with epochs from 1 as everywhere else."""

    def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
        return _EPOCH.sub(lambda found: f"epoch {int(found[1]) + 1}", str(msg)), kwargs


class ExactTrainer(Trainer):
    """Mixed in before a RecBole trainer; overrides evaluation and checkpoints, never the loop.

    Attributes set by the pipeline:
        folder: Where ``best.safetensors`` and ``state.safetensors`` are written.
        on_epoch: Called with an :class:`EpochReport` after each validation.
        origin: ``model`` and ``data`` (a fingerprint), which a state that is written belongs to.
        resumable: Whether a state is written, and the best weights forced to the disk.

    Attributes set by training, with epochs from 0 as in RecBole's loop:
        history: One entry a validation.
        seconds: Epoch to its time, validated or not.
    """

    folder: Path
    on_epoch: Callable[[EpochReport], None] | None = None
    origin: dict[str, str]
    resumable = True
    history: list[dict[str, float]]
    seconds: dict[int, float]
    best_epoch = -1
    _training: Stage | None = None

    def __init__(self, config: Any, model: torch.nn.Module) -> None:
        # RecBole builds the optimiser, which these follow.
        self.schedule, self.averages = Schedule(config), Averages(float(config["ema_decay"]))
        super().__init__(config, model)
        # RecBole's trainer for models that learn nothing lowers the epochs to one afterwards.
        self.eval_step: int = min(self.eval_step, self.epochs)
        self.history, self.seconds, self.origin = [], {}, {}
        self.validation: Evaluation | None = None
        self.logger: Any = _FromOne(self.logger, {})
        self._clock = time.perf_counter()

    def _build_optimizer(self, **kwargs: Any) -> torch.optim.Optimizer:
        """RecBole's hook: Adam as one operation a parameter, four to eight times faster on a processor."""
        self._check_sparse()
        optimizer = super()._build_optimizer(**kwargs)
        sparse = any(getattr(module, "sparse", False) for module in self.model.modules())
        if type(optimizer) in (torch.optim.Adam, torch.optim.AdamW) and not sparse and _FUSES:
            for group in optimizer.param_groups:
                group["fused"] = True
        self.schedule.attach(optimizer)
        self.averages.attach(optimizer, self.model)
        return optimizer

    def _check_sparse(self) -> None:
        """sparse_adam takes no dense gradient, which nearly every model has."""
        if self.config["learner"] != "sparse_adam":
            return
        sparse = {
            id(parameter)
            for module in self.model.modules()
            if getattr(module, "sparse", False)
            for parameter in module.parameters(recurse=False)
        }
        if any(
            parameter.requires_grad and id(parameter) not in sparse for parameter in self.model.parameters()
        ):
            raise ConfigError(
                f"learner is sparse_adam, but {type(self.model).__name__} has parameters with dense gradients: choose "
                "adam"
            )

    def scores_of(self, batch: EvaluationBatch) -> torch.Tensor:
        """``(B, n_items)`` scores of one batch, unmasked; models without a full-sort form predict in pieces.

        Raises:
            RecBoleExtError: The model gives something else than one score for each user and item.
        """
        if batch.histories is not None and self._reader is not None:
            return self._reader.scores(batch.histories)
        return catalogue_scores(
            self.model, batch.interaction, self._dataset, self.device, self.test_batch_size
        )

    def lists(
        self,
        loader: EvaluationLoader,
        k: int,
        *,
        users: np.ndarray | None = None,
        visit: Callable[[slice, EvaluationBatch, torch.Tensor, torch.Tensor], None] | None = None,
        sampled: SampledCandidates | None = None,
    ) -> Lists:
        """The k best candidates of users of a phase: the one way from scores to lists.

        Args:
            loader: The phase.
            k: Length of the lists.
            users: ``(U,) int64`` internal ids, a part of ``loader.users``; all of them if None.
            visit: As in :func:`~recbole_ext.evaluator.ranking.best_candidates`.
            sampled: The only candidates beside the held-out items; the whole catalogue if None.

        Raises:
            ConfigError: k is below 1 or above the catalogue.
        """
        self.begin(loader)

        def scores_of(batch: EvaluationBatch) -> torch.Tensor:
            scores = self.masked_scores_of(batch)
            return scores if sampled is None else keep_only_(scores, *self._kept(batch, sampled))

        chosen = loader.users if users is None else users
        with stage(
            "ranking", len(chosen), "validation users" if loader.phase == VALID else "test users"
        ) as ranking:

            def batches() -> Iterator[EvaluationBatch]:
                for batch in loader.batches(chosen):
                    yield batch
                    ranking.advance(len(batch.users))

            return best_candidates(batches(), scores_of, len(chosen), k, visit)

    @torch.no_grad()
    def rank(self, loader: EvaluationLoader, metrics: Sequence[str] | None = None) -> Evaluation:
        """Ranks the whole catalogue, or the sampled candidates, for every user of a phase: alike for all models.

        Args:
            loader: The phase.
            metrics: Names to compute; all of the configuration if None.
        """
        names = self.config["metrics"] if metrics is None else metrics
        found = self.ranked(loader, "AUC" in names)
        with stage("computing metrics"):
            return evaluated(
                loader.users,
                found.items,
                found.scores.astype(np.float32),
                ranks=found.ranks,
                ties=found.ties,
                owners=found.owners,
                metrics=names,
                topk=self.config["topk"],
                evidence=None
                if all(map(is_accuracy, names))
                else replace(loader.evidence, areas=found.areas),
                seconds=found.seconds,
            )

    def ranked(self, loader: EvaluationLoader, areas: bool) -> Ranked:
        """One pass over the users of a phase.

        Args:
            loader: The phase.
            areas: Whether the areas under the curve are asked for.
        """
        began = time.perf_counter()
        ranks = np.empty(loader.n_targets)
        ties, owners = np.empty((2, loader.n_targets), dtype=np.int64)
        under = np.empty(len(loader.users)) if areas else None
        done = 0

        def rank_targets(
            rows: slice, batch: EvaluationBatch, scores: torch.Tensor, values: torch.Tensor
        ) -> None:
            nonlocal done
            _refuse_no_candidates(values[:, 0], batch, scores.shape[1])
            part = slice(done, done + len(batch.target_rows))
            wanted = batch.target_rows.to(self.device), batch.target_items.to(self.device)
            ranks[part], ties[part] = (one.cpu().numpy() for one in ranks_within(scores, values, *wanted))
            owners[part] = batch.target_rows.numpy() + rows.start
            if under is not None:
                under[rows] = areas_under_curve(scores, *wanted).cpu().numpy()
            done = part.stop

        lists = self.lists(loader, max(self.config["topk"]), visit=rank_targets, sampled=loader.candidates)
        return Ranked(lists.items, lists.scores, ranks, ties, owners, under, time.perf_counter() - began)

    def _kept(self, batch: EvaluationBatch, sampled: SampledCandidates) -> tuple[torch.Tensor, torch.Tensor]:
        """Pairs of row and item, ``(S,) int64``: sampled candidates and held-out items."""
        drawn = torch.from_numpy(sampled.of(batch.users))
        rows = torch.arange(len(drawn)).repeat_interleave(drawn.shape[1])
        pairs = (batch.target_rows, rows), (batch.target_items, drawn.flatten())
        row, item = (torch.cat(pair).to(self.device) for pair in pairs)
        return row, item

    def begin(self, loader: EvaluationLoader) -> None:
        """Makes the model ready to score the batches of a phase."""
        self.model.eval()
        self._dataset = loader.dataset
        self._reader = HistoryReader(self.model, loader.dataset, self.config) if loader.folds_in else None

    @torch.no_grad()
    def masked_scores_of(self, batch: EvaluationBatch) -> torch.Tensor:
        """``(B, n_items)`` scores of one batch, -inf where an item is not a candidate of the user."""
        scores = self.scores_of(batch)
        seen = (batch.seen_rows, batch.seen_items) if self.config["mask_seen"] else (None, None)
        return mask_scores_(scores, *(pair.to(self.device) if pair is not None else None for pair in seen))

    def evaluate(
        self,
        eval_data: EvaluationLoader,
        load_best_model: bool = True,
        model_file: Path | None = None,
        show_progress: bool = False,
    ) -> OrderedDict[str, float] | None:
        """RecBole's hook: means of the metrics; validation's per-user values stay in ``validation``.

        The users are those of :attr:`~recbole_ext.data.dataloader.EvaluationLoader.each_epoch`.
        """
        if not eval_data:
            return None
        eval_data = eval_data.each_epoch
        if load_best_model:
            self.load_best(model_file)
        chosen = str(self.config["valid_metric"]).partition("@")[0]
        names = [m for m in self.config["metrics"] if is_accuracy(m) or m == chosen]
        with contextlib.nullcontext() if load_best_model else self.averages.used_by(self.model):
            self.validation = self.rank(eval_data, names)
        if self.resumable and not self.history:
            # What would fail after the last epoch is found after the first.
            lists = eval_data.evidence.with_lists(self.validation.items)
            with torch.random.fork_rng(list(range(torch.cuda.device_count()))):
                try_own_metrics(self.config["metrics"], lists, self.config["topk"])
        value = self.validation.means.get(str(self.config["valid_metric"]).lower())
        if value is None:
            raise DataError(
                f"valid_metric {self.config['valid_metric']} is one that this data set cannot give: add genres to its "
                ".item file, or choose another valid_metric"
            )
        if not math.isfinite(value):
            raise RecBoleExtError(
                f"valid_metric {self.config['valid_metric']} is {value} on validation, so that no epoch can be chosen "
                "by it: choose another valid_metric, or mend the metric"
            )
        return self.validation.means

    def load_best(self, file: Path | None = None) -> None:
        """Loads the weights of the best epoch into the model.

        Args:
            file: Another file than ``best.safetensors``.

        Raises:
            CheckpointError: It is missing or damaged, or holds the weights of another model or other sizes.
        """
        file = file or self.folder / "best.safetensors"
        state = load_tensors(file)
        with _fitting(file):
            restore_model(self.model, state)

    def _save_checkpoint(self, epoch: int, verbose: bool = True, **kwargs: Any) -> None:
        self.best_epoch = epoch
        with self.averages.used_by(self.model):
            save_tensors(self.folder / "best.safetensors", model_state(self.model), durable=self.resumable)
        if self.eval_step <= 0:
            self.save_state(epoch)

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        """RecBole's loop, announced; returns the best validation score and its figures."""
        words = f"training {type(self.model).__name__},"
        with stage(words, self.epochs, "epochs", at_most=True, before=self.start_epoch) as self._training:
            return super().fit(*args, **kwargs)

    def _train_epoch(self, train_data: Any, epoch_idx: int, *args: Any, **kwargs: Any) -> Any:
        self._clock = time.perf_counter()
        self._train_data = train_data
        self.schedule.steps_an_epoch = len(train_data)
        if is_shown() and "show_progress" in kwargs:
            # Two bars would write over each other.
            kwargs["show_progress"] = False
        loss = super()._train_epoch(train_data, epoch_idx, *args, **kwargs)
        self.seconds[epoch_idx] = time.perf_counter() - self._clock
        if self._training is not None:
            self._training.at(epoch_idx + 1)
        return loss

    def _check_nan(self, loss: torch.Tensor) -> None:
        if not torch.isfinite(loss).all():
            raise RecBoleExtError(
                f"the training loss of {self.config['model']} is {loss.item()}: lower learning_rate, or set "
                "clip_grad_norm={max_norm: 5}"
            )

    def after_epoch(self, epoch: int, score: float) -> None:
        """RecBole's callback after a validation: report, then the state to resume from."""
        self.seconds[epoch] = time.perf_counter() - self._clock
        last = self.history[-1]["epoch"] if self.history else -1
        seconds = sum(value for number, value in self.seconds.items() if number > last)
        loss = float(self.train_loss_dict[epoch])
        best = (
            max(score, self.best_valid_score)
            if self.valid_metric_bigger
            else min(score, self.best_valid_score)
        )
        self.history.append({"epoch": epoch, "loss": loss, "valid_score": float(score), "seconds": seconds})
        self.save_state(epoch)
        if self.on_epoch:
            self.on_epoch(
                EpochReport(epoch + 1, loss, float(score), float(best), self.best_epoch + 1, seconds)
            )

    def save_state(self, epoch: int) -> None:
        """Everything that the next epoch depends on, in one file, replaced atomically."""
        if self.resumable:
            save_tensors(self.folder / "state.safetensors", self.state_of(epoch))

    def state_of(self, epoch: int) -> dict[str, Any]:
        """The content of ``state.safetensors``."""
        return {
            "origin": self.origin,
            "epoch": epoch,
            "cur_step": self.cur_step,
            "best_valid_score": float(self.best_valid_score),
            "best_valid_result": dict(self.best_valid_result or {}),
            "best_epoch": self.best_epoch,
            "history": self.history,
            "seconds": self.seconds,
            "losses": {str(k): float(v) for k, v in self.train_loss_dict.items()},
            "model": model_state(self.model),
            "averages": self.averages.state(),
            "attributes": _plain_attributes(self.model),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in _optimizers(self).items()},
            "loader": self._train_data.state(),
            "torch_rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            "numpy_rng": np.random.get_state(legacy=False),
            "python_rng": random.getstate(),
        }

    def save_last(self) -> None:
        """The state after the last epoch, where ``eval_step`` left that one without a validation."""
        last = max(self.seconds, default=-1)
        if self.history and last > self.history[-1]["epoch"]:
            self.save_state(last)

    def load_state(self, state: dict[str, Any], train_data: Any) -> None:
        """Continues from the content of ``state.safetensors``: the next epoch is that of an uninterrupted run."""
        with _fitting(self.folder / "state.safetensors"):
            self._take_state(state, train_data)

    def _take_state(self, state: dict[str, Any], train_data: Any) -> None:
        self.start_epoch = state["epoch"] + 1
        self.cur_step, self.best_epoch = state["cur_step"], state["best_epoch"]
        self.best_valid_score = state["best_valid_score"]
        self.best_valid_result = state["best_valid_result"]
        self.history = state["history"]
        self.train_loss_dict = {int(k): v for k, v in state["losses"].items()}
        # Version 0.1.0 kept the seconds of validated epochs only.
        known = {entry["epoch"]: entry["seconds"] for entry in self.history}
        self.seconds = state.get("seconds", {epoch: known.get(epoch, 0.0) for epoch in self.train_loss_dict})
        restore_model(self.model, state["model"])
        self.averages.set_state(state.get("averages"), self.device)
        for name, value in state["attributes"].items():
            setattr(self.model, name, value.to(self.device) if isinstance(value, torch.Tensor) else value)
        for name, optimizer_state in state["optimizers"].items():
            getattr(self, name).load_state_dict(optimizer_state)
        self._train_data = train_data
        train_data.set_state(state["loader"])
        torch.set_rng_state(state["torch_rng"])
        for index, rng in enumerate(state["cuda_rng"]):
            torch.cuda.set_rng_state(rng, index)
        np.random.set_state(state["numpy_rng"])
        version, internal, gauss = state["python_rng"]
        random.setstate((version, tuple(internal), gauss))

    @property
    def finished(self) -> bool:
        """Whether early stopping or the number of epochs has ended the training that was resumed."""
        return self.start_epoch >= self.epochs or self.cur_step > self.stopping_step


def _refuse_no_candidates(best: torch.Tensor, batch: EvaluationBatch, n_items: int) -> None:
    """Looks at the largest score ``(B,)`` of each user, -inf where everything is masked or scored so."""
    rows = torch.isneginf(best).nonzero().flatten().cpu()
    if not len(rows):
        return
    seen = torch.bincount(batch.seen_rows, minlength=len(best))[rows]
    if (seen < n_items - 1).any():
        raise RecBoleExtError(
            f"the model gave -inf as the score of every item of a user (user {int(batch.users[rows[0]])} by internal "
            "number): lower learning_rate, or mend the model"
        )


def _optimizers(trainer: Trainer) -> dict[str, torch.optim.Optimizer]:
    """The optimizers by attribute; RecVAE's trainer lets ``optimizer`` be one of its two others in turn."""
    found = {name: value for name, value in vars(trainer).items() if isinstance(value, torch.optim.Optimizer)}
    others = [value for name, value in found.items() if name != "optimizer"]
    return {
        name: value
        for name, value in found.items()
        if name != "optimizer" or all(value is not other for other in others)
    }


def _plain_attributes(model: torch.nn.Module) -> dict[str, Any]:
    """What a model keeps outside ``state_dict`` and changes in training.

    Tensors such as cluster centres, counters such as that of the annealing of the auto-encoders, and one-dimensional
    arrays such as LINE's shuffled users.
    """
    return {
        name: value.detach() if isinstance(value, torch.Tensor) else value
        for name, value in vars(model).items()
        if (isinstance(value, torch.Tensor) and value.layout == torch.strided)
        or (isinstance(value, (int, float)) and name != "training")
        or (isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "iuf")
    }


def model_state(model: AbstractRecommender) -> dict[str, Any]:
    """Weights and what RecBole calls the other parameters; modules among those are already in the weights."""
    other = {k: v for k, v in model.other_parameter().items() if not isinstance(v, torch.nn.Module)}
    return {"state_dict": dict(model.state_dict()), "other": other}


@contextlib.contextmanager
def _fitting(file: Path) -> Iterator[None]:
    """A whole file whose content is not this model's becomes one sentence."""
    try:
        yield
    except (RuntimeError, KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        # torch counts the differences in its first line and names them in the next ones.
        reason = " ".join(lines[1:2] or lines or [type(error).__name__])[:200].rstrip(".")
        raise CheckpointError(
            f"{file} does not fit the model of config.yaml beside it ({reason}): undo what was changed in either, or "
            "train the model again"
        ) from error


def restore_model(model: AbstractRecommender, state: dict[str, Any]) -> None:
    """Puts :func:`model_state` back, on the model's device."""
    model.load_state_dict(state["state_dict"])
    device = next(model.parameters()).device
    model.load_other_parameter(
        {k: v.to(device) if isinstance(v, torch.Tensor) else v for k, v in state["other"].items()}
    )


@functools.cache
def trainer_class(host: type[Trainer], hooks: type[ExactTrainer] = ExactTrainer) -> type[ExactTrainer]:
    """The host's trainer with our hooks before it."""
    return type(f"Exact{host.__name__}", (hooks, host) if host is not Trainer else (hooks,), {})
