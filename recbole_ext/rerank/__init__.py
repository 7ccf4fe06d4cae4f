"""Re-rankers on arrays: candidates and facts in, ordered lists of K out. Knows neither torch nor RecBole."""

from __future__ import annotations

from recbole_ext.rerank.base import PerUserReranker, Reranker, checked_strength
from recbole_ext.rerank.calibrated import Calibrated
from recbole_ext.rerank.candidates import Candidates, candidates_from_scores, scaled_scores, top_positions
from recbole_ext.rerank.facts import Facts, ItemFacts, UserFacts, user_profiles
from recbole_ext.rerank.methods import METHODS, RerankMethod, make_reranker, rerank_method
from recbole_ext.rerank.mmr import MMR
from recbole_ext.rerank.popularity_penalty import PopularityPenalty
from recbole_ext.rerank.settings import RerankSettings, read_rerank_settings
from recbole_ext.rerank.value_aware import ValueAware
from recbole_ext.rerank.xquad import XQuAD

__all__ = [
    "METHODS",
    "MMR",
    "Calibrated",
    "Candidates",
    "Facts",
    "ItemFacts",
    "PerUserReranker",
    "PopularityPenalty",
    "RerankMethod",
    "RerankSettings",
    "Reranker",
    "UserFacts",
    "ValueAware",
    "XQuAD",
    "candidates_from_scores",
    "checked_strength",
    "make_reranker",
    "read_rerank_settings",
    "rerank_method",
    "scaled_scores",
    "top_positions",
    "user_profiles",
]
