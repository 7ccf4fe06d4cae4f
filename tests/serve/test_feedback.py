"""Feedback: kept once, refused while the file is locked or full, waiting for a server that is away, exported."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from recbole_ext.errors import ConfigError, DataError, OutputError
from recbole_ext.serve.feedback import Feedback, message_of
from recbole_ext.serve.feedback_export import export
from recbole_ext.serve.feedback_store import FeedbackError, Message, SqliteStore, open_store, shown_address
from recbole_ext.serve.forms import FeedbackRequest


def message(number: int, person: str = "ann", chosen: Sequence[str] = ("i1",)) -> Message:
    asked = FeedbackRequest(
        id=f"message-{number}", user=person or None, shown=["i1", "i2"], chosen=list(chosen)
    )
    return message_of(asked, "gru", "f" * 64, "cycle")


def test_a_message_that_comes_again_is_kept_once(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "feedback.db")
    store.add([message(1), message(2)])
    store.add([message(2), message(3)])
    assert [one.id for one in store.messages()] == ["message-1", "message-2", "message-3"]


def test_a_locked_file_refuses_and_keeps_again_when_it_is_free(tmp_path: Path) -> None:
    path = tmp_path / "feedback.db"
    feedback = Feedback(SqliteStore(path))
    assert asyncio.run(feedback.keep(message(1)))
    other = sqlite3.connect(path)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(FeedbackError, match="locked"):
        asyncio.run(feedback.keep(message(2)))
    other.rollback()
    assert asyncio.run(feedback.keep(message(2)))
    assert feedback.close() == 0
    assert len(list(SqliteStore(path).messages())) == 2


def test_a_full_disk_refuses(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "feedback.db")
    store.add([message(1)])
    pages = store._connection().execute("PRAGMA page_count").fetchone()[0]
    store._connection().execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(FeedbackError, match="full"):
        store.add([message(number, "x" * 300) for number in range(2, 60)])
    assert [one.id for one in store.messages()] == ["message-1"]


class AwayStore:
    """A server that can go away, even right after a commit whose answer is lost."""

    buffers = True

    def __init__(self) -> None:
        self.away, self.loses_answer = False, False
        self.kept: dict[str, Message] = {}

    def add(self, messages: Sequence[Message]) -> None:
        if self.away:
            raise FeedbackError("away")
        for one in messages:
            self.kept.setdefault(one.id, one)
        if self.loses_answer:
            self.loses_answer = False
            raise FeedbackError("the answer to the commit was lost")

    def messages(self):  # type: ignore[no-untyped-def]
        yield from self.kept.values()

    def close(self) -> None:
        pass


def test_messages_wait_for_a_server_that_is_away_up_to_the_bound() -> None:
    store = AwayStore()
    store.away = True
    feedback = Feedback(store, bound=3)

    async def send(*numbers: int) -> list[bool]:
        return list(await asyncio.gather(*(feedback.keep(message(number)) for number in numbers)))

    assert asyncio.run(send(1, 2, 3)) == [False, False, False]
    with pytest.raises(FeedbackError, match="3 messages wait"):
        asyncio.run(send(4))
    store.away, store.loses_answer = False, True
    assert feedback.close(seconds=20) == 0
    assert list(store.kept) == ["message-1", "message-2", "message-3"]


def test_what_waits_when_the_server_ends_is_counted() -> None:
    store = AwayStore()
    store.away = True
    feedback = Feedback(store)
    assert not asyncio.run(feedback.keep(message(1)))
    assert feedback.close(seconds=0.1) == 1


def test_the_export_has_each_choice_once_and_merges(tmp_path: Path, cycle_home: Path) -> None:
    from recbole_ext.data.merging import merge_interactions

    store = SqliteStore(tmp_path / "feedback.db")
    store.add(
        [message(1, chosen=["i1", "i2"]), message(2), message(3, "bob", ["i2"]), message(4, "", ["i1"])]
    )
    plain, rated = tmp_path / "plain.inter", tmp_path / "rated.inter"
    done = export(store, plain)
    assert (done.rows, done.people, done.messages, done.nameless) == (3, 2, 4, 1)
    assert (
        plain.read_text(encoding="utf-8").splitlines()[0] == "user_id:token\titem_id:token\ttimestamp:float"
    )
    with pytest.raises(OutputError, match="exists already"):
        export(store, plain)
    assert export(store, rated, rating=4.5, dataset="cycle").rows == 3
    assert export(store, tmp_path / "none.inter", dataset="other").other == 4

    base = cycle_home / "cycle"
    with pytest.raises(DataError, match="--rating"):
        merge_interactions(base, plain, "more", out=tmp_path)
    with pytest.raises(ConfigError, match="name the new one"):
        merge_interactions(base, rated, "cycle", out=tmp_path)
    prepared = merge_interactions(base, rated, "more", out=tmp_path)
    assert prepared.interactions == 60 * 12 + 3
    merged = pl.read_csv(prepared.folder / "more.inter", separator="\t", glob=False)
    ann = merged.filter(pl.col("user_id:token") == "ann")
    assert sorted(ann["item_id:token"]) == ["i1", "i2"]
    assert set(ann["rating:float"]) == {4.5}
    assert (prepared.folder / "more.item").read_text() == (base / "cycle.item").read_text()
    again = merge_interactions(prepared.folder, rated, "again", out=tmp_path)
    assert again.interactions == prepared.interactions


def test_addresses() -> None:
    with pytest.raises(ConfigError, match="mysql:// is unknown"):
        open_store("mysql://host/db")
    assert shown_address("postgresql://ann:secret@host/db") == "postgresql://ann:***@host/db"
    assert shown_address("feedback.db") == "feedback.db"
