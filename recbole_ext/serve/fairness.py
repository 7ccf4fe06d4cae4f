"""``exposure`` for one person at a time: the prices that ``rerank --save-prices`` wrote, moved by what is shown.

Prices are found in the folders beside a run whose names begin with the run's and ``-exposure``. What was shown is kept
there, too, one file for each process of the server, so that a restart goes on where the last one ended. Each process
keeps the floors over its own lists.
"""

from __future__ import annotations

import fcntl
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from recbole_ext.errors import ConfigError, OutputError, RecBoleExtError
from recbole_ext.rerank.exposure.online import OnlineExposure, user_gains
from recbole_ext.rerank.methods.candidates import Candidates
from recbole_ext.rerank.methods.side_information import SideInformation
from recbole_ext.rerank.prices import PRICES, read_prices
from recbole_ext.rerank.shown_file import ShownFile
from recbole_ext.serve.rerankers import ONLINE, OnlineMethod

if TYPE_CHECKING:
    from recbole_ext.serve.model import ServedModel

__all__ = ["PERIODS", "PricedExposure", "priced"]

PERIODS = 4.0
"""Half-life of what was shown, in periods: as many lists as the joint problem had."""
_MOST_PROCESSES = 64


@dataclass(eq=False)
class PricedExposure:
    """The method for one model and one folder of prices; a :class:`~recbole_ext.serve.rerankers.OneUser`.

    Attributes:
        online: Prices and state.
        scaled_over: N, over which scores are scaled.
        file: The state on disk; None where the folder cannot be written.
        lock: Held as long as the file is this process's own.
    """

    online: OnlineExposure
    scaled_over: int
    file: ShownFile | None
    lock: IO[bytes] | None

    @classmethod
    def open(cls, folder: Path, tokens: np.ndarray, fingerprint: str) -> PricedExposure:
        """Opens prices, and what this process or one before it has shown.

        Raises:
            CheckpointError: The prices or the state are damaged, or of other data.
        """
        prices, depth = read_prices(folder, tokens, fingerprint)
        online = OnlineExposure(prices, half_life=PERIODS * prices.n_lists)
        lock = _own_place(folder)
        try:
            file = None if lock is None else ShownFile(Path(lock.name).with_suffix(".npz"), online)
        except OutputError:
            file = None
        return cls(online, depth, file, lock)

    @property
    def depth(self) -> int:
        """The whole catalogue, since an item with a high price may be far down."""
        return len(self.online.prices.item) - 1

    def __call__(self, candidates: Candidates, side: SideInformation, k: int) -> np.ndarray:
        """See ``OneUser``; the list counts as shown, up to the length that the prices are for."""
        scores = np.full(len(self.online.prices.item), -np.inf)
        there = candidates.items[0] > 0
        scores[candidates.items[0][there]] = candidates.scores[0][there]
        items = self.online.choose(user_gains(scores, self.scaled_over), k)
        counted = np.zeros(self.online.prices.k, dtype=np.int64)
        counted[:k] = items[: len(counted)]
        if self.file is not None:
            self.file.count(counted)
        else:
            self.online.count(counted)
        return items

    def described(self) -> dict[str, Any]:
        """What ``/v1/models`` says."""
        prices = self.online.prices
        return {
            "method": "exposure",
            "rule": "best list under prices for coverage and tail, which follow what this process has shown",
            "coverage": prices.coverage,
            "tail_share": prices.tail_share,
            "k": prices.k,
            "period": prices.n_lists,
            "half_life": self.online.half_life,
            "served": self.online.shown.served,
            "state": "memory" if self.file is None else "file",
        }


def _own_place(folder: Path) -> IO[bytes] | None:
    """A lock on the first file of state that no other process holds; None where the folder cannot be written."""
    for number in range(_MOST_PROCESSES):
        try:
            lock = (folder / f"shown-{number}.lock").open("ab")
        except OSError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except OSError:
            lock.close()
    return None


_OPEN: weakref.WeakKeyDictionary[ServedModel, dict[float, PricedExposure]] = weakref.WeakKeyDictionary()


def priced(model: ServedModel) -> dict[float, PricedExposure]:
    """The prices beside a model's run by their coverage floor, opened at the first call.

    Raises:
        CheckpointError: As :meth:`PricedExposure.open`.
    """
    if model not in _OPEN:
        tokens = model.run.data.dataset.interactions.item_tokens
        fingerprint = str(model.run.metrics["fingerprint"])
        folder = model.folder
        found = sorted(folder.parent.glob(f"{folder.name}-exposure-*/{PRICES}"))
        opened = [PricedExposure.open(path.parent, tokens, fingerprint) for path in found]
        _OPEN[model] = {one.online.prices.coverage: one for one in opened}
    return _OPEN[model]


def _make(model: ServedModel, block: Mapping[str, Any]) -> PricedExposure:
    found = priced(model)
    if not found:
        raise ConfigError(
            f"{model.name} has no prices, and exposure is one problem over all users: write them with "
            "'rerank RUN --method=exposure --coverage=0.8 --save-prices'"
        )
    unknown = set(block) - {"method", "coverage"}
    if unknown:
        raise ConfigError(f"exposure has no option {min(unknown)!r} here: its floors are those of the prices")
    coverage = block.get("coverage", next(iter(found)))
    if coverage not in found:
        raise ConfigError(
            f"there are no prices for a coverage of {coverage!r}: choose one of {', '.join(map(str, found))}"
        )
    return found[coverage]


def _describe(model: ServedModel) -> dict[str, Any] | None:
    try:
        found = priced(model)
    except RecBoleExtError:
        return None
    return next(iter(found.values())).described() if found else None


ONLINE["exposure"] = OnlineMethod(_make, _describe)
