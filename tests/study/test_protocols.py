"""A comparison under several protocols: complete, continued, mistakes found at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from recbole_ext.errors import ConfigError, OutputError
from recbole_ext.runs.forms import read_form
from recbole_ext.runs.results import ProtocolsComparison, read_comparison
from recbole_ext.study.compare import compare
from recbole_ext.study.plan import plan_comparison
from recbole_ext.study.protocols import run_protocols
from recbole_ext.trainer import train as pipeline

PROTOCOLS = {
    "leave_one_out": {"split": "leave_one_out"},
    "global": {"split": "global_time", "split_time": [1_000_000_060, 1_000_000_090], "split_targets": "last"},
}


@pytest.fixture
def study(quick: dict[str, Any], tmp_path: Path) -> Callable[..., Path]:
    """Writes a study of seconds; keyword arguments replace its keys."""

    def write(**changes: Any) -> Path:
        base = {**quick, "epochs": 1, "topk": [5], "valid_metric": "NDCG@5", "metrics": ["NDCG", "Hit"]}
        content = {"base": base, "models": ["Random", "Pop", "MarkovChain"], "seeds": [1], **changes}
        file = tmp_path / "study.yaml"
        file.write_text(yaml.safe_dump({"protocols": PROTOCOLS, **content}, sort_keys=False))
        return file

    return write


def test_each_protocol_has_a_comparison_and_two_have_a_tau(
    study: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, out = plan_comparison(study(), {}), tmp_path / "out"
    comparisons, found = run_protocols(plan, output=out)
    assert list(comparisons) == list(PROTOCOLS)
    for name, protocol in PROTOCOLS.items():
        saved = read_comparison(out / name)
        assert saved.protocol["split"] == protocol["split"]
        for row in saved.rows:
            assert found.ndcg[name][row.model].mean == row.metrics["ndcg@5"].mean
    assert comparisons["global"].protocol["split_targets"] == "last"
    (one,) = found.agreements
    assert (one.first, one.second) == ("leave_one_out", "global")
    assert -1 <= one.low <= one.tau <= one.high <= 1
    # Each user walks a cycle, which a Markov chain knows under both protocols: no pair with it is swapped.
    assert not any("MarkovChain" in pair for pair in one.swapped)
    assert one.tau == (pytest.approx(1 / 3) if one.swapped else 1)
    assert read_form(out / "protocols.json", ProtocolsComparison, "").agreements == [one]
    text = (out / "protocols.md").read_text()
    assert "Kendall's tau" in text

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("a finished cell was computed again")

    monkeypatch.setattr(pipeline, "train", never)
    again, _ = run_protocols(plan, output=out)
    assert {name: one.rows for name, one in again.items()} == {
        name: one.rows for name, one in comparisons.items()
    }


@pytest.mark.parametrize(
    ("protocols", "sentence"),
    [
        ({"one": {"split": "ratio"}}, "names one protocol: name two or more"),
        ({"a": {"split": "ratio"}, "b": {"epochs": 3}}, "sets epochs in b, which is no key of a protocol"),
        ({"a": {"split": "ratio"}, "b": {"seed": 3}}, "sets seed in b, which is no key of a protocol"),
        ({"a": {"split": "ratio"}, "b": {"split": "chance"}}, "split .* must be one of"),
        ({"a": {}, "b": {"split_targets": "last"}}, "split_targets .* belongs to split: global_time"),
        ({"a/b": {}, "c": {}}, "protocols"),
        ({"a": 3, "c": {}}, "protocols"),
    ],
)
def test_protocols_that_cannot_be_are_refused_before_anything_runs(
    study: Callable[..., Path], protocols: Any, sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        plan_comparison(study(protocols=protocols), {})


def test_what_contradicts_the_protocols_is_refused(study: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"split .* is set by the protocol leave_one_out"):
        plan_comparison(study(), {"split": "ratio"})
    with pytest.raises(ConfigError, match="names protocols: run the command compare"):
        compare(study(), output=tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"holds notes\.txt, which is none of this study's"):
        run_protocols(plan_comparison(study(), {}), output=tmp_path / "out")


def test_folds_have_a_mean_with_its_deviation_over_them(study: Callable[..., Path], tmp_path: Path) -> None:
    folds = {f"fold{fold}": {"split": "k_fold", "folds": 3, "fold": fold} for fold in (1, 2, 3)}
    _, found = run_protocols(plan_comparison(study(protocols=folds), {}), output=tmp_path / "out")
    assert [protocol["fold"] for protocol in found.protocols.values()] == [1, 2, 3]
    values = [found.ndcg[name]["Pop"].mean for name in folds]
    mean = sum(values) / 3
    deviation = (sum((value - mean) ** 2 for value in values) / 2) ** 0.5
    text = (tmp_path / "out" / "protocols.md").read_text()
    assert "mean over folds" in text
    assert f"{mean:.4f} ± {deviation:.4f}" in text
