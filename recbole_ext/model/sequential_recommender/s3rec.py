"""S3Rec, pre-trained and fine-tuned in one run."""

from __future__ import annotations

from typing import Any

from torch import nn

from recbole_ext._compat.host import BPRLoss
from recbole_ext._compat.host import sequential_recommender as host

__all__ = ["S3Rec"]


class S3Rec(host.S3Rec):
    """RecBole's S3Rec (Zhou et al. 2020) without the checkpoint file between its two stages."""

    stages = ("pretrain", "finetune")

    def __init__(self, config: Any, dataset: Any) -> None:
        config["train_stage"] = self.stages[0]
        super().__init__(config, dataset)

    def enter_stage(self, stage: str) -> None:
        """Switches to the loss of a stage."""
        self.train_stage = stage
        self.loss_fct = BPRLoss() if self.loss_type == "BPR" else nn.CrossEntropyLoss()
        if stage == self.stages[0]:
            self.loss_fct = nn.BCEWithLogitsLoss(reduction="none")
