"""What every model that ``--model`` takes must keep, and where one cannot by its nature."""

from __future__ import annotations

import copy
import functools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recbole.data.interaction import Interaction
from recbole.utils import ModelType

from recbole_ext.data.build import train_loader
from recbole_ext.model.registry import MODELS, known_models
from recbole_ext.trainer.opened import OpenedRun, RunResult, open_model
from recbole_ext.trainer.train import resume, train
from recbole_ext.trainer.trainer import EpochReport, model_state, restore_model
from tests.conftest import Row, write_inter

__all__ = [
    "DEPENDS_ON_THE_BATCH",
    "FAST",
    "KNOWS_THE_PERSON",
    "PADDING_COUNTS",
    "PREDICT_DIFFERS",
    "SLOW",
    "WINDOW",
    "WINDOW_OF_FIXED_WIDTH",
    "WITHOUT_GRADIENTS",
    "Subject",
    "interrupted_and_resumed",
    "trained",
    "write_walks",
]

# Ours, and of RecBole one of each kind of training and scoring.
FAST = sorted({*MODELS, "BPR", "ItemKNN", "NeuMF", "LightGCN", "MultiVAE", "EASE"})
SLOW = [name for name in known_models() if name not in FAST]

_GENRES = {"item_features": ["genres"]}
SMALLER: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("CEASE", "ContentKNN", "MARec"), _GENRES),
    "TwoTower": {"item_features": ["id", "genres"]},
    "NCL": {"num_clusters": 4, "warm_up_step": 0},
    "RaCT": {"pretrain_epochs": 1},
    "RepeatLast": {"mask_seen": False},
    "S3Rec": {"pretrain_epochs": 1},
}

# The exceptions. A model that keeps a point must not stand in its table: the tests look at both.
WITHOUT_GRADIENTS = {
    "ADMMSLIM": "solved in closed form",
    "CEASE": "solved in closed form",
    "ContentKNN": "counted",
    "EASE": "solved in closed form",
    "MARec": "solved in closed form",
    "ItemKNN": "counted",
    "MarkovChain": "counted",
    "NCEPLRec": "solved in closed form",
    "PersonalTopK": "counted",
    "Pop": "counted",
    "Random": "learns nothing",
    "P3alpha": "counted",
    "PureSVD": "solved in closed form",
    "RP3beta": "counted",
    "RepeatLast": "counted",
    "SLIM": "solved in closed form",
    "RecentPop": "counted",
    "SKNN": "counted",
    "STAN": "counted",
    "SequentialRules": "counted",
    "SLIMElastic": "solved in closed form",
    "UserKNN": "counted",
    "VSKNN": "counted",
    "iALS": "solved in closed form",
}
PREDICT_DIFFERS = {
    "FISM": "predict returns the sigmoid of the score: the order is the same",
}
DEPENDS_ON_THE_BATCH: dict[str, str] = {}
WINDOW_OF_FIXED_WIDTH = {
    "Caser": "a vertical convolution has one weight for each place of the window",
    "DIEN": "the mask is as wide as the window",
    "DIN": "the mask is as wide as the window",
    "FEARec": "the number of frequencies follows from the width",
    "FOSSIL": "places are counted from the end of the full window",
    "HGN": "the gate of the instances has one weight for each place of the window",
    "RepeatNet": "the probabilities of repetition are made for the full window",
    "SINE": "reshapes to the full window",
}
PADDING_COUNTS = {
    "LightSANs": "items are projected to latent interests over all places, padding among them, without a mask",
    "NextItNet": "the state of the last column is taken, which is that of padding for a short history",
    "NPE": "the embedding of padding is learnt and summed",
}
_VECTOR, _NEIGHBOUR = "a vector for each user", "a training user is no neighbour of its own history"
KNOWS_THE_PERSON = {
    "CDAE": _VECTOR,
    "Caser": _VECTOR,
    "DIEN": _VECTOR,
    "ConvNCF": _NEIGHBOUR,
    "FISM": "a bias for each user",
    "FOSSIL": "weights of the last items for each user",
    "FPMC": _VECTOR,
    "GCMC": _NEIGHBOUR,
    "HGN": _VECTOR,
    "HRM": _VECTOR,
    "MLP": _NEIGHBOUR,
    "NNCF": _NEIGHBOUR,
    "NPE": _VECTOR,
    "NeuMF": _NEIGHBOUR,
    "SHAN": _VECTOR,
    "SKNN": _NEIGHBOUR,
    "STAN": _NEIGHBOUR,
    "SimpleX": _VECTOR,
    "TransRec": _VECTOR,
    "UserKNN": _NEIGHBOUR,
    "VSKNN": _NEIGHBOUR,
}

USERS, ITEMS, WINDOW = 30, 16, 6


def walks() -> list[Row]:
    """Walks of 4 to 9 steps around a ring of items: shorter and longer than the window."""
    starts = np.random.default_rng(0).integers(0, ITEMS, USERS)
    return [
        (f"u{user}", f"i{(start + step) % ITEMS}", 1.0 + step % 5, 1_000_000_000 + 10 * step)
        for user, start in enumerate(starts)
        for step in range(4 + user % 6)
    ]


def write_walks(folder: Path) -> Path:
    """A ``data_path`` with the data set ``walks``; some items have no genre, and one is unknown."""
    write_inter(folder, "walks", walks())
    genres = ("Drama Comedy", "Drama", "", "Film-Noir")
    lines = ["item_id:token\ttitle:token_seq\tgenres:token_seq"]
    lines += [f"i{item}\tMovie {item}\t{genres[item % 4]}" for item in range(ITEMS - 1)]
    (folder / "walks" / "walks.item").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def overrides(name: str, home: Path) -> dict[str, Any]:
    """Two epochs on the walks."""
    return {
        "data_path": str(home),
        "dataset": "walks",
        "epochs": 2,
        "train_batch_size": 64,
        "MAX_ITEM_LIST_LENGTH": WINDOW,
        "topk": [5],
        "metrics": ["NDCG", "Hit"],
        "valid_metric": "NDCG@5",
        "min_user_interactions": 1,
        "min_item_interactions": 1,
        "show_progress": False,
        "use_gpu": False,
        **SMALLER.get(name, {}),
    }


@dataclass(frozen=True)
class Subject:
    """A model that was trained on the walks, saved, and read again.

    Attributes:
        name: What ``--model`` takes.
        home: The ``data_path`` of the walks.
        result: What training gave.
        run: The saved run, read again.
    """

    name: str
    home: Path
    result: RunResult
    run: OpenedRun

    @property
    def model(self) -> Any:
        """The model, in evaluation mode."""
        return self.run.trainer.model.eval()

    @property
    def sequential(self) -> bool:
        """Whether the model ranks from a window of items."""
        return self.model.type == ModelType.SEQUENTIAL

    @functools.cached_property
    def users(self) -> Any:
        """The batch of the test phase."""
        return next(iter(self.run.data.test))

    def scores(self, interaction: Interaction) -> torch.Tensor:
        """``(B, n_items)`` scores, as the trainer ranks them; the same noise for each call that adds noise."""
        trainer = self.run.trainer
        trainer.begin(self.run.data.test)
        batch = type(self.users)(
            **{**vars(self.users), "interaction": interaction, "users": np.arange(len(interaction))}
        )
        self.model.eval()
        torch.manual_seed(0)
        with torch.no_grad():
            return trainer.scores_of(batch).float()

    def pair_scores(self, interaction: Interaction, row: int) -> torch.Tensor:
        """``(n_items - 1,)`` scores of one row with every item, from ``predict``."""
        dataset = self.run.data.dataset
        items = torch.arange(1, dataset.item_num)
        pairs = interaction[torch.full((len(items),), row)]
        pairs.update(dataset.join(Interaction({dataset.iid_field: items})))
        self.model.eval()
        torch.manual_seed(0)
        with torch.no_grad():
            return self.model.predict(pairs).view(-1).float()

    @contextmanager
    def training(self) -> Iterator[tuple[Any, Interaction]]:
        """The model in training mode and a batch; afterwards its weights are what they were."""
        model, before = self.model, copy.deepcopy(model_state(self.model))
        batch = next(iter(train_loader(self.run.config, self.run.data, type(model))))
        model.train()
        try:
            yield model, batch
        finally:
            model.zero_grad(set_to_none=True)
            restore_model(model, before)
            model.eval()


def trained(name: str, home: Path, folder: Path, **changes: Any) -> Subject:
    """Trains a model and reads it again."""
    result = train(name, overrides={**overrides(name, home), **changes}, output=folder)
    return Subject(name, home, result, open_model(folder))


class _Killed(BaseException):
    pass


def interrupted_and_resumed(subject: Subject) -> RunResult:
    """The same run once more, killed after its first epoch and continued."""

    def kill(_: EpochReport) -> None:
        raise _Killed

    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        try:
            train(subject.name, overrides=overrides(subject.name, subject.home), output=run, on_epoch=kill)
        except _Killed:
            torch.manual_seed(1)
            np.random.seed(1)
            return resume(run)
    raise AssertionError(f"{subject.name} was not interrupted")
