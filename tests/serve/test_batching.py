"""Requests that arrive together are answered together, each with its own answer or error."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from recbole_ext.serve.batching import Batcher


class Recorder:
    """Work that waits until it may go on, and remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_go_on = threading.Event()
        self.began = threading.Event()

    def __call__(self, asks: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(asks))
        self.began.set()
        assert self.may_go_on.wait(60)
        return [ValueError(f"no {ask}") if ask < 0 else 10 * ask for ask in asks]


def test_what_arrives_while_others_are_scored_is_scored_together() -> None:
    work = Recorder()
    batcher = Batcher[int, int](work, window=0.0, most=3)

    async def everything() -> list[int | BaseException]:
        first = asyncio.create_task(batcher.submit(1))
        await asyncio.to_thread(work.began.wait, 60)
        rest = [asyncio.create_task(batcher.submit(ask)) for ask in (2, -3, 4, 5)]
        await asyncio.sleep(0)
        work.may_go_on.set()
        return list(await asyncio.gather(first, *rest, return_exceptions=True))

    found = asyncio.run(everything())
    assert [str(one) for one in found] == ["10", "20", "no -3", "40", "50"]
    assert work.batches == [[1], [2, -3, 4], [5]]
    batcher.close()


def test_an_error_of_the_work_is_that_of_every_ask() -> None:
    def work(asks: Sequence[int]) -> list[int | Exception]:
        raise RuntimeError("broken")

    batcher = Batcher[int, int](work, window=0.0, most=3)
    with pytest.raises(RuntimeError, match="broken"):
        asyncio.run(batcher.submit(1))
    with pytest.raises(RuntimeError, match="broken"):
        asyncio.run(batcher.submit(2))
    batcher.close()


def test_what_waits_is_answered_before_the_end() -> None:
    work = Recorder()
    batcher = Batcher[int, int](work, window=0.0, most=8)

    async def everything() -> list[int]:
        tasks = [asyncio.create_task(batcher.submit(ask)) for ask in (1, 2, 3)]
        await asyncio.to_thread(work.began.wait, 60)
        ending = asyncio.create_task(asyncio.to_thread(batcher.close))
        work.may_go_on.set()
        found = await asyncio.gather(*tasks)
        await ending
        return list(found)

    assert asyncio.run(everything()) == [10, 20, 30]
