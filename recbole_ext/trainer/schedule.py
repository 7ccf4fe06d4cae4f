"""The learning rate of each step: a warm-up, then constant, falling in a line, or falling with a cosine."""

from __future__ import annotations

import math
from typing import Any

import torch

__all__ = ["Schedule", "rate_factor"]

_MADE, _BASE, _LAST = "steps_made", "initial_lr", "decay_steps"


def rate_factor(made: int, kind: str, warmup: int, last: int) -> float:
    """The learning rate of a step as a share of ``learning_rate``.

    It rises in equal steps to 1 at step ``warmup``; from there ``linear`` and ``cosine`` (Loshchilov and Hutter 2017,
    one cycle without restarts) fall to 0, which they would reach at step ``last`` + 1.

    Args:
        made: Steps before this one.
        kind: constant, linear or cosine.
        warmup: Steps of the warm-up; may be 0.
        last: Steps of warm-up and fall together; the rate stays at 0 behind them.
    """
    if made < warmup:
        return (made + 1) / warmup
    if kind == "constant":
        return 1.0
    done = min(1.0, (made - warmup) / max(1, last - warmup))
    return 1 - done if kind == "linear" else 0.5 * (1 + math.cos(math.pi * done))


class Schedule:
    """Sets the learning rate before each step of the optimisers that it is attached to.

    The number of steps made is kept in the optimiser's groups, and so in its state: a resumed run goes on with the rate
    that it would have had.

    Args:
        config: ``learning_rate_schedule``, ``warmup_steps``, ``schedule_epochs`` and ``epochs``.
    """

    def __init__(self, config: Any) -> None:
        self.kind, self.warmup = str(config["learning_rate_schedule"]), int(config["warmup_steps"])
        self.epochs = int(config["schedule_epochs"] or config["epochs"])
        self.steps_an_epoch = 1

    def attach(self, optimizer: torch.optim.Optimizer) -> None:
        """Follows the steps of a new optimiser; one with a constant rate is left as it is."""
        if self.kind == "constant" and not self.warmup:
            return
        for group in optimizer.param_groups:
            group[_BASE], group[_MADE], group[_LAST] = group["lr"], 0, 0
        optimizer.register_step_pre_hook(self._before_step)

    def _before_step(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        for group in optimizer.param_groups:
            # Once: the number of batches may differ a little between epochs.
            group[_LAST] = group[_LAST] or self.epochs * self.steps_an_epoch
            group["lr"] = group[_BASE] * rate_factor(group[_MADE], self.kind, self.warmup, group[_LAST])
            group[_MADE] += 1
