"""Caser at all positions: RecBole's forward on each window, evaluated directly."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from recbole.data.interaction import Interaction
from recbole.model.sequential_recommender.caser import Caser as HostCaser

from recbole_ext.config.build import build_config
from recbole_ext.data.build import prepare_data
from recbole_ext.data.window_loader import WindowLoader
from recbole_ext.model.kernels.prefix_maxima import prefix_maxima
from recbole_ext.model.sequential_recommender.caser import Caser

CLOSE: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-11}
USERS = torch.arange(1, 6)
Models = tuple[Caser, Any]


@pytest.fixture(params=[8, 11])
def models(request: pytest.FixtureRequest, quick: dict[str, Any]) -> Models:
    """Ours and RecBole's with the same weights, in double precision, without dropout, for two window widths."""
    config = build_config(Caser, None, (), {**quick, "MAX_ITEM_LIST_LENGTH": request.param})
    data = prepare_data(config)
    torch.manual_seed(0)
    host = HostCaser(config, data.dataset).double().eval()
    # Far from the small start, so that biases, padding and the signs before a ReLU matter.
    with torch.no_grad():
        for parameter in host.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    ours = Caser(config, data.dataset).double().eval()
    ours.load_state_dict(host.state_dict())
    return ours, host


def items_of(model: Caser, length: int) -> torch.Tensor:
    return torch.randint(1, model.n_items, (5, length), generator=torch.Generator().manual_seed(length))


def direct(host: Any, items: torch.Tensor, place: int) -> torch.Tensor:
    """RecBole's forward on the window of the last items up to ``place``, padded on the right."""
    window = torch.zeros(len(items), host.max_seq_length, dtype=torch.int64)
    last = items[:, max(0, place + 1 - host.max_seq_length) : place + 1]
    window[:, : last.shape[1]] = last
    return host(USERS, window)


@pytest.mark.parametrize("length", [1, 2, 5, 8, 9, 11, 12, 30])
def test_every_position_is_recboles_forward_on_its_window(models: Models, length: int) -> None:
    ours, host = models
    items = items_of(ours, length)
    encoded = ours.encode(items, torch.full((5,), length), USERS)
    assert encoded.shape == (5, length, ours.embedding_size)
    for place in range(length):
        torch.testing.assert_close(encoded[:, place], direct(host, items, place), **CLOSE)


@pytest.mark.parametrize("length", [1, 5, 8, 20])
def test_the_gradients_are_those_of_the_windows(models: Models, length: int) -> None:
    ours, host = models
    items = items_of(ours, length)
    direction = torch.randn(5, length, ours.embedding_size, dtype=torch.float64)
    (ours.encode(items, torch.full((5,), length), USERS) * direction).sum().backward()
    sum((direct(host, items, place) * direction[:, place]).sum() for place in range(length)).backward()
    for parameter, expected in zip(ours.parameters(), host.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, expected.grad, **CLOSE)


def test_padding_gets_no_gradient_as_an_input(models: Models) -> None:
    ours, _ = models
    ours.encode(items_of(ours, 5), torch.full((5,), 5), USERS).sum().backward()
    assert ours.item_embedding.weight.grad[0].abs().max() == 0


def test_padding_behind_the_items_changes_nothing(models: Models) -> None:
    ours, _ = models
    items, length = items_of(ours, 4), torch.full((5,), 4)
    padded = torch.cat([items, torch.zeros(5, 4, dtype=torch.int64)], dim=1)
    torch.testing.assert_close(
        ours.encode(padded, length, USERS)[:, :4], ours.encode(items, length, USERS), **CLOSE
    )


@pytest.mark.parametrize("length", [8, 20])
def test_a_later_item_changes_nothing_before_it(models: Models, length: int) -> None:
    ours, _ = models
    items, stop = items_of(ours, length), torch.full((5,), length)
    before = ours.encode(items, stop, USERS)
    for place in range(length):
        changed = items.clone()
        changed[:, place] = changed[:, place] % (ours.n_items - 1) + 1
        after = ours.encode(changed, stop, USERS)
        torch.testing.assert_close(after[:, :place], before[:, :place], rtol=0, atol=1e-12)
        assert (after[:, place] - before[:, place]).abs().max() > 1e-6
        beyond = slice(place + ours.max_seq_length, None)
        torch.testing.assert_close(after[:, beyond], before[:, beyond], rtol=0, atol=1e-12)


def test_the_users_have_their_own_states(models: Models) -> None:
    ours, _ = models
    items = items_of(ours, 6)[:1].expand(2, -1)
    states = ours.encode(items, torch.tensor([6, 6]), torch.tensor([1, 2]))
    assert (states[0] - states[1]).abs().max() > 1e-3


def test_the_loss_of_the_loaders_batches_is_recboles(quick: dict[str, Any]) -> None:
    """Regularisation included: each asked position becomes a row of RecBole's."""
    config = build_config(Caser, None, (), {**quick, "reg_weight": 0.3})
    data = prepare_data(config)
    torch.manual_seed(0)
    ours = Caser(config, data.dataset).double().eval()
    host = HostCaser(config, data.dataset).double().eval()
    host.load_state_dict(ours.state_dict())
    for batch in WindowLoader(config, data.dataset, data.split, None):
        row, place = (batch["target_seq"] > 0).nonzero().T
        items = batch[ours.ITEM_SEQ][row].clone()
        items[torch.arange(items.shape[1]) > place[:, None]] = 0
        # A batch is as wide as its longest window; RecBole's Caser needs all L places.
        items = torch.nn.functional.pad(items, (0, ours.max_seq_length - items.shape[1]))
        by_prefix = Interaction(
            {
                ours.USER_ID: batch[ours.USER_ID][row],
                ours.ITEM_SEQ: items,
                ours.ITEM_SEQ_LEN: place + 1,
                ours.ITEM_ID: batch["target_seq"][row, place],
            }
        )
        torch.testing.assert_close(ours.calculate_loss(batch), host.calculate_loss(by_prefix), **CLOSE)


def test_prefix_maxima_by_hand() -> None:
    """A window of two; the filter of height 1 is 1 x + 0, that of height 2 is 1 x_0 - 2 x_1 + 0.5."""
    items = torch.tensor([3.0, -1.0]).view(2, 1, 1)
    weights = [torch.ones(1, 1, 1), torch.tensor([1.0, -2.0]).view(1, 2, 1)]
    maxima = prefix_maxima(items, weights, [torch.zeros(1), torch.full((1,), 0.5)])
    # (3), padding: max(3, 0) and 3 + 0.5. (3, -1): max(3, -1) and 3 + 2 + 0.5.
    assert maxima[:, 0].tolist() == [[3.0, 3.5], [3.0, 5.5]]


def test_prefix_maxima_have_the_gradients_of_finite_differences() -> None:
    random = torch.Generator().manual_seed(3)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, dtype=torch.float64, generator=random, requires_grad=True)

    window = 10
    weights, biases = (
        [draw(2, height, 3) for height in range(1, window + 1)],
        [draw(2) for _ in range(window)],
    )
    for length in (1, 4, window):
        assert torch.autograd.gradcheck(
            lambda items, *rest: prefix_maxima(items, list(rest[:window]), list(rest[window:])),
            (draw(length, 2, 3), *weights, *biases),
            fast_mode=True,
        )
