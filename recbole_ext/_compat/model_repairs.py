"""Repairs of individual RecBole models: one function per defect."""

from __future__ import annotations

import importlib
import random
import types
from collections.abc import Callable
from typing import Any

import torch

from recbole_ext._compat.shadow import Shadow

__all__ = ["apply"]

_GENERAL = "recbole.model.general_recommender"
_SEQUENTIAL = "recbole.model.sequential_recommender"


def apply() -> None:
    """Applies all repairs; called once by ``repairs``."""
    _dropout_in_evaluation()
    _diffusion_predict()
    _random_predict()
    _core_predict()
    _shan_full_sort()
    _admmslim_noise()
    _dgcf_sample()


def _with_dropout_that_ends(forward: Callable[..., Any], host: types.ModuleType) -> Callable[..., Any]:
    """Wraps ``forward`` so that the ``nn.Dropout(p)`` it creates on every call follows the model's mode."""
    true_nn = host.nn

    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        def dropout(p: float = 0.5) -> torch.nn.Dropout:
            return torch.nn.Dropout(p).train(self.training)

        host.nn = Shadow(true_nn, Dropout=dropout)  # type: ignore[attr-defined]
        try:
            return forward(self, *args, **kwargs)
        finally:
            host.nn = true_nn  # type: ignore[attr-defined]

    wrapped.__doc__ = forward.__doc__
    return wrapped


def _dropout_in_evaluation() -> None:
    """NGCF and GRU4RecKG of 1.2.0 create a new ``nn.Dropout`` in ``forward``, always in training mode.

    Their scores are therefore noisy in evaluation. Fixed in 1.2.1, which creates the layer in ``__init__``.
    """
    for name, model in (
        (f"{_GENERAL}.ngcf", "NGCF"),
        (f"{_SEQUENTIAL}.gru4reckg", "GRU4RecKG"),
    ):
        host = importlib.import_module(name)
        cls = getattr(host, model)
        if "Dropout" in cls.forward.__code__.co_names:
            cls.forward = _with_dropout_that_ends(cls.forward, host)


def _diffusion_predict() -> None:
    """``DiffRec.predict`` and ``LDiffRec.predict`` of 1.2.0 return a matrix of every user with every item.

    They read ``x_t[:, item]`` instead of one score per row. Fixed in 1.2.1.
    """
    for module, model in (("diffrec", "DiffRec"), ("ldiffrec", "LDiffRec")):
        cls = getattr(importlib.import_module(f"{_GENERAL}.{module}"), model)
        if "arange" in cls.predict.__code__.co_names:
            continue

        def predict(
            self: Any, interaction: Any, whole: Callable[..., torch.Tensor] = cls.predict
        ) -> torch.Tensor:
            return whole(self, interaction).diagonal()

        cls.predict = predict


def _random_predict() -> None:
    """``Random.predict`` of 1.2.0 creates its scores on the CPU regardless of the device."""
    from recbole.model.general_recommender.random import Random

    if "device" in Random.predict.__code__.co_names:
        return

    def predict(self: Any, interaction: Any) -> torch.Tensor:
        return torch.rand(len(interaction), device=self.device).squeeze(-1)

    Random.predict = predict


def _core_predict() -> None:
    """``CORE.predict`` omits the item normalisation that training and ranking use.

    Its scores of pairs differ from those of ``full_sort_predict``.
    """
    from recbole.model.sequential_recommender.core import CORE

    if "normalize" in CORE.predict.__code__.co_names:
        return

    def predict(self: Any, interaction: Any) -> torch.Tensor:
        state = self.forward(interaction[self.ITEM_SEQ])  # (B, embedding_size), unit length
        item = torch.nn.functional.normalize(self.item_embedding(interaction[self.ITEM_ID]), dim=-1)
        return (state * item).sum(dim=1) / self.temperature

    CORE.predict = predict


def _shan_full_sort() -> None:
    """SHAN trains on windows padded on the left, but ``full_sort_predict`` passes windows padded on the right.

    The model reads the last two columns as the last two items; for every history shorter than the window they are
    padding.
    """
    from recbole.model.sequential_recommender.shan import SHAN

    if "INVERSE_ITEM_SEQ" in SHAN.full_sort_predict.__code__.co_names:
        return

    def full_sort_predict(self: Any, interaction: Any) -> torch.Tensor:
        state = self.forward(interaction[self.INVERSE_ITEM_SEQ], interaction[self.USER_ID])
        return state @ self.item_embedding.weight.T

    SHAN.full_sort_predict = full_sort_predict


def _admmslim_noise() -> None:
    """ADMMSLIM adds random numbers up to 1e-5 to its scores to break ties, so scores change with each call.

    The evaluation handles ties exactly. Without the noise, scores of pairs and of the catalogue agree.
    """
    host = importlib.import_module(f"{_GENERAL}.admmslim")
    if hasattr(host, "add_noise"):
        host.add_noise = lambda scores, mag=0.0: scores  # type: ignore[attr-defined]


def _dgcf_sample() -> None:
    """DGCF draws as many users as items and raises an error if there are fewer.

    The repair limits each draw to the available number.
    """
    host = importlib.import_module(f"{_GENERAL}.dgcf")

    def sample_cor_samples(n_users: int, n_items: int, cor_batch_size: int) -> tuple[list[int], list[int]]:
        drawn = [random.sample(range(n), min(n, cor_batch_size)) for n in (n_users, n_items)]
        return drawn[0], drawn[1]

    host.sample_cor_samples = sample_cor_samples  # type: ignore[attr-defined]
