"""Layers, checks, isolation and round trip of :func:`recbole_ext.config.build.build_config`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from recbole.model.general_recommender import BPR, DMF, LightGCN, Pop
from recbole.model.sequential_recommender import FPMC, Caser, GRU4Rec
from recbole.utils import InputType, ModelType

from recbole_ext.config.build import build_config, source_of, to_plain
from recbole_ext.config.host_keys import REPLACED_KEYS
from recbole_ext.config.problem import Origin, Problem
from recbole_ext.config.read import known_keys, parse_overrides
from recbole_ext.errors import ConfigError

ML = Path(__file__).parents[2] / "config" / "ml.yaml"


def written(folder: Path, text: str, name: str = "a.yaml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


class MyGRU(GRU4Rec):
    """A class from outside, with a key of its own."""

    def extra(self, config: Any) -> Any:
        return config["my_own_key"]


# layers


PROTOCOL_ACCURACY = ["Recall", "MRR", "NDCG", "Hit", "Precision", "MAP"]
PROTOCOL_BEYOND_ACCURACY = [
    *(
        "ItemCoverage",
        "TailCoverage",
        "TailShare",
        "UserCoverage",
        "AvgPopularity",
        "PopularityLift",
        "Novelty",
    ),
    *("Gini", "Entropy", "IntraListDiversity", "Serendipity", "PopularityCalibration", "PopREO", "PopRSP"),
]


def test_defaults_are_those_of_the_protocol() -> None:
    config = build_config("GRU4Rec", None)
    expected = {
        "dataset": "ml-latest-small",
        "offline_dataset": "ml-100k",
        "mask_seen": True,
        "split": "leave_one_out",
        "split_ratio": [0.8, 0.1, 0.1],
        "min_user_interactions": 5,
        "min_item_interactions": 5,
        "rating_threshold": None,
        "tie_break": "file",
        "sequence_training": "all_positions",
        "head_rule": "interactions_80",
        "sample_num": 1,
        "sampling_alpha": 0.0,
        "positive_weight": 1.0,
        "confidence": 0.95,
        "seed": 2020,
        "topk": [5, 10, 20],
        "metrics": [*PROTOCOL_ACCURACY, *PROTOCOL_BEYOND_ACCURACY],
        "valid_metric": "NDCG@10",
        "epochs": 300,
        "stopping_step": 10,
        "hidden_size": 128,
        "data_path": os.path.join("dataset", "ml-latest-small"),
        "use_gpu": torch.cuda.is_available(),
    }
    assert {key: config[key] for key in expected} == expected


def test_later_layers_win(tmp_path: Path) -> None:
    one = written(tmp_path, "epochs: 7\nhidden_size: 16\nseed: 1\n", "one.yaml")
    two = written(tmp_path, "epochs: 8\nseed: 2\n", "two.yaml")
    config = build_config("GRU4Rec", "x", [one, two], {"seed": 3})
    assert (config["hidden_size"], config["epochs"], config["seed"]) == (16, 8, 3)
    assert (config["embedding_size"], config["dataset"]) == (64, "x")


def test_dataset_argument_wins_over_files_and_overrides(tmp_path: Path) -> None:
    file = written(tmp_path, "dataset: from-file\n")
    assert build_config("BPR", None, [file])["dataset"] == "from-file"
    assert build_config("BPR", None, [file], {"dataset": "given"})["dataset"] == "given"
    assert build_config("BPR", "argument", [file], {"dataset": "given"})["dataset"] == "argument"


def test_nested_blocks_are_merged(tmp_path: Path) -> None:
    one = written(
        tmp_path, "rerank: {method: mmr, strength: 0.1}\nload_col: {item: [item_id, year]}\n", "one.yaml"
    )
    two = written(tmp_path, "rerank:\n  strength: 0.3\n", "two.yaml")
    config = build_config("BPR", "x", [one, two], parse_overrides(["--rerank.candidates=50"]))
    assert config["rerank"] == {"method": "mmr", "strength": 0.3, "candidates": 50}
    assert config["load_col"] == {
        "inter": ["user_id", "item_id", "rating", "timestamp"],
        "item": ["item_id", "year"],
    }


def test_partial_negative_sampling_keeps_the_rest(tmp_path: Path) -> None:
    one = written(tmp_path, "train_neg_sample_args: {distribution: popularity, alpha: 0.75}\n", "one.yaml")
    two = written(tmp_path, "train_neg_sample_args: {sample_num: 4}\n", "two.yaml")
    config = build_config("BPR", "x", [one, two])
    assert (config["sample_num"], config["sampling_alpha"]) == (4, 0.75)
    assert config["train_neg_sample_args"] == {
        "distribution": "popularity",
        "sample_num": 4,
        "alpha": 0.75,
        "dynamic": False,
        "candidate_num": 0,
    }
    back = written(tmp_path, "train_neg_sample_args: {distribution: uniform}\n", "three.yaml")
    assert build_config("BPR", "x", [one, two, back])["sampling_alpha"] == 0.0


def test_a_subclass_inherits_defaults_and_may_read_keys_of_its_own() -> None:
    config = build_config(MyGRU, "x", (), {"my_own_key": 1})
    assert (config["hidden_size"], config["my_own_key"], config["model"]) == (128, 1, "MyGRU")
    assert "my_own_key" in known_keys(source_of(MyGRU))
    assert to_plain(config)["model"] == f"{__name__}:MyGRU"
    assert build_config("BPR", "x", (), {"other": 2}, extra_known_keys={"other"})["other"] == 2


def test_ml_yaml_is_usable() -> None:
    config = build_config("Caser", None, [ML])
    assert (config["dataset"], config["offline_dataset"]) == ("ml-latest-small", "ml-100k")
    assert config["learning_rate"] == 0.001


# isolation


def test_process_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        sys, "argv", ["run.py", "--epochs=1", "--seed=__import__('os').mkdir('hacked')", "odd"]
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "keep")
    resolvers = {key: len(value) for key, value in yaml.FullLoader.yaml_implicit_resolvers.items()}
    config = build_config("BPR", "x", (), {"wandb_project": "__import__('os').mkdir('hacked')"})
    assert (config["epochs"], config["seed"]) == (300, 2020)
    assert config["wandb_project"].startswith("__import__")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "keep"
    assert {key: len(value) for key, value in yaml.FullLoader.yaml_implicit_resolvers.items()} == resolvers
    assert list(tmp_path.iterdir()) == []


def test_overrides_are_not_changed() -> None:
    overrides = {"topk": [20, 10], "rerank": {"method": "mmr", "strength": 0.5}}
    config = build_config("BPR", "x", (), overrides)
    config["rerank"]["method"] = "xquad"
    assert overrides == {"topk": [20, 10], "rerank": {"method": "mmr", "strength": 0.5}}
    assert config["topk"] == [10, 20]


@pytest.mark.parametrize("name", ["ml-100k", "sample", "url"])
def test_data_path_always_wins_and_no_data_set_has_defaults_of_its_own(name: str) -> None:
    config = build_config("BPR", name, (), {"data_path": "here"})
    other = build_config("BPR", "other", (), {"data_path": "here"})
    assert config["data_path"] == os.path.join("here", name)
    assert {key for key in other.final_config_dict if config[key] != other[key]} == {"dataset", "data_path"}


def test_use_gpu_is_honoured(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    assert build_config("BPR", "x")["device"] == torch.device("cuda", 0)
    assert build_config("BPR", "x", (), {"gpu_id": 1})["device"] == torch.device("cuda", 1)
    assert build_config("BPR", "x", (), {"use_gpu": False})["device"] == torch.device("cpu")
    with pytest.raises(ConfigError, match="gpu_id is 2"):
        build_config("BPR", "x", (), {"gpu_id": 2})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert build_config("BPR", "x", (), {"use_gpu": True})["device"] == torch.device("cpu")
    assert "no GPU" in caplog.text


# what RecBole needs to be told


@pytest.mark.parametrize(
    ("model", "keys", "kind", "negatives"),
    [
        (BPR, {}, InputType.PAIRWISE, 1),
        (DMF, {"sample_num": 3}, InputType.POINTWISE, 3),
        (LightGCN, {}, InputType.PAIRWISE, 1),
        (Pop, {}, InputType.POINTWISE, 1),
        (GRU4Rec, {}, InputType.POINTWISE, "none"),
        (GRU4Rec, {"loss_type": "BPR", "sample_num": 2}, InputType.PAIRWISE, 2),
        (Caser, {}, InputType.POINTWISE, "none"),
        (FPMC, {}, InputType.PAIRWISE, 1),
    ],
)
def test_negatives_fit_input_type_and_loss(
    model: Any, keys: dict[str, Any], kind: Any, negatives: Any
) -> None:
    config = build_config(model, "x", (), keys)
    assert config["MODEL_INPUT_TYPE"] == kind
    assert config["train_neg_sample_args"]["sample_num"] == negatives
    assert config["repeatable"] == (model.type == ModelType.SEQUENTIAL)


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("leave_one_out", {"LS": "valid_and_test"}),
        ("ratio", {"RS": [0.7, 0.1, 0.2]}),
        ("global_time", {"RS": [0.7, 0.1, 0.2]}),
    ],
)
def test_split_is_told_to_recbole_too(split: str, expected: dict[str, Any]) -> None:
    config = build_config("BPR", "x", (), {"split": split, "split_ratio": [0.7, 0.1, 0.2]})
    assert config["eval_args"]["split"] == expected
    assert config["eval_args"]["mode"] == {"valid": "full", "test": "full"}


# bad input

BAD_VALUES = [
    ("epochs: abc", "epochs.*line 1.*whole number of 1 or more, not 'abc'$"),
    ("epochs: 0", "epochs"),
    ("epochs: true", "epochs"),
    ("learning_rate: fast", "learning_rate.*number above 0"),
    ("learning_rate: .nan", "learning_rate"),
    ("learning_rate: 0", "learning_rate"),
    ("topk: 0", "topk"),
    ("topk: [5, -1]", "topk"),
    ("topk: [5, 2.5]", "topk"),
    ("topk: []", "topk"),
    ("topk: {a: 1}", "topk"),
    ("topk: ~", "topk"),
    ("topk: [5, 20]", "valid_metric is NDCG@10, which is not computed: add 10 to topk, or choose NDCG@20"),
    ("metrics: [Recal, NDCG]", "'Recal'.*did you mean 'Recall'"),
    ("metrics: [MAE]", "MAE.*needs ratings"),
    ("metrics: [Recall]", "add NDCG to metrics"),
    ("metrics: [1]", "metrics"),
    ("valid_metric: NDGC@10", "'NDGC'.*did you mean 'NDCG'"),
    ("valid_metric: NDCG", "valid_metric.*NDCG@10"),
    ("valid_metric: NDCG@x", "valid_metric"),
    ("valid_metric: 5", "valid_metric"),
    ("split: leave_two_out", "split.*leave_one_out"),
    ("split_ratio: [0.8, 0.1]", "split_ratio"),
    ("split_ratio: [0.8, 0.3, 0.1]", "split_ratio"),
    ("sample_num: 0", "sample_num"),
    ("sampling_alpha: -1", "sampling_alpha"),
    ("confidence: 95", "confidence"),
    ("tie_break: coin", "tie_break"),
    ("head_rule: head", "head_rule"),
    ("mask_seen: 1", "mask_seen.*true or false"),
    ("seed: -1", "seed"),
    ("seed: 1.5", "seed"),
    ("gpu_id: zero", "gpu_id"),
    ("gpu_id: -1", "gpu_id"),
    ("gpu_id: true", "gpu_id"),
    ("learner: adma", "learner"),
    ("dataset: ../up", "dataset"),
    ("dataset: 5", "dataset"),
    ("rating_threshold: high", "rating_threshold"),
    ("rerank: mmr", "rerank.*block"),
    (
        "rerank: {method: mmr, strength: 2}",
        "strength in rerank in .*a.yaml, line 1 must be at most 1, not 2$",
    ),
    ("pareto: {most_loss: 2}", "most_loss in pareto in .*a.yaml, line 1 must be below 1, not 2$"),
    ("tune: {trials: 3}", "unknown key 'tune'"),
    ("serve: {port: 80}", "unknown key 'serve'"),
    ("learning_rate: -1", "^learning_rate in .*a.yaml, line 1 must be a number above 0, not -1$"),
    ("use_gpu: 1", "use_gpu .*must be true or false, or null, not 1$"),
    ("ips_clip: 0.5", "must be 0 or a number of 1 or more, or null, not 0.5$"),
    (
        "train_neg_sample_args: {sample_num: 0}",
        "sample_num in .*a.yaml, line 1 must be a whole number of 1 or more",
    ),
    ("hidden_size: wide", "hidden_size.*whole number"),
    ("dropout_prob: 1.5", "dropout_prob"),
    ("loss_type: CEE", "loss_type.*CE or BPR"),
    ("epoch: 5", "unknown key 'epoch'.*a.yaml, line 1.*did you mean 'epochs'"),
    ("n_layers: 5", "unknown key 'n_layers'.*'num_layers'"),
    ("device: cuda", "unknown key 'device'"),
    ("train_neg_sample_args: {sample_nmu: 1}", "sample_nmu.*'sample_num'"),
    ("train_neg_sample_args: {dynamic: true}", "dynamic"),
    ("train_neg_sample_args: {distribution: odd}", "distribution"),
    ("train_neg_sample_args: 5", "train_neg_sample_args"),
    ("train_neg_sample_args: {sample_num: 2}\nsample_num: 3", "contradicts sample_num"),
    ("eval_args: {order: TO}", "eval_args.*no effect.*split_ratio"),
    ("user_inter_num_interval: '[5,inf)'", "min_user_interactions"),
    ("item_inter_num_interval: '[5,inf)'", "min_item_interactions"),
    ("val_interval: {rating: '[3,inf)'}", "rating_threshold"),
    ("threshold: {rating: 4}", "rating_threshold"),
    ("repeatable: true", "mask_seen"),
    ("save_dataset: true", "output"),
    ("a: [1", "a.yaml, line 1.*no valid YAML"),
    ("seed: 1\nseed: 2", "line 2.*'seed' comes twice"),
    ("seed: 1\n\tepochs: 2", "line 2.*no valid YAML"),
    ("- seed", "key: value"),
    ("just text", "key: value"),
    ("1: 2", "quotes"),
    ("seed: !!python/object/apply:os.getcwd []", "no valid YAML"),
    ("seed: \x07", "no valid YAML"),
]


@pytest.mark.parametrize(("text", "message"), BAD_VALUES, ids=[text[:40] for text, _ in BAD_VALUES])
def test_bad_files(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"(?s){message}") as caught:
        build_config("GRU4Rec", None, [written(tmp_path, text)])
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value.exit_code, int)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("dataset: café".encode("latin-1"))
    for path, message in (
        (tmp_path / "none.yaml", "none.yaml does not exist"),
        (tmp_path, "cannot be read"),
        (latin, "latin.yaml is not UTF-8"),
    ):
        with pytest.raises(ConfigError, match=message):
            build_config("BPR", "x", [path])


def test_harmless_files_are_read(tmp_path: Path) -> None:
    empty, marked = written(tmp_path, "# nothing\n", "empty.yaml"), tmp_path / "bom.yaml"
    marked.write_bytes(b"\xef\xbb\xbfseed: 5\r\nepochs: 6\r\n")
    config = build_config("BPR", "x", [empty, marked])
    assert (config["seed"], config["epochs"]) == (5, 6)
    off = "".join(f"{key}: null\n" for key in REPLACED_KEYS if key not in ("eval_args", "repeatable"))
    off = off.replace("valid_metric_bigger: null\n", "")
    assert (
        build_config("GRU4Rec", "x", [written(tmp_path, off + "train_neg_sample_args: ~\n")])["seed"] == 2020
    )


def test_keys_that_nothing_read_are_taken_from_runs_of_0_1_0_where_they_are_null(tmp_path: Path) -> None:
    config = build_config("BPR", "x", [written(tmp_path, "serve: ~\n")], {"tune": None})
    assert not {"serve", "tune"} & config.final_config_dict.keys()
    with pytest.raises(ConfigError, match="unknown key 'serve' in the option --serve"):
        build_config("BPR", "x", (), {"serve": {}})


@pytest.mark.parametrize("name", ["GRU4rec", "gru4rec", "GRU4Recc", "Pops"])
def test_misspelt_models(name: str) -> None:
    with pytest.raises(ConfigError, match="did you mean"):
        build_config(name, "x")


def test_other_objects_are_no_models() -> None:
    with pytest.raises(ConfigError, match="RecBole model"):
        build_config(dict, "x")


def test_a_problem_is_data_until_it_is_worded() -> None:
    with pytest.raises(ConfigError) as caught:
        build_config("BPR", "x", (), {"epochs": 0})
    assert caught.value.problem == Problem(
        ("epochs",), "greater_than_equal", 0, {"ge": 1}, {"minimum": 1, "type": "integer"},
        origin=Origin("the option --epochs"),
    )  # fmt: skip


def test_an_option_is_named_as_such() -> None:
    with pytest.raises(ConfigError, match="the option --epochs"):
        build_config("BPR", "x", (), {"epochs": "many"})
    with pytest.raises(ConfigError, match="the option --epoch;"):
        build_config("BPR", "x", (), {"epoch": 1})


# command line


def test_overrides_are_yaml() -> None:
    argv = [
        "--learning_rate=1e-3",
        "--topk=[5, 10]",
        "--mask_seen=no",
        "--dataset=ml-1m",
        "--output=~",
        "--a.b=1E5",
    ]
    assert parse_overrides(argv) == {
        "learning_rate": 0.001,
        "topk": [5, 10],
        "mask_seen": False,
        "dataset": "ml-1m",
        "output": None,
        "a": {"b": 100000.0},
    }
    assert parse_overrides(["--wandb_project=a=b", "--rerank={name: mmr}", "--rerank.depth=2"]) == {
        "wandb_project": "a=b",
        "rerank": {"name": "mmr", "depth": 2},
    }
    assert parse_overrides(["--seed=os.getcwd()"]) == {"seed": "os.getcwd()"}
    assert parse_overrides(["--dataset=2020-01-01"]) == {"dataset": "2020-01-01"}


@pytest.mark.parametrize(
    "argument",
    [
        "--epochs",
        "epochs=3",
        "-e=3",
        "--=3",
        "--epochs=",
        "--epochs= ",
        "--topk=[5",
        "--a b=1",
        "--x..y=1",
        "--x=a: b: c",
    ],
)
def test_malformed_overrides(argument: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_overrides([argument])
    assert "\n" not in str(caught.value)


def test_contradicting_overrides() -> None:
    with pytest.raises(ConfigError, match="given twice"):
        parse_overrides(["--seed=1", "--seed=2"])
    assert parse_overrides(["--seed=1", "--seed=1"]) == {"seed": 1}


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers())
def test_numbers_keep_their_type_and_value(real: float, whole: int) -> None:
    for text in (repr(real), f"{real:e}"):
        value = parse_overrides([f"--a={text}"])["a"]
        assert isinstance(value, float)
        assert value == float(text)
    value = parse_overrides([f"--a={whole}"])["a"]
    assert isinstance(value, int)
    assert value == whole


# plain copies


@pytest.mark.parametrize("model", [BPR, GRU4Rec, Caser, Pop, LightGCN, DMF])
def test_plain_copy_gives_the_same_configuration(model: Any, tmp_path: Path) -> None:
    keys = {"topk": 10, "metrics": "ndcg", "data_path": str(tmp_path / "d"), "sampling_alpha": 0.5}
    config = build_config(model, "toy", [ML], keys | {"rerank": {"method": "mmr", "strength": 1e-05}})
    plain = to_plain(config)
    assert yaml.safe_load(yaml.safe_dump(plain)) == plain
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(plain), "utf-8")
    for again in (
        build_config(model, None, (), plain),
        build_config(plain["model"], None, [tmp_path / "config.yaml"]),
    ):
        assert again.final_config_dict == config.final_config_dict
        assert to_plain(again) == plain
    assert plain["data_path"] == str(tmp_path / "d")
    assert plain["metrics"] == ["NDCG"]
    assert not {"device", "eval_args", "MODEL_TYPE"} & plain.keys()


@pytest.mark.parametrize(
    ("model", "values", "words"),
    [
        ("GRU4Rec", {"hidden_size": 0}, "hidden_size .*must be a whole number of 1 or more, not 0"),
        ("GRU4Rec", {"hidden_size": -3}, "hidden_size .*must be a whole number of 1 or more, not -3"),
        ("GRU4Rec", {"num_layers": 0}, "num_layers .*must be a whole number of 1 or more, not 0"),
        ("SASRec", {"n_layers": 0}, "n_layers .*must be 1 or more for SASRec, not 0"),
        ("SASRec", {"n_heads": 0}, "n_heads .*must be a whole number of 1 or more, not 0"),
        (
            "BPR",
            {"clip_grad_norm": {"max_nrm": 5}},
            r"clip_grad_norm .*must be a number above 0, or a block such as \{max_norm: 5\}",
        ),
        (
            "BPR",
            {"clip_grad_norm": {"norm_type": 2}},
            r"clip_grad_norm .*must be a number above 0, or a block such as \{max_norm: 5\}",
        ),
        (
            "BPR",
            {"clip_grad_norm": {"max_norm": 0}},
            r"clip_grad_norm .*must be a number above 0, or a block such as \{max_norm: 5\}",
        ),
        ("GRU4Rec", {"LIST_SUFFIX": ""}, "LIST_SUFFIX .*must be text"),
        ("BPR", {"NEG_PREFIX": " "}, "NEG_PREFIX .*must be text"),
        ("BPR", {"log_wandb": True}, "log_wandb .*needs the package wandb, which is not installed"),
    ],
)
def test_what_would_fail_in_the_model_is_refused(
    model: str, values: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recbole_ext.config.rules.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=f"^{words}"):
        build_config(model, "toy", (), values)


def test_values_beside_those_that_are_refused_pass() -> None:
    config = build_config("LightGCN", "toy", (), {"n_layers": 0, "clip_grad_norm": {"max_norm": 5}})
    assert (config["n_layers"], config["clip_grad_norm"]) == (0, {"max_norm": 5})
    assert build_config("BPR", "toy", (), {"clip_grad_norm": 5})["clip_grad_norm"] == {"max_norm": 5}
    config = build_config("BPR", "toy", (), {"clip_grad_norm": {"max_norm": 0.5, "norm_type": 1}})
    assert config["clip_grad_norm"] == {"max_norm": 0.5, "norm_type": 1}
