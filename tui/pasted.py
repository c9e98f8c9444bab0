"""Text that was pasted though the terminal does not say so is taken as pasted: it would be keys, one for each letter.

Textual asks terminals to mark what is pasted (bracketed paste, DECSET 2004); not all do, and tools such as
``tmux paste-buffer`` and ``screen`` send it bare. Into a table a page of text would then change hundreds of layers,
start jobs and keep the workbench busy for minutes. Nobody types so much before the program reads it, so here it gets
the marks that the terminal left out.
"""

import re
import time
from collections.abc import Callable

RUN = 32  # letters in one piece that nobody types before they are read
VARIETY = 8  # different ones: a key that is held down is no text
PAGE = 1024  # letters, or
LINES = 3  # line ends, that are no more a line that a script has typed with its Enter and Tab
SOON = 0.1  # seconds within which the next piece of a page follows
STREAM = 160  # letters within that time, in however small pieces a slow line brings them
LONGEST = 8192  # letters that a field takes when they are pasted: twice the longest path
OPENERS = "/:"  # keys that open a line into which the rest is typed; a path begins with one of them too
START, END = "\x1b[200~", "\x1b[201~"
LEAVING = ("\x03", "\x11")  # Ctrl-C and Ctrl-Q, alone in a piece: whoever pastes sends more at once
REST = 1.0  # seconds within which what is pasted next is of the same page: nobody fetches another so soon
LOST = 5.0  # seconds without a piece after which the end of what is pasted does not come any more
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O?[\x20-\x7e])?")
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f]+")


class Unmarked:
    """Marks what has come in pieces too large, or too fast, to be typed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """*clock* tells seconds."""
        self._clock = clock
        self._tail = ""  # the end of what came before, where a mark may have begun
        self._marked = False  # whether the terminal itself marks what comes now
        self._read = float("-inf")  # when the last piece came
        self._page = float("-inf")  # when the last piece of a page came
        self._begun, self._letters = float("-inf"), ""  # what has come within SOON, and since when

    def mark(self, text: str) -> str:
        """*text* as it was read at once, with marks round what was pasted.

        What the terminal marks as pasted and never ends, as a line does that broke meanwhile, is ended here: all keys
        would be taken for a part of it.
        """
        now, before = self._clock(), self._read
        self._read = now if text else before
        if self._marked and text and (text in LEAVING or now - before >= LOST):
            self._marked, self._tail = False, ""
            return END + self.mark(text)
        seen = self._tail + text
        self._tail = seen[-(len(START) - 1) :]
        was = self._marked
        first, last = seen.rfind(START), seen.rfind(END)
        self._marked = first > last if max(first, last) >= 0 else was
        if was or max(first, last) >= 0 or text in LEAVING:  # what is marked already, and keys that leave
            return text
        if "\x1b" in seen:  # keys, reports of the mouse, answers; or a page with colours in it
            plain = _SEQUENCE.sub("", text)
            return _between(plain) if _is_large(plain) and _varied(plain) and len(plain) >= RUN else text
        if self._is_page(text):
            return _between(text)
        return _PRINTABLE.sub(_run, text)

    def _is_page(self, text: str) -> bool:
        now = self._clock()
        if now - self._begun >= SOON:
            self._begun, self._letters = now, ""
        self._letters = (self._letters + text)[-PAGE:]
        found = _is_large(text) or now - self._page < SOON or len(self._letters) >= STREAM
        found = found and len(self._letters) >= RUN and _varied(self._letters)
        self._page = now if found else self._page
        return found


class Pages:
    """A page that is too long for a field is left out whole, in however many pieces it comes."""

    def __init__(self) -> None:
        self._field: object = None
        self._before = ""  # what stood in the field before the page
        self._last = float("-inf")  # when its last piece came, in seconds
        self._too_long = False

    def before(self, field: object, value: str, letters: int, when: float) -> str | None:
        """What *field*, which holds *value*, is to hold again since so many *letters* more are too long; else None.

        *when*: in seconds, the time at which they came.
        """
        if field is not self._field or when - self._last >= REST:
            self._field, self._before, self._too_long = field, value, False
        self._last = when
        self._too_long = self._too_long or len(value) + letters > LONGEST
        return self._before if self._too_long else None


def _is_large(text: str) -> bool:
    return len(text) >= PAGE or text.count("\n") + text.count("\r") >= LINES


def _run(found: re.Match[str]) -> str:
    text = found[0]
    opener = text[:1] if text[0] in OPENERS else ""
    rest = text[len(opener) :]
    return opener + _between(rest) if len(rest) >= RUN and _varied(rest) else text


def _varied(text: str) -> bool:
    return len(set(text)) >= VARIETY


def _between(text: str) -> str:
    return f"{START}{text}{END}"
