"""``prices.json``: the prices of a joint exposure problem, for lists that are made one at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from recbole_ext.config.blocks import ExposureSettings
from recbole_ext.errors import CheckpointError
from recbole_ext.rerank.apply import Rerankable
from recbole_ext.rerank.exposure.online import PriceList
from recbole_ext.runs.forms import Form, read_form, write_form

__all__ = ["PRICES", "PriceFigures", "joint_prices", "read_prices", "write_prices"]

PRICES = "prices.json"
_REMEDY = "write it again with 'rerank RUN --method=exposure --save-prices'"


class PriceFigures(Form):
    """What ``prices.json`` holds; the lists of items are in one order.

    Attributes:
        run, fingerprint: Of the run, and of its data.
        candidates: N, over which the scores of a user are scaled.
        k: Length of a list.
        coverage, tail_share: The floors.
        lists: Number of joint lists.
        tail_price, unit: As in :class:`~recbole_ext.rerank.exposure.online.PriceList`.
        item: Tokens.
        price, shown, tail: Of the items.
    """

    run: str
    fingerprint: str
    candidates: int
    k: int
    coverage: float
    tail_share: float
    lists: int
    tail_price: float
    unit: float
    item: list[str]
    price: list[float]
    shown: list[int]
    tail: list[bool]


def joint_prices(phase: Rerankable, floors: ExposureSettings) -> PriceList:
    """The prices of a phase under floors, for which the joint problem is solved unless it just was.

    Raises:
        ConfigError: A floor cannot be met.
    """
    result = phase.solver.solve(floors.coverage, floors.tail_share)
    problem = phase.solver.problem
    first = problem.indptr[:-1]
    spread = float(np.mean(problem.gains[first] - problem.gains[first + problem.k - 1]))
    return PriceList(
        item=result.prices.item,
        tail_price=result.prices.tail,
        tail=problem.tail,
        shown=np.bincount(result.items.ravel(), minlength=problem.n_items),
        n_lists=problem.n_users,
        k=problem.k,
        coverage=floors.coverage,
        tail_share=floors.tail_share,
        unit=float(problem.discount[-1]) * (spread or 1.0),
    )


def write_prices(
    folder: Path, prices: PriceList, tokens: np.ndarray, run: Path, fingerprint: str, candidates: int
) -> None:
    """Writes ``prices.json`` into a folder; ``tokens (n_items,)`` name the items.

    Raises:
        OutputError: It cannot be written.
    """
    content = {
        "run": str(run),
        "fingerprint": fingerprint,
        "candidates": candidates,
        "k": prices.k,
        "coverage": prices.coverage,
        "tail_share": prices.tail_share,
        "lists": prices.n_lists,
        "tail_price": prices.tail_price,
        "unit": prices.unit,
        "item": [str(token) for token in tokens[1:]],
        "price": prices.item[1:].tolist(),
        "shown": prices.shown[1:].tolist(),
        "tail": prices.tail[1:].tolist(),
    }
    write_form(folder / PRICES, content, PriceFigures)


def read_prices(folder: Path, tokens: np.ndarray, fingerprint: str) -> tuple[PriceList, int]:
    """Reads ``prices.json``.

    Args:
        folder: Of re-ranked lists.
        tokens: ``(n_items,)`` of the run that serves.
        fingerprint: Of its data.

    Returns:
        The prices, and over how many candidates scores are scaled.

    Raises:
        CheckpointError: The file is missing or damaged, or of other data.
    """
    path = folder / PRICES
    found = read_form(path, PriceFigures, _REMEDY)
    if found.fingerprint != fingerprint or found.item != [str(token) for token in tokens[1:]]:
        raise CheckpointError(f"{path} is of other data than the run that it should serve: {_REMEDY}")
    if len({len(found.item), len(found.price), len(found.shown), len(found.tail)}) > 1:
        raise CheckpointError(f"{path} is damaged (not one price for each item): {_REMEDY}")
    prices = PriceList(
        item=np.array([0.0, *found.price]),
        tail_price=found.tail_price,
        tail=np.array([False, *found.tail]),
        shown=np.array([0, *found.shown], dtype=np.int64),
        n_lists=found.lists,
        k=found.k,
        coverage=found.coverage,
        tail_share=found.tail_share,
        unit=found.unit,
    )
    return prices, found.candidates
