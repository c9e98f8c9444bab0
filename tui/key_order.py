"""Gives keys to the screen one after the other: a key that opens a line has done so before the next is looked at.

Textual hands each key to the widget that has the focus when the key is read. What the widget does not know comes back
to the application from parent to parent, and only then is it looked up. Over a slow line, or pasted, the keys behind it
are read meanwhile: of `/depth` the `d` would go to the table, where it applies a repair.
"""

import time
from collections import deque
from collections.abc import Awaitable, Callable

from textual.dom import DOMNode
from textual.events import Key, Paste

STUCK = 0.5  # seconds after which a key counts as done when who had it is gone
PATIENCE = (
    5.0  # and when who has it is there: a busy machine takes its time, and no key may overtake another for it
)


MOST = 500  # keys that wait; more were not typed, and whoever holds a key down wants no more of it
AT_ONCE = ("ctrl+c", "ctrl+q")  # leave, whatever waits


class KeyOrder:
    """Keys, and what is pasted between them, that wait for the one before."""

    def __init__(
        self,
        target: Callable[[], DOMNode],
        give: Callable[[Key | Paste], Awaitable[None]],
        later: Callable[[float, Callable[[], Awaitable[None]]], object],
        left_out: Callable[[], None] = lambda: None,
    ) -> None:
        """*target*: who gets the next key; *give* gives it; *later* calls something after seconds.

        *left_out* is called when so many keys wait that those behind them are left out.
        """
        self._target, self._give, self._later, self._left_out = target, give, later, left_out
        self._waiting: deque[Key | Paste] = deque()
        self._full = False  # whether keys are left out until all that wait are done
        self._number = 0  # of keys given
        self._since: float | None = None  # when the key that is at work was given
        self._holder: DOMNode | None = None  # who has it
        self._watched = False  # whether a look at it is planned

    @property
    def busy(self) -> bool:
        """Whether a key is at work or waits."""
        return self._since is not None

    async def take(self, event: Key | Paste) -> None:
        """Give a key as soon as the one before is done."""
        if isinstance(event, Key) and event.key in AT_ONCE:
            self._waiting.clear()
        elif self._too_many():
            return
        self._waiting.append(event)
        if self._since is None or self._stuck(self._since):
            await self._next()
        else:
            self._watch()

    def _too_many(self) -> bool:
        full, self._full = self._full, bool(self._waiting) and (self._full or len(self._waiting) >= MOST)
        if self._full and not full:
            self._left_out()
        return self._full

    def _stuck(self, since: float) -> bool:
        gone = self._holder is not None and not self._holder.is_running
        return time.monotonic() - since >= (STUCK if gone else PATIENCE)

    def _watch(self) -> None:
        if not self._watched:
            self._watched = True
            self._later(STUCK, self._look)

    async def _look(self) -> None:
        """See that keys which wait do not wait for ever."""
        self._watched = False
        if self._since is None or not self._waiting:
            return
        if self._stuck(self._since):
            await self._next()
        if self._waiting:
            self._watch()

    async def _next(self) -> None:
        """Give the next key; where nobody is there to have it, the ones behind it too, until somebody is."""
        self._since = None
        while self._waiting:
            self._number += 1
            number, self._since = self._number, time.monotonic()
            target = self._target()
            await self._give(self._waiting.popleft())
            if self._behind(target, number) or number != self._number:
                return
            self._since = None

    def _behind(self, node: DOMNode | None, number: int) -> bool:
        """Come behind the key in the queue of who has it: what is to be done first lies before; False if gone."""
        if node is None or not node.call_later(self._follow, node.parent, number):
            return False
        if number == self._number:
            self._holder = node
        return True

    async def _follow(self, node: DOMNode | None, number: int) -> None:
        """Go behind the key from parent to parent; then it is done."""
        if not self._behind(node, number) and number == self._number and self._since is not None:
            await self._next()
