"""SASRec: weights of earlier runs, and the vectors that items are scored by."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from recbole.model.sequential_recommender.sasrec import SASRec as HostSASRec

from recbole_ext.config.build import build_config
from recbole_ext.data.build import prepare_data, train_loader
from recbole_ext.model.sequential_recommender.sasrec import SASRec


def built(quick: dict[str, Any], **values: Any) -> tuple[Any, Any, Any]:
    config = build_config(SASRec, None, (), {**quick, **values})
    data = prepare_data(config)
    torch.manual_seed(0)
    return SASRec(config, data.dataset), config, data


def test_names_and_first_weights_are_recboles(quick: dict[str, Any]) -> None:
    ours, config, data = built(quick)
    torch.manual_seed(0)
    host = HostSASRec(config, data.dataset)
    assert list(ours.state_dict()) == list(host.state_dict())
    for name, value in host.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value)


def test_scores_are_recboles_to_a_hundred_thousandth(quick: dict[str, Any]) -> None:
    ours, config, data = built(quick)
    host = HostSASRec(config, data.dataset).eval()
    with torch.no_grad():
        for parameter in host.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    ours.load_state_dict(host.state_dict())
    batch = next(iter(data.test)).interaction
    with torch.no_grad():
        expected, got = (model.full_sort_predict(batch) for model in (host, ours.eval()))
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(got.topk(5).indices, expected.topk(5).indices)


@pytest.mark.parametrize("training", ["all_positions", "prefixes"])
def test_separate_output_vectors_alone_score(quick: dict[str, Any], training: str) -> None:
    model, config, data = built(quick, output_embedding="separate", sequence_training=training)
    assert "output_embedding.weight" in model.state_dict()
    batch = next(iter(train_loader(config, data, SASRec)))
    model.calculate_loss(batch).backward()
    # The soft-max over all items moves all of them; of the vectors that are read only those of histories move.
    read, scored = model.item_embedding.weight.grad, model.output_embedding.weight.grad
    absent = torch.ones(model.n_items, dtype=torch.bool)
    absent[batch[model.ITEM_SEQ].unique()] = False
    absent[0] = False
    assert (scored[1:].abs().sum(dim=1) > 0).all()
    assert not read[absent].any()
    assert read.any()
    model.eval()
    test = next(iter(data.test)).interaction
    before = model.full_sort_predict(test).detach()
    with torch.no_grad():
        model.output_embedding.weight *= 2
    torch.testing.assert_close(model.full_sort_predict(test), 2 * before)
