"""Scores of the whole catalogue, from any model: the one way from an input to a matrix of scores."""

from __future__ import annotations

from typing import Any

import torch

from recbole_ext._compat.host import Interaction
from recbole_ext.errors import RecBoleExtError

__all__ = ["catalogue_scores"]


def catalogue_scores(
    model: Any, interaction: Interaction, dataset: Any, device: torch.device, at_once: int
) -> torch.Tensor:
    """Scores every item for each row of an input, unmasked; models without a full-sort form predict in pieces.

    Args:
        model: A model in evaluation mode.
        interaction: B rows: users, and their last windows for a sequential model.
        dataset: The training part; it joins features of items.
        device: Where the model is, and the scores will be.
        at_once: Pairs that are predicted together.

    Returns:
        ``(B, n_items)`` float32 or float64.

    Raises:
        RecBoleExtError: The model gives something else than one score for each row and item.
    """
    interaction = interaction.to(device)
    try:
        scores = model.full_sort_predict(interaction)
    except NotImplementedError:
        rows = (interaction[row : row + 1] for row in range(len(interaction)))
        scores = torch.cat([_predicted(model, row, dataset, at_once) for row in rows])
    wanted = (len(interaction), dataset.item_num)
    if wrong := _unlike_scores(scores, wanted):
        raise RecBoleExtError(
            f"{type(model).__name__}.full_sort_predict returned {wrong}: return a tensor of the shape "
            f"{wanted}, a score for each user and item"
        )
    # The host's models of closed form score on the processor, wherever the others are.
    scores = scores.to(device).view(wanted)
    return scores if scores.dtype in (torch.float32, torch.float64) else scores.float()


def _predicted(model: Any, one: Interaction, dataset: Any, at_once: int) -> torch.Tensor:
    """``(n_items,)`` scores of one row, pair by pair."""
    n_items, device = dataset.item_num, one[dataset.uid_field].device
    every = one.repeat_interleave(n_items)
    every.update(dataset.join(Interaction({dataset.iid_field: torch.arange(n_items)})).to(device))
    pieces = range(0, n_items, at_once)
    return torch.cat([model.predict(every[start : start + at_once]) for start in pieces])


def _unlike_scores(scores: Any, wanted: tuple[int, int]) -> str:
    """What was returned in place of a score for each user and item; an empty text if nothing is wrong.

    RecBole's own models return ``wanted`` or the same in one dimension.
    """
    if scores is None:
        return "None"
    if not isinstance(scores, torch.Tensor):
        return f"a value of the type {type(scores).__name__}"
    if scores.numel() != wanted[0] * wanted[1] or scores.ndim > 2:
        return f"a tensor of the shape {tuple(scores.shape)}"
    return "complex numbers" if scores.is_complex() else ""
