"""Vectors of items from ids and content, in every model with a table of item vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

from recbole_ext.config.build import build_config
from recbole_ext.data.build import prepare_data
from recbole_ext.data.content import FeatureBlock, ItemFeatures
from recbole_ext.errors import ConfigError, DataError
from recbole_ext.model.item_encoder import ItemEncoder, give_item_features
from recbole_ext.model.registry import MODELS, resolve_model
from recbole_ext.trainer.opened import open_model
from recbole_ext.trainer.train import train
from tests.conformance.contract import Subject, overrides, write_walks

NAMES = [
    name
    for name in sorted(MODELS)
    if (hasattr(resolve_model(name)[1], "encode") or name == "BERT4Rec") and name != "TwoTower"
]


def blocks() -> tuple[FeatureBlock, ...]:
    """Four items behind padding; the second feature is unknown for the last item."""
    known = np.array([False, True, True, True, True])
    first = FeatureBlock.of("genres", np.array([[0, 0], [1, 0], [0, 1], [1, 1], [0, 1]]), known, "by hand")
    known = np.array([False, True, True, True, False])
    return first, FeatureBlock.of("year", np.array([[0], [1], [2], [3], [9]]), known, "by hand")


def encoder(with_id: bool = True, merge: str = "sum", rows: int = 5) -> ItemEncoder:
    torch.manual_seed(0)
    table = nn.Embedding(rows, 3, padding_idx=0)
    seen = np.array([False, True, True, False, True])
    return ItemEncoder(table, ItemFeatures(with_id, blocks()), seen, merge=merge)


def test_a_feature_is_scaled_and_what_lacks_it_is_counted() -> None:
    first, second = blocks()
    # genres: squared lengths 1, 1, 2, 1; year: 1, 4, 9
    np.testing.assert_allclose(first.values[3], np.array([1, 1]) / np.sqrt(5 / 4), rtol=1e-6)
    np.testing.assert_allclose(second.values[:, 0], np.array([0, 1, 2, 3, 0]) / np.sqrt(14 / 3), rtol=1e-6)
    assert (first.missing, second.missing, second.items) == (0, 1, 4)
    assert second.words() == "year: by hand; 1 of 4 items have none"


@pytest.mark.parametrize(
    ("values", "known", "message"),
    [
        ([[0], [1], [1]], [True, True, True], "the same for all 2 items"),
        ([[0], [1], [2]], [True, False, False], "no item of the catalogue has it"),
    ],
)
def test_a_feature_that_tells_nothing_is_refused(values: Any, known: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        FeatureBlock.of("year", np.array(values), np.array(known), "by hand")


@pytest.mark.parametrize("with_id", [True, False])
def test_a_vector_is_the_sum_of_its_parts(with_id: bool) -> None:
    made = encoder(with_id)
    genres, year = blocks()
    ids, (of_genres, of_year) = made.ids.weight, made.projections
    assert of_year.shape == (2, 3)  # the year, and whether it is missing
    for item in range(1, 5):
        year_row = torch.tensor([float(year.values[item, 0]), float(item == 4)])
        expected = torch.from_numpy(genres.values[item]) @ of_genres + year_row @ of_year
        if with_id and item != 3:  # nobody had item 3
            expected = expected + ids[item]
        torch.testing.assert_close(made.weight[item], expected)
    torch.testing.assert_close(made.weight[0], ids[0])


def test_concatenation_goes_through_one_layer() -> None:
    made = encoder(merge="concat")
    genres, year = blocks()
    assert made.mixed is not None
    parts = [made.ids.weight[2]]
    parts += [torch.from_numpy(genres.values[2]) @ made.projections[0]]
    parts += [torch.tensor([float(year.values[2, 0]), 0.0]) @ made.projections[1]]
    torch.testing.assert_close(made.weight[2], made.mixed.weight @ torch.cat(parts))


def test_it_reads_as_a_table_does() -> None:
    made = encoder(rows=7)  # two rows behind the catalogue, such as that of a mask
    items = torch.tensor([[1, 4, 0], [6, 2, 3]])
    torch.testing.assert_close(made(items), made.weight[items])
    torch.testing.assert_close(made.weight[5:], made.ids.weight[5:])
    made(items).sum().backward()
    assert made.ids.weight.grad is not None
    assert made.ids.weight.grad[[0, 3, 5]].abs().sum() == 0  # padding, an item that nobody had, an unused row
    assert all(one.grad is not None and one.grad.abs().sum() > 0 for one in made.projections)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_walks(tmp_path_factory.mktemp("walks"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("features", [["id", "genres"], ["genres"]])
def test_every_model_learns_from_content_and_is_read_again(
    name: str, features: list[str], home: Path, tmp_path: Path
) -> None:
    values = {**overrides(name, home), "item_features": features, "epochs": 1}
    result = train(name, overrides=values, output=tmp_path / "run")
    run = open_model(tmp_path / "run")
    model = run.trainer.model
    assert isinstance(model.item_embedding, ItemEncoder)
    assert [one["name"] for one in result.metrics["item_features"]] == ["genres"]
    assert result.metrics["item_features"][0]["missing"] == 5
    np.testing.assert_array_equal(result.test.scores, run.trainer.rank(run.data.test).scores)
    subject = Subject(name, home, result, run)
    with subject.training() as (training, batch):
        training.calculate_loss(batch).backward()
        reached = [one.grad.abs().sum() > 0 for one in training.item_embedding.projections]
        assert all(reached)
        own = training.item_embedding.ids.weight.grad
        special = training.item_embedding.own[:, 0].bool()
        assert own is None or own[~special].abs().sum() == 0


@pytest.mark.parametrize("name", ["GRU4Rec", "SASRec"])
def test_ids_alone_are_the_model_as_it_is(name: str, home: Path) -> None:
    config = build_config(resolve_model(name)[1], None, (), overrides(name, home))
    data = prepare_data(config)
    model = resolve_model(name)[1](config, data.dataset)
    table = model.item_embedding
    give_item_features(model, config, data.dataset)
    assert model.item_embedding is table


def test_content_without_ids_ranks_what_nobody_had(home: Path, tmp_path: Path) -> None:
    """Two items with the same content have the same score, whoever had them."""
    values = {**overrides("GRU4Rec", home), "item_features": ["genres"]}
    train("GRU4Rec", overrides=values, output=tmp_path / "run")
    run = open_model(tmp_path / "run")
    table = run.trainer.model.item_embedding
    tokens = list(run.data.dataset.interactions.item_tokens)
    alike = [tokens.index(token) for token in ("i1", "i5", "i9")]
    other = tokens.index("i3")
    assert torch.equal(table.weight[alike[0]], table.weight[alike[1]])
    assert torch.equal(table.weight[alike[0]], table.weight[alike[2]])
    assert not torch.allclose(table.weight[alike[0]], table.weight[other])


def test_vectors_of_ones_own_are_read_by_token(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "posters.parquet"
    pl.DataFrame(
        {"item_id": ["i3", "i1", "elsewhere"], "v": [[3.0, 1.0], [1.0, 2.0], [9.0, 9.0]]}
    ).write_parquet(path)
    values = {**overrides("MLPSeq", home), "item_features": ["my_vectors"], "feature_vectors": str(path)}
    result = train("MLPSeq", overrides=values, output=tmp_path / "run")
    record = result.metrics["item_features"][0]
    assert (record["missing"], record["width"]) == (14, 2)
    assert record["note"] == "1 of its 3 tokens are no items of the catalogue"


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("Pop", {"item_features": ["id", "genres"]}, "item_features .*must be \\[id\\] for Pop"),
        ("BPR", {"item_features": ["genres"]}, "knows items by their ids alone"),
        ("ContentKNN", {"item_features": ["id", "genres"]}, "must name content without id for ContentKNN"),
        ("SASRec", {"item_features": []}, "item_features"),
        ("SASRec", {"item_features": ["id", "genre"]}, "item_features"),
        ("SASRec", {"feature_vectors": "x.npy"}, "feature_vectors .*add my_vectors to item_features"),
        ("SASRec", {"item_features": ["id", "year"]}, "has no column release_year"),
        ("SASRec", {"item_features": ["id", "tags"]}, "nobody knows when they were given"),
        ("SASRec", {"item_features": ["my_vectors"]}, "feature_vectors names no file"),
        ("SASRec", {"item_features": ["my_vectors"], "feature_vectors": "x.npy"}, "which is no file"),
        (
            "TwoTower",
            {"item_features": ["id"], "user_features": ["age"]},
            "does not exist: set user_features",
        ),
        (
            "TwoTower",
            {"item_features": ["id"], "sequence_loss": "gbce"},
            "sequence_loss .*whose loss is its own",
        ),
        ("CEASE", {"item_features": ["genres"], "reg_weight": 0.0}, "reg_weight"),
    ],
)
def test_what_cannot_be_is_one_sentence_before_training(
    name: str, values: dict[str, Any], message: str, home: Path, tmp_path: Path
) -> None:
    with pytest.raises((ConfigError, DataError), match=message) as caught:
        train(name, overrides={**overrides(name, home), **values}, output=tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()
