"""Stages as rooms announce them."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_ext.progress import Stage, is_shown, shown_by, stage, tracked


@dataclass
class Recorder:
    """Who began, went on and ended."""

    events: list[tuple[str, str, int]] = field(default_factory=list)

    def begin(self, stage: Stage) -> None:
        self.events.append(("begin", stage.words, stage.done))

    def update(self, stage: Stage) -> None:
        self.events.append(("update", stage.words, stage.done))

    def end(self, stage: Stage) -> None:
        self.events.append(("end", stage.words, stage.done))


def test_stages_are_told_in_their_order() -> None:
    recorder = Recorder()
    with shown_by(recorder):
        assert is_shown()
        with stage("outer", 2):
            assert list(tracked("ab", "inner")) == ["a", "b"]
    assert recorder.events == [
        ("begin", "outer", 0),
        ("begin", "inner", 0),
        ("update", "inner", 1),
        ("update", "inner", 2),
        ("end", "inner", 2),
        ("end", "outer", 0),
    ]


def test_an_error_ends_its_stages() -> None:
    recorder = Recorder()
    with pytest.raises(ZeroDivisionError), shown_by(recorder), stage("outer"), stage("inner"):
        raise ZeroDivisionError
    assert [event[:2] for event in recorder.events][-2:] == [("end", "inner"), ("end", "outer")]


def test_nobody_is_told_where_nobody_looks() -> None:
    recorder = Recorder()
    with shown_by(recorder):
        pass
    with stage("unseen", 3) as unseen:
        unseen.advance(2, now="b")
    assert not is_shown()
    assert recorder.events == []
    assert (unseen.done, unseen.now) == (2, "b")


@given(
    before=st.integers(0, 50),
    fresh=st.integers(1, 50),
    rest=st.integers(0, 50),
    each=st.floats(0.01, 100),
)
def test_the_time_left_is_exact_where_all_parts_take_alike(
    before: int, fresh: int, rest: int, each: float
) -> None:
    one = Stage("x", before + fresh + rest, done=before + fresh, before=before, began=7.0)
    assert one.left(7.0 + fresh * each) == pytest.approx(rest * each)


@pytest.mark.parametrize(
    "one", [Stage("x"), Stage("x", 3), Stage("x", 3, done=2, before=2), Stage("x", 3, done=1, at_most=True)]
)
def test_no_time_left_is_told_where_nobody_knows(one: Stage) -> None:
    assert one.left(one.began + 10) is None
