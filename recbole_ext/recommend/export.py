"""A run for programs without Python: a model in ONNX, or finished lists."""

from __future__ import annotations

import importlib.util
import io
import json
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from recbole_ext.data.files import write_whole
from recbole_ext.errors import ConfigError
from recbole_ext.progress import stage
from recbole_ext.recommend.recommender import Recommender
from recbole_ext.runs.files import new_folder

__all__ = ["EXPORTABLE", "NextItems", "check_extra", "export_onnx", "write_user_lists"]

EXPORTABLE = ("GRU4Rec", "SASRec", "MLPSeq", "TwoTower")
_OPSET = 17


class NextItems(nn.Module):
    """From the last items of histories to the best next ones.

    Args:
        model: With ``encode`` and ``item_embeddings``, in evaluation mode.
        k: Length of a list.
        mask_seen: Whether items of the history are no candidates.
    """

    def __init__(self, model: Any, k: int, mask_seen: bool) -> None:
        super().__init__()
        self.model, self.k, self.mask_seen = model, k, mask_seen
        with torch.no_grad():
            self.register_buffer("outputs", model.item_embeddings().detach().T.contiguous())

    def forward(self, history: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The lists.

        Args:
            history: ``(B, L) int64`` ids, the oldest first, 0 behind the last.

        Returns:
            ``(B, k) int64`` ids, the best first, and ``(B, k) float32`` scores.
        """
        length = (history > 0).sum(dim=1)
        states = self.model.encode(history, length, torch.zeros_like(length))
        place = (length - 1).clamp(min=0)[:, None, None].expand(-1, 1, states.shape[2])
        scores = states.gather(1, place)[:, 0] @ self.outputs
        nothing = torch.full_like(history[:, :1], -torch.inf, dtype=scores.dtype)
        scores = torch.cat([nothing, scores[:, 1:]], dim=1)
        if self.mask_seen:
            scores = scores.scatter(1, history, nothing.expand(-1, history.shape[1]))
        best = scores.topk(self.k, dim=1)
        return best.indices, best.values


def check_extra() -> None:
    """Refuses to export without what writes ONNX.

    Raises:
        ConfigError: The extra is missing.
    """
    if importlib.util.find_spec("onnx") is None:
        raise ConfigError("a model in ONNX needs the extra onnx: pip install 'recbole_ext[onnx]'")


def export_onnx(recommender: Recommender, output: Path, k: int) -> None:
    """Writes a folder with ``model.onnx`` and ``items.json``.

    The model takes ``history (batch, window)`` and gives ``items`` and ``scores``, both ``(batch, k)``. Token i of
    ``items.json`` belongs to id i; id 0 is no item.

    Args:
        recommender: The opened run.
        output: The folder.
        k: Length of a list.

    Raises:
        ConfigError: The model is of another kind, k is too large, or the extra is missing.
        OutputError: The folder cannot be written.
    """
    check_extra()
    run = recommender.run
    if run.model_name not in EXPORTABLE:
        raise ConfigError(
            f"{run.model_name} is not exported to ONNX, which {', '.join(EXPORTABLE)} are: use --format=lists"
        )
    n_items, window = run.data.dataset.item_num, int(run.config["MAX_ITEM_LIST_LENGTH"])
    if k > n_items - 1 - window:
        raise ConfigError(
            f"k is {k}, and {n_items - 1} items less a history of {window} leave fewer: lower --k"
        )
    run.trainer.begin(recommender.phase)
    wrapped = NextItems(run.trainer.model.cpu(), k, recommender.masks_seen).eval()
    buffer: Any = io.BytesIO()
    with stage("exporting the model"), warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            wrapped,
            (torch.tensor([[1, 2] + [0] * (window - 2), list(range(1, window + 1))]) % n_items,),
            buffer,
            input_names=["history"],
            output_names=["items", "scores"],
            dynamic_axes={name: {0: "batch"} for name in ("history", "items", "scores")},
            opset_version=_OPSET,
            dynamo=False,
        )
    told = {
        "model": run.model_name,
        "dataset": run.metrics["dataset"],
        "fingerprint": run.metrics["fingerprint"],
        "window": window,
        "k": k,
        "masks_history": recommender.masks_seen,
        "tokens": [None, *map(str, recommender.names.tokens[1:])],
    }
    with new_folder(output) as folder:
        write_whole(folder / "model.onnx", buffer.getvalue())
        write_whole(folder / "items.json", json.dumps(told, ensure_ascii=False))


def write_user_lists(recommender: Recommender, output: Path, k: int) -> None:
    """Writes one JSON line for each test user, ``{"user": token, "items": [tokens], "scores": [...]}``, for a store.

    Raises:
        OutputError: The file cannot be written.
    """
    from recbole_ext.recommend.recommendations import recommended
    from recbole_ext.recommend.wish import Wish

    lines = [
        json.dumps(
            {"user": user, "items": rows["item"].to_list(), "scores": rows["score"].to_list()},
            ensure_ascii=False,
        )
        for block in recommended(recommender, recommender.known(None), Wish(k, with_titles=False))
        for (user,), rows in block.group_by("user", maintain_order=True)
    ]
    write_whole(output, "".join(line + "\n" for line in lines))
