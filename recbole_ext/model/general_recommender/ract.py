"""RaCT with its three stages in one run."""

from __future__ import annotations

from typing import Any

from recbole_ext._compat.host import general_recommender as host

__all__ = ["RaCT"]


class RaCT(host.RaCT):
    """RecBole's RaCT (Lobel et al. 2020) without the checkpoint files between its stages."""

    stages = ("actor_pretrain", "critic_pretrain", "finetune")

    def __init__(self, config: Any, dataset: Any) -> None:
        config["train_stage"] = self.stages[0]
        # The critic reads a list of metrics_k items; a small catalogue has fewer.
        config["metrics_k"] = min(config["metrics_k"], dataset.item_num)
        super().__init__(config, dataset)

    def enter_stage(self, stage: str) -> None:
        """Freezes the parts that a stage does not train: the actor in the critic's stage, else the critic."""
        self.train_stage = stage
        critic = stage == "critic_pretrain"
        for net, learns in (
            (self.critic_net, critic),
            (self.encoder, not critic),
            (self.decoder, not critic),
        ):
            net.requires_grad_(learns)
