"""ItemKNN's work in this package and in its peers: ``python -m benchmarks.neighbours --peers=FOLDER``.

The 100 nearest neighbours of 10,000 items by cosine, and the best 20 items of 6,249 users from them, on the matrix of
``benchmarks.evaluation``, one thread each, in processor seconds. implicit, similaripy and sparse_dot_topn are no
dependencies. ``--peers`` makes a folder that only this command uses and installs them there with pip, once; without
it, what is not installed is left out. Differences are those of the similarities to a product in float64.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp
import torch

from benchmarks.evaluation import write_made

__all__ = ["main"]

_NEIGHBOURS, _LIST = 100, 20
_PEERS = ("implicit", "similaripy", "sparse_dot_topn", "psutil")  # the last one imports psutil


def _matrix(users: int, items: int, interactions: int) -> sp.csr_matrix:
    with tempfile.TemporaryDirectory() as folder:
        write_made(Path(folder), users, items, interactions)
        frame = pl.read_csv(Path(folder) / "made" / "made.inter", separator="\t", glob=False)
    rows, columns = (frame[name].str.slice(1).cast(pl.Int64).to_numpy() for name in frame.columns[:2])
    # Item 0 is padding, as in every data set of this package.
    return sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns + 1)), shape=(users, items + 1))


def _ours(matrix: sp.csr_matrix) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    from recbole_ext.evaluator.ranking import top_k
    from recbole_ext.model.general_recommender.itemknn import cosine_neighbours
    from recbole_ext.model.kernels.sparse_product import dense_product

    def scored(similarities: sp.csr_matrix) -> None:
        by_neighbour = similarities.tocsr()
        for start in range(0, matrix.shape[0], 400):
            top_k(dense_product(matrix[start : start + 400], by_neighbour), _LIST)

    return lambda: cosine_neighbours(matrix, _NEIGHBOURS), scored


def _implicit(matrix: sp.csr_matrix) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    from implicit.nearest_neighbours import CosineRecommender

    model = CosineRecommender(K=_NEIGHBOURS + 1, num_threads=1)

    def fitted() -> sp.csr_matrix:
        model.fit(matrix, show_progress=False)
        return model.similarity.tocsr()

    return fitted, lambda _: model.recommend(
        np.arange(matrix.shape[0]), matrix, N=_LIST, filter_already_liked_items=False
    )


def _similaripy(matrix: sp.csr_matrix) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    import similaripy

    common = {"num_threads": 1, "verbose": False}
    by_item = matrix.T.tocsr()
    return (
        lambda: similaripy.cosine(by_item, k=_NEIGHBOURS + 1, **common),
        lambda found: similaripy.dot_product(matrix, found.T.tocsr(), k=_LIST, **common),
    )


def _sparse_dot_topn(matrix: sp.csr_matrix) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    from sparse_dot_topn import sp_matmul_topn

    norm = np.sqrt(np.asarray(matrix.power(2).sum(axis=0)).ravel())
    scaled = (matrix @ sp.diags(1 / np.maximum(norm, 1e-9))).tocsr().astype(np.float32)
    return (
        lambda: sp_matmul_topn(scaled.T.tocsr(), scaled, top_n=_NEIGHBOURS + 1, n_threads=1, sort=True),
        lambda found: sp_matmul_topn(matrix, found.T.tocsr(), top_n=_LIST, n_threads=1, sort=True),
    )


def _largest_difference(found: sp.spmatrix, matrix: sp.csr_matrix) -> float:
    """Of the similarities of the first 200 items, the diagonal left out."""
    wide = matrix.astype(np.float64)
    norm = np.maximum(np.sqrt(np.asarray(wide.power(2).sum(axis=0)).ravel()), 1e-9)
    exact = (wide.T.tocsr()[:200] @ wide).toarray() / norm[:200, None] / norm
    got = found.tocsr()
    # Rows or columns are neighbours, as the library has it: the larger agreement is meant.
    parts = [part.tocoo() for part in (got[:200], got.T.tocsr()[:200])]
    off = [(p.row[p.row != p.col], p.col[p.row != p.col], p.data[p.row != p.col]) for p in parts]
    return min(float(np.abs(exact[row, column] - data).max()) for row, column, data in off)


def _with_peers(folder: Path) -> None:
    """Makes the peers importable from a folder of their own, behind everything that is installed already."""
    if not folder.is_dir():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", f"--target={folder}"]
        subprocess.run([*pip, *_PEERS], check=True)
    sys.path.append(str(folder))


def main(arguments: list[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.neighbours", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--peers", type=Path, help="a folder for the other libraries; made if it is not there"
    )
    options = parser.parse_args(arguments)
    if options.peers is not None:
        _with_peers(options.peers)
    torch.set_num_threads(1)
    matrix = _matrix(6_249, 10_000, 800_000)
    print("| library | similarities s | lists s | largest difference |\n| --- | ---: | ---: | ---: |")
    sides = {
        "recbole_ext": _ours,
        "implicit": _implicit,
        "similaripy": _similaripy,
        "sparse_dot_topn": _sparse_dot_topn,
    }
    for name, side in sides.items():
        if importlib.util.find_spec(name) is None:
            continue
        fit, score = side(matrix)
        score(fit())  # compiles, and fills the caches
        times = []
        for _ in range(options.rounds):
            began = time.process_time()
            found = fit()
            between = time.process_time()
            score(found)
            times.append((between - began, time.process_time() - between))
        seconds = np.median(times, axis=0)
        off = _largest_difference(found, matrix)
        print(f"| {name} | {seconds[0]:.2f} | {seconds[1]:.2f} | {off:.0e} |", flush=True)


if __name__ == "__main__":
    main()
