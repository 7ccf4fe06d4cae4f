"""Popularity in training: the distribution of negatives, its logQ correction, and weights for rare positives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn

from recbole_ext.errors import ConfigError

__all__ = [
    "ItemWeights",
    "NegativeDistribution",
    "check_debiasing",
    "inverse_propensity_weights",
    "train_counts",
]


def train_counts(dataset: Any) -> np.ndarray:
    """Counts φ, the ``(n_items,) int64`` training interactions of each item; padding has none.

    Args:
        dataset: The training part, with RecBole's interface.
    """
    items = np.asarray(dataset.inter_feat[dataset.iid_field])
    return np.bincount(items, minlength=dataset.item_num)


def inverse_propensity_weights(
    counts: np.ndarray, *, power: float, clip: float | None = None, normalise: bool = True
) -> np.ndarray:
    """Computes weights for positives: the inverse of the propensity of an item to be observed.

    With the propensity θ_i = (φ_i / max φ)^power (Saito et al., WSDM 2020, with power 0.5; Schnabel et al., ICML
    2016) the weight is w_i = min(1/θ_i, clip). It is divided by its mean over the training interactions,
    Σ φ_i w_i / Σ φ_i, which preserves the scale of the loss and therefore the learning rate.

    Args:
        counts: ``(n_items,)`` training interactions; 0 is treated as 1.
        power: Exponent of the propensity; 0 gives weights of 1.
        clip: Largest weight before the division, at least 1; None or 0 for no limit.
        normalise: Whether to divide by that mean.

    Returns:
        ``(n_items,) float64``.

    Raises:
        ConfigError: ``power`` or ``clip`` is out of range.
    """
    if not (math.isfinite(power) and power >= 0):
        raise ConfigError(f"ips_power is {power}: give a number of at least 0 (0 = no weighting)")
    if clip and not (math.isfinite(clip) and clip >= 1):
        raise ConfigError(f"ips_clip is {clip}: give a number of at least 1, or null for no limit")
    observed = np.maximum(np.asarray(counts, dtype=np.float64), 1.0)
    weight = (observed.max() / observed) ** power
    if clip:
        weight = np.minimum(weight, clip)
    total = float(np.sum(counts))
    return weight * (total / float(np.dot(counts, weight))) if normalise and total > 0 else weight


class ItemWeights(nn.Module):
    """Weights of positives by item: inverse propensity if ``ips_power`` is above 0.

    Attributes:
        weight: ``(n_items,) float32``, or None without weighting. Not stored in a checkpoint.
    """

    weight: torch.Tensor | None

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__()
        power = float(config["ips_power"] or 0)
        weight = None
        if power:
            clip = config["ips_clip"]
            values = inverse_propensity_weights(train_counts(dataset), power=power, clip=clip)
            weight = torch.from_numpy(values).float()
        self.register_buffer("weight", weight, persistent=False)

    def mean(self, losses: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Returns the mean of ``(N,)`` losses, each multiplied by the weight of its positive item ``(N,) int64``."""
        return losses.mean() if self.weight is None else (losses * self.weight[items]).mean()


class NegativeDistribution(nn.Module):
    """The distribution q(i) ∝ φ(i)^α over the catalogue without padding: draws with replacement, and their logQ.

    Items without training interactions have q = 0 for α > 0; with α = 0 all items are equally likely. These are the
    weights of :class:`recbole_ext.data.negative_sampler.NegativeSampler`.

    Args:
        counts: ``(n_items,)`` training interactions, padding included.
        alpha: Exponent, at least 0.

    Attributes:
        log_q: ``(n_items,) float32``, -inf where q is 0. Not stored in a checkpoint.
    """

    log_q: torch.Tensor
    _cumulative: torch.Tensor

    def __init__(self, counts: np.ndarray, alpha: float = 0.0) -> None:
        super().__init__()
        if not (math.isfinite(alpha) and alpha >= 0):
            raise ConfigError(f"sampling_alpha is {alpha}: give a number of at least 0 (0 = uniform)")
        counts = np.asarray(counts, dtype=np.float64)
        weight = np.where(counts > 0, np.maximum(counts, 1.0) ** alpha, float(alpha == 0))
        weight[0] = 0.0
        if weight.sum() == 0:
            raise ConfigError(
                "no item has a training interaction, so negatives cannot be drawn: check the split and the filters"
            )
        self._share(weight)

    def _share(self, weight: np.ndarray) -> None:
        """Draws in proportion to ``(n_items,)`` weights."""
        q = weight / weight.sum()
        with np.errstate(divide="ignore"):
            self.register_buffer("log_q", torch.from_numpy(np.log(q)).float(), persistent=False)
        # Integer limits: changing the model's precision must not move them.
        limits = np.round(np.cumsum(q) * 2**53).astype(np.int64)
        limits[np.flatnonzero(weight)[-1] :] = 2**53
        self.register_buffer("_cumulative", torch.from_numpy(limits), persistent=False)

    def keep(self, items: torch.Tensor) -> None:
        """Draws only items that are True in ``(n_items,) bool``, in the proportions that they have."""
        self._share(np.where(items.cpu().numpy(), np.exp(self.log_q.double().cpu().numpy()), 0.0))

    def draw(self, *shape: int) -> torch.Tensor:
        """Draws ``shape int64`` items independently, from torch's generator."""
        place = torch.randint(2**53, shape, device=self._cumulative.device)
        return torch.searchsorted(self._cumulative, place, right=True)

    def log_expected(self, drawn: torch.Tensor, number: int | None = None) -> torch.Tensor:
        """Returns log(k q) of ``(..., k) int64`` draws: the log of the expected count of each among its k.

        Args:
            drawn: The items.
            number: k, where it is not the number of columns.
        """
        return self.log_q[drawn] + math.log(number or drawn.shape[-1])


def check_debiasing(model: nn.Module, config: Any) -> None:
    """Rejects keys of popularity-aware training that a model would silently ignore.

    Args:
        model: The model.
        config: Its configuration.

    Raises:
        ConfigError: ``ips_power``, ``sequence_loss`` or ``label_smoothing`` is set, but the model does not support it.
    """
    modules = list(model.modules())
    if config["ips_power"] and not any(isinstance(module, ItemWeights) for module in modules):
        raise ConfigError(
            f"ips_power is {config['ips_power']}, but {type(model).__name__} does not weight by propensity: set "
            "ips_power: 0, or use MLP, BPR or a model that trains at all positions"
        )
    if hasattr(model, "sequence_loss"):
        return
    for key, unset in (("sequence_loss", "auto"), ("label_smoothing", 0)):
        if config[key] not in (unset, "full_softmax", None):
            raise ConfigError(
                f"{key} is {config[key]}, but {type(model).__name__} does not train at all positions: set {key}: "
                f"{unset}, or use a model that does, such as GRU4Rec, SASRec, Caser or BERT4Rec"
            )
