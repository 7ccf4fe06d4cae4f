"""Scores from counted pairs whose weights are parameters: what LearntRules and ResidualRules share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import nn

from recbole_ext.errors import ConfigError
from recbole_ext.model.kernels.binned_pairs import bin_of_distances, binned_pairs
from recbole_ext.model.kernels.sparse_product import dense_product
from recbole_ext.model.losses.popularity import train_counts
from recbole_ext.model.sequential_recommender.counted import ReadsHistories, Windows

__all__ = ["BinnedRules", "Training"]


@dataclass(frozen=True)
class Training:
    """The training interactions by user, in order.

    Attributes:
        items: ``(N,) int64``.
        indptr: ``(n_users + 1,) int64`` offsets of the users.
        repeats: Whether a user has an item twice.
    """

    items: np.ndarray
    indptr: np.ndarray
    repeats: bool

    @classmethod
    def of(cls, users: np.ndarray, items: np.ndarray, n_users: int) -> Training:
        """Of interactions ``(N,)`` by user."""
        order = np.lexsort((items, users))
        repeats = bool(((np.diff(users[order]) == 0) & (np.diff(items[order]) == 0)).any())
        return cls(items, np.concatenate([[0], np.cumsum(np.bincount(users, minlength=n_users))]), repeats)

    @property
    def lengths(self) -> np.ndarray:
        """``(n_users,) int64``."""
        return np.diff(self.indptr)

    def user_weights(self) -> np.ndarray:
        """Returns the ``(n_users,) float32`` weight of a user's target, 1 on average over the targets."""
        targets = np.maximum(self.lengths - 1, 0)
        asked = targets > 0
        weights = targets.sum() / max(int(asked.sum()), 1) / np.maximum(targets, 1)
        return (weights * asked).astype(np.float32)

    def around(self, users: np.ndarray, first: np.ndarray, width: int) -> np.ndarray:
        """Returns the ``(B, width) int64`` items of users ``(B,)`` from place ``first (B,)`` on, 0 outside."""
        place = first[:, None] + np.arange(width)
        begin, end = self.indptr[users, None], self.indptr[users + 1, None]
        inside = (place >= 0) & (begin + place < end)
        return np.where(inside, self.items[np.where(inside, begin + place, 0)], 0)


class BinnedRules(ReadsHistories):
    """Sequential rules whose weights are parameters.

    With C_b(i, j) the number of training pairs of the items i and j whose distance is in bin b (for each bin apart
    from i to a later j and from i to an earlier j), φ the popularity, and a history h_1, ..., h_n with its times:

        rules(j | h) = φ(j)^-β Σ_p exp(lag(n - p) + since(t_n - t_p)) φ(h_p)^-α Σ_b exp(distance(b)) C_b(h_p, j)
        score(j | h) = rules(j | h) + exp(prior) φ(j)^γ

    ``distance``, ``lag`` and ``since`` are tables over bins. The probability of j in training is proportional to
    score(j | h)^τ. Gradients reach every number above through the sum over bins; no count has a gradient. In training
    C_b has no pair of the user who is asked, and φ(j) none of the user's later interactions: with them the answer
    would be among the counts.

    Memory: the counts (see :func:`binned_pairs`), and some twelve arrays of 4 n_items bytes for each place of a batch:
    with 44,000 items and ``train_batch_size: 1024`` 2.2 GB.

    Args:
        config: ``distance_bins``, ``lag_bins``, ``time_bins`` (the last value of each bin; the last bins of lags and
            times are open), ``k``, ``rules_rate``.
        dataset: The training part.
    """

    reads_times = True
    reads_places = True
    counts: torch.Tensor
    popularity: torch.Tensor

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        ends = [int(end) for end in config["distance_bins"]]
        self.rate, self.masked = float(config["rules_rate"]), bool(config["mask_seen"])
        self.equal_users = bool(config["equal_users"])
        users, items, _ = self.sequences(dataset)
        self.training_part = Training.of(users, items, self.n_users)
        self.user_weights = self.training_part.user_weights()
        self.bins = bin_of_distances(ends)
        k = None if config["k"] is None else int(config["k"])
        self.pairs = binned_pairs(users, items, self.n_items, self.bins, k=k)
        popularity = torch.from_numpy(np.maximum(train_counts(dataset), 1)).float()
        # Not stored: they follow from the training data.
        self.register_buffer("counts", torch.from_numpy(self.pairs.counts), persistent=False)
        self.register_buffer("popularity", popularity, persistent=False)
        self.lag_ends, self.time_ends = np.array(config["lag_bins"]), np.array(config["time_bins"])
        middle = (np.array(ends) + np.array([0, *ends[:-1]]) + 1) / 2
        near = np.log(1 - (middle - 1) / (ends[-1] + 1))
        lags = np.append(self.lag_ends, self.lag_ends[-1] + 1)
        self.distance = self._parameter(np.concatenate([near, near - 0.5]))
        self.lag = self._parameter(-0.4 * np.minimum(lags, 10))
        self.since = self._parameter(np.zeros(len(self.time_ends) + 1))
        # source popularity, target popularity, sharpness, log of the prior, popularity of the prior
        self.powers = self._parameter(np.array([0.5, 0.5, 2.5, -3.0, 0.5]))
        self._rules: tuple[tuple[list[float], list[float]], sp.csr_matrix] | None = None

    def _parameter(self, values: np.ndarray) -> nn.Parameter:
        return nn.Parameter(torch.from_numpy(values / self.rate).float())

    def _here(self, array: np.ndarray) -> torch.Tensor:
        """The array as a tensor where the parameters are."""
        return torch.from_numpy(array).to(self.distance.device)

    def _power(self, place: int) -> torch.Tensor:
        return self.rate * self.powers[place]

    # Training

    def window_scores(self, interaction: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Scores the catalogue at every position with a target, as if the user had not been counted.

        Returns:
            ``(N, n_items)`` logarithms of the scores, ``(N, n_items) bool`` items that are no candidates, and ``(N,)``
            targets.
        """
        if "target_seq" not in interaction:
            raise ConfigError(
                f"{type(self).__name__} is trained on windows: set sequence_training: all_positions"
            )
        items, target = interaction[self.ITEM_SEQ], interaction["target_seq"]
        users, first = (interaction[name].cpu().numpy() for name in (self.USER_ID, "first_place"))
        asked = target > 0
        weights = self._history_weights(items, interaction[self.ITEM_SEQ_LEN], interaction[self.TIME_SEQ])
        rules = self._rules_of(items)
        raw = torch.bmm(weights, rules)
        raw = self._without_own(raw, weights, items, rules, users, first)[asked]
        past, later, often = self._own_entries(asked.cpu().numpy(), users, first)
        refused = torch.zeros(raw.shape, dtype=torch.bool, device=raw.device)
        refused[:, 0] = True
        if self.masked:
            refused.view(-1)[past] = True
        return self._log_scores(raw, later, often), refused, target[asked]

    def _log_scores(self, raw: torch.Tensor, later: torch.Tensor, often: torch.Tensor) -> torch.Tensor:
        """Logarithms of the scores, with the popularity less ``often`` at the flat places ``later``."""
        beta, prior, gamma = self._power(1), self._power(3), self._power(4)
        usual = self.popularity.log()
        item = later % self.n_items
        less = (self.popularity[item] - often).clamp_(min=1).log_()
        offset = torch.exp(prior + (gamma + beta) * usual)
        change = torch.exp(prior + (gamma + beta) * less) - offset[item]
        sums = (raw.clamp(min=0) + offset).view(-1).index_add(0, later, change).log()
        scores = sums.index_add(0, later, beta * (usual[item] - less)).view(raw.shape)
        return scores - beta * usual

    def softmax_loss(
        self,
        interaction: Any,
        scores: torch.Tensor,
        network: torch.Tensor | None,
        refused: torch.Tensor,
        targets: torch.Tensor,
    ) -> torch.Tensor:
        """Returns the mean cross-entropy of the logits τ ``scores`` + ``network`` over what is not ``refused``.

        With ``equal_users`` a target of a user with n of them weighs as much as 1 / n of the average number.
        """
        logits = self._power(2) * scores
        if network is not None:
            logits = logits + network
        logits = logits.masked_fill(refused, -torch.inf)
        if not self.equal_users:
            return torch.nn.functional.cross_entropy(logits, targets)
        each = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
        own = self._here(self.user_weights)[interaction[self.USER_ID]]
        return (
            each * own[:, None].expand_as(interaction["target_seq"])[interaction["target_seq"] > 0]
        ).mean()

    def _history_weights(
        self, items: torch.Tensor, lengths: torch.Tensor, times: torch.Tensor
    ) -> torch.Tensor:
        """``(B, L, L)`` weight of the item at place p for the position t ≥ p."""
        width = items.shape[1]
        place = np.arange(width)
        lags = self._here(np.searchsorted(self.lag_ends, np.maximum(place[:, None] - place, 0)))
        seconds = (times[:, :, None] - times[:, None, :]).clamp_(min=0).cpu().numpy()
        since = self._here(np.searchsorted(self.time_ends, seconds))
        weights = torch.exp(self.rate * (self.lag[lags] + self.since[since]))
        used = self._here(place[:, None] >= place) & (self._here(place) < lengths[:, None])[:, None]
        return weights * used * (self.popularity[items] ** -self._power(0))[:, None]

    def _values(self, entries: torch.Tensor | None = None) -> torch.Tensor:
        """``(Z,)`` weighted sums over the bins, or those of some entries."""
        counts = self.counts if entries is None else self.counts[entries]
        return counts @ torch.exp(self.rate * self.distance)

    def _rules_of(self, items: torch.Tensor) -> torch.Tensor:
        """``(B, L, n_items)`` weighted sums over the bins, of each item of the windows ``(B, L)``."""
        rows, inverse = torch.unique(items, return_inverse=True)
        # Choosing among the counts costs more than half of them do.
        few = 2 * len(rows) < self.n_items
        if not few:
            rows, inverse = torch.arange(self.n_items, device=items.device), items
        begin, length = (of[rows.cpu().numpy()] for of in (self.pairs.indptr, np.diff(self.pairs.indptr)))
        row = np.repeat(np.arange(len(rows)), length)
        entries = np.arange(len(row)) + np.repeat(begin - np.cumsum(length) + length, length)
        place = self._here(row * self.n_items + self.pairs.indices[entries])
        values = self._values(self._here(entries) if few else None)
        flat = values.new_zeros(len(rows) * self.n_items).scatter(0, place, values)
        return flat.view(len(rows), self.n_items)[inverse]

    def _without_own(
        self,
        raw: torch.Tensor,
        weights: torch.Tensor,
        items: torch.Tensor,
        rules: torch.Tensor,
        users: np.ndarray,
        first: np.ndarray,
    ) -> torch.Tensor:
        """Subtracts from ``(B, L, n_items)`` sums what the pairs of the user add to them."""
        reach, width = len(self.bins), items.shape[1]
        part = self.training_part
        if part.repeats:  # an item of the window has pairs at other places, too
            own = part.around(users, np.zeros_like(first), int(part.lengths[users].max()))
            same = self._here(
                (items.cpu().numpy()[:, :, None] == own[:, None]).astype(np.float32)
            )  # (B, L, W)
            one = same @ self._by_distance(np.arange(own.shape[1]) - np.arange(own.shape[1])[:, None])
        else:
            own = part.around(users, first - reach, width + 2 * reach)
            one = self._by_distance(np.arange(own.shape[1]) - reach - np.arange(width)[:, None])
        columns = self._here(own)[:, None].expand(-1, width, -1)
        # Not the item itself, and nothing that was not kept.
        counted = rules.detach().gather(2, columns) > 0
        return raw.scatter_add(2, columns, -torch.bmm(weights, one * counted))

    def _by_distance(self, apart: np.ndarray) -> torch.Tensor:
        """Weight of a pair whose later or, below 0, earlier item is ``apart`` places away; 0 out of reach."""
        near = (apart != 0) & (np.abs(apart) <= len(self.bins))
        bins = self.bins[np.where(near, np.abs(apart) - 1, 0)] + (apart < 0) * (self.bins[-1] + 1)
        weights = torch.exp(self.rate * self.distance)
        return weights[self._here(bins)] * self._here(near)

    def _own_entries(
        self, asked: np.ndarray, users: np.ndarray, first: np.ndarray
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The user's own items as flat places in ``(N, n_items)``.

        Returns:
            ``(P,)`` places of the items up to each position; ``(Q,)`` different places of the later ones, and ``(Q,)``
            how often each of these occurs later.
        """
        part = self.training_part
        window, position = np.nonzero(asked)
        begin, length = part.indptr[users[window]], part.lengths[users[window]]
        row = np.repeat(np.arange(len(window)), length)
        place = np.arange(len(row)) - np.repeat(np.cumsum(length) - length, length)
        flat = row * self.n_items + part.items[np.repeat(begin, length) + place]
        is_past = place <= np.repeat(first[window] + position, length)
        later, often = flat[~is_past], np.ones((~is_past).sum())
        if part.repeats:
            later, often = np.unique(later, return_counts=True)
        return self._here(flat[is_past]), self._here(later), self._here(often).float()

    # Scoring

    def rules(self) -> sp.csr_matrix:
        """Returns ``(n_items, n_items) float32`` Σ_b exp(distance(b)) C_b φ(i)^-α φ(j)^-β, anew after a change."""
        # Not the versions of the tensors: a fused optimiser does not raise them.
        numbers = (self.distance.tolist(), self.powers.tolist())
        if self._rules is None or self._rules[0] != numbers:
            with torch.no_grad():
                values = self._values()
                source, target = (self.popularity ** -self._power(place) for place in (0, 1))
                row = self._here(np.repeat(np.arange(self.n_items), np.diff(self.pairs.indptr)))
                values *= source[row] * target[self._here(self.pairs.indices)]
            parts = (values.cpu().numpy(), self.pairs.indices, self.pairs.indptr)
            self._rules = numbers, sp.csr_matrix(parts, shape=(self.n_items, self.n_items))
        return self._rules[1]

    def bias(self) -> torch.Tensor:
        """Returns the ``(n_items,)`` exp(prior) φ(j)^γ, on the CPU."""
        with torch.no_grad():
            return (torch.exp(self._power(3)) * self.popularity ** self._power(4)).cpu()

    def _weights(self, histories: Windows) -> np.ndarray:
        """``(n,) float64`` exp(lag + since) of each place."""
        lag, since = (self.rate * table.detach().cpu().double().numpy() for table in (self.lag, self.since))
        age = histories.last_times()[histories.rows] - histories.timed()
        return np.exp(
            lag[np.searchsorted(self.lag_ends, histories.ages)] + since[np.searchsorted(self.time_ends, age)]
        )

    def rule_scores(self, histories: Windows) -> torch.Tensor:
        """Returns ``(B, n_items) float32`` scores of the formula."""
        return (
            dense_product(histories.matrix(self._weights(histories), self.n_items), self.rules())
            + self.bias()
        )
