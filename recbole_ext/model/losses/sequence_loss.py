"""The loss over targets at all positions, chosen by ``sequence_loss``."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.functional import embedding

from recbole_ext.config.precision import resolved_precision
from recbole_ext.errors import ConfigError
from recbole_ext.model.losses.full_softmax import full_softmax
from recbole_ext.model.losses.negatives import (
    bpr_all_positions,
    bpr_max,
    gbce,
    own_scores,
    sampled_softmax,
)
from recbole_ext.model.losses.popularity import ItemWeights, NegativeDistribution, train_counts

__all__ = ["MOST_ITEMS_OF_FULL_SOFTMAX", "SequenceLoss", "chosen_loss"]

MOST_ITEMS_OF_FULL_SOFTMAX = 20_000
"""Above so many items ``sequence_loss: auto`` samples negatives."""


def chosen_loss(config: Any, n_items: int) -> str:
    """Resolves ``sequence_loss: auto``: full_softmax, or sampled_softmax for windows over a large catalogue.

    Args:
        config: The merged configuration.
        n_items: Items, padding excluded.
    """
    kind = str(config["sequence_loss"] or "full_softmax")
    if kind != "auto":
        return kind
    windows = config["sequence_training"] == "all_positions" and config["loss_type"] == "CE"
    return "sampled_softmax" if windows and n_items > MOST_ITEMS_OF_FULL_SOFTMAX else "full_softmax"


class SequenceLoss(nn.Module):
    """The loss selected by ``sequence_loss``, over targets at all positions. It has no parameters.

    The sampled losses draw ``loss_negatives`` items with replacement by popularity^``sampling_alpha``: once for all
    targets of a batch or, with ``loss_negatives_shared: false``, once per target. With ``batch_negatives: true`` the
    other targets of the batch are negatives, too (Hidasi et al. 2016; Hidasi and Karatzoglou 2018). Draws equal to the
    target are ignored.

    Args:
        config: ``sequence_loss`` (auto, full_softmax, sampled_softmax, gbce, bpr or bpr_max) and the keys above,
            ``gbce_t``, ``logq_correction``, ``bpr_max_penalty``, ``bpr_max_elu``, ``label_smoothing``,
            ``softmax_precision``, ``ips_power`` and ``ips_clip``.
        dataset: The training part; its interactions define popularity.

    Raises:
        ConfigError: Keys contradict each other.
    """

    kept: torch.Tensor | None
    place: torch.Tensor

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__()
        self.catalogue = dataset.item_num - 1
        self.kind = chosen_loss(config, self.catalogue)
        self.number = int(config["loss_negatives"] or 1)
        self.shared, self.of_batch = (
            config["loss_negatives_shared"] is not False,
            bool(config["batch_negatives"]),
        )
        self.t, self.corrects = float(config["gbce_t"] or 0), config["logq_correction"] is not False
        self.penalty, self.elu = float(config["bpr_max_penalty"] or 0), float(config["bpr_max_elu"] or 0)
        self.smoothing = float(config["label_smoothing"] or 0)
        self.weights = ItemWeights(config, dataset)
        precision = resolved_precision(config["softmax_precision"], config["device"] or "cpu")
        self.precision = torch.bfloat16 if precision == "bfloat16" else torch.float32
        alpha = float(config["sampling_alpha"] or 0)
        self._check(alpha)
        self.negatives = self.popularity = None
        if self.kind != "full_softmax":
            counts = train_counts(dataset)
            self.negatives = NegativeDistribution(counts, alpha)
            self.popularity = NegativeDistribution(counts, 1.0) if self.of_batch else None
        self.register_buffer("kept", None, persistent=False)
        self.register_buffer("place", None, persistent=False)

    def leave_out_unseen(self, seen: torch.Tensor) -> None:
        """Makes items without training interactions no negatives: a model of content would learn to rank them low.

        Args:
            seen: ``(n_items,) bool``, items with training interactions.
        """
        if bool(seen[1:].all()):
            return
        seen = seen.clone()
        self.catalogue = int(seen[1:].sum())
        if self.negatives is not None:
            self.negatives.keep(seen)
        seen[0] = True  # padding is a class of the full soft-max, as in RecBole
        self.kept, self.place = torch.nonzero(seen).flatten(), seen.cumsum(0) - 1

    def _check(self, alpha: float) -> None:
        if self.kind == "gbce" and (alpha or self.of_batch):
            wrong = f"sampling_alpha {alpha}" if alpha else "batch_negatives: true"
            raise ConfigError(
                f"sequence_loss is gbce with {wrong}, but its calibration assumes uniform negatives: set "
                f"{'sampling_alpha: 0' if alpha else 'batch_negatives: false'}, or use sampled_softmax"
            )
        if self.of_batch and not self.shared:
            raise ConfigError(
                "batch_negatives is true, but loss_negatives_shared is false: the targets of a batch are shared "
                "negatives, so set one of the two to its default"
            )
        if self.of_batch and self.kind == "full_softmax":
            raise ConfigError(
                "batch_negatives is true, but full_softmax has all items as negatives: leave it out, or set "
                "sequence_loss: sampled_softmax, bpr or bpr_max"
            )
        if self.smoothing and self.kind != "full_softmax":
            raise ConfigError(
                f"label_smoothing is {self.smoothing}, but {self.kind} does not sum over all items: set "
                "sequence_loss: full_softmax, or label_smoothing: 0"
            )

    @property
    def is_default(self) -> bool:
        """Whether this is the plain, unweighted full soft-max."""
        return self.negatives is None and self.weights.weight is None and not self.smoothing

    def forward(self, output: torch.Tensor, items: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Returns the mean loss of ``(N, d)`` outputs, ``(n_items, d)`` item weights and ``(N,) int64`` targets."""
        if self.negatives is None:
            weight = self.weights.weight
            weights = None if weight is None else weight[targets]
            if self.kept is not None:
                items, targets = embedding(self.kept, items), self.place[targets]
            return full_softmax(
                output,
                items,
                targets,
                weights=weights,
                smoothing=self.smoothing,
                precision=self.precision if output.dtype == torch.float32 else None,
            )
        drawn = self.negatives.draw(1 if self.shared else len(output), self.number)  # (1 or N, k)
        if self.of_batch:
            drawn = torch.cat([drawn, targets[None]], dim=1)
        # Not items[targets]: with several threads its gradient is summed in a different order each time.
        positive = (output * embedding(targets, items)).sum(dim=1)
        negative = output @ embedding(drawn[0], items).T if self.shared else own_scores(output, items, drawn)
        return self.weights.mean(self._losses(positive, negative, drawn, targets, self.negatives), targets)

    def _losses(
        self,
        positive: torch.Tensor,
        negative: torch.Tensor,
        drawn: torch.Tensor,
        targets: torch.Tensor,
        drawn_from: NegativeDistribution,
    ) -> torch.Tensor:
        hits = drawn == targets[:, None]  # (N, k)
        if self.kind == "gbce":
            return gbce(positive, negative, catalogue=self.catalogue, t=self.t, hits=hits)
        if self.kind == "bpr":
            return bpr_all_positions(positive, negative, hits=hits)
        if self.kind == "bpr_max":
            return bpr_max(positive, negative, penalty=self.penalty, elu=self.elu, hits=hits)
        expected = self._log_expected(drawn_from, drawn, len(targets)) if self.corrects else None
        return sampled_softmax(positive, negative, log_expected=expected, hits=hits)

    def _log_expected(
        self, drawn_from: NegativeDistribution, drawn: torch.Tensor, targets: int
    ) -> torch.Tensor:
        """``(1 or N, k)`` log of how often each item is expected among the draws and the targets of the batch."""
        expected = drawn_from.log_expected(drawn, self.number)
        if self.popularity is None:
            return expected
        return torch.logaddexp(expected, self.popularity.log_expected(drawn, targets))
