"""The simulated cluster: wall times worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.cluster import Lengths, bound, from_report, main, wall_seconds

MODELS = [Lengths("A", (10.0, 10.0, 10.0), (5.0, 5.0)), Lengths("B", (), (20.0,))]
REPORT = """
| Model | Trials | Best value | Minutes |
| --- | ---: | ---: | ---: |
| EASE | 20 | 0.0490 | 2.0 |

| Model | Training s | Best epoch | Trained numbers |
| --- | ---: | ---: | ---: |
| SASRec | 1,194.4 | 31 | 336,960 |
| EASE | 0.3 | 0 | 0 |
"""


@pytest.mark.parametrize(
    ("nodes", "at_once", "seconds"),
    [
        (1, 1, 60.0),  # everything
        (2, 1, 35.0),  # the search (30) beside the run of B (20), then both runs of A
        (3, 1, 35.0),
        (99, 1, 35.0),  # the search of A and one run
        (99, 2, 25.0),  # two trials, the third, one run
        (99, 3, 20.0),  # B alone is longer than 10 + 5
    ],
)
def test_wall_times_by_hand(nodes: int, at_once: int, seconds: float) -> None:
    assert wall_seconds(MODELS, nodes, at_once=at_once) == seconds


def test_what_a_job_costs_beside_its_own_time() -> None:
    assert wall_seconds(MODELS, 1, each=2.0) == 60.0 + 6 * 2.0


def test_the_bound_is_the_longest_search_with_a_run() -> None:
    assert bound(MODELS) == ("A", 35.0)
    assert bound(MODELS, at_once=3) == ("B", 20.0)


def test_a_report_holds_minutes_of_searches_and_seconds_of_runs(tmp_path: Path) -> None:
    file = tmp_path / "report.md"
    file.write_text(REPORT)
    assert from_report(file, 3) == [
        Lengths("SASRec", (), (1194.4,) * 3),
        Lengths("EASE", (6.0,) * 20, (0.3,)),
    ]


def test_the_committed_study_is_simulated_and_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([f"--svg={tmp_path / 'cluster.svg'}", "--nodes=1,64"])
    assert "| 1 | " in capsys.readouterr().out
    assert (tmp_path / "cluster.svg").read_text().startswith("<svg")
