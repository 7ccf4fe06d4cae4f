"""Re-rankers on arrays: candidates and side information in, ordered lists of K out, without torch and RecBole."""

from __future__ import annotations

from recbole_ext.rerank.methods.base import PerUserReranker, Reranker, checked_strength
from recbole_ext.rerank.methods.calibrated import Calibrated
from recbole_ext.rerank.methods.candidates import (
    Candidates,
    scaled_scores,
    top_positions,
)
from recbole_ext.rerank.methods.mmr import MMR
from recbole_ext.rerank.methods.popularity_penalty import PopularityPenalty
from recbole_ext.rerank.methods.side_information import (
    ItemInformation,
    SideInformation,
    UserHistories,
    user_profiles,
)
from recbole_ext.rerank.methods.table import METHODS, make_reranker, reranker_of
from recbole_ext.rerank.methods.value_aware import ValueAware
from recbole_ext.rerank.methods.xquad import XQuAD

__all__ = [
    "METHODS",
    "MMR",
    "Calibrated",
    "Candidates",
    "ItemInformation",
    "PerUserReranker",
    "PopularityPenalty",
    "Reranker",
    "SideInformation",
    "UserHistories",
    "ValueAware",
    "XQuAD",
    "checked_strength",
    "make_reranker",
    "reranker_of",
    "scaled_scores",
    "top_positions",
    "user_profiles",
]
