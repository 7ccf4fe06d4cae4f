"""Whether two protocols put models in the same order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recbole_ext.errors import ConfigError

__all__ = ["Ranking", "kendall_tau", "order_agreement", "swapped"]

_CHUNK = 2**22


@dataclass(frozen=True)
class Ranking:
    """Values of models under one protocol.

    Attributes:
        users: ``(U,) str`` tokens, each once.
        values: ``(U, M)`` of each user and model.
    """

    users: np.ndarray
    values: np.ndarray


def kendall_tau(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Kendall's tau-b of two orders of M models (Kendall 1945), for each row of ``(B, M)`` values: ``(B,)``.

    1 where both put every pair in the same order, -1 where in the opposite one; 0 where one of them ties all models.
    """
    one, other = np.triu_indices(first.shape[1], 1)
    signs = [np.sign(values[:, one] - values[:, other]) for values in (first, second)]
    untied = np.sqrt(np.prod([np.abs(sign).sum(axis=1) for sign in signs], axis=0))
    return np.asarray((signs[0] * signs[1]).sum(axis=1) / np.where(untied > 0, untied, 1))


def order_agreement(
    first: Ranking, second: Ranking, *, level: float = 0.95, samples: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """Kendall's tau of the models' means under two protocols, with a percentile bootstrap interval over users.

    Users are drawn from those of either protocol; one that both have is drawn for both, since the same people are
    easy or hard to serve under both.

    Args:
        first, second: The same models in the same order, two at least.
        level: Coverage of the interval.
        samples: Bootstrap samples.
        seed: Of the resampling.

    Returns:
        Tau, and the ends of its interval.

    Raises:
        ConfigError: There are fewer than two models.
    """
    if first.values.shape[1] < 2:
        raise ConfigError("the order of one model does not say anything: compare at least two models")
    everybody, place = np.unique(np.concatenate([first.users, second.users]), return_inverse=True)
    places = np.split(place, [len(first.users)])
    rankings = (first.values, second.values)
    tau = kendall_tau(*(values.mean(axis=0)[None] for values in rankings))[0]
    rng, found = np.random.default_rng(seed), []
    step = max(1, _CHUNK // len(everybody))
    for start in range(0, samples, step):
        rows = min(step, samples - start)
        times = rng.multinomial(len(everybody), np.full(len(everybody), 1 / len(everybody)), size=rows)
        means = []
        for at, values in zip(places, rankings, strict=True):
            own = times[:, at].astype(np.float64)  # (rows, U)
            means.append(own @ values / np.maximum(own.sum(axis=1, keepdims=True), 1))
        found.append(kendall_tau(*means))
    low, high = np.quantile(np.concatenate(found), [(1 - level) / 2, (1 + level) / 2])
    return float(tau), float(low), float(high)


def swapped(models: Sequence[str], first: Mapping[str, float], second: Mapping[str, float]) -> list[str]:
    """Pairs of models that two protocols put in opposite orders, such as ``EASE and Pop``."""
    return [
        f"{one} and {other}"
        for place, one in enumerate(models)
        for other in models[place + 1 :]
        if (first[one] - first[other]) * (second[one] - second[other]) < 0
    ]
