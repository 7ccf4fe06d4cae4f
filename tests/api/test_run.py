"""A run in Python: its figures as frames, and lists and reasons for users and for histories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import recbole_ext as rx
from recbole_ext.errors import CheckpointError, ConfigError, DataError

KINDS = ("GRU4Rec", "GRU4Rec-repeats", "EASE", "ItemKNN", "MultiVAE", "BPR", "Pop")
PLACES = ["user", "rank", "item", "title"]


@pytest.fixture(scope="module")
def runs(folders: dict[str, Path]) -> dict[str, rx.Run[pd.DataFrame]]:
    return {name: rx.load(str(folder)) for name, folder in folders.items()}


@pytest.mark.parametrize("name", KINDS)
def test_all_test_users_get_the_lists_of_the_evaluation(runs: dict[str, Any], name: str) -> None:
    written = runs[name].lists
    found = runs[name].recommend(k=5)
    assert len(found) == 60 * 5
    assert found[PLACES].equals(written[PLACES])
    np.testing.assert_array_equal(found["score"].to_numpy(np.float32), written["score"].to_numpy(np.float32))


def test_some_users_get_their_part_of_it_in_their_order(runs: dict[str, Any]) -> None:
    written = runs["BPR"].lists
    found = runs["BPR"].recommend(["u7", "u3"], k=2)
    assert found["user"].tolist() == ["u7", "u7", "u3", "u3"]
    for user in ("u3", "u7"):
        theirs = written[written["user"] == user]["item"].head(2).tolist()
        assert found[found["user"] == user]["item"].tolist() == theirs
    assert runs["BPR"].recommend("u3", k=2)["item"].tolist() == found["item"].tolist()[2:]


def history_of(folder: Path, user: str, held_out: int) -> list[str]:
    """A user's items but the last ones, from the file of the interactions."""
    config = rx.load(folder).config
    table = pl.read_csv(Path(config["data_path"]) / "cycle" / "cycle.inter", separator="\t", glob=False)
    own = table.filter(pl.col("user_id:token") == user).sort("timestamp:float")
    return own["item_id:token"].to_list()[:-held_out]


def test_the_history_of_a_user_gives_the_lists_of_the_user(
    runs: dict[str, Any], folders: dict[str, Path]
) -> None:
    """A sequence model reads up to the validation item at the test, the others their training part."""
    for name, held_out in (("GRU4Rec", 1), ("EASE", 2), ("ItemKNN", 2), ("MultiVAE", 2)):
        histories = [history_of(folders[name], user, held_out) for user in ("u0", "u5")]
        known = runs[name].recommend(["u0", "u5"], k=6, exclude_seen=False)
        new = runs[name].recommend(history=histories, k=6, exclude_seen=False)
        assert new["item"].tolist() == known["item"].tolist(), name
        np.testing.assert_allclose(new["score"], known["score"], rtol=1e-4)
        assert new["user"].tolist() == [0] * 6 + [1] * 6


def test_histories_come_in_every_form(runs: dict[str, Any], tmp_path: Path) -> None:
    run, items = runs["ItemKNN"], ["i1", "i2", "i3"]
    plain = run.recommend(history=items, k=4)
    titled = run.recommend(history=["Movie 1", "movie 2", "Movie 3"], k=4)
    named = run.recommend(history={"ann": items, 7: items[:1]}, k=4)
    # The rows of a person are not together, and not in the order of time.
    table = pd.DataFrame({"user_id": ["ann", "bob", "ann", "ann"], "item_id": ["i3", "i1", "i1", "i2"]})
    table["timestamp"] = [30, 5, 10, 20]
    table.to_parquet(tmp_path / "likes.parquet")
    for other in (titled, named.query("user == 'ann'")):
        assert other["item"].tolist() == plain["item"].tolist()
    assert plain["user"].tolist() == [0] * 4
    assert named["user"].tolist() == ["ann"] * 4 + ["7"] * 4
    for source in (table, pl.from_pandas(table), tmp_path / "likes.parquet", str(tmp_path / "likes.parquet")):
        found = run.recommend(history=source, k=4)
        assert found["user"].tolist() == ["ann"] * 4 + ["bob"] * 4
        assert found.query("user == 'ann'")["item"].tolist() == plain["item"].tolist()


def test_a_table_is_read_in_the_order_of_time(runs: dict[str, Any]) -> None:
    run = runs["GRU4Rec"]
    days = pd.to_datetime(["2020-01-03", "2020-01-01", "2020-01-02"])
    table = pd.DataFrame({"user": ["a"] * 3, "item": ["i3", "i1", "i2"], "time": days})
    ordered = run.recommend(history=["i1", "i2", "i3"], k=5)
    assert run.recommend(history=table, k=5)["score"].tolist() == ordered["score"].tolist()
    assert run.recommend(history=table[["user", "item"]], k=5)["score"].tolist() != ordered["score"].tolist()


def test_seen_items_and_candidates(runs: dict[str, Any]) -> None:
    run, items = runs["EASE"], ["i1", "i2", "i3"]
    every = run.recommend(history=items, k=20, exclude_seen=False)
    unseen = run.recommend(history=items, k=20)
    assert sorted(every["item"]) == sorted(f"i{index}" for index in range(20))
    kept = every[~every["item"].isin(items)]
    assert unseen["item"].tolist() == kept["item"].tolist()
    some = ["Movie 9", "i4", "i1", "i4"]
    chosen = run.recommend(history=items, k=2, candidates=some)
    assert chosen["item"].tolist() == [item for item in unseen["item"] if item in ("i9", "i4")]
    repeats = runs["GRU4Rec-repeats"].recommend(history=["i1", "i1"], k=20)
    assert "i1" in repeats["item"].tolist()


def test_frames_of_either_library(runs: dict[str, Any]) -> None:
    run = runs["BPR"]
    other = run.frames("polars")
    figures = json.loads((run.folder / "metrics.json").read_text(encoding="utf-8"))
    assert list(run.metrics.columns) == ["value", "low", "high", "ceiling", "random", "validation"]
    assert run.metrics.loc["ndcg@5", "value"] == figures["test"]["ndcg@5"]
    assert run.metrics.loc["ndcg@5", ["low", "high"]].tolist() == figures["test_intervals"]["ndcg@5"]
    assert run.per_user["ndcg@5"].mean() == pytest.approx(figures["test"]["ndcg@5"])
    assert list(run.history.columns) == ["epoch", "loss", "valid_score", "seconds"]
    assert len(run.history) == 2
    for frame, same in (
        (run.metrics.reset_index(), other.metrics),
        (run.per_user.reset_index(), other.per_user),
        (run.lists, other.lists),
        (run.recommend("u1", with_titles=False), other.recommend("u1", with_titles=False)),
    ):
        assert isinstance(same, pl.DataFrame)
        assert frame.columns.tolist() == same.columns
        pd.testing.assert_frame_equal(frame, same.to_pandas())
    assert run.config["dataset"] == run.dataset == "cycle"
    assert run.protocol["split"] == "leave_one_out"


def test_a_run_shows_itself(runs: dict[str, Any]) -> None:
    run = runs["BPR"]
    text, page = repr(run), run._repr_html_()
    assert max(map(len, text.splitlines())) <= 80
    for shown in (text, page):
        assert "BPR on cycle" in shown
        assert f"{run.metrics.loc['ndcg@5', 'value']:.4f}" in shown
        assert f"[{run.metrics.loc['ndcg@5', 'low']:.4f}, " in shown
    metrics = {name.partition("@")[0] for name in run.metrics.index}
    assert page.count("<tr>") == len(metrics) + 1


def test_reasons_of_a_history_are_those_of_the_user(runs: dict[str, Any], folders: dict[str, Path]) -> None:
    """EASE's parts of one history; the validation item is masked for the user, so that the lists may differ."""
    history = history_of(folders["EASE"], "u0", 2)
    mine = runs["EASE"].explain(history=history, k=20, reasons=20)
    theirs = {one.item: one for one in runs["EASE"].explain("u0", k=20, reasons=20).recommendations}
    assert mine.kind == "parts"
    shared = [one for one in mine.recommendations if one.item in theirs]
    assert len(shared) >= 8
    for one in shared:
        effects = {reason.item: reason.effect for reason in one.reasons}
        assert effects == pytest.approx({r.item: r.effect for r in theirs[one.item].reasons}, rel=1e-4)


def test_an_item_taken_away_is_the_history_without_it(runs: dict[str, Any]) -> None:
    for name in ("GRU4Rec", "MultiVAE", "BPR"):
        run, items = runs[name], ["i1", "i2", "i3", "i4"]
        found = run.explain(history=items, k=1, reasons=4)
        assert found.user is None
        (best,) = found.recommendations
        for reason in best.reasons:
            shorter = [item for item in items if item != reason.item]
            # What was taken away is no candidate either.
            rest = [f"i{index}" for index in range(20) if f"i{index}" not in items]
            lists = run.recommend(history=shorter, k=16, candidates=rest).set_index("item")
            assert reason.effect == pytest.approx(best.score - lists.loc[best.item, "score"], abs=1e-5)
            assert reason.rank_without == lists.loc[best.item, "rank"]


def test_a_history_of_one_item_or_of_nothing_learnt_has_no_reasons(runs: dict[str, Any]) -> None:
    assert "nothing can be taken away" in str(runs["GRU4Rec"].explain(history=["i1"], k=1))
    assert "popularity alone" in str(runs["Pop"].explain(history=["i1", "i2"], k=1))


def test_a_reranker_gives_the_lists_of_the_command(runs: dict[str, Any], tmp_path: Path) -> None:
    run = runs["BPR"]
    for block in (
        {"method": "popularity_penalty", "alpha": 0.5, "candidates": 8},
        {"method": "calibrated", "strength": 0.5, "over": "popularity"},
        {"method": "exposure", "coverage": 0.9},
    ):
        options = {key: value for key, value in block.items() if key != "method"}
        whole = run.rerank(str(block["method"]), **options, output=tmp_path / str(block["method"]))
        found = run.recommend(k=5, rerank=block)
        assert found[PLACES].equals(whole.lists[PLACES])
    assert whole.metrics.loc["itemcoverage@5", "after"] >= 0.9
    assert "exposure" in repr(whole)
    assert "<table" in whole._repr_html_()


def test_a_new_person_is_reranked_by_the_own_history(runs: dict[str, Any]) -> None:
    """With the strength 1, calibration by popularity looks at nothing but the popularity of the history's items."""
    run = runs["ItemKNN"]
    block = {"method": "calibrated", "strength": 1.0, "over": "popularity"}
    both = run.recommend(history=[["i1", "i2"], ["i11", "i12"]], k=5, rerank=block)
    alone = run.recommend(history=["i11", "i12"], k=5, rerank=block)
    assert both[both["user"] == 1]["item"].tolist() == alone["item"].tolist()
    plain = run.recommend(history=["i11", "i12"], k=18)
    assert set(alone["item"]) <= set(plain["item"])
    assert (
        alone.set_index("item")["score"].to_dict().items()
        <= plain.set_index("item")["score"].to_dict().items()
    )


BAD: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "nobody": ({"users": []}, ConfigError, "no user is named"),
    "an unknown user": ({"users": "u99"}, ConfigError, "'u99' is not in the data set"),
    "a user twice": ({"users": ["u1", "u1"]}, ConfigError, "named twice"),
    "a user of another type": ({"users": [1.5]}, ConfigError, "a float"),
    "both": ({"users": "u1", "history": ["i1"]}, ConfigError, "both users and history"),
    "no history": ({"history": []}, DataError, "no history"),
    "an empty history": ({"history": [["i1"], []]}, DataError, "history of 1 is empty"),
    "an unknown item": (
        {"history": [["i1"], ["i99"]]},
        DataError,
        "the history of 1: no item is called 'i99'",
    ),
    "an unknown title": ({"history": ["Movie 77"]}, DataError, "the nearest: 'Movie 7'"),
    "mixed lists": ({"history": [["i1"], "i2"]}, DataError, "mixes lists and single items"),
    "mixed types": ({"history": ["i1", None]}, DataError, "NoneType"),
    "an item twice": ({"history": ["i1", "Movie 1"]}, DataError, "'Movie 1' twice"),
    "no list": ({"history": 3}, DataError, "a int: give a list of items"),
    "two people of one name": ({"history": {1: ["i1"], "1": ["i2"]}}, DataError, "two people are called"),
    "k of nothing": ({"k": 0}, ConfigError, "k is 0"),
    "k of text": ({"k": "5"}, ConfigError, "k is '5'"),
    "k above the catalogue": ({"k": 21}, ConfigError, "the catalogue has 20 items"),
    "k above the candidates": ({"k": 3, "candidates": ["i1", "i2"]}, ConfigError, "there are 2 candidates"),
    "an unknown candidate": ({"candidates": ["i99"]}, DataError, "candidates: no item is called"),
    "candidates as text": ({"candidates": "i1"}, ConfigError, "give a list of items"),
    "an unknown re-ranker": ({"rerank": {"method": "mmmr"}}, ConfigError, "did you mean 'mmr'"),
    "a re-ranker of few": (
        {"k": 5, "rerank": {"method": "mmr", "strength": 0.5, "candidates": 4}},
        ConfigError,
        "candidates 4 for lists of 5",
    ),
    "a missing file": ({"history": "likes.csv"}, DataError, "likes.csv does not exist"),
    "no column": ({"history": pd.DataFrame({"user": [1]})}, DataError, "no column for the item"),
    "a gap": ({"history": pl.DataFrame({"user": ["a"], "item": [None]})}, DataError, "no item in row 1"),
    "a table of repeats": (
        {"history": pl.DataFrame({"user": ["a", "a"], "item": ["i1", "i1"]})},
        DataError,
        "the history of 'a' has 'Movie 1' twice",
    ),
    "times of text": (
        {"history": pl.DataFrame({"user": ["a"], "item": ["i1"], "time": ["noon"]})},
        DataError,
        "times of the type String",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_answered_is_one_sentence(runs: dict[str, Any], case: str) -> None:
    arguments, kind, words = BAD[case]
    with pytest.raises(kind, match=words) as caught:
        runs["ItemKNN"].recommend(**arguments)
    assert isinstance(caught.value, rx.RecBoleExtError)
    assert "\n" not in str(caught.value)


def test_other_refusals(runs: dict[str, Any], tmp_path: Path) -> None:
    run = runs["ItemKNN"]
    for call, kind, words in (
        (lambda: rx.load(tmp_path / "nothing"), CheckpointError, "is not a finished run folder"),
        (lambda: run.frames("arrow"), ConfigError, "use pandas or polars"),
        (run.explain, ConfigError, "one person"),
        (lambda: run.explain("u1", history=["i1"]), ConfigError, "one person"),
        (lambda: run.explain(history=[["i1"], ["i2"]]), ConfigError, "2 histories"),
        (lambda: run.explain("u1", k=0), ConfigError, "0 recommendations"),
        (lambda: run.rerank("mmr", lam=0.5, output=tmp_path), rx.RecBoleExtError, "exists already"),
        (lambda: rx.train("GRU4Rek"), ConfigError, "did you mean 'GRU4Rec'"),
        (lambda: rx.train("Pop", config=3), ConfigError, "config is 3"),
        (lambda: rx.train("Pop", epocs=3), ConfigError, "in the argument epocs; did you mean 'epochs'"),
    ):
        with pytest.raises(kind, match=words):
            call()


def test_a_history_of_items_without_training_is_refused(tmp_path: Path) -> None:
    """The last item of every user is new: it is in the catalogue, but only the test has it."""
    folder = tmp_path / "late"
    folder.mkdir()
    rows = ["user_id:token\titem_id:token\trating:float\ttimestamp:float"]
    rows += [f"u{u}\ti{(u + s) % 6}\t4\t{s}" for u in range(6) for s in range(5)]
    rows += [f"u{u}\tnew{u % 2}\t4\t99" for u in range(6)]
    (folder / "late.inter").write_text("\n".join(rows) + "\n", encoding="utf-8")
    values = {"min_user_interactions": 1, "min_item_interactions": 1, "topk": [3], "valid_metric": "NDCG@3"}
    run = rx.train("EASE", "late", data_path=str(tmp_path), output=tmp_path / "run", progress=False, **values)
    with pytest.raises(DataError, match="the history of 1 has no item that occurs in training") as caught:
        run.recommend(history=[["new0", "i1"], ["new0", "new1"]], k=3)
    assert "'new0'" in str(caught.value)


def test_names_of_people_and_items_may_be_numbers(runs: dict[str, Any]) -> None:
    found = runs["ItemKNN"].recommend(history={np.int64(3): np.array(["i1", "i2"])}, k=1)
    assert found["user"].tolist() == ["3"]
