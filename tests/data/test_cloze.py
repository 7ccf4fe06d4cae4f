"""Masked windows: what is masked, how often, and that every item takes part."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recbole_ext.config.build import build_config
from recbole_ext.data.build import PreparedData, loader_class, prepare_data, train_loader
from recbole_ext.data.cloze import ClozeLoader, cloze_mask
from recbole_ext.data.dataloader import PrefixLoader
from recbole_ext.model.registry import resolve_model
from tests.conftest import write_inter

WIDTH, ITEMS, USERS = 8, 30, 40


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Users with 4 to 25 interactions, of which the last two are held out: with windows of 8, one to three each."""
    rng = np.random.default_rng(0)
    rows = [
        (f"u{user}", f"i{item}", 4.0, step)
        for user in range(USERS)
        for step, item in enumerate(rng.permutation(ITEMS)[: 4 + user % 22])
    ]
    write_inter(tmp_path, "toy", rows)
    return tmp_path


def load(home: Path, **keys: Any) -> tuple[Any, PreparedData, ClozeLoader]:
    _, model = resolve_model("BERT4Rec")
    keys = {
        "data_path": str(home),
        "dataset": "toy",
        "MAX_ITEM_LIST_LENGTH": WIDTH,
        "min_user_interactions": 1,
        "min_item_interactions": 1,
        "train_batch_size": 5 * WIDTH,
        "use_gpu": False,
        **keys,
    }
    config = build_config("BERT4Rec", None, [], keys)
    data = prepare_data(config)
    loader = train_loader(config, data, model)
    assert isinstance(loader, ClozeLoader)
    return config, data, loader


def histories(data: PreparedData) -> dict[int, list[int]]:
    """Training items of each user."""
    start, stop = data.split.before(1)
    items = data.split.interactions.items
    return {
        user: items[start[user] : stop[user]].tolist()
        for user in range(1, len(start))
        if stop[user] > start[user]
    }


def test_bert4rec_gets_masked_windows_unless_prefixes_or_pairs_are_asked_for(quick: dict[str, Any]) -> None:
    _, model = resolve_model("BERT4Rec")
    kinds = [
        loader_class(build_config("BERT4Rec", None, [], {**quick, **keys}), model)
        for keys in ({}, {"sequence_training": "prefixes"}, {"loss_type": "BPR"})
    ]
    assert kinds == [ClozeLoader, PrefixLoader, PrefixLoader]


@pytest.mark.parametrize("ft_ratio", [0.0, 1.0])
def test_targets_are_the_masked_items_and_the_rest_stays(home: Path, ft_ratio: float) -> None:
    config, data, loader = load(home, ft_ratio=ft_ratio)
    of_user, mask_token = histories(data), data.dataset.item_num
    for batch in loader:
        masked = batch[config["MASK_ITEM_SEQ"]] == mask_token
        assert torch.equal(masked, batch["target_seq"] > 0)
        restored = torch.where(masked, batch["target_seq"], batch[config["MASK_ITEM_SEQ"]])
        assert torch.equal(restored, batch["item_id_list"])
        for user, window, length in zip(
            batch["user_id"].tolist(), restored.tolist(), batch["item_length"].tolist(), strict=True
        ):
            assert window[length:] == [0] * (len(window) - length)
            stops = range(1, len(of_user[user]) + 1)
            assert window[:length] in [of_user[user][max(0, stop - WIDTH) : stop] for stop in stops]


def test_every_training_item_lies_in_a_window_of_each_epoch_and_no_held_out_item_does(home: Path) -> None:
    _, data, loader = load(home, ft_ratio=0.0)
    for _ in range(2):
        found: dict[int, set[int]] = {}
        for batch in loader:
            for user, window in zip(batch["user_id"].tolist(), batch["item_id_list"].tolist(), strict=True):
                found.setdefault(user, set()).update(window)
        assert {user: items - {0} for user, items in found.items()} == {
            user: set(items) for user, items in histories(data).items()
        }


@pytest.mark.parametrize(("mask_ratio", "passes"), [(0.2, 5), (0.3, 3), (0.9, 1)])
def test_an_epoch_asks_for_about_as_many_items_as_there_are(
    home: Path, mask_ratio: float, passes: int
) -> None:
    _, data, loader = load(home, mask_ratio=mask_ratio, ft_ratio=0.0)
    items = sum(map(len, histories(data).values()))
    assert loader._examples()[:, 1].sum() == passes * items
    # Each pass masks its share, and at least one item of a window.
    windows = len(loader._examples())
    asked = sum(int((batch["target_seq"] > 0).sum()) for batch in loader)
    assert 0.8 * mask_ratio * passes * items < asked < 1.2 * mask_ratio * passes * items + windows


def test_items_are_masked_with_probability_mask_ratio_and_at_least_once() -> None:
    length = np.repeat([1, 2, 8], 20_000)
    mask = cloze_mask(length, WIDTH, 0.2, np.random.default_rng(1))
    assert not mask[np.arange(WIDTH) >= length[:, None]].any()
    assert mask[length == 1, 0].all()
    # Two items: one is always masked, the other one with probability .2 given that it is not the smaller draw:
    # both below .2 has probability .04, so that each is masked with (1 + .04) / 2.
    np.testing.assert_allclose(mask[length == 2, :2].mean(axis=0), 0.52, atol=0.015)
    # Eight items: .2 each, and one of the eight where all draws are above .2.
    expected = 0.2 + 0.8**8 / 8
    np.testing.assert_allclose(mask[length == 8].mean(axis=0), expected, atol=0.012)


def test_masks_differ_between_epochs_and_follow_the_saved_state(home: Path) -> None:
    config, _, loader = load(home)

    def epoch() -> list[Any]:
        return [batch[config["MASK_ITEM_SEQ"]].tolist() for batch in loader]

    state = loader.state()
    first, second = epoch(), epoch()
    assert first != second
    loader.set_state(state)
    assert [epoch(), epoch()] == [first, second]


def test_fine_tuning_masks_the_last_item_of_every_possible_prefix(home: Path) -> None:
    _, data, loader = load(home, ft_ratio=1.0)
    asked: Counter[tuple[int, int]] = Counter()
    for _ in range(30):
        for batch in loader:
            row, place = (batch["target_seq"] > 0).nonzero().T
            assert torch.equal(row, torch.arange(len(batch["target_seq"])))
            assert torch.equal(place, batch["item_length"] - 1)
            asked.update(
                zip(batch["user_id"].tolist(), batch["target_seq"][row, place].tolist(), strict=True)
            )
    assert set(asked) == {(user, item) for user, items in histories(data).items() for item in items}


def test_batches_of_both_kinds_come_in_recboles_ratio(home: Path) -> None:
    """A batch of one kind or the other: with whole windows of 8 items, one masked item is rare without fine-tuning."""
    _, _, loader = load(home, ft_ratio=0.3, mask_ratio=0.6, train_batch_size=5 * WIDTH)
    kinds = []
    for _ in range(60):
        for batch in loader:
            asked = batch["target_seq"] > 0
            last = torch.arange(asked.shape[1]) == batch["item_length"][:, None] - 1
            kinds.append(torch.equal(asked, last))
    assert len(kinds) > 600
    assert abs(np.mean(kinds) - 0.3) < 0.06
