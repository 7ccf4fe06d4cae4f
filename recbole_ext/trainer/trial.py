"""What would fail hours later is tried before the training: models and metrics of one's own, the item file."""

from __future__ import annotations

import contextlib
import copy
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from recbole_ext._compat.host import Trainer
from recbole_ext.config.model_source import is_inside
from recbole_ext.data.build import PreparedData
from recbole_ext.data.dataloader import TrainLoader
from recbole_ext.data.features import titles
from recbole_ext.errors import RecBoleExtError
from recbole_ext.evaluator.evaluate import try_own_metrics
from recbole_ext.model.registry import ModelSpec
from recbole_ext.trainer.trainer import ExactTrainer

__all__ = ["check_end", "check_model"]

_EXAMPLES, _USERS = 2, 2


def check_model(spec: ModelSpec, trainer: ExactTrainer, loader: TrainLoader, data: PreparedData) -> None:
    """Tries a model from outside the package: the loss of two examples, then the scores of two users.

    A copy of the model is tried, and every random generator is put back, so that the training is the same with or
    without the trial. The loss is left out for models that RecBole trains in a way of their own.

    Raises:
        RecBoleExtError: The model raises or returns something else than it should; the message names the method.
    """
    if is_inside(spec.path):
        return
    model = trainer.model
    try:
        # A copy of the data would need as much memory again, and nothing in it is changed.
        shared = (trainer.config, data.dataset, data.split, data.split.interactions, loader.dataset)
        trainer.model = copy.deepcopy(model, {id(one): one for one in shared})
    except (RuntimeError, TypeError):
        return  # what cannot be copied, such as a tensor in the middle of a graph, cannot be tried without a trace
    try:
        with _same_random_numbers(loader):
            if type(trainer).__mro__[1:3] == (ExactTrainer, Trainer):
                _try_loss(trainer, loader)
            _try_scores(trainer, data)
    finally:
        trainer.model = model


@contextlib.contextmanager
def _same_random_numbers(loader: TrainLoader) -> Iterator[None]:
    """Puts the generators back as they were."""
    batches, order, size = loader.state(), loader._order, loader.batch_size
    batches = copy.deepcopy(batches)
    plain, arrays = random.getstate(), np.random.get_state(legacy=False)
    devices = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices):
        try:
            yield
        finally:
            random.setstate(plain)
            np.random.set_state(arrays)
            loader._order, loader.batch_size = order, size
            loader.set_state(batches)


def _refused(model: torch.nn.Module, method: str, what: str) -> RecBoleExtError:
    return RecBoleExtError(f"{type(model).__name__}.{method} {what}")


@contextlib.contextmanager
def _named(model: torch.nn.Module, method: str) -> Iterator[None]:
    """Whatever the method raises, ``SystemExit`` included, names it."""
    try:
        yield
    except RecBoleExtError:
        raise
    except (Exception, SystemExit) as error:
        ended = isinstance(error, SystemExit)
        reason = "ends the program with sys.exit" if ended else f"raised {type(error).__name__}: {error}"
        text = " ".join(reason.split())
        raise _refused(model, method, f"{text}; mend it (--debug shows where)") from error


def _try_loss(trainer: ExactTrainer, loader: TrainLoader) -> None:
    """One step backward, without a step of the optimiser."""
    model, loader.batch_size = trainer.model, _EXAMPLES
    model.train()
    batch = next(iter(loader)).to(trainer.device)
    with _named(model, "calculate_loss"):
        losses = model.calculate_loss(batch)
    parts = losses if isinstance(losses, tuple) else (losses,)
    for part in parts:
        if not isinstance(part, torch.Tensor) or part.numel() != 1:
            raise _refused(
                model, "calculate_loss", f"returned {_shown(losses)}: return a tensor of one number"
            )
    total = sum(parts)
    if any(parameter.requires_grad for parameter in model.parameters()):
        if not isinstance(total, torch.Tensor) or not total.requires_grad:
            raise _refused(
                model,
                "calculate_loss",
                "returned a number without a gradient: compute it from the parameters",
            )
        with _named(model, "calculate_loss"):
            total.backward()


def _try_scores(trainer: ExactTrainer, data: PreparedData) -> None:
    trainer.begin(data.validation)
    batch = next(data.validation.batches(data.validation.users[:_USERS]))
    with torch.no_grad(), _named(trainer.model, "full_sort_predict"):
        scores = trainer.scores_of(batch)
    if torch.isnan(scores).any():
        raise _refused(trainer.model, "full_sort_predict", "returned NaN as a score: mend it before training")
    if torch.isneginf(scores[:, 1:]).all():
        raise _refused(
            trainer.model, "full_sort_predict", "returned -inf for every item: mend it before training"
        )


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return f"a tuple of {', '.join(map(_shown, value))}"
    if isinstance(value, torch.Tensor):
        return f"a tensor of the shape {tuple(value.shape)}"
    return "None" if value is None else f"a value of the type {type(value).__name__}"


def check_end(config: Any, data: PreparedData) -> None:
    """Reads what only the end of a run needs: titles and genres of the items, and metrics of one's own.

    Those are computed for lists that are alike for all users, the first items of the catalogue. The first validation
    computes them again for lists of the model.

    Raises:
        RecBoleExtError: The item file cannot be used, or a metric of one's own fails.
    """
    titles(data.dataset.item_file)
    _ = data.dataset.genres
    k = min(config["topk"])
    lists = np.tile(np.arange(1, k + 1, dtype=np.int64), (len(data.test.users), 1))
    try_own_metrics(config["metrics"], data.test.evidence.with_lists(lists), [k])
