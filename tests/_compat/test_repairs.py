"""Every trap that ``_compat`` closes: what fails without the repair (in a fresh process), what holds with it."""

from __future__ import annotations

import os
import subprocess
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from recbole.data import create_dataset, data_preparation
from recbole.utils import init_seed

from recbole_ext._compat import model_repairs, repairs
from recbole_ext.config.build import build_config
from recbole_ext.errors import CheckpointError

ROOT = Path(__file__).parents[2]


def fresh(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs code in a new process, in an empty folder."""
    command = [sys.executable, "-W", "ignore", "-c", code]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def write_toy(folder: Path) -> None:
    """Six users and eight films: user u saw u, u+1, ..., u+4 modulo 8; two films lack genres or a year."""
    toy = folder / "toy"
    toy.mkdir()
    rows = [f"u{u}\ti{(u + t) % 8}\t{t % 5 + 1}\t{t}" for u in range(6) for t in range(5)]
    (toy / "toy.inter").write_text(
        "\n".join(["user_id:token\titem_id:token\trating:float\ttimestamp:float", *rows, ""])
    )
    items = [
        f"i{i}\t{'' if i == 3 else 1990 + i}\t{'' if i == 5 else 'drama war' if i % 2 else 'comedy'}"
        for i in range(8)
    ]
    (toy / "toy.item").write_text("\n".join(["item_id:token\tyear:float\tgenres:token_seq", *items, ""]))


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_toy(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def prepared(model: str, folder: Path, **keys: Any) -> tuple[Any, Any, Any, Any]:
    """Configuration, RecBole's own training and test loaders, and an untrained model."""
    overrides = {
        "data_path": str(folder),
        "topk": [3],
        "valid_metric": "NDCG@3",
        "show_progress": False,
        **keys,
    }
    config = build_config(model, "toy", (), overrides)
    init_seed(1, True)
    train, _, test = data_preparation(config, create_dataset(config))
    init_seed(1, True)
    model_object = config.model_class(config, train.dataset)
    return config, train, test, model_object


# importing


def test_apply_is_idempotent_and_independent_of_import_order(tmp_path: Path) -> None:
    code = """
import {first}
from recbole_ext._compat import repairs
from recbole.config import Config
from recbole.trainer import trainer
before = Config.compatibility_settings, trainer.torch, trainer.amp
repairs.apply()
assert before == (Config.compatibility_settings, trainer.torch, trainer.amp)
import numpy
assert numpy.float is numpy.float64
"""
    for first in ("sys", "recbole_ext.config.build"):
        done = fresh(code.format(first=first), tmp_path)
        assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_package_never_imports_quick_start_or_ray(tmp_path: Path) -> None:
    code = """
import importlib, pkgutil, sys
import recbole_ext
for module in pkgutil.walk_packages(recbole_ext.__path__, "recbole_ext."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(sorted(name for name in sys.modules if name.startswith(("recbole.quick_start", "ray"))))
"""
    done = fresh(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_kmeans_pytorch_is_not_needed_by_other_models(tmp_path: Path) -> None:
    hidden = """
import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name == "kmeans_pytorch":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hide())
import importlib.util
true_find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "kmeans_pytorch" else true_find(name, *rest)
"""
    mended = """
import recbole_ext._compat
from recbole.model.general_recommender import BPR
import kmeans_pytorch
try:
    kmeans_pytorch.kmeans()
except Exception as error:
    print(type(error).__name__, error)
"""
    done = fresh(hidden + mended, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ConfigError")
    assert "kmeans-pytorch" in done.stdout
    import recbole

    if recbole.__version__ == "1.2.0":
        broken = fresh(hidden + "from recbole.model.general_recommender import BPR", tmp_path)
        assert "kmeans_pytorch" in broken.stderr


# numpy


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="numpy 1 has np.float_")
def test_config_of_the_bare_host_raises(tmp_path: Path) -> None:
    code = "from recbole.config import Config\nConfig('BPR', 'toy')"
    done = fresh(code, tmp_path)
    assert done.returncode != 0
    assert "float_" in done.stderr


def test_numpy_aliases_are_what_the_host_meant() -> None:
    for name in ("float", "float_"):
        assert getattr(np, name) is np.float64
    assert np.dtype(np.long).kind == "i"  # type: ignore[attr-defined]
    assert np.dtype(np.bool).kind == "b"
    assert np.zeros(2, dtype=np.int).dtype.kind == "i"  # type: ignore[attr-defined]


def test_config_leaves_existing_numpy_names_alone(toy: Path) -> None:
    before = np.bool, np.long  # type: ignore[attr-defined]
    build_config("BPR", "toy")
    assert (np.bool, np.long) == before  # type: ignore[attr-defined]


# scipy


def test_dok_update_writes_every_cell() -> None:
    matrix = sp.dok_matrix((3, 4), dtype=np.float32)
    rows, columns = np.array([0, 2], dtype=np.int32), np.array([3, 1], dtype=np.int32)
    matrix._update(dict(zip(zip(rows, columns, strict=True), [1, 1], strict=True)))
    expected = np.zeros((3, 4), dtype=np.float32)
    expected[0, 3] = expected[2, 1] = 1
    np.testing.assert_array_equal(matrix.toarray(), expected)
    np.testing.assert_array_equal(matrix.tocsr().toarray(), expected)


def test_lightgcn_adjacency_is_the_normalised_bipartite_graph(toy: Path) -> None:
    _, train, _, model = prepared("LightGCN", toy)
    ratings = train.dataset.inter_matrix(form="csr").toarray()
    whole = np.block(
        [[np.zeros((len(ratings),) * 2), ratings], [ratings.T, np.zeros((ratings.shape[1],) * 2)]]
    )
    degree = whole.sum(1)
    scale = np.divide(1, np.sqrt(degree), out=np.zeros_like(degree), where=degree > 0)
    expected = scale[:, None] * whole * scale
    np.testing.assert_allclose(model.norm_adj_matrix.to_dense().numpy(), expected, atol=1e-5)
    assert expected.max() > 0.1


@pytest.mark.parametrize("model", ["NGCF", "GCMC", "SpectralCF", "NCL"])
def test_the_other_graph_models_build(model: str, toy: Path) -> None:
    _, train, _, built = prepared(model, toy)
    if model != "NCL":  # its loss needs clusters, which its trainer makes
        loss = built.calculate_loss(next(iter(train)))
        assert torch.isfinite(loss)


# pandas


def test_missing_values_are_filled(toy: Path) -> None:
    loaded = {"inter": ["user_id", "item_id", "rating", "timestamp"], "item": ["item_id", "year", "genres"]}
    _, train, _, _ = prepared("BPR", toy, load_col=loaded)
    data = train.dataset
    index = {token: data.token2id("item_id", token) for token in ("i3", "i5", "i4")}
    years = data.item_feat["year"].numpy()
    known = [1990 + i for i in range(8) if i != 3]
    assert years[index["i3"]] == pytest.approx(np.mean(known), rel=1e-6)
    assert years[index["i4"]] == 1994
    genres = data.item_feat["genres"].numpy()
    assert genres[index["i5"]].sum() == 0
    assert list(data.id2token("genres", genres[index["i4"]])) == ["comedy", "[PAD]"]


@pytest.mark.skipif(int(pd.__version__.split(".")[0]) < 3, reason="pandas 2 still fills in place")
def test_missing_values_survive_in_the_bare_host(tmp_path: Path) -> None:
    code = """
import types
import numpy as np, pandas as pd
np.float_, np.complex_, np.unicode_, np.float = np.float64, np.complex128, np.str_, np.float64
from recbole.data.dataset import Dataset
from recbole.utils import FeatureType
import logging
frame = pd.DataFrame({"year": [1990.0, None]})
data = types.SimpleNamespace(
    logger=logging.getLogger("x"), feat_name_list=["f"], f=frame, field2type={"year": FeatureType.FLOAT})
Dataset._fill_nan(data)
print(int(frame["year"].isna().sum()))
print(np.ndim(pd.Series([[1, 2], [3]]).agg(len)))
"""
    done = fresh(code, tmp_path)
    assert done.stdout.split() == ["1", "0"], done.stderr


# torch


class Shouts:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("the file ran code",))


def test_pretrained_weights_are_read_as_data_only(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from recbole.model.general_recommender import convncf

    good, bad = tmp_path / "good.pth", tmp_path / "bad.pth"
    torch.save({"state_dict": {"weight": torch.ones(2)}}, good)
    torch.save({"state_dict": Shouts()}, bad)
    assert convncf.torch.load(good)["state_dict"]["weight"].sum() == 2
    with pytest.raises(CheckpointError, match=r"bad\.pth"):
        convncf.torch.load(bad)
    with pytest.raises(CheckpointError, match=r"missing\.pth"):
        convncf.torch.load(tmp_path / "missing.pth")
    assert "the file ran code" not in capsys.readouterr().out


def test_every_bare_torch_load_of_the_host_is_covered() -> None:
    import recbole

    root = Path(recbole.__file__).parent
    files = {file for file in root.rglob("*.py") if "torch.load(" in file.read_text("utf-8")}
    found = {".".join(("recbole", *file.relative_to(root).with_suffix("").parts)) for file in files}
    # quick_start is never imported.
    assert found - {"recbole.quick_start.quick_start"} == set(repairs._MODULES_WITH_TORCH_LOAD)


def test_gradient_scaler_does_not_warn() -> None:
    from recbole.trainer import trainer

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scaler = trainer.amp.GradScaler(enabled=False)
    assert scaler.scale(torch.tensor(3.0)) == 3.0


# what the host writes


def test_trainers_write_no_tensorboard_files(toy: Path) -> None:
    from recbole.trainer import Trainer

    config, train, _, model = prepared("BPR", toy, epochs=1)
    config["checkpoint_dir"] = str(toy / "saved")
    trainer = Trainer(config, model)
    trainer.fit(train, saved=False, verbose=False)
    assert isinstance(trainer.tensorboard, repairs.NullWriter)
    assert not (toy / "log_tensorboard").exists()
    assert not (toy / "log").exists()


# models that 1.2.1 mended


def test_ngcf_scores_do_not_change_between_calls(toy: Path) -> None:
    _, _, _, model = prepared("NGCF", toy, message_dropout=0.5)
    model.eval()
    first, second = model.forward(), model.forward()
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    model.train()
    assert not torch.equal(model.forward()[0], model.forward()[0])


def test_wrapped_dropout_follows_the_mode() -> None:
    host = types.ModuleType("host")
    host.nn = torch.nn  # type: ignore[attr-defined]

    class Model(torch.nn.Module):
        def forward(self) -> torch.Tensor:
            return host.nn.Dropout(0.5)(torch.ones(1000))

    bare = Model().eval()
    assert (bare() == 0).any()
    Model.forward = model_repairs._with_dropout_that_ends(Model.forward, host)  # type: ignore[method-assign]
    assert (bare() == 1).all()
    assert (Model().train()() == 0).any()
    assert host.nn is torch.nn


def test_diffrec_predict_gives_one_score_a_row(toy: Path) -> None:
    from recbole.data.interaction import Interaction

    _, _, _, model = prepared("DiffRec", toy)
    model.eval()
    batch = Interaction({"user_id": torch.tensor([1, 2, 3]), "item_id": torch.tensor([4, 5, 6])})
    torch.manual_seed(0)
    scores = model.predict(batch)
    torch.manual_seed(0)
    whole = model.full_sort_predict(batch).view(3, -1)
    assert torch.equal(scores, whole[torch.arange(3), batch["item_id"]])


def test_random_predicts_on_its_own_device(toy: Path) -> None:
    from recbole.data.interaction import Interaction

    _, _, _, model = prepared("Random", toy)
    model.device = torch.device("meta")
    assert model.predict(Interaction({"user_id": torch.tensor([1, 2])})).device.type == "meta"


def pairs_and_catalogue(model: Any, batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores of each row's item, from ``predict`` and taken out of ``full_sort_predict``."""
    model.eval()
    with torch.no_grad():
        whole = model.full_sort_predict(batch).view(len(batch), -1)
        return model.predict(batch), whole[torch.arange(len(batch)), batch["item_id"]]


def histories() -> Any:
    """Two users' histories of three and of two items in windows of five."""
    from recbole.data.interaction import Interaction

    window = torch.tensor([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0]])
    users, items, length = torch.tensor([1, 2]), torch.tensor([4, 6]), torch.tensor([3, 2])
    return Interaction({"user_id": users, "item_id": items, "item_id_list": window, "item_length": length})


def test_core_scores_pairs_as_it_ranks(toy: Path) -> None:
    _, _, _, model = prepared("CORE", toy, MAX_ITEM_LIST_LENGTH=5)
    pairs, catalogue = pairs_and_catalogue(model, histories())
    torch.testing.assert_close(pairs, catalogue)


def test_shan_ranks_on_the_windows_that_it_learns_on(toy: Path) -> None:
    from recbole.data.transform import construct_transform

    config, _, _, model = prepared("SHAN", toy, MAX_ITEM_LIST_LENGTH=5)
    batch = construct_transform(config)(None, histories())
    assert batch["Inverse_item_id_list"].tolist() == [[0, 0, 1, 2, 3], [0, 0, 0, 4, 5]]
    pairs, catalogue = pairs_and_catalogue(model, batch)
    torch.testing.assert_close(pairs, catalogue)


def test_admmslim_adds_no_noise(toy: Path) -> None:
    _, _, _, model = prepared("ADMMSLIM", toy)
    pairs, catalogue = pairs_and_catalogue(model, histories())
    again, _ = pairs_and_catalogue(model, histories())
    assert torch.equal(pairs, again)
    torch.testing.assert_close(pairs.float(), catalogue.float())


def test_dgcf_draws_no_more_than_there_are() -> None:
    from recbole.model.general_recommender import dgcf

    users, items = dgcf.sample_cor_samples(3, 10, 5)
    assert sorted(users) == [0, 1, 2]
    assert len(set(items)) == len(items) == 5
    assert set(items) <= set(range(10))


def test_anomaly_detection_is_not_left_on():
    unpatched = (
        "import sys, types, torch, recbole_ext\n"
        "door = sys.modules['recbole_ext._compat'] = types.ModuleType('recbole_ext._compat')\n"
        f"door.__path__ = [{str(Path(repairs.__file__).parent)!r}]\n"
        "from recbole_ext._compat import repairs\n"
        "repairs._numpy_aliases(); repairs._kmeans_pytorch(); repairs._scipy_dok_update()\n"
        "import recbole.model.sequential_recommender\n"
        "print(torch.is_anomaly_enabled())"
    )
    patched = "import torch\nimport recbole_ext._compat\nprint(torch.is_anomaly_enabled())"
    seen = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()[-1]
        for code in (unpatched, patched)
    ]
    assert seen == ["True", "False"]
