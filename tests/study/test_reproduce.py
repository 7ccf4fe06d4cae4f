"""Published papers: their files, what is refused, and the verdicts on a data set whose figures are known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from recbole_ext.cli import main
from recbole_ext.errors import ConfigError, DataError
from recbole_ext.runs.reproduction import Reproduction, verdict_of
from recbole_ext.runs.results import Estimate
from recbole_ext.study.papers import known_papers, read_paper
from recbole_ext.study.reproduce import run_reproduction
from recbole_ext.study.reproduction_plan import ReproductionPlan, plan_reproduction, prepared_data

# On the cycle the item that follows is certain: rules find it first, for every user.
PAPER: dict[str, Any] = {
    "source": {"authors": ["A. Author"], "title": "On cycles", "venue": "RecSys", "year": 2023, "table": "2"},
    "dataset": {"name": "cycle", "users": 60, "items": 20, "interactions": 720},
    "protocol": {
        "min_user_interactions": 1,
        "min_item_interactions": 1,
        "topk": [5],
        "metrics": ["NDCG", "Hit", "ItemCoverage"],
        "valid_metric": "NDCG@5",
        "MAX_ITEM_LIST_LENGTH": 8,
    },
    "seeds": [1],
    "models": [
        {"label": "Chain", "model": "MarkovChain", "published": {"ndcg@5": 1.0, "itemcoverage@5": 0.5}},
        {"label": "Rules", "model": "SequentialRules", "settings": {"directed": True, "window": 1}},
        {"label": "Popular", "model": "Pop", "published": {"ndcg@5": 0.9}},
        {
            "label": "Modest",
            "model": "MarkovChain",
            "settings": {"backoff": 0.5},
            "published": {"ndcg@5": 0.4},
        },
        {
            "label": "Again",
            "of": "Chain",
            "rerank": {"method": "popularity_penalty", "alpha": 0.0},
            "published": {"ndcg@5": 1.0},
        },
        {"label": "New", "model": "NewModel", "needs": ["NewModel"], "published": {"ndcg@5": 0.7}},
    ],
    "claims": [
        {"says": "Order helps", "metric": "ndcg@5", "above": ["Chain", "Rules"], "below": ["Popular"]},
        {"says": "Order hurts", "metric": "ndcg@5", "above": ["Popular"], "below": ["Chain"]},
        {"says": "Rules are better than chains", "metric": "hit@5", "above": ["Rules"], "below": ["Chain"]},
        {"says": "New is best", "metric": "ndcg@5", "above": ["New"], "below": ["Chain"]},
    ],
}


def written(folder: Path, change: Mapping[str, Any] | None = None) -> str:
    file = folder / "cycles-2023.yaml"
    file.write_text(yaml.safe_dump({**PAPER, **(change or {})}), encoding="utf-8")
    return str(file)


def planned(paper: str, home: Path, *models: str, **keys: Any) -> ReproductionPlan:
    plan = plan_reproduction(paper, models, {"data_path": str(home), "use_gpu": False, **keys})
    prepared_data(plan, lambda _: None)
    return plan


@pytest.fixture(scope="module")
def result(cycle_home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Reproduction]:
    folder = tmp_path_factory.mktemp("paper")
    plan = planned(written(folder), cycle_home)
    found = run_reproduction(
        plan, output=folder / "runs", page=folder / "pages", command="python run.py reproduce cycles-2023"
    )
    return folder, found


@pytest.mark.parametrize(
    ("published", "ours", "verdict"),
    [
        (0.18, Estimate(0.17, 0.16, 0.18), "within"),  # an end of the interval belongs to it
        (0.18, Estimate(0.17, 0.16, 0.179), "below"),
        (0.18, Estimate(0.19, 0.181, 0.2), "above"),
        (0.18, None, "not run"),
        (None, None, "not run"),
        (None, Estimate(0.17, 0.16, 0.18), "not published"),
        # without an interval: 0.7551 is .755 to three digits, 0.7556 is .756
        (0.755, Estimate(0.7551), "within"),
        (0.755, Estimate(0.7556), "above"),
        (0.82, Estimate(0.49), "below"),
        (1.0, Estimate(0.98), "below"),
    ],
)
def test_a_verdict_says_where_our_figure_stands(
    published: float | None, ours: Estimate | None, verdict: str
) -> None:
    assert verdict_of(published, ours) == verdict


def test_each_row_has_its_verdict(result: tuple[Path, Reproduction]) -> None:
    _, found = result
    rows = {row.label: row for row in found.models}
    assert list(rows) == ["Chain", "Rules", "Popular", "Modest", "Again", "New"]
    figures = {label: {one.metric: one for one in row.figures} for label, row in rows.items()}
    chain = figures["Chain"]["ndcg@5"]
    assert chain.ours is not None
    assert (chain.ours.mean, chain.ours.low, chain.ours.high) == (1.0, 1.0, 1.0)
    assert chain.verdict == "within"
    # Lists of five: the users start at every place of the cycle, so that all items are shown.
    assert figures["Chain"]["itemcoverage@5"].verdict == "above"
    assert figures["Modest"]["ndcg@5"].verdict == "above"
    assert figures["Popular"]["ndcg@5"].verdict == "below"
    assert figures["Rules"]["ndcg@5"].verdict == "not published"
    # A penalty of 0 keeps the lists.
    assert figures["Again"]["ndcg@5"].ours == chain.ours
    assert figures["New"]["ndcg@5"].verdict == "not run"
    assert rows["New"].reason == "waits for NewModel, which this version does not have"


def test_claims_are_tested_user_by_user(result: tuple[Path, Reproduction]) -> None:
    _, found = result
    claims = {claim.says: claim for claim in found.claims}
    assert claims["Order helps"].verdict == "holds"
    assert "Rules less Popular +" in claims["Order helps"].why
    assert claims["Order hurts"].verdict == "does not hold"
    # Both find every item: no difference, which proves nothing.
    assert claims["Rules are better than chains"].verdict == "open"
    assert claims["New is best"].verdict == "not run"
    assert claims["New is best"].why == "New was not run."


def test_the_page_says_it_all(result: tuple[Path, Reproduction]) -> None:
    folder, _ = result
    page = (folder / "pages" / "cycles-2023.md").read_text(encoding="utf-8")
    assert page.startswith("# cycles-2023\n\nA. Author. On cycles. RecSys 2023. Table: 2.\n")
    assert (
        "| Chain | NDCG@5 | 1.0000 | 1.0000 [1.0000, 1.0000] | +0.0000 [+0.0000, +0.0000] | within our"
        in page
    )
    assert "| New | NDCG@5 0.7000 | waits for NewModel, which this version does not have |" in page
    assert "Command: `python run.py reproduce cycles-2023`" in page
    assert page == (folder / "runs" / "papers.md").read_text(encoding="utf-8")
    kept = json.loads((folder / "runs" / "papers.json").read_text(encoding="utf-8"))
    assert Reproduction.model_validate(kept).models[0].label == "Chain"


def test_the_same_call_computes_nothing_again_and_one_for_some_rows_keeps_the_others(
    result: tuple[Path, Reproduction], cycle_home: Path
) -> None:
    folder, found = result
    lines: list[str] = []
    plan = planned(str(folder / "cycles-2023.yaml"), cycle_home, "Popular")
    again = run_reproduction(plan, output=folder / "runs", page=folder / "other", report=lines.append)
    assert not [line for line in lines if line.startswith("cell")]
    kept = {row.label: row for row in again.models}
    assert kept["Chain"] == found.models[0]
    # Rows that only re-rank are made again when they are asked for.
    assert kept["Again"].reason == "not asked for with --models"
    whole = run_reproduction(
        planned(str(folder / "cycles-2023.yaml"), cycle_home),
        output=folder / "runs",
        page=folder / "other",
        command=found.command,
    )
    assert whole == found


def test_cells_of_other_settings_are_refused(result: tuple[Path, Reproduction], cycle_home: Path) -> None:
    folder, _ = result
    plan = planned(str(folder / "cycles-2023.yaml"), cycle_home, "Rules", history_decay=0.9)
    with pytest.raises(ConfigError, match=r"history_decay 0\.4, but now it is 0\.9: give another --output"):
        run_reproduction(plan, output=folder / "runs", page=folder / "other")


def test_a_proxy_and_keys_of_options_stand_in_the_first_lines(cycle_home: Path, tmp_path: Path) -> None:
    change = {
        "dataset": {"name": "long-cycle", "users": 60, "items": 20, "interactions": 840},
        "proxy": {
            **{"name": "cycle", "users": 60, "items": 20, "interactions": 720},
            "deviation": "two events shorter",
            "how": "cut it",
            "settings": {"min_user_interactions": 2},
        },
    }
    lines: list[str] = []
    plan = plan_reproduction(
        written(tmp_path, change), ["Chain"], {"data_path": str(cycle_home), "use_gpu": False, "backoff": 0.5}
    )
    prepared_data(plan, lines.append)
    assert lines == ["NOTE: on the proxy cycle, not long-cycle: two events shorter"]
    assert plan.config["min_user_interactions"] == 2
    found = run_reproduction(plan, output=tmp_path / "runs", page=tmp_path)
    page = (tmp_path / "cycles-2023.md").read_text(encoding="utf-8")
    assert page.splitlines()[2:5] == [
        "**On the proxy cycle, not long-cycle: two events shorter.**",
        "",
        "**Set by options, not by the paper: backoff: 0.5.**",
    ]
    assert found.published_data == "long-cycle: 60 users, 20 items and 840 interactions"
    assert [row.reason for row in found.models][1] == "not asked for with --models"


def test_names_of_a_file_of_ones_own_break_no_table(cycle_home: Path, tmp_path: Path) -> None:
    rows = [
        {"label": "a|b", "model": "Pop", "published": {"ndcg@5": 0.1}},
        {"label": "c", "model": "Pop", "waits": "x|y"},
    ]
    claims = [{"says": "p|q", "metric": "ndcg@5", "above": ["a|b"], "below": ["c"]}]
    plan = planned(written(tmp_path, {"models": rows, "claims": claims}), cycle_home)
    run_reproduction(plan, output=tmp_path / "runs", page=tmp_path)
    page = (tmp_path / "cycles-2023.md").read_text(encoding="utf-8")
    for words in (r"| a\|b | NDCG@5 |", r"| p\|q |", r"| x\|y |"):
        assert words in page


def test_a_data_set_with_other_counts_is_refused(cycle_home: Path, tmp_path: Path) -> None:
    change = {"dataset": {"name": "cycle", "users": 61, "items": 20, "interactions": 721}}
    plan = plan_reproduction(written(tmp_path, change), (), {"data_path": str(cycle_home)})
    with pytest.raises(
        DataError, match="has 60 users instead of 61 and 720 interactions instead of 721 behind the filter"
    ):
        prepared_data(plan, lambda _: None)


def test_missing_data_says_what_to_get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOVIELENS_HOME", raising=False)
    plan = plan_reproduction("sasrec-plus-2023", (), {"data_path": str(tmp_path), "download": False})
    with pytest.raises(
        DataError, match=r"needs ml-1m, .*ml-1m\.zip .* MOVIELENS_HOME .*its proxy ml-1m-proxy"
    ):
        prepared_data(plan, lambda _: None)


@pytest.mark.parametrize("name", known_papers())
def test_every_paper_of_the_package_can_be_planned_or_says_what_it_waits_for(name: str) -> None:
    file = read_paper(name)
    waiting = [row for row in file.paper.models if file.paper.waiting(row)]
    if len(waiting) < len(file.paper.models):
        plan = plan_reproduction(name)
        assert plan.metrics()
        assert {row.label for row in plan.rows} == {row.label for row in file.paper.models} - {
            row.label for row in waiting
        }
    else:
        with pytest.raises(ConfigError, match=f"{name} cannot be run: "):
            plan_reproduction(name)
    assert f"python run.py reproduce {name}\n" in file.path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dataste": {}}, "did you mean 'dataset'"),
        ({"models": [{"label": "A"}]}, "needs a model, or of and rerank instead"),
        ({"models": [{"label": "A", "of": "B", "rerank": {"method": "mmr"}}]}, "names the row 'B'"),
        ({"models": [{"label": "A,B", "model": "Pop"}]}, "no comma"),
        ({"models": [{"label": "A", "model": "Pop", "published": {"NDCG": 1}}]}, "such as ndcg@10"),
        ({"models": [{"label": "A", "model": "Popp"}]}, "did you mean 'Pop'"),
        ({"models": [{"label": "A+", "model": "Pop"}, {"label": "A-", "model": "Pop"}]}, "name them apart"),
        ({"protocol": {"splitt": "ratio"}}, "cycles-2023.yaml, line 67; did you mean 'split'"),
        ({"protocol": {**PAPER["protocol"], "metrics": ["NDCG"]}}, "needs the metric itemcoverage"),
        ({"protocol": {**PAPER["protocol"], "topk": [10], "valid_metric": "NDCG@10"}}, "topk"),
        ({"claims": [{"says": "", "metric": "ndcg@5", "above": ["Chian"], "below": ["Rules"]}]}, "Chain"),
        (
            {"claims": [{"says": "", "metric": "itemcoverage@5", "above": ["Chain"], "below": ["Rules"]}]},
            "no value for each user",
        ),
    ],
)
def test_a_bad_file_is_refused_in_words(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    without_claims = {"claims": []} if "models" in change else {}
    with pytest.raises(ConfigError) as raised:
        plan_reproduction(written(tmp_path, {**without_claims, **change}))
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sasrec-plus"], "did you mean 'sasrec-plus-2023'"),
        (["to.yaml"], "to.yaml does not exist"),
        (["sasrec-plus-2023", "--models=SASRec++"], "did you mean 'SASRec+'"),
        (["sasrec-plus-2023", "--models="], "no row of sasrec-plus-2023"),
        (["sasrec-plus-2023", "--dataset=ml-100k"], "--dataset is set by the paper"),
        (["sasrec-plus-2023", "--seed=1"], "--seed is set by the paper"),
        (["sasrec-plus-2023", "--epochs=0"], "epochs"),
        (["sasrec-plus-2023", "--output="], "--output is empty"),
    ],
)
def test_wrong_options_are_refused(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["reproduce", *arguments])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_a_row_that_waits_is_refused_before_its_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["reproduce", written(tmp_path), "--models=New", "--epochs=0"])
    assert ended.value.code == 2
    assert "waits for NewModel" in capsys.readouterr().err


def test_papers_are_listed_with_the_place_of_their_data(
    cycle_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["papers", f"--data-path={cycle_home}", "--wide"])
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert set(known_papers()) < set(lines)
    assert "Turning Dross Into Gold Loss" in lines["sasrec-plus-2023"]
    assert " 5 of 5 " in lines["sasrec-plus-2023"]
    assert " 3 of 3 " in lines["esasrec-2025"]
    assert " 0 of 6 " in lines["ferrari-dacrema-2021-ml-1m"]  # its random split is not here
    assert " raw copy " in lines["seed-ml-100k"]  # RecBole brings it
