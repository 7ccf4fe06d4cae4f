"""Training at all positions: RecBole's function of every prefix, and nothing of what comes later."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from recbole.data.interaction import Interaction
from recbole.model.sequential_recommender.gru4rec import GRU4Rec as HostGRU4Rec
from recbole.model.sequential_recommender.sasrec import SASRec as HostSASRec

from recbole_ext.config.build import build_config
from recbole_ext.data.build import PreparedData, prepare_data
from recbole_ext.data.window_loader import WindowLoader
from recbole_ext.model.all_positions import AllPositions
from recbole_ext.model.sequential_recommender.gru4rec import GRU4Rec
from recbole_ext.model.sequential_recommender.sasrec import SASRec

WIDTH = 8
PAIRS = [(GRU4Rec, HostGRU4Rec), (SASRec, HostSASRec)]
CLOSE: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-11}


@pytest.fixture(params=PAIRS, ids=[ours.__name__ for ours, _ in PAIRS])
def case(request: pytest.FixtureRequest, quick: dict[str, Any]) -> tuple[Any, Any, PreparedData, Any]:
    """Our model, RecBole's with the same weights, both in double precision and without dropout."""
    ours, host = request.param
    config = build_config(ours, None, (), quick)
    data = prepare_data(config)
    torch.manual_seed(0)
    host_model = host(config, data.dataset).double().eval()
    # Weights far from their small start, so that no position looks like another by chance.
    with torch.no_grad():
        for parameter in host_model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    model = ours(config, data.dataset).double().eval()
    model.load_state_dict(host_model.state_dict())
    return model, host_model, data, config


def windows(model: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Five windows of every kind of length, left-aligned, with their lengths and users."""
    length = torch.tensor([WIDTH, 5, 1, 2, WIDTH])
    items = torch.randint(1, model.n_items, (5, WIDTH), generator=torch.Generator().manual_seed(1))
    items[torch.arange(WIDTH) >= length[:, None]] = 0
    return items, length, torch.arange(1, 6)


def prefixes(items: torch.Tensor, stop: int) -> torch.Tensor:
    """The first ``stop`` items of each window, padded to its width."""
    cut = items.clone()
    cut[:, stop:] = 0
    return cut


def test_position_t_is_recboles_forward_on_the_first_t_plus_1_items(case: tuple[Any, Any, Any, Any]) -> None:
    model, host, _, _ = case
    items, length, users = windows(model)
    encoded = model.encode(items, length, users)
    assert encoded.shape[:2] == items.shape
    for place in range(WIDTH):
        rows = length > place
        expected = host(prefixes(items, place + 1)[rows], torch.full((int(rows.sum()),), place + 1))
        torch.testing.assert_close(encoded[rows, place], expected, **CLOSE)


def test_position_t_needs_no_padding_behind(case: tuple[Any, Any, Any, Any]) -> None:
    model, host, _, _ = case
    items, length, users = windows(model)
    encoded = model.encode(items, length, users)
    for place in range(WIDTH):
        rows = length > place
        alone = items[rows, : place + 1]
        stop = torch.full((len(alone),), place + 1)
        torch.testing.assert_close(encoded[rows, place], host(alone, stop), **CLOSE)
        torch.testing.assert_close(
            encoded[rows, : place + 1], model.encode(alone, stop, users[rows]), **CLOSE
        )


def test_a_later_item_changes_nothing_before_it(case: tuple[Any, Any, Any, Any]) -> None:
    model, _, _, _ = case
    items, length, users = windows(model)
    full = items[:1], length[:1], users[:1]
    before = model.encode(*full)
    for place in range(1, WIDTH):
        changed = full[0].clone()
        changed[0, place] = changed[0, place] % (model.n_items - 1) + 1
        after = model.encode(changed, *full[1:])
        torch.testing.assert_close(after[:, :place], before[:, :place], rtol=0, atol=1e-12)
        assert (after[:, place:] - before[:, place:]).abs().amax(dim=2).min() > 1e-4


def test_no_gradient_reaches_a_later_item(case: tuple[Any, Any, Any, Any]) -> None:
    model, _, _, _ = case
    items = torch.arange(1, WIDTH + 1)[None]
    encoded = model.encode(items, torch.tensor([WIDTH]), torch.tensor([1]))
    for place in range(WIDTH):
        direction = torch.randn(encoded.shape[2], dtype=encoded.dtype)
        (gradient,) = torch.autograd.grad(
            encoded[0, place] @ direction, model.item_embedding.weight, retain_graph=True
        )
        reached = gradient.abs().amax(dim=1) > 1e-12
        assert reached.nonzero()[:, 0].tolist() == list(range(1, place + 2))


def one_user(model: Any, history: torch.Tensor) -> tuple[Interaction, Interaction]:
    """A window that answers for all targets at once, and RecBole's batch with a row for each prefix."""
    steps = len(history) - 1
    window = torch.zeros(1, WIDTH, dtype=torch.int64)
    target = torch.zeros(1, WIDTH, dtype=torch.int64)
    window[0, :steps], target[0, :steps] = history[:-1], history[1:]
    at_once = Interaction(
        {
            model.USER_ID: torch.tensor([1]),
            model.ITEM_SEQ: window,
            model.ITEM_SEQ_LEN: torch.tensor([steps]),
            "target_seq": target,
        }
    )
    rows = torch.cat([prefixes(window, stop) for stop in range(1, steps + 1)])
    by_prefix = Interaction(
        {
            model.USER_ID: torch.ones(steps, dtype=torch.int64),
            model.ITEM_SEQ: rows,
            model.ITEM_SEQ_LEN: torch.arange(1, steps + 1),
            model.ITEM_ID: history[1:],
        }
    )
    return at_once, by_prefix


@pytest.mark.parametrize("length", [2, 5, WIDTH + 1])
def test_the_loss_is_recboles_mean_over_the_prefixes(case: tuple[Any, Any, Any, Any], length: int) -> None:
    model, host, _, _ = case
    history = torch.randint(1, model.n_items, (length,), generator=torch.Generator().manual_seed(length))
    at_once, by_prefix = one_user(model, history)
    ours, theirs = model.calculate_loss(at_once), host.calculate_loss(by_prefix)
    torch.testing.assert_close(ours, theirs, **CLOSE)
    ours.backward()
    theirs.backward()
    for parameter, expected in zip(model.parameters(), host.parameters(), strict=True):
        if expected.grad is not None:
            torch.testing.assert_close(parameter.grad, expected.grad, **CLOSE)


def test_a_batch_of_prefixes_gets_recboles_loss(case: tuple[Any, Any, Any, Any]) -> None:
    model, host, _, _ = case
    _, by_prefix = one_user(model, torch.tensor([3, 1, 4, 1, 5]))
    # The sums of attention are taken in another order.
    expected = host.calculate_loss(by_prefix).item()
    assert model.calculate_loss(by_prefix).item() == pytest.approx(expected, rel=1e-12)


def test_positions_without_a_target_are_not_asked(case: tuple[Any, Any, Any, Any]) -> None:
    model, host, _, _ = case
    at_once, by_prefix = one_user(model, torch.tensor([3, 1, 4, 1, 5]))
    at_once["target_seq"][0, :2] = 0
    torch.testing.assert_close(
        model.calculate_loss(at_once), host.calculate_loss(by_prefix[torch.tensor([2, 3])]), **CLOSE
    )


def test_batches_of_windows_have_the_loss_of_their_prefixes(case: tuple[Any, Any, Any, Any]) -> None:
    """The loader's own batches: each asked position becomes a row of RecBole's.

    The toy users have ten training items and windows of eight, so that some windows answer for a part only.
    """
    model, host, data, config = case
    targets = 0
    for batch in WindowLoader(config, data.dataset, data.split, None):
        row, place = (batch["target_seq"] > 0).nonzero().T
        items = batch[model.ITEM_SEQ][row].clone()
        items[torch.arange(items.shape[1]) > place[:, None]] = 0
        by_prefix = Interaction(
            {
                model.ITEM_SEQ: items,
                model.ITEM_SEQ_LEN: place + 1,
                model.ITEM_ID: batch["target_seq"][row, place],
            }
        )
        with torch.no_grad():
            torch.testing.assert_close(model.calculate_loss(batch), host.calculate_loss(by_prefix), **CLOSE)
        targets += len(row)
    assert targets == 60 * 9


def test_a_model_without_encode_says_so() -> None:
    with pytest.raises(NotImplementedError):
        AllPositions().encode(torch.zeros(1, 1), torch.ones(1), torch.ones(1))
