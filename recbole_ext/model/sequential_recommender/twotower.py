"""Two towers: people on one side, items on the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from recbole_ext.data.content.people import user_profiles
from recbole_ext.model.losses.negatives import sampled_softmax
from recbole_ext.model.losses.popularity import train_counts
from recbole_ext.model.sequential_recommender.mlpseq import MLPSeq

__all__ = ["TwoTower"]


class TwoTower(MLPSeq):
    """A tower for people and one for items, whose cosine is the score (Covington et al. 2016; Yi et al., RecSys 2019).

    The items' tower is an MLP on the vector of an item, made of id and content as ``item_features`` says. The people's
    is an MLP on the mean of the vectors of the history, weighted by ``recency_decay``, plus a projection of the
    ``user_features``. Both ends are scaled to length 1, and the cosine is divided by ``temperature``.

    It is trained at all positions by soft-max over the target and shared negatives: ``in_batch_negatives`` of the
    targets of the batch, which are as popular as items are, and ``uniform_negatives`` (mixed negatives, Yang et al.
    2020). Logits of negatives are corrected by the logarithm of how often each is expected among the draws (logQ); the
    frequencies are exact counts of the training part, which Yi et al. estimate from a stream. Draws that hit the target
    are left out. All other targets of a batch would be as many as its places, so that a sample of them is drawn.

    Covington et al. concatenate the mean and the profile; here the projections are added, which is a concatenation
    followed by one layer.
    """

    profile: torch.Tensor
    log_expected: torch.Tensor
    known_items: torch.Tensor

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        size, hidden = int(config["embedding_size"]), [int(width) for width in config["mlp_hidden_size"]]
        self.temperature = float(config["temperature"])
        self.of_batch, self.uniform = int(config["in_batch_negatives"]), int(config["uniform_negatives"])
        self.item_layers = _tower(size, hidden, float(config["dropout_prob"]))
        counts = train_counts(dataset)
        everything, known = float(counts.sum()) or 1.0, max(int(np.count_nonzero(counts)), 1)
        expected = self.of_batch * counts / everything + self.uniform * (counts > 0) / known
        with np.errstate(divide="ignore"):
            logarithms = torch.from_numpy(np.log(expected)).float()
        self.register_buffer("log_expected", logarithms, persistent=False)
        self.register_buffer("known_items", torch.from_numpy(np.flatnonzero(counts)), persistent=False)
        columns = list(config["user_features"] or [])
        self.profile_layer: nn.Linear | None = None
        if columns:
            path = dataset.item_file.with_suffix(".user")
            profile = user_profiles(path, columns, dataset.interactions.user_tokens)
            self.register_buffer("profile", torch.from_numpy(profile), persistent=False)
            self.profile_layer = nn.Linear(profile.shape[1], size, bias=False)
            nn.init.xavier_uniform_(self.profile_layer.weight)

    def encode(self, item_seq: torch.Tensor, item_seq_len: torch.Tensor, user: torch.Tensor) -> torch.Tensor:
        """Returns the people's vectors after each item, ``(B, L, embedding_size)``, divided by ``temperature``."""
        averages = self._averages(self.emb_dropout(self.item_embedding(item_seq)))
        return self._people(averages, user[:, None])

    def forward(
        self, item_seq: torch.Tensor, item_seq_len: torch.Tensor, user: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Returns the people's vectors after the last item, ``(B, embedding_size)``, divided by ``temperature``.

        ``user`` None stands for people of whom nothing is known but their history.
        """
        user = torch.zeros_like(item_seq_len) if user is None else user
        averages = self._averages(self.emb_dropout(self.item_embedding(item_seq)))
        return self._people(self.gather_indexes(averages, item_seq_len - 1), user)

    def _people(self, averages: torch.Tensor, user: torch.Tensor) -> torch.Tensor:
        if self.profile_layer is not None:
            averages = averages + self.profile_layer(self.profile[user])
        return nn.functional.normalize(self.layers(averages), dim=-1) / self.temperature

    def item_embeddings(self) -> torch.Tensor:
        """Returns the items' vectors, ``(n_items, embedding_size)`` of length 1."""
        vectors = self.emb_dropout(self.item_embedding.weight)
        return nn.functional.normalize(self.item_layers(vectors), dim=-1)

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Returns the mean sampled soft-max loss over all positions with a target."""
        asked = interaction["target_seq"] > 0
        target = interaction["target_seq"][asked]  # (N,)
        states = self.encode(
            interaction[self.ITEM_SEQ], interaction[self.ITEM_SEQ_LEN], interaction[self.USER_ID]
        )[asked]
        items = self.item_embeddings()
        drawn = self._drawn(target)  # (1, k)
        positive = (states * nn.functional.embedding(target, items)).sum(dim=1)
        negative = states @ nn.functional.embedding(drawn[0], items).T
        hits = drawn == target[:, None]
        return sampled_softmax(positive, negative, log_expected=self.log_expected[drawn], hits=hits).mean()

    def _drawn(self, target: torch.Tensor) -> torch.Tensor:
        """``(1, k)`` negatives: targets of the batch, and items drawn uniformly."""
        of_batch = target[torch.randint(len(target), (self.of_batch,), device=target.device)]
        places = torch.randint(len(self.known_items), (self.uniform,), device=target.device)
        return torch.cat([of_batch, self.known_items[places]])[None]

    def represented(self, interaction: Any) -> torch.Tensor:
        """Returns ``(B, d)``, the representation of each history."""
        return self.forward(
            interaction[self.ITEM_SEQ], interaction[self.ITEM_SEQ_LEN], interaction[self.USER_ID]
        )

    def predict(self, interaction: Any) -> torch.Tensor:
        """Returns ``(B,)`` logits of one item per history."""
        items = self.item_embeddings()[interaction[self.ITEM_ID]]
        return (self.represented(interaction) * items).sum(dim=1)

    def full_sort_predict(self, interaction: Any) -> torch.Tensor:
        """Returns ``(B, n_items)`` logits of the whole catalogue."""
        return self.represented(interaction) @ self.item_embeddings().T


def _tower(size: int, hidden: list[int], dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for below, above in zip([size, *hidden[:-1]], hidden, strict=True):
        layers += [nn.Linear(below, above), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(hidden[-1], size))
