"""A weight for positives in point-wise losses, for any model whose loss is a submodule."""

from __future__ import annotations

import torch
from torch import nn

from recbole_ext.errors import ConfigError

__all__ = ["WeightedBCELoss", "set_positive_weight"]


class WeightedBCELoss(nn.Module):
    """Binary cross-entropy on probabilities, mean over the batch, with positives counted ``weight`` times.

    It equals ``BCEWithLogitsLoss(pos_weight=weight)`` on the logits.
    """

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, probability: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Returns the loss of ``(B,)`` probabilities and labels in {0, 1}."""
        weights = 1 + (self.weight - 1) * label
        return nn.functional.binary_cross_entropy(probability, label, weight=weights)


def set_positive_weight(model: nn.Module, weight: float) -> None:
    """Sets the weight of positives in the point-wise losses of a model.

    Args:
        model: A RecBole model; changed in place.
        weight: How many times a positive counts; 1 changes nothing.

    Raises:
        ConfigError: The weight is not positive, or the model has no point-wise loss.
    """
    if not weight > 0:
        raise ConfigError(f"positive_weight is {weight}: give a number above 0 (1 = no weighting)")
    if weight == 1:
        return
    found = False
    for name, module in model.named_children():
        if isinstance(module, nn.BCEWithLogitsLoss):
            module.pos_weight = torch.tensor(float(weight))
        elif isinstance(module, nn.BCELoss):
            setattr(model, name, WeightedBCELoss(float(weight)))
        else:
            continue
        found = True
    if not found:
        raise ConfigError(
            f"positive_weight is {weight}, but {type(model).__name__} has no point-wise loss to weight: remove the key"
        )
