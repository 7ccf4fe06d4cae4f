"""The numbers of a run are RecBole's own: its files, ids, splits, loaders and evaluator, with the run's weights.

RecBole leaves out a user's earlier items for general models and never for sequential ones. ``mask_seen`` is set
to the same, and everything from the atomic file to the means is done a second time by RecBole alone.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recbole.data.utils import create_dataset, data_preparation
from recbole.model.general_recommender.bpr import BPR
from recbole.model.sequential_recommender.gru4rec import GRU4Rec
from recbole.trainer import Trainer

from recbole_ext.trainer.opened import OpenedRun, RunResult, open_model
from recbole_ext.trainer.train import train

METRICS = ["Recall", "MRR", "NDCG", "Hit", "Precision", "MAP"]


def trained(model: str, quick: dict[str, Any], folder: Path, **overrides: Any) -> tuple[RunResult, OpenedRun]:
    values = {**quick, "metrics": METRICS, "topk": [1, 5, 10], "valid_metric": "NDCG@10", **overrides}
    result = train(model, overrides=values, output=folder / "run")
    return result, open_model(folder / "run")


def by_recbole(run: OpenedRun, host: type, folder: Path) -> list[dict[str, float]]:
    """Validation and test means of RecBole's whole path, from the file on, with the run's weights."""
    config = copy.deepcopy(run.config)
    config["checkpoint_dir"] = str(folder / "host")
    config["metric_decimal_place"] = 12
    dataset = create_dataset(config)
    train_data, *phases = data_preparation(config, dataset)
    model = host(config, train_data.dataset).eval()
    # RecBole numbers tokens in another order: each row of an embedding goes to its token's new place.
    state = dict(run.trainer.model.state_dict())
    fields = {"item_embedding.weight": dataset.iid_field, "user_embedding.weight": dataset.uid_field}
    for name in state.keys() & fields.keys():
        field = fields[name]
        ours = run.data.dataset.field2token_id[field]
        order = [ours[token] for token in dataset.field2id_token[field]]
        state[name] = state[name][torch.tensor(order)]
    model.load_state_dict(state)
    trainer = Trainer(config, model)
    return [trainer.evaluate(phase, load_best_model=False) for phase in phases]


def assert_equal(result: RunResult, expected: list[dict[str, float]]) -> None:
    for ours, theirs in zip((result.validation.means, result.test.means), expected, strict=True):
        assert set(ours) == set(theirs) == {f"{name.lower()}@{k}" for name in METRICS for k in (1, 5, 10)}
        for name, value in theirs.items():
            assert ours[name] == pytest.approx(value, abs=1e-6), name


@pytest.mark.parametrize("training", ["all_positions", "prefixes"])
def test_gru4rec_without_a_mask(quick: dict[str, Any], tmp_path: Path, training: str) -> None:
    result, run = trained("GRU4Rec", quick, tmp_path, mask_seen=False, sequence_training=training)
    expected = by_recbole(run, GRU4Rec, tmp_path)
    assert_equal(result, expected)
    assert 0 < expected[1]["ndcg@10"] < 1


def test_bpr_with_seen_items_masked(quick: dict[str, Any], tmp_path: Path) -> None:
    result, run = trained("BPR", quick, tmp_path, mask_seen=True)
    expected = by_recbole(run, BPR, tmp_path)
    assert_equal(result, expected)
    assert 0 < expected[1]["ndcg@5"] < 1


def test_bpr_with_several_held_out_items(quick: dict[str, Any], tmp_path: Path) -> None:
    # Twelve interactions a user: six for training, three and three held out, in the order of time.
    result, run = trained(
        "BPR", quick, tmp_path, mask_seen=True, split="ratio", split_ratio=[0.5, 0.25, 0.25]
    )
    for phase in (run.data.validation, run.data.test):
        assert np.unique((phase.target_stop - phase.stop)[phase.users]).tolist() == [3]
    assert_equal(result, by_recbole(run, BPR, tmp_path))


def test_the_mask_makes_the_difference(quick: dict[str, Any], tmp_path: Path) -> None:
    """The equality above is no accident: with the other mask, the figures are not RecBole's."""
    result, run = trained("BPR", quick, tmp_path, mask_seen=False)
    expected = by_recbole(run, BPR, tmp_path)
    assert result.test.means["ndcg@10"] < expected[1]["ndcg@10"] - 1e-3
