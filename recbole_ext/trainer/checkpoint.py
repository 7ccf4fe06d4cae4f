"""Nested state as tensors plus plain data in one safetensors file: loading it never runs code."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from recbole_ext.data.files import whole
from recbole_ext.errors import CheckpointError

__all__ = ["load_tensors", "save_tensors"]

FORMAT = "recbole_ext-1"
_SPARSE = {"csr": sp.csr_matrix, "csc": sp.csc_matrix, "lil": sp.csr_matrix, "coo": sp.csr_matrix}


def _pack(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """Plain JSON data with a tag wherever a tensor was taken out."""
    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"#": "tensor", "v": name}
    if isinstance(value, np.ndarray):
        return {
            "#": "array",
            "v": _pack(torch.from_numpy(_signed(value)), tensors),
            "dtype": str(value.dtype),
        }
    if sp.issparse(value):
        form = value.format
        matrix = _SPARSE[form](value) if form in _SPARSE else sp.csr_matrix(value)
        parts = [_pack(np.asarray(part), tensors) for part in (matrix.data, matrix.indices, matrix.indptr)]
        return {"#": "sparse", "v": parts, "shape": list(matrix.shape), "base": matrix.format, "form": form}
    if isinstance(value, dict):
        return {"#": "dict", "v": [[_pack(k, tensors), _pack(v, tensors)] for k, v in value.items()]}
    if isinstance(value, list | tuple):
        return {"#": type(value).__name__, "v": [_pack(item, tensors) for item in value]}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise CheckpointError(
        f"a value of type {type(value).__name__} cannot be saved as plain data: a model's other_parameter may "
        "hold tensors, arrays, sparse matrices and plain values"
    )


def _signed(array: np.ndarray) -> np.ndarray:
    """A view that torch can hold: unsigned integers as signed ones of the same bits."""
    array = np.ascontiguousarray(array)
    return array.view(array.dtype.str.replace("u", "i")) if array.dtype.kind == "u" else array


def _unpack(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    kind, inner = value["#"], value["v"]
    if kind == "tensor":
        return tensors[inner]
    if kind == "array":
        return _unpack(inner, tensors).numpy().view(value["dtype"])
    if kind == "sparse":
        parts = tuple(_unpack(part, tensors) for part in inner)
        return _SPARSE[value["base"]](parts, shape=tuple(value["shape"])).asformat(value["form"])
    if kind == "dict":
        return {_unpack(k, tensors): _unpack(v, tensors) for k, v in inner}
    items = [_unpack(item, tensors) for item in inner]
    return tuple(items) if kind == "tuple" else items


def _digest(tree: str, tensors: dict[str, torch.Tensor]) -> str:
    """SHA-256 of everything: a flipped bit in a weight must not pass as a model."""
    digest = hashlib.sha256(tree.encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data if tensor.numel() else b"")
    return digest.hexdigest()


def save_tensors(path: Path, state: dict[str, Any], *, durable: bool = True) -> None:
    """Writes nested state and replaces ``path`` atomically.

    Args:
        path: The file.
        state: Dicts, lists and tuples of tensors, arrays, sparse matrices and plain values.
        durable: As in :func:`~recbole_ext.data.files.whole`.

    Raises:
        CheckpointError: A value is of another kind.
        OutputError: The file cannot be written.
    """
    tensors: dict[str, torch.Tensor] = {}
    tree = json.dumps(_pack(state, tensors))
    metadata = {"format": FORMAT, "tree": tree, "sha256": _digest(tree, tensors)}
    with whole(path, also=(SafetensorError,), durable=durable) as partial:
        save_file(tensors, partial, metadata=metadata)


def load_tensors(path: Path) -> dict[str, Any]:
    """Reads what :func:`save_tensors` wrote.

    Raises:
        CheckpointError: The file is missing, truncated, changed or not ours. Nothing in it is ever executed.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist: name a run folder that 'train' has written")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise CheckpointError(
                    f"{path} was not written by this version of recbole_ext: train the model again"
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if metadata.get("sha256") != _digest(metadata["tree"], tensors):
                raise CheckpointError(
                    f"{path} was changed after it was written: restore it, or train the model again"
                )
            return _unpack(json.loads(metadata["tree"]), tensors)
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(f"{path} is damaged ({error}): restore it, or train the model again") from error
