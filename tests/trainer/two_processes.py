"""What each of several processes finds, for ``test_distributed``: ``python -m tests.trainer.two_processes``."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from recbole_ext.data.build import prepare_data
from recbole_ext.data.dealing import DealtLoader
from recbole_ext.trainer.build import build_trainer, configure_host
from recbole_ext.trainer.distributed import current, joined

METRICS = ["NDCG", "Hit", "ItemCoverage", "Gini", "TailShare", "AUC"]
# Without what draws in the loss: a batch has one gradient then.
MODELS: dict[str, dict[str, Any]] = {
    "BPR": {},
    "NeuMF": {"dropout_prob": 0.0},
    "GRU4Rec": {"dropout_prob": 0.0},
    "SASRec": {"hidden_dropout_prob": 0.0, "attn_dropout_prob": 0.0},
    "GRU4Rec-prefixes": {"dropout_prob": 0.0, "sequence_training": "prefixes"},
}


@dataclass(frozen=True)
class Found:
    """What a process finds of a model.

    Attributes:
        rows: Users, and targets where there are any, of its rows of each batch of an epoch.
        gradient: Of the first batch, all parameters in one vector.
        means: Metrics on the test.
        ndcg: ``(U,)`` of each user.
    """

    rows: list[list[list[int]]]
    gradient: torch.Tensor
    means: dict[str, float]
    ndcg: list[float]


def found(model: str, keys: dict[str, Any], folder: Path) -> Found:
    """In the group that there is, or alone; ``model`` may have a suffix."""
    spec, model_class, config = configure_host(model.partition("-")[0], None, (), keys, lambda _: None)
    data = prepare_data(config)
    trainer, loader = build_trainer(config, spec, model_class, data, folder)
    group = current()
    batches: Any = loader if group is None else DealtLoader(loader, group.rank, group.world)
    loss_of = trainer.model.calculate_loss if group is None else trainer.loss_of(batches)  # type: ignore[attr-defined]
    rows, gradient = [], torch.empty(0)
    for number, batch in enumerate(batches):
        if number == 0:
            torch.manual_seed(0)
            losses = loss_of(batch)
            (sum(losses) if isinstance(losses, tuple) else losses).backward()
            gradient = torch.cat(
                [one.grad.flatten() for one in trainer.model.parameters() if one.grad is not None]
            )
        names = [
            name for name in ("user_id", "item_id", "neg_item_id", "target_seq") if name in batch.interaction
        ]
        rows.append([batch[name].reshape(len(batch), -1).tolist() for name in names])
    evaluation = trainer.rank(data.test, METRICS)
    return Found(rows, gradient, dict(evaluation.means), evaluation.per_user["ndcg@5"].tolist())


def main() -> None:
    """Writes what this process finds of all models into a folder."""
    folder, keys = Path(sys.argv[1]), json.loads(sys.argv[2])
    torch.set_num_threads(1)
    with joined():
        for model, own in MODELS.items():
            one = found(model, {**keys, **own}, folder)
            torch.save(vars(one), folder / f"{model}-{os.environ['RANK']}.pt")


if __name__ == "__main__":
    main()
