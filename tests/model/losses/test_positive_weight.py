from __future__ import annotations

import pytest
import torch
from torch import nn

from recbole_ext.errors import ConfigError
from recbole_ext.model.losses.positive_weight import WeightedBCELoss, set_positive_weight


class Logits(nn.Module):
    def __init__(self):
        super().__init__()
        self.loss = nn.BCEWithLogitsLoss()


class Probabilities(nn.Module):
    def __init__(self):
        super().__init__()
        self.loss = nn.BCELoss()


def test_a_positive_of_weight_three_counts_three_times():
    logit, label = torch.tensor([0.0, 0.0]), torch.tensor([1.0, 0.0])
    # both terms are ln 2, the positive one times 3, mean of two: 2 ln 2
    expected = 2 * torch.log(torch.tensor(2.0))
    first, second = Logits(), Probabilities()
    set_positive_weight(first, 3.0)
    set_positive_weight(second, 3.0)
    assert torch.isclose(first.loss(logit, label), expected)
    assert torch.isclose(second.loss(torch.sigmoid(logit), label), expected)


def test_probabilities_and_logits_agree_on_random_input():
    logit, label = torch.randn(50), (torch.rand(50) > 0.7).float()
    weighted = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(2.5))
    assert torch.isclose(WeightedBCELoss(2.5)(torch.sigmoid(logit), label), weighted(logit, label), atol=1e-6)


def test_weight_one_changes_nothing_and_others_need_a_point_wise_loss():
    model = nn.Linear(2, 1)
    set_positive_weight(model, 1.0)
    with pytest.raises(ConfigError, match="no point-wise loss"):
        set_positive_weight(model, 2.0)
    with pytest.raises(ConfigError, match="above 0"):
        set_positive_weight(model, 0.0)
