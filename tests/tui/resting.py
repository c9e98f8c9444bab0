"""When a workbench under test rests: nothing is left to run, whatever the machine does beside it.

Textual's pilot asks the clock of the processor instead: a process that has not run for 10 ms counts as idle. On a busy
machine that is a process which waits for its turn, and a test would look before the workbench has answered.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import textual.app
import textual.pilot
from textual.pilot import Pilot
from textual.worker import WorkerCancelled

UNREST = 20.0  # seconds after which a loop is taken as it is
LIMIT = 120.0  # seconds after which a test fails; no test waits for them to pass
SOON = 0.03  # seconds; a timer due by then belongs to what was asked for


async def nothing_to_run(*_: float) -> None:
    """Wait until the event loop has nothing to run and no timer that is due soon."""
    loop = asyncio.get_running_loop()
    with suppress(TimeoutError):  # a loop that never rests is no fault: what the test asks next decides
        await _at_rest(loop)


async def _at_rest(loop: asyncio.AbstractEventLoop) -> None:
    async with asyncio.timeout(UNREST):
        while True:
            await asyncio.sleep(0)
            if loop._ready:  # type: ignore[attr-defined] - what could run now, this coroutine apart
                continue
            due = _next_timer(loop)
            if due > loop.time() + SOON:
                return
            await asyncio.sleep(max(0.0, due - loop.time()))


def _next_timer(loop: asyncio.AbstractEventLoop) -> float:
    scheduled = loop._scheduled  # type: ignore[attr-defined]
    return min((one.when() for one in scheduled if not one.cancelled()), default=float("inf"))


async def pause(pilot: Pilot[None], delay: float | None = None) -> None:
    """``Pilot.pause``: wait for rest. *delay*: let that many seconds pass before."""
    if delay is not None:
        await asyncio.sleep(delay)
    await nothing_to_run()


async def until(pilot: Pilot[None], met: Callable[[], object]) -> None:
    """Wait until something is so that a thread, a process or a timer does; it is looked at whenever all rests."""
    async with asyncio.timeout(LIMIT):
        while not met():
            await pilot.pause(0.01)


async def settle(pilot: Pilot[None]) -> None:
    """Wait until no thread of the workbench works and nothing is left to do."""
    await pilot.pause()
    while working := [worker for worker in pilot.app.workers if not worker.is_finished]:
        for worker in working:
            with suppress(WorkerCancelled):
                await worker.wait()
        await pilot.pause()


def install() -> None:
    """Let every pilot wait so."""
    textual.app.wait_for_idle = textual.pilot.wait_for_idle = nothing_to_run  # type: ignore[assignment]
    Pilot.pause = pause  # type: ignore[method-assign, assignment]
