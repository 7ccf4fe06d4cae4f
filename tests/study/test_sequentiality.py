"""What order is worth: the conditions, the resumption, the words."""

from __future__ import annotations

from pathlib import Path

import pytest

from recbole_ext.cli import main
from recbole_ext.errors import ConfigError
from recbole_ext.runs.order import Sequentiality, order_words
from recbole_ext.runs.run import read_run
from recbole_ext.study.plan import plan_sequentiality
from recbole_ext.study.sequentiality import CONDITIONS, run_sequentiality
from recbole_ext.study.sequentiality_table import sequentiality_markdown

MODELS = ("SequentialRules", "MarkovChain")


@pytest.fixture(scope="module")
def keys(cycle_home: Path) -> dict[str, object]:
    return {
        **{"data_path": str(cycle_home), "dataset": "cycle", "topk": [5], "valid_metric": "NDCG@5"},
        **{"min_user_interactions": 1, "min_item_interactions": 1, "MAX_ITEM_LIST_LENGTH": 8},
    }


@pytest.fixture(scope="module")
def result(keys: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Sequentiality]:
    folder = tmp_path_factory.mktemp("order") / "study"
    plan = plan_sequentiality(MODELS, (), keys, seeds=(1, 2))
    return folder, run_sequentiality(plan, output=folder, command="python run.py sequentiality")


def test_a_cycle_is_lost_when_it_is_shuffled(result: tuple[Path, Sequentiality]) -> None:
    _, found = result
    assert [model.model for model in found.models] == list(MODELS)
    for model in found.models:
        points = {point.condition: point for point in model.points}
        assert list(points) == list(CONDITIONS)
        # steps of ten seconds: no two are in one second, and all are in one session
        assert points["shuffled within equal seconds"].ndcg.mean == points["in order"].ndcg.mean
        assert points["equal seconds drawn anew"].ndcg.mean == points["in order"].ndcg.mean
        difference = points["shuffled whole"].difference
        assert difference is not None
        assert difference.significant
        assert difference.mean < -0.2
        assert points["in order"].difference is None
        assert points["in order"].tied is None
        assert points["in order"].untied == pytest.approx(points["in order"].ndcg.mean)


def test_the_same_call_computes_nothing_again(
    result: tuple[Path, Sequentiality], keys: dict[str, object]
) -> None:
    folder, found = result
    # the order that is kept is one run of a deterministic model, every other order one a seed
    cells = sorted(path.name for path in (folder / "cells").iterdir())
    assert len(cells) == len(MODELS) * (1 + 4 * 2)
    before = {name: (folder / "cells" / name / "metrics.json").stat().st_mtime_ns for name in cells}
    lines: list[str] = []
    again = run_sequentiality(
        plan_sequentiality(MODELS, (), keys, seeds=(1, 2)), output=folder, report=lines.append
    )
    assert again.models == found.models
    assert not [line for line in lines if line.startswith("cell")]
    assert before == {name: (folder / "cells" / name / "metrics.json").stat().st_mtime_ns for name in cells}
    run = read_run(folder / "cells" / "MarkovChain-order-shuffled_whole-seed2")
    assert run.split().interactions.n_items == 21  # the shuffled run is that of its data


def test_the_words_follow_the_table(result: tuple[Path, Sequentiality]) -> None:
    folder, found = result
    first, _ = order_words(found)
    points = {point.condition: point for point in found.models[0].points}
    loss = points["in order"].ndcg.mean - points["shuffled whole"].ndcg.mean
    assert f"{loss:+.4f} ({loss / points['in order'].ndcg.mean:.0%} of its NDCG) in all" in first
    assert "+0.0000 (0% of its NDCG), not significant, inside one second" in first
    assert (folder / "sequentiality.md").read_text().startswith("# What order is worth on cycle")
    assert "| steps of a user within one second | 0.0% |" in sequentiality_markdown(found)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"history_shuffle": "all"}, "history_shuffle is set by the study"),
        ({"seed": 3}, "seed is set by the study"),
        ({"session_gap": -1}, "session_gap"),
        ({"metrics": ["Hit"], "valid_metric": "Hit@5"}, "NDCG"),
    ],
)
def test_what_the_study_cannot_use_is_refused_at_once(
    keys: dict[str, object], change: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        plan_sequentiality(MODELS, (), {**keys, **change})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--models=SequentialRule"], "SequentialRules"),
        (["--models=Pop,Pop"], "each once"),
        (["--seeds=1,x"], "whole numbers"),
        (["--models="], "model"),
    ],
)
def test_wrong_options_are_refused(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["sequentiality", *arguments])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
