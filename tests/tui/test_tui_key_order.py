"""A key waits until the one before is done, however long that takes on a busy machine; none waits for ever."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from quantdeck.tui import key_order
from quantdeck.tui.key_order import MOST, PATIENCE, STUCK, KeyOrder
from textual.events import Key


class Node:
    """A widget whose queue is emptied by hand."""

    parent = None

    def __init__(self) -> None:
        self.is_running = True
        self.queue: list[tuple[Callable[..., Awaitable[None]], tuple[Any, ...]]] = []

    def call_later(self, call: Callable[..., Awaitable[None]], *arguments: object) -> bool:
        self.queue.append((call, arguments))
        return self.is_running


class Desk:
    """Keys, the widget that gets them, and a clock that is moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.node, self.given, self.now = Node(), list[str](), 0.0
        self.looks: list[Callable[[], Awaitable[None]]] = []
        monkeypatch.setattr(key_order.time, "monotonic", lambda: self.now)
        self.told = 0
        self.order = KeyOrder(
            lambda: self.node,  # type: ignore[arg-type, return-value]
            self._give,  # type: ignore[arg-type]
            lambda _, look: self.looks.append(look),
            self._tell,
        )

    def _tell(self) -> None:
        self.told += 1

    async def _give(self, event: Key) -> None:
        self.given.append(event.key)

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.order.take(Key(key, key))

    async def work(self) -> None:
        """Let the widget come to the end of what lies in its queue now."""
        queue, self.node.queue = self.node.queue, []
        for call, arguments in queue:
            await call(*arguments)

    async def tick(self, seconds: float) -> None:
        self.now += seconds
        looks, self.looks = self.looks, []
        for look in looks:
            await look()


async def test_keys_are_given_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch)
    await desk.press("slash", "d", "e")
    assert desk.given == ["slash"]
    await desk.work()
    assert desk.given == ["slash", "d"]
    await desk.work()
    await desk.work()
    assert desk.given == ["slash", "d", "e"]
    assert not desk.order.busy


async def test_a_busy_machine_lets_no_key_overtake_another(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch)
    await desk.press("slash", "d")
    await desk.tick(STUCK)
    await desk.press("e")
    await desk.tick(PATIENCE - 2 * STUCK)
    assert desk.given == ["slash"]
    await desk.work()
    await desk.work()
    assert desk.given == ["slash", "d", "e"]


async def test_what_has_gone_or_hangs_with_a_key_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch)
    await desk.press("escape", "down")
    desk.node.is_running = False
    desk.node = Node()
    await desk.tick(STUCK)
    assert desk.given == ["escape", "down"]
    await desk.press("up")
    for _ in range(int(PATIENCE / STUCK)):
        await desk.tick(STUCK)
    assert desk.given == ["escape", "down", "up"]


async def test_ever_so_many_keys_for_what_has_gone_end(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch)
    await desk.press("escape", *["down"] * 400)  # pasted while a screen opened, which then went
    desk.node.is_running = False
    await desk.work()
    assert len(desk.given) == 401
    assert not desk.order.busy


async def test_keys_that_come_faster_than_they_can_be_done_are_left_out_and_it_is_said_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(monkeypatch)
    await desk.press(*["down"] * (MOST + 200))
    for _ in range(100):
        await desk.work()
    await desk.press(*["up"] * 50)  # it is not over: some of the first wait still
    while desk.node.queue:
        await desk.work()
    assert (desk.given, desk.told) == (["down"] * (MOST + 1), 1)
    await desk.press("up", "space")
    while desk.node.queue:
        await desk.work()
    assert desk.given[MOST + 1 :] == ["up", "space"]


@pytest.mark.parametrize("key", ["ctrl+c", "ctrl+q"])
async def test_who_leaves_waits_for_no_keys(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    desk = Desk(monkeypatch)
    await desk.press(*["down"] * (MOST + 200), key)
    await desk.work()
    assert desk.given == ["down", key]
