"""Run folders that were damaged, edited or mixed up: ``evaluate``, ``rerank``, ``pareto``, ``table``, ``explain``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import polars as pl

from tests.harness.client import Outcome
from tests.hostile.case import Case, Setup, both, cut, edit_json, move, remove, replace, write

_GRU = "saved/gru"
_RERANK = "rerank saved/gru --method=mmr --lambda=0.5 --output=saved/new"
_PARETO = "pareto saved/gru --methods=mmr --output=saved/new"
_COMMANDS = {
    "evaluate": "evaluate saved/gru",
    "rerank": _RERANK,
    "pareto": _PARETO,
    "table": "table saved/gru saved/knn",
    "explain": "explain saved/gru --user=u0",
}


def each(what: str, setup: Setup, words: str, *commands: str) -> list[Case]:
    """One damage, met by several commands."""
    return [Case(f"{name}: {what}", _COMMANDS[name], words, setup) for name in commands]


def figures(what: str, place: str, value: Any, words: str = r"metrics\.json") -> Case:
    """Edited figures, met by ``table``."""
    return Case(f"table: {what}", _COMMANDS["table"], words, edit_json("saved/gru/metrics.json", place, value))


def parquet(path: str, change: Any) -> Setup:
    """A table's rows changed."""
    return lambda root: change(pl.read_parquet(root / path)).write_parquet(root / path)


def weights(change: Any) -> Setup:
    """Tensors of ``saved/gru`` changed, the rest of the file as it is."""

    def setup(root: Path) -> None:
        from safetensors import safe_open
        from safetensors.torch import save_file

        path = root / "saved/gru/model.safetensors"
        with safe_open(path, "pt") as file:
            note = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        save_file(change(tensors), path, note)

    return setup


_WHOLE = [
    *(
        Case(f"{name}: {what}", _COMMANDS[name].replace("saved/gru", path, 1), words)
        for name in _COMMANDS
        for what, path, words in (
            ("a folder that does not exist", "saved/nothing", "saved/nothing"),
            ("a file for a run", "toy.yaml", r"toy\.yaml"),
            ("a study for a run", "saved/study", "saved/study"),
            ("an interrupted run", "saved/stopped", "saved/stopped"),
            ("a re-ranked folder for a run", "saved/gru-rerank", "gru-rerank"),
            ("a path with a NUL", "'a\0b'", "a"),
            ("an empty path", "''", "run|path|folder"),
            ("a pattern for a path", "'saved/gr*'", r"gr\*"),
        )
    ),
    Case("evaluate: no run", "evaluate", "RUN"),
    Case("evaluate: two runs", "evaluate saved/gru saved/knn", "saved/knn"),
    Case("table: no run", "table", "run"),
    Case("evaluate: an empty path at the real command line", "evaluate ''", "run|path|folder", real=True),
]

_WEIGHTS = [
    *each("no weights", remove("saved/gru/model.safetensors"), r"model\.safetensors", "evaluate", "rerank", "pareto", "explain"),
    *each("cut weights", cut("saved/gru/model.safetensors"), r"model\.safetensors", "evaluate", "rerank", "pareto", "explain"),
    *each("empty weights", write("saved/gru/model.safetensors", ""), r"model\.safetensors", "evaluate", "rerank"),
    *each("weights of text", write("saved/gru/model.safetensors", "hello"), r"model\.safetensors", "evaluate"),
    *each("a pickle for weights", write("saved/gru/model.safetensors", b"\x80\x04cos\nsystem\n(S'touch owned'\ntR."), r"model\.safetensors", "evaluate"),
    *each("weights with a header of 2^60 bytes", write("saved/gru/model.safetensors", (2**60).to_bytes(8, "little") + b"{}"), r"model\.safetensors", "evaluate"),
    *each("weights with a header of null", write("saved/gru/model.safetensors", (4).to_bytes(8, "little") + b"null"), r"model\.safetensors", "evaluate"),
    *each("the weights of another model", lambda root: shutil.copy(root / "saved/knn/model.safetensors", root / "saved/gru/model.safetensors"), "saved/gru", "evaluate", "rerank", "explain"),
    *each("foreign but valid weights", weights(lambda t: {"x": next(iter(t.values()))}), "saved/gru", "evaluate", "rerank"),
    *each("a tensor too few", weights(lambda t: dict(list(t.items())[1:])), "saved/gru", "evaluate"),
    *each("a tensor too many", weights(lambda t: {**t, "more": next(iter(t.values())).clone()}), "saved/gru", "evaluate"),
    *each("tensors of another size", weights(lambda t: {n: v[:-1].clone() for n, v in t.items()}), "saved/gru", "evaluate", "rerank"),
    *each("tensors of whole numbers", weights(lambda t: {n: v.long() for n, v in t.items()}), "saved/gru", "evaluate"),
    *each("tensors of NaN", weights(lambda t: {n: v * float("nan") for n, v in t.items()}), "saved/gru", "evaluate", "rerank", "pareto", "explain"),
    *each("tensors of infinity", weights(lambda t: {n: v + float("inf") for n, v in t.items()}), "saved/gru", "evaluate"),
]

_CONFIG = [
    *each("no configuration", remove("saved/gru/config.yaml"), r"config\.yaml", "evaluate", "rerank", "explain"),
    *each("a cut configuration", cut("saved/gru/config.yaml", 0.2), "config|saved/gru", "evaluate", "rerank"),
    *each("a configuration of text", write("saved/gru/config.yaml", "hello\n"), r"config\.yaml", "evaluate", "rerank"),
    *each("a configuration of bytes", write("saved/gru/config.yaml", bytes(range(128, 256))), r"config\.yaml", "evaluate", "explain"),
    *each("a bomb for a configuration", write("saved/gru/config.yaml", "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{x: *a{n - 1}, y: *a{n - 1}}}\n" for n in range(1, 33)) + "model: *a32\n"), r"config\.yaml|model", "evaluate"),
    *each("an integer of 6,000 digits", replace("saved/gru/config.yaml", "hidden_size: 8", f"hidden_size: {'9' * 6000}"), r"config\.yaml", "evaluate", "rerank"),
    *each("an edited hidden_size", replace("saved/gru/config.yaml", "hidden_size: 8", "hidden_size: 16"), "saved/gru", "evaluate", "rerank", "explain"),
    *each("an edited embedding_size", replace("saved/gru/config.yaml", "embedding_size: 8", "embedding_size: 16"), "saved/gru", "evaluate", "rerank", "explain"),
    *each("another model in the configuration", replace("saved/gru/config.yaml", "model: GRU4Rec", "model: SASRec"), "saved/gru", "evaluate"),
    *each("an unknown model in the configuration", replace("saved/gru/config.yaml", "model: GRU4Rec", "model: GRU5Rec"), "GRU5Rec", "evaluate", "rerank"),
    *each("a model that is a number", replace("saved/gru/config.yaml", "model: GRU4Rec", "model: 5"), "model", "evaluate"),
    *each("an unknown metric in the configuration", replace("saved/gru/config.yaml", "- NDCG\n", "- NDCGG\n"), "NDCGG", "evaluate"),
    *each("a window of 0 in the configuration", replace("saved/gru/config.yaml", "MAX_ITEM_LIST_LENGTH: 6", "MAX_ITEM_LIST_LENGTH: 0"), "MAX_ITEM_LIST_LENGTH", "evaluate"),
    *each("a topk of text in the configuration", replace("saved/gru/config.yaml", "topk:\n- 5", "topk: five"), "topk", "evaluate", "rerank"),
    *each("another split in the configuration", replace("saved/gru/config.yaml", "split: leave_one_out", "split: ratio"), "split|saved/gru|data", "evaluate"),
    *each("data that is gone", move("dataset/toy", "dataset/old"), "toy", "evaluate", "rerank", "pareto", "explain"),
    *each("data that has changed", replace("dataset/toy/toy.inter", "u0\ti19\t4.0\t1000000000\n", ""), "toy|data", "evaluate", "rerank", "pareto", "explain"),
    *each("data of other tokens", replace("dataset/toy/toy.inter", "i19\t", "j19\t"), "toy|data", "evaluate", "rerank", "explain"),
]

_FIGURES = [
    *each("no figures", remove("saved/gru/metrics.json"), r"metrics\.json", "rerank", "pareto", "table"),
    *each("empty figures", write("saved/gru/metrics.json", ""), r"metrics\.json", "rerank", "table"),
    *each("cut figures", cut("saved/gru/metrics.json"), r"metrics\.json", "rerank", "pareto", "table"),
    *each("figures of null", write("saved/gru/metrics.json", "null"), r"metrics\.json", "rerank", "pareto", "table"),
    *each("figures of a list", write("saved/gru/metrics.json", "[1]"), r"metrics\.json", "table"),
    *each("figures of 6,000 digits", write("saved/gru/metrics.json", "9" * 6000), r"metrics\.json", "table"),
    *each("figures 100,000 deep", write("saved/gru/metrics.json", "[" * 100_000), r"metrics\.json", "table", "rerank"),
    *each("figures of bytes", write("saved/gru/metrics.json", bytes(range(128, 256))), r"metrics\.json", "table"),
    *each("an empty object for figures", write("saved/gru/metrics.json", "{}"), r"metrics\.json", "rerank", "pareto", "table"),
    figures("test of null", "test", None),
    figures("an empty block test", "test", {}),
    figures("test of a list", "test", [1]),
    figures("test of text", "test", "good"),
    figures("no block test", "test", ...),
    figures("a figure of text", "test.ndcg@5", "high"),
    figures("a figure of null", "test.ndcg@5", None),
    figures("a figure of a list", "test.ndcg@5", [0.1]),
    figures("a figure above 1", "test.ndcg@5", 7.0),
    figures("a figure of NaN", "test.ndcg@5", float("nan")),
    figures("a figure of infinity", "test.hit@5", float("inf")),
    figures("a figure that is true", "test.ndcg@5", True),
    figures("an interval of null", "test_intervals", None),
    figures("an empty block of intervals", "test_intervals", {}),
    figures("an interval of one number", "test_intervals.ndcg@5", [0.1]),
    figures("an interval of text", "test_intervals.ndcg@5", ["a", "b"]),
    figures("bounds of null", "test_bounds", None),
    figures("an empty block of bounds", "test_bounds", {}),
    figures("bounds of lists", "test_bounds.random", []),
    figures("protocol of null", "protocol", None),
    figures("an empty protocol", "protocol", {}),
    figures("protocol of text", "protocol", "usual"),
    figures("a filter of null", "protocol.filter", None, r"metrics\.json|filter"),
    figures("a shown K of text", "protocol.shown_k", "five"),
    figures("a shown K of null", "protocol.shown_k", None),
    figures("a shown K that was not computed", "protocol.shown_k", 7, r"metrics\.json|7"),
    figures("a topk of null", "protocol.topk", None),
    figures("a confidence of text", "protocol.confidence", "high", r"metrics\.json|confidence"),
    figures("a confidence of 7", "protocol.confidence", 7, r"metrics\.json|confidence"),
    figures("a model of null", "model", None),
    figures("a model of a list", "model", ["a"]),
    figures("a data set of null", "dataset", None, r"metrics\.json|dataset"),
    figures("epochs of text", "epochs", "few"),
    figures("epochs of null", "epochs", None),
    figures("seconds of null", "seconds", None),
    figures("no training seconds", "seconds.training", ...),
    figures("training seconds of text", "seconds.training", "long"),
    figures("users of null", "users", None),
    figures("test users of text", "users.test", "all"),
    figures("statistics of null", "statistics", None),
    figures("a fingerprint of null", "fingerprint", None),
    figures("a command of null", "command", None),
    figures("another split", "protocol.split", "ratio", "split"),
    figures("another data set", "dataset", "other", "dataset|data set"),
    figures("other data under the same name", "fingerprint", "0" * 64, "fingerprint|data"),
]

_AGAINST = "table saved/gru saved/knn --against=saved/knn --columns=NDCG"
_PER_USER = "saved/gru/per_user.parquet"


def against(what: str, setup: Setup, words: str = r"saved/gru") -> Case:
    """Values of each user, met by a paired comparison."""
    return Case(f"table --against: {what}", _AGAINST, words, setup)


_TABLE = [
    Case("table: an unknown column", "table saved/gru --columns=NDGC", "NDCG"),
    Case("table: no column", "table saved/gru --columns=", "column"),
    Case("table: empty columns", "table saved/gru --columns=,,", "column"),
    Case("table: a column twice", "table saved/gru --columns=NDCG,NDCG", "NDCG"),
    Case("table: costs only", "table saved/gru --columns=epochs", "epochs|metric|figures"),
    Case("table: a K of 0", "table saved/gru --k=0", "k"),
    Case("table: a K of text", "table saved/gru --k=x", "k"),
    Case("table: a K that was not computed", "table saved/gru --k=7", "7"),
    Case("table: a K of 6,000 digits", f"table saved/gru --k={'9' * 6000}", "k"),
    Case("table: an unknown option", "table saved/gru --kk=5", "kk"),
    Case("table: a comparison with nothing", "table saved/gru --against=saved/nothing", "saved/nothing"),
    Case("table: a comparison in a metric of all users", "table saved/gru --against=saved/knn --columns=Gini", "[Gg]ini"),
    against("no values of users", remove(_PER_USER), r"per_user\.parquet"),
    against("cut values of users", cut(_PER_USER), r"per_user\.parquet"),
    against("values of text", write(_PER_USER, "hello"), r"per_user\.parquet"),
    against("values of CSV", write(_PER_USER, "user_id,ndcg@5\nu1,0.5\n"), r"per_user\.parquet"),
    against("a user less", parquet(_PER_USER, lambda f: f.head(29))),
    against("other users", parquet(_PER_USER, lambda f: f.with_columns(pl.col("user_id") + "x"))),
    against("one other user", parquet(_PER_USER, lambda f: f.with_columns(pl.when(pl.col("user_id") == "u3").then(pl.lit("u99")).otherwise("user_id").alias("user_id")))),
    against("doubled rows", parquet(_PER_USER, lambda f: pl.concat([f, f]))),
    against("one doubled row", parquet(_PER_USER, lambda f: pl.concat([f, f.head(1)]))),
    against("no users at all", parquet(_PER_USER, lambda f: f.head(0))),
    against("no column of users", parquet(_PER_USER, lambda f: f.drop("user_id"))),
    against("no column of the metric", parquet(_PER_USER, lambda f: f.drop("ndcg@5"))),
    against("a metric of text", parquet(_PER_USER, lambda f: f.with_columns(pl.lit("high").alias("ndcg@5")))),
    against("a metric of NaN", parquet(_PER_USER, lambda f: f.with_columns(pl.lit(float("nan")).alias("ndcg@5")))),
    against("a metric of null", parquet(_PER_USER, lambda f: f.with_columns(pl.lit(None, pl.Float64).alias("ndcg@5")))),
    against("a metric of infinity", parquet(_PER_USER, lambda f: f.with_columns(pl.lit(float("inf")).alias("ndcg@5")))),
    against("users as numbers", parquet(_PER_USER, lambda f: f.with_row_index("n").drop("user_id").rename({"n": "user_id"}))),
    against("values that are not those of the figures", parquet(_PER_USER, lambda f: f.with_columns((pl.col("ndcg@5") * 0 + 0.9).alias("ndcg@5")))),
]


def _own_users(outcome: Outcome, root: Path) -> None:
    assert "+0.0000 [+0.0000, +0.0000]" in outcome.out, outcome.out


def _copied(source: str, target: str) -> Setup:
    return lambda root: shutil.copytree(root / source, root / target)


_LITERAL = [
    Case(
        "table: a folder with brackets is not another one",
        "table 'g/run[1]' g/p --against=g/p --columns=NDCG",
        setup=both(_copied("saved/gru", "g/run[1]"), _copied("saved/knn", "g/run1"), _copied("saved/gru", "g/p")),
        survives=_own_users,
    ),
    Case(
        "table: a folder with stars and question marks",
        "table 'g/r*?' g/p --against=g/p --columns=NDCG",
        setup=both(_copied("saved/gru", "g/r*?"), _copied("saved/knn", "g/rxx"), _copied("saved/gru", "g/p")),
        survives=_own_users,
    ),
    Case(
        "evaluate: a folder with brackets and blanks",
        "evaluate 'g/my [run] *'",
        setup=_copied("saved/gru", "g/my [run] *"),
        survives=lambda outcome, root: None,
    ),
    Case(
        "rerank: a folder with brackets",
        "rerank 'g/run[1]' --method=mmr --lambda=0.5 '--output=g/new[1]'",
        setup=_copied("saved/gru", "g/run[1]"),
        survives=lambda outcome, root: (root / "g/new[1]/metrics.json").stat(),
    ),
    Case(
        "pareto: a folder with brackets",
        "pareto 'g/run[1]' --methods=mmr '--output=g/new[1]'",
        setup=_copied("saved/gru", "g/run[1]"),
        survives=lambda outcome, root: (root / "g/new[1]/metrics.json").stat(),
    ),
]

_RERANKS = [
    Case("rerank: no method", "rerank saved/gru", "method"),
    Case("rerank: an unknown method", "rerank saved/gru --method=magic --alpha=0.1", "magic"),
    Case("rerank: no strength", "rerank saved/gru --method=mmr", "strength|lambda"),
    Case("rerank: two strengths", "rerank saved/gru --method=mmr --lambda=0.5 --strength=0.5", "strength"),
    Case("rerank: a strength of text", "rerank saved/gru --method=mmr --lambda=big", "lambda"),
    Case("rerank: a strength of NaN", "rerank saved/gru --method=mmr --lambda=.nan", "lambda|strength|mmr"),
    Case("rerank: a strength of infinity", "rerank saved/gru --method=popularity_penalty --alpha=.inf", "alpha|strength|popularity"),
    Case("rerank: a negative strength", "rerank saved/gru --method=popularity_penalty --alpha=-1", "alpha|strength|popularity"),
    Case("rerank: a lambda above 1", "rerank saved/gru --method=mmr --lambda=1.5", "lambda|strength|mmr"),
    Case("rerank: a strength of 6,000 digits", f"rerank saved/gru --method=popularity_penalty --alpha={'9' * 6000}", "alpha"),
    Case("rerank: no candidates", "rerank saved/gru --method=mmr --lambda=0.5 --candidates=0", "candidates"),
    Case("rerank: fewer candidates than places", "rerank saved/gru --method=mmr --lambda=0.5 --candidates=2", "candidates"),
    Case("rerank: candidates of text", "rerank saved/gru --method=mmr --lambda=0.5 --candidates=all", "candidates"),
    Case("rerank: an unknown option", "rerank saved/gru --method=mmr --lambda=0.5 --candidate=20", "candidates"),
    Case("rerank: an option of another method", "rerank saved/gru --method=mmr --lambda=0.5 --variant=binary", "variant"),
    Case("rerank: a K of 0", "rerank saved/gru --method=mmr --lambda=0.5 --k=0", "k"),
    Case("rerank: a K beyond the catalogue", "rerank saved/gru --method=mmr --lambda=0.5 --k=500", "k|500"),
    Case("rerank: an unknown head rule", "rerank saved/gru --method=mmr --lambda=0.5 --head_rule=items_5", "head_rule|items_5"),
    Case("rerank: a coverage above 1", "rerank saved/gru --method=exposure --coverage=1.5", "coverage"),
    Case("rerank: a coverage of text", "rerank saved/gru --method=exposure --coverage=wide", "coverage"),
    Case("rerank: a tail share below 0", "rerank saved/gru --method=exposure --tail_share=-0.1", "tail_share"),
    Case("rerank: a tail share out of reach", "rerank saved/gru --method=exposure --tail_share=1.0 --head_rule=items_20 --output=saved/new --coverage=1", "tail_share|coverage|reach"),
    Case("rerank: a calibration over nothing", "rerank saved/gru --method=calibrated --lambda=0.5 --over=colours", "over|colours"),
    Case("rerank: genres that are not there", "rerank saved/gru --method=mmr --lambda=0.5 --output=saved/new", "genre|item", remove("dataset/toy/toy.item")),
]


def outputs(command: str, name: str) -> list[Case]:
    """What ``--output`` of a command that derives a folder from a run may not be."""
    return [
        Case(f"{name} --output: {what}", f"{command} '--output={path}'", words, setup)
        for what, path, words, setup in (
            ("empty", "", "output", None),
            ("the folder itself", ".", "output|exists", None),
            ("the parent", "..", "output|exists", None),
            ("the root", "/", "output|/", None),
            ("with a NUL", "a\0b", "output|a", None),
            ("a run", "saved/knn", "saved/knn", None),
            ("the same run", "saved/gru", "saved/gru", None),
            ("an interrupted run", "saved/stopped", "saved/stopped", None),
            ("the partial folder of an interrupted run", "saved/stopped.partial", "stopped", None),
            ("a file", "toy.yaml", r"toy\.yaml", None),
            ("below a file", "toy.yaml/x", r"toy\.yaml", None),
            ("a partial folder of one's own", "mine", "mine", write("mine.partial/notes.txt", "mine")),
        )
    ]


_OUTPUTS = [
    *outputs("rerank saved/gru --method=mmr --lambda=0.5", "rerank"),
    *outputs("pareto saved/gru --methods=mmr", "pareto"),
    Case("rerank: lists below a file at the real command line", "rerank saved/gru --method=mmr --lambda=0.5 --output=toy.yaml/x", r"toy\.yaml", real=True),
]

_PARETOS = [
    Case("pareto: an unknown method", "pareto saved/gru --methods=magic --output=saved/new", "magic"),
    Case("pareto: no method", "pareto saved/gru --methods= --output=saved/new", "method"),
    Case("pareto: a method twice", "pareto saved/gru --methods=mmr,mmr --output=saved/new", "mmr"),
    Case("pareto: no candidates", "pareto saved/gru --candidates=0", "candidates"),
    Case("pareto: fewer candidates than places", "pareto saved/gru --methods=mmr --candidates=2 --output=saved/new", "candidates"),
    Case("pareto: a loss above 1", "pareto saved/gru --methods=mmr --most-loss=1.5 --output=saved/new", "most.loss"),
    Case("pareto: a negative loss", "pareto saved/gru --methods=mmr --most-loss=-0.5 --output=saved/new", "most.loss"),
    Case("pareto: a loss of NaN", "pareto saved/gru --methods=mmr --most-loss=nan --output=saved/new", "most.loss"),
    Case("pareto: a loss of text", "pareto saved/gru --most-loss=little", "most.loss"),
    Case("pareto: an unknown head rule", "pareto saved/gru --methods=mmr --head_rule=x --output=saved/new", "head_rule"),
    Case("pareto: an unknown option", "pareto saved/gru --strength=0.5", "strength"),
]

_EXPLAIN = [
    Case("explain: no user", "explain saved/gru", "user"),
    Case("explain: an unknown user", "explain saved/gru --user=nobody", "nobody"),
    Case("explain: an empty user", "explain saved/gru --user=", "user"),
    Case("explain: the padding", "explain saved/gru '--user=[PAD]'", "PAD"),
    Case("explain: a user with a NUL", "explain saved/gru '--user=u\0'", "u"),
    Case("explain: no recommendation", "explain saved/gru --user=u0 --top=0", "top"),
    Case("explain: more than the catalogue", "explain saved/gru --user=u0 --top=5000", "top|5000"),
    Case("explain: no reason", "explain saved/gru --user=u0 --reasons=0", "reasons"),
    Case("explain: an unknown option", "explain saved/gru --user=u0 --k=3", "k"),
    Case(
        "explain: without titles it shows ids",
        "explain saved/gru --user=u0",
        setup=remove("dataset/toy/toy.item"),
        survives=lambda outcome, root: _assert_ids(outcome),
    ),
]


def _assert_ids(outcome: Outcome) -> None:
    assert " i" in outcome.out, outcome.out
    assert "None" not in outcome.out, outcome.out


CASES = [*_WHOLE, *_WEIGHTS, *_CONFIG, *_FIGURES, *_TABLE, *_LITERAL, *_RERANKS, *_OUTPUTS, *_PARETOS, *_EXPLAIN]
