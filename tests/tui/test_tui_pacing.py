"""What can wait is written in slices: by answers of the terminal, else by the clock; keys go first."""

from collections.abc import Callable

from quantdeck.tui.frames import Frame, SliceUpdate
from quantdeck.tui.pacing import ASK, PATIENCE, QUIET, RATE, SLICE, Pacer, may_ask


class Line:
    """A frame of which so many slices are held back, and a clock that is moved by hand."""

    def __init__(self, slices: int, *, asks: bool = True) -> None:
        self.slices, self.written, self.delays = slices, list[str](), list[float]()
        self._call: Callable[[], None] | None = None
        line = self

        class Held(Frame):
            @property
            def held(self) -> bool:
                return line.slices > 0

        self.busy = False
        self.pacer = Pacer(
            Held(), self._later, self._show, self.written.append if asks else None, lambda: self.busy
        )

    def _later(self, delay: float, call: Callable[[], None]) -> "Line":
        self.delays.append(delay)
        self._call = call
        return self

    def stop(self) -> None:
        self._call = None

    def _show(self, update: SliceUpdate) -> None:
        self.slices -= 1
        self.written.append("slice")

    def tick(self) -> None:
        """The time that was waited for has passed."""
        assert self._call is not None
        call, self._call = self._call, None
        call()

    @property
    def rests(self) -> bool:
        return self._call is None


def test_without_answers_slices_follow_at_eight_kilobytes_a_second() -> None:
    line = Line(3)
    line.pacer.begin()
    line.tick()
    line.tick()
    line.tick()
    assert line.written == ["slice", ASK, "slice", "slice"]  # asked once
    assert line.delays[1:] == [SLICE / RATE] * 2
    assert line.rests


def test_an_answer_brings_the_next_slice_at_once() -> None:
    line = Line(4)
    line.pacer.begin()
    line.tick()
    line.pacer.answered()
    line.tick()
    assert line.written == ["slice", ASK, "slice", ASK]
    assert line.delays[2] < SLICE / RATE
    assert line.delays[3] == PATIENCE  # a terminal that answers is waited for
    assert line.pacer.likely
    line.tick()  # it was silent all the while
    assert not line.pacer.likely
    assert line.delays[4] == SLICE / RATE


def test_a_key_puts_off_what_is_held_back() -> None:
    line = Line(2)
    line.pacer.hold()
    assert line.rests  # nothing was to be written
    line.pacer.begin()
    line.tick()
    line.pacer.hold()
    assert line.delays[-1] == QUIET
    line.pacer.answered()  # of what stood before the key
    assert line.delays[-1] == QUIET
    line.tick()
    assert line.slices == 0
    assert line.rests


def test_nobody_is_asked_who_answers_for_a_terminal_far_away() -> None:
    line = Line(2, asks=False)
    line.pacer.begin()
    line.tick()
    line.tick()
    assert line.written == ["slice", "slice"]
    assert may_ask({"TERM": "xterm-256color"})
    for inside in ({"TMUX": "/tmp/tmux-0/default"}, {"STY": "1.pts"}, {"TERM": "screen-256color"}):
        assert not may_ask({"TERM": "xterm", **inside})


def test_no_slice_is_written_before_a_key_is_answered_however_long_that_takes() -> None:
    line = Line(2)
    line.pacer.begin()
    line.pacer.hold()
    line.busy = True
    line.tick()
    line.tick()
    assert line.written == []
    assert line.delays[-1] == QUIET
    line.busy = False
    line.tick()
    assert line.written == ["slice", ASK]
