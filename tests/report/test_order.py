"""The chapter on order says what its tables say."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from recbole_ext.errors import CheckpointError
from recbole_ext.evaluator.difference import Difference
from recbole_ext.report.context import Context
from recbole_ext.report.document import Bullets, Table
from recbole_ext.report.inputs import Inputs, read_inputs
from recbole_ext.report.sections.order import order_section
from recbole_ext.runs.order import ModelOrder, OrderPoint, Sequentiality, order_words, read_sequentiality
from recbole_ext.runs.results import Estimate, write_result


def point(condition: str, mean: float, loss: float | None, significant: bool = True) -> OrderPoint:
    difference = None if loss is None else Difference(loss, loss - 0.01, loss + 0.01, 0.01, 0.02, significant)
    return OrderPoint(
        condition=condition, ndcg=Estimate(mean, mean - 0.01, mean + 0.01), difference=difference, tied=0.3
    )


RESULT = Sequentiality(
    command="python run.py sequentiality",
    protocol={"dataset": "toy", "shown_k": 10, "confidence": 0.9},
    facts={"equal_seconds": 0.25, "id_correlation": None},
    models=[
        ModelOrder(
            model="SequentialRules",
            family="sequential_classic",
            points=[
                point("in order", 0.20, None),
                point("shuffled within equal seconds", 0.199, -0.001, significant=False),
                point("shuffled within sessions", 0.15, -0.05),
                point("shuffled whole", 0.05, -0.15),
            ],
        )
    ],
)


def section(*results: Sequentiality) -> Any:
    return order_section(cast(Context, SimpleNamespace(inputs=Inputs(orders=results))))


def test_the_words_state_absolute_and_relative_losses() -> None:
    (words,) = order_words(RESULT)
    assert words == (
        "On toy, order is worth to SequentialRules (0.2000 in order): +0.1500 (75% of its NDCG) in all; +0.0500 (25% "
        "of its NDCG) inside sessions; +0.0010 (1% of its NDCG), not significant, inside one second."
    )


def test_the_chapter_has_the_words_a_chart_a_table_and_the_facts() -> None:
    found = section(RESULT)
    bullets, _, table, facts, _ = found.blocks
    assert isinstance(bullets, Bullets)
    assert [words for _, words in bullets.points] == order_words(RESULT)
    assert isinstance(table, Table)
    assert [[one.text for one in row[:3]] for row in table.rows] == [
        ["in order", "0.2000", "baseline"],
        ["shuffled within equal seconds", "0.1990", "−0.0010"],
        ["shuffled within sessions", "0.1500", "−0.0500"],
        ["shuffled whole", "0.0500", "−0.1500"],
    ]
    assert table.rows[1][2].note.startswith("n.s.")
    assert table.rows[2][2].tone == "bad"
    assert [row[1].text for row in facts.rows] == ["25.0%", "–", "–", "–", "–", "–", "–", "–"]


def test_without_a_study_of_order_there_is_no_chapter() -> None:
    assert section() is None


def test_a_report_reads_the_folder(tmp_path: Path) -> None:
    write_result(tmp_path, "sequentiality", RESULT, "# What order is worth")
    assert read_sequentiality(tmp_path) == RESULT
    (tmp_path / "sequentiality.json").write_text('{"facts": 3}')
    with pytest.raises(CheckpointError, match="repeat 'sequentiality'"):
        read_inputs([tmp_path])
