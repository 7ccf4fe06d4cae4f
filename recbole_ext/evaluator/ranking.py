"""Stand-in."""
from __future__ import annotations
import torch
def mask_scores_(scores, rows=None, items=None):
    scores[:, 0] = -torch.inf
    if rows is not None: scores[rows, items] = -torch.inf
    return scores
def expected_ranks(scores, rows, items):
    s = scores[rows, items][:, None]
    g = (scores[rows] > s).sum(1).double(); e = (scores[rows] == s).sum(1).double()
    r = 1 + g + (e - 1) / 2
    return torch.where(torch.isinf(s[:, 0]) & (s[:,0] < 0), torch.inf, r)
def top_k(scores, k):
    v, i = torch.topk(scores, k, dim=1)
    return i, v
