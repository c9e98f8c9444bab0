"""Text in terminal cells: cut on cell borders, padded, measured (style 2.4, rule 6)."""

import re
from functools import lru_cache

from rich.cells import cell_len, get_character_cell_size, set_cell_size

Part = tuple[str, str]
"""A stretch of text and the name of its tone."""


_ESCAPE = re.compile(r"\\(?:u\{[0-9a-f]+\}|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")
"""What glyphs.show writes for a character that may not stand there: cut within, it would be another name."""

_WORD = re.compile(r" *[^ ]+")


def cut(text: str, width: int, sign: str = "…") -> str:
    """*text* in at most *width* cells, the end replaced by *sign* where it does not fit."""
    if cell_len(text) <= width:
        return text
    return _head(text, width - 1).rstrip() + sign if width > 0 else ""


def cut_middle(text: str, width: int, sign: str = "…") -> str:
    """*text* in at most *width* cells, keeping its head and more of its tail: layer names differ there."""
    if cell_len(text) <= width:
        return text
    if width <= 4:
        return cut(text, width, sign)
    head = (width - 1) // 3
    return _head(text, head) + sign + _tail(text, width - 1 - head)


def _head(text: str, width: int) -> str:
    """The beginning of *text* in *width* cells, or fewer where an escape would be cut."""
    head = set_cell_size(text, width)
    inside = _escape_at(text, len(head)) if text.startswith(head) else None
    return text[: inside.start()] if inside else head


def _escape_at(text: str, place: int) -> "re.Match[str] | None":
    """The escape that a cut before *place* would halve."""
    if "\\" not in text:
        return None
    return next((one for one in _ESCAPE.finditer(text) if one.start() < place < one.end()), None)


def _tail(text: str, width: int) -> str:
    """The end of *text* in exactly *width* cells, a blank in place of half a wide character."""
    taken, start = 0, len(text)
    while start > 0:
        size = get_character_cell_size(text[start - 1])
        if taken + size > width:
            break
        taken += size
        start -= 1
    while start < len(text) and get_character_cell_size(text[start]) == 0:
        start += 1  # a combining sign may not stand alone
    inside = _escape_at(text, start)
    tail = text[inside.end() if inside else start :]
    return " " * max(0, width - cell_len(tail)) + tail


def fit(text: str, width: int, *, right: bool = False, sign: str = "…") -> str:
    """*text* in exactly *width* cells."""
    text = cut(text, width, sign)
    blank = " " * max(0, width - cell_len(text))
    return blank + text if right else text + blank


@lru_cache(4096)
def fit_name(name: str, width: int, sign: str) -> str:
    """A name in exactly *width* cells, cut in its middle."""
    text = cut_middle(name, width, sign)
    return set_cell_size(text, width)


def merge(parts: list[Part]) -> list[Part]:
    """Neighbours of one tone joined: every change of style costs bytes on the line (style 2.3)."""
    merged: list[Part] = []
    for text, tone in parts:
        if not text:
            continue
        if merged and merged[-1][1] == tone:
            merged[-1] = (merged[-1][0] + text, tone)
        else:
            merged.append((text, tone))
    return merged


def clip(parts: list[Part], width: int) -> list[Part]:
    """A line in exactly *width* cells."""
    line: list[Part] = []
    left = width
    for text, tone in parts:
        size = cell_len(text)
        if size >= left:
            head = _head(text, left)
            line.append((head + " " * (left - cell_len(head)), tone))
            return merge(line)
        line.append((text, tone))
        left -= size
    return merge([*line, (" " * left, "plain")])


def ended(parts: list[Part], width: int, sign: str) -> list[Part]:
    """A line in exactly *width* cells that ends with *sign* where more than blanks did not find room."""
    text = "".join(text for text, _ in parts).rstrip()
    room = width - cell_len(sign)
    if room < 1 or cell_len(text) <= width:
        return clip(parts, width)
    line = clip(parts, room)
    return merge([*line, (sign, line[-1][1])])


def difference(old: list[Part], new: list[Part]) -> tuple[int, int] | None:
    """First cell and number of cells in which two lines of equal width differ."""
    before, after = _cells(old), _cells(new)
    if before == after:
        return None
    size = min(len(before), len(after))
    first = next((i for i in range(size) if before[i] != after[i]), size)
    last = max(len(before), len(after))
    if len(before) == len(after):
        last = next(i for i in range(size - 1, -1, -1) if before[i] != after[i]) + 1
    return first, last - first


def _cells(parts: list[Part]) -> list[tuple[str, str]]:
    """One entry for each cell; the second cell of a wide character repeats it, combining signs join in."""
    cells: list[tuple[str, str]] = []
    for text, tone in parts:
        for character in text:
            size = get_character_cell_size(character)
            if size == 0 and cells:
                cells[-1] = (cells[-1][0] + character, tone)
            cells.extend([(character, tone)] * size)
    return cells


def wrapped(text: str, tone: str, width: int, height: int) -> list[list[Part]]:
    """A sentence in at most *height* lines, the last one cut where it does not fit."""
    if height <= 1:
        return [[(" " + cut(text, max(1, width - 2)), tone)]]
    return [[(" " + line, tone)] for line in wrap(text, max(10, width - 2), height)]


def wrap(text: str, width: int, height: int | None = None, *, indent: str = "") -> list[str]:
    """Lines of at most *width* cells, all but the first behind *indent*; with more than *height* the last says so.

    ``textwrap`` counts characters, of which a wide one takes two cells, and breaks a long word anywhere.
    """
    lines: list[str] = []
    for word in _WORD.findall(text):
        lines[-1:] = _with_word(lines[-1] if lines else "", word, width, indent)
    if height is not None and len(lines) > height:
        lines[height - 1 :] = [_more(lines[height - 1], width)]
    return lines


def _with_word(line: str, word: str, width: int, indent: str) -> list[str]:
    """*line* with a word and the blanks before it, on as many lines as that needs."""
    if cell_len(line + word) <= width:
        return [line + word]
    bare, found = word.lstrip(" "), []
    if cell_len(indent + bare) > width:  # it is broken anyway: what there is of the line is used
        blanks = word[: len(word) - len(bare)]
        head, rest = _broken(bare, width - cell_len(line + blanks))
        line, bare = (line + blanks + head if head else line), rest
    while True:
        if line.strip():
            found.append(line.rstrip())
        if cell_len(indent + bare) <= width:
            return [*found, indent + bare]
        room = max(1, width - cell_len(indent))
        head, rest = _broken(bare, room)
        if not head:  # narrower than an escape
            head, rest = bare[:room], bare[room:]
        line, bare = indent + head, rest


def folded(text: str, width: int) -> list[str]:
    """Lines of at most *width* cells that hold all of *text*, its blanks too, as a terminal would fold it."""
    lines: list[str] = []
    while text:
        head, rest = _broken(text, width)
        if not head:
            head, rest = text[: max(1, width)], text[max(1, width) :]
        lines.append(head)
        text = rest
    return lines


def _broken(text: str, width: int) -> tuple[str, str]:
    """*text* in two: as much as *width* cells hold, and the rest; between characters, and not within an escape."""
    place, taken = 0, 0
    while place < len(text) and taken + (size := get_character_cell_size(text[place])) <= width:
        taken += size
        place += 1
    inside = _escape_at(text, place)
    place = inside.start() if inside else place
    return text[:place], text[place:]


def _more(line: str, width: int) -> str:
    """A line that says that more was there; whole words where it has several."""
    while cell_len(line) + 2 > width and " " in line.strip():
        line = line.rpartition(" ")[0]
    return (line if cell_len(line) + 2 <= width else _broken(line, width - 2)[0]).rstrip() + " …"
