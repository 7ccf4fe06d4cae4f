"""Loss at every position of a window, for sequential models that implement ``encode``."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.functional import embedding

from recbole_ext.config.precision import resolved_precision
from recbole_ext.errors import ConfigError
from recbole_ext.model.losses.full_softmax import full_softmax
from recbole_ext.model.losses.negatives import bpr_all_positions, gbce, own_scores, sampled_softmax
from recbole_ext.model.losses.popularity import ItemWeights, NegativeDistribution, train_counts

__all__ = ["AllPositions", "SequenceLoss"]


class SequenceLoss(nn.Module):
    """The loss selected by ``sequence_loss``, over targets at all positions. It has no parameters.

    The sampled losses draw ``loss_negatives`` items with replacement by popularity^``sampling_alpha``: once for all
    targets of a batch or, with ``loss_negatives_shared: false``, once per target. Draws equal to the target are
    ignored.

    Args:
        config: ``sequence_loss`` (full_softmax, sampled_softmax, gbce or bpr) and the keys above, ``gbce_t``,
            ``logq_correction``, ``softmax_precision``, ``ips_power`` and ``ips_clip``.
        dataset: The training part; its interactions define popularity.

    Raises:
        ConfigError: gbce is combined with popularity-based negatives; its calibration assumes uniform ones.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__()
        self.kind = config["sequence_loss"] or "full_softmax"
        self.number = int(config["loss_negatives"] or 1)
        self.shared = config["loss_negatives_shared"] is not False
        self.t, self.corrects = float(config["gbce_t"] or 0), config["logq_correction"] is not False
        self.catalogue = dataset.item_num - 1
        self.weights = ItemWeights(config, dataset)
        precision = resolved_precision(config["softmax_precision"], config["device"] or "cpu")
        self.precision = torch.bfloat16 if precision == "bfloat16" else torch.float32
        alpha = float(config["sampling_alpha"] or 0)
        if self.kind == "gbce" and alpha:
            raise ConfigError(
                f"sequence_loss is gbce with sampling_alpha {alpha}, but its calibration assumes uniform "
                "negatives: set sampling_alpha: 0, or use sampled_softmax"
            )
        self.negatives = (
            None if self.kind == "full_softmax" else NegativeDistribution(train_counts(dataset), alpha)
        )

    @property
    def is_default(self) -> bool:
        """Whether this is the plain, unweighted full soft-max."""
        return self.negatives is None and self.weights.weight is None

    def forward(self, output: torch.Tensor, items: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Returns the mean loss of ``(N, d)`` outputs, ``(n_items, d)`` item weights and ``(N,) int64`` targets."""
        if self.negatives is None:
            weight = self.weights.weight
            return full_softmax(
                output,
                items,
                targets,
                weights=None if weight is None else weight[targets],
                precision=self.precision if output.dtype == torch.float32 else None,
            )
        rows = 1 if self.shared else len(output)
        drawn = self.negatives.draw(rows, self.number)  # (1 or N, k)
        # Not items[targets]: with several threads its gradient is summed in a different order each time.
        positive = (output * embedding(targets, items)).sum(dim=1)
        negative = output @ embedding(drawn[0], items).T if self.shared else own_scores(output, items, drawn)
        return self.weights.mean(self._losses(positive, negative, drawn, targets), targets)

    def _losses(
        self, positive: torch.Tensor, negative: torch.Tensor, drawn: torch.Tensor, targets: torch.Tensor
    ) -> torch.Tensor:
        hits = drawn == targets[:, None]  # (N, k)
        if self.kind == "gbce":
            return gbce(positive, negative, catalogue=self.catalogue, t=self.t, hits=hits)
        if self.kind == "bpr":
            return bpr_all_positions(positive, negative, hits=hits)
        expected = self.negatives.log_expected(drawn) if self.negatives and self.corrects else None
        return sampled_softmax(positive, negative, log_expected=expected, hits=hits)


class AllPositions:
    """Mixin for RecBole models: a batch with ``target_seq`` is scored at all positions in one pass.

    List it before the RecBole class. The model implements ``encode(item_seq, item_seq_len, user) -> (B, L, d)``, whose
    position t equals its ``forward`` on the first t + 1 items, and ``item_embeddings() -> (n_items, d)``. The key
    ``sequence_loss`` selects the loss.
    """

    ITEM_SEQ: str
    ITEM_SEQ_LEN: str
    USER_ID: str
    sequence_loss: SequenceLoss

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        if args:
            self.sequence_loss = SequenceLoss(*args)

    def encode(self, item_seq: torch.Tensor, item_seq_len: torch.Tensor, user: torch.Tensor) -> torch.Tensor:
        """Returns the representation after each item, ``(B, L, d)``; positions past ``item_seq_len`` are undefined."""
        raise NotImplementedError

    def states_of(self, interaction: Any) -> torch.Tensor:
        """Returns ``(B, L, d)``: :meth:`encode` of a batch of windows."""
        return self.encode(
            interaction[self.ITEM_SEQ], interaction[self.ITEM_SEQ_LEN], interaction[self.USER_ID]
        )

    def item_embeddings(self) -> torch.Tensor:
        """Returns the ``(n_items, d)`` weights that score a representation."""
        return self.item_embedding.weight  # type: ignore[attr-defined]

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Returns the mean loss over positions with a target, or RecBole's loss for a batch of prefixes."""
        if "target_seq" not in interaction:
            if not self.sequence_loss.is_default:
                raise ConfigError(
                    "sequence_loss and ips_power only work with targets at all positions: set sequence_training: "
                    "all_positions and loss_type: CE, or leave both keys out"
                )
            return super().calculate_loss(interaction)  # type: ignore[misc]
        target = interaction["target_seq"]  # (B, L)
        output = self.states_of(interaction)
        asked = target > 0
        return (
            self.sequence_loss(output[asked], self.item_embeddings(), target[asked]) + self.regularisation()
        )

    def regularisation(self) -> torch.Tensor | float:
        """Returns the terms that the model adds to ``sequence_loss``, such as a penalty on its weights."""
        return 0.0
