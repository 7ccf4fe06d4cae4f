from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from safetensors.torch import save_file

from recbole_ext.errors import CheckpointError, OutputError
from recbole_ext.trainer.checkpoint import load_tensors, save_tensors

STATE = {
    "weights": torch.arange(6, dtype=torch.float32).reshape(2, 3),
    "half": torch.ones(3, dtype=torch.float16)[::2],
    "counts": np.array([1, 2**32 - 1], dtype=np.uint32),
    "similarity": sp.csc_matrix(np.array([[0.0, 1.5], [2.0, 0.0]])),
    "lists": sp.lil_matrix(np.eye(3)),
    "plain": [1, 2.5, None, True, "text", (1, (2, 3))],
    "nested": {0: {"step": torch.tensor(3)}, "big": 2**100},
    "empty": torch.zeros(0, 4),
}


def test_round_trip_keeps_values_types_and_forms(tmp_path):
    save_tensors(tmp_path / "a.safetensors", STATE)
    back = load_tensors(tmp_path / "a.safetensors")
    assert torch.equal(back["weights"], STATE["weights"])
    assert back["half"].dtype == torch.float16
    assert back["counts"].dtype == np.uint32
    assert back["counts"].tolist() == [1, 2**32 - 1]
    assert back["similarity"].format == "csc"
    assert (back["similarity"] != STATE["similarity"]).nnz == 0
    assert back["lists"].format == "lil"
    assert back["plain"] == STATE["plain"]
    assert back["nested"][0]["step"].item() == 3
    assert back["nested"]["big"] == 2**100
    assert back["empty"].shape == (0, 4)
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]


@pytest.mark.parametrize("position", [0.3, 0.6, 0.999])
def test_one_changed_byte_is_found(tmp_path, position):
    path = tmp_path / "a.safetensors"
    save_tensors(path, {"w": torch.arange(1000.0), "note": "x" * 500})
    data = bytearray(path.read_bytes())
    data[int(position * len(data))] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError):
        load_tensors(path)


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_truncated_files_are_refused(tmp_path, keep):
    path = tmp_path / "a.safetensors"
    save_tensors(path, STATE)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="damaged"):
        load_tensors(path)


class Bomb:
    def __reduce__(self):
        return (open, ("exploded", "w"))


def test_a_pickle_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.safetensors"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(CheckpointError):
        load_tensors(path)
    torch.save({"w": Bomb()}, path)
    with pytest.raises(CheckpointError):
        load_tensors(path)
    assert not (tmp_path / "exploded").exists()


def test_a_foreign_safetensors_file_is_named_as_such(tmp_path):
    save_file({"w": torch.ones(2)}, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="not written by this version"):
        load_tensors(tmp_path / "a.safetensors")


def test_a_missing_file_and_a_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(CheckpointError, match="does not exist"):
        load_tensors(tmp_path / "none.safetensors")
    with pytest.raises(OutputError, match="cannot be written"):
        save_tensors(tmp_path / "no" / "a.safetensors", STATE)


def test_what_is_not_plain_is_refused_by_name(tmp_path):
    with pytest.raises(CheckpointError, match="object"):
        save_tensors(tmp_path / "a.safetensors", {"x": object()})
