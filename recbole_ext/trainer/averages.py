"""Averages of the weights over the steps of training, which are evaluated and kept in the weights' place."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

__all__ = ["Averages"]


class Averages:
    """Exponential moving averages of the parameters (Polyak and Juditsky 1992; Tarvainen and Valpola 2017).

    After step n the average is d ā + (1 - d) w with d = min(``ema_decay``, (n - 1) / (n + 8)), so that the random start
    has no weight and the early steps little. Buffers, such as the statistics of a batch normalisation, are as they are.

    Args:
        decay: ``ema_decay``; without one (0) nothing is averaged, and the weights themselves are used.
    """

    def __init__(self, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self._means: dict[str, torch.Tensor] = {}

    def attach(self, optimizer: torch.optim.Optimizer, model: torch.nn.Module) -> None:
        """Averages the parameters of a model after each step of an optimiser."""
        if self.decay:
            optimizer.register_step_post_hook(lambda *_: self.update(model))

    @torch.no_grad()
    def update(self, model: torch.nn.Module) -> None:
        """Takes the parameters of one more step into the averages."""
        self.steps += 1
        share = 1 - min(self.decay, (self.steps - 1) / (self.steps + 8))
        for name, weight in model.named_parameters():
            if (mean := self._means.get(name)) is None:
                self._means[name] = weight.detach().clone()
            else:
                mean.lerp_(weight, share)

    @contextlib.contextmanager
    def used_by(self, model: torch.nn.Module) -> Iterator[None]:
        """Exchanges the parameters for their averages while something is evaluated or written."""
        if not self.steps:
            yield
            return
        self._exchange(model)
        try:
            yield
        finally:
            self._exchange(model)

    @torch.no_grad()
    def _exchange(self, model: torch.nn.Module) -> None:
        for name, weight in model.named_parameters():
            kept = weight.detach().clone()
            weight.copy_(self._means[name])
            self._means[name].copy_(kept)

    def state(self) -> dict[str, Any] | None:
        """Returns the averages and the number of steps; None where nothing is averaged."""
        return {"steps": self.steps, "means": self._means} if self.decay else None

    def set_state(self, state: dict[str, Any] | None, device: torch.device) -> None:
        """Continues from :meth:`state`."""
        if state is not None:
            self.steps = state["steps"]
            self._means = {name: mean.to(device) for name, mean in state["means"].items()}
