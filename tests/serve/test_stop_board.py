import asyncio

import pytest

from serve import stop_board
from serve.stop_board import StopBoard


def test_who_waits_is_told_and_nobody_else():
    async def run():
        board = StopBoard()
        mine, other = asyncio.ensure_future(board.wait("a")), asyncio.ensure_future(board.wait("b"))
        await asyncio.sleep(0)
        await board.stop("a")
        await asyncio.wait_for(mine, 1)
        assert not other.done()
        other.cancel()
        with pytest.raises(asyncio.CancelledError):
            await other
        assert not board._waiting

    asyncio.run(run())


def test_a_stop_that_came_first_counts_too(monkeypatch):
    async def run():
        board = StopBoard()
        for request in ("a", "b", "c"):
            await board.stop(request)
        await asyncio.wait_for(board.wait("c"), 1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(board.wait("a"), 0.05)  # forgotten

    monkeypatch.setattr(stop_board, "REMEMBERED", 2)
    asyncio.run(run())
