"""Export: a model in ONNX gives the lists of PyTorch, lists are those of the test, wrong use is one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import recbole_ext as rx
from recbole_ext._compat.host import Interaction
from recbole_ext.cli import main
from recbole_ext.errors import ConfigError
from recbole_ext.recommend import export
from recbole_ext.recommend.recommender import Recommender
from recbole_ext.trainer.opened import open_model

VALUES: dict[str, Any] = {
    "dataset": "cycle",
    "epochs": 1,
    "train_batch_size": 256,
    "MAX_ITEM_LIST_LENGTH": 6,
    "topk": [5],
    "valid_metric": "NDCG@5",
    "min_user_interactions": 1,
    "min_item_interactions": 1,
    "use_gpu": False,
}


def trained(name: str, folder: Path, home: Path) -> Path:
    # All items of the toy data have the same genres.
    more = {"item_features": ["id"]} if name == "TwoTower" else {}
    rx.train(name, **VALUES, **more, data_path=home, output=folder / name, progress=False)
    return folder / name


@pytest.mark.parametrize("name", export.EXPORTABLE)
def test_onnx_gives_what_pytorch_gives_on_a_thousand_histories(
    name: str, tmp_path: Path, cycle_home: Path
) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    recommender = Recommender(open_model(trained(name, tmp_path, cycle_home)))
    export.export_onnx(recommender, tmp_path / "out", 5)
    told = json.loads((tmp_path / "out" / "items.json").read_text())
    n_items, window = len(told["tokens"]), told["window"]
    rng = np.random.default_rng(0)
    histories = np.zeros((1000, window), dtype=np.int64)
    for row, length in zip(histories, rng.integers(1, window + 1, 1000), strict=True):
        row[:length] = rng.choice(np.arange(1, n_items), length, replace=False)
    session = runtime.InferenceSession(str(tmp_path / "out" / "model.onnx"))
    items, scores = session.run(None, {"history": histories})

    model = recommender.run.trainer.model.eval()
    seen = torch.from_numpy(histories)
    batch = {model.ITEM_SEQ: seen, model.ITEM_SEQ_LEN: (seen > 0).sum(dim=1)}
    with torch.no_grad():
        wanted = model.full_sort_predict(
            Interaction(batch | {model.USER_ID: torch.zeros(1000, dtype=torch.long)})
        )
    wanted = wanted.view(1000, -1).scatter(1, seen, -torch.inf)
    wanted[:, 0] = -torch.inf
    np.testing.assert_allclose(scores, wanted.topk(5, dim=1).values.numpy(), atol=1e-4)
    np.testing.assert_allclose(scores, wanted.numpy()[np.arange(1000)[:, None], items], atol=1e-4)
    assert all(len(set(row)) == 5 for row in items.tolist())
    # One history alone, and one that fills the window.
    alone, _ = session.run(None, {"history": histories[:1]})
    assert alone.tolist() == items[:1].tolist()


def test_lists_are_those_of_the_test(tmp_path: Path, cycle_home: Path) -> None:
    run = trained("Pop", tmp_path, cycle_home)
    assert main(["export", str(run), "--format=lists", "--k=5"]) in (0, None)
    lines = [json.loads(line) for line in (tmp_path / "Pop-lists.jsonl").read_text().splitlines()]
    table = pl.read_parquet(run / "recommendations.parquet")
    wanted = {
        str(user): rows["item_id"].cast(pl.String).to_list()
        for (user,), rows in table.filter(pl.col("rank") <= 5).group_by("user_id")
    }
    assert {line["user"]: line["items"] for line in lines} == wanted
    assert all(line["scores"] == sorted(line["scores"], reverse=True) for line in lines)


def test_wrong_use(tmp_path: Path, cycle_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recommender = Recommender(open_model(trained("Pop", tmp_path, cycle_home)))
    with pytest.raises(ConfigError, match=r"Pop is not exported to ONNX.*--format=lists"):
        export.export_onnx(recommender, tmp_path / "out", 5)
    monkeypatch.setattr(export.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"recbole_ext\[onnx\]"):
        export.export_onnx(recommender, tmp_path / "out", 5)
    assert not (tmp_path / "out").exists()
