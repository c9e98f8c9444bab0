"""Layer names in options.

Names may hold the separators of the options themselves (``model/conv:0``, ``a,b``). They are matched exactly
against the names that exist, so no quoting is needed unless two readings are possible; then a name is put in
double quotes (a quote inside is doubled).
"""

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from math import isfinite
from types import MappingProxyType

from ..errors import QuantdeckError
from ..text import one_of, visible

Merged = Mapping[str, str]
"""Names that are no layers any more, and the layers that they were merged into (``Graph.merged``)."""
NOTHING: Merged = MappingProxyType({})


def split_names(text: str, known: Collection[str], option: str, merged: Merged = NOTHING) -> tuple[str, ...]:
    """Read ``a,b,c``; every name must be one of *known*.

    Errors: QuantdeckError for an unknown name (with the nearest ones, or the layer that it was merged into) and
    for a text with two readings.
    """
    pieces = _pieces(text, known)
    readings = _readings(pieces, frozenset(known), limit=2)
    if len(readings) > 1:
        raise QuantdeckError(
            f"{option}: '{visible(text)}' can be read in two ways, as {_shown(readings[0])} and as "
            f"{_shown(readings[1])}; put each name that holds a comma in double quotes"
        )
    if readings:
        return readings[0]
    raise _unread(text, known, option, merged)


def split_weighted(
    text: str, known: Collection[str], option: str, merged: Merged = NOTHING
) -> tuple[tuple[str, float], ...]:
    """Read ``a,b`` (weight 1 each) or ``a:0.3,b:0.7`` (spec A.9).

    A weight is what follows the last colon of an entry whose text as a whole is no name. Weights must be
    positive and either all be given, with a sum of 1 within 1e-6, or none.
    """
    entries = _weighted_entries(text, set(known))
    if entries is None:
        gone = _weighted_entries(text, {*known, *merged})
        if gone is not None:
            raise _merged_name(next(name for name, _ in gone if name not in known), merged, option)
        pieces = text.split(",")
        unread = [piece for piece in pieces if _weighted(piece, known) is None]
        raise unknown_name(unread[0] if unread else text, known, option)
    given = [weight for _, weight in entries if weight is not None]
    if given and len(given) != len(entries):
        raise QuantdeckError(f"{option}: give a weight to every name or to none, as in a:0.3,b:0.7")
    if given and abs(sum(given) - 1) > 1e-6:
        raise QuantdeckError(f"{option}: the weights sum to {sum(given):g}, they must sum to 1")
    return tuple((name, 1.0 if weight is None else weight) for name, weight in entries)


def split_block(
    text: str, known: Collection[str], option: str, merged: Merged = NOTHING
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Read ``s1,s2:e1,e2``: the starts and the ends of a block (spec A.13)."""
    found = _blocks(text, frozenset(known))
    if len(found) == 1:
        return found[0]
    if found:
        raise QuantdeckError(
            f"{option}: '{visible(text)}' can be read in two ways; put each name that holds a colon or a comma "
            "in double quotes"
        )
    if ":" not in text:
        raise QuantdeckError(
            f"{option}: '{visible(text)}' has no colon; a block is written start,start:end,end"
        )
    gone = _blocks(text, frozenset([*known, *merged]))
    if gone:
        starts, ends = gone[0]
        raise _merged_name(next(name for name in (*starts, *ends) if name not in known), merged, option)
    raise unknown_name(_first_unknown(text.replace(":", ",").split(","), known), known, option)


def _blocks(text: str, names: frozenset[str]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Each way to read a block, by the colon between its starts and its ends."""
    found: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    for cut in (index for index, character in enumerate(text) if character == ":"):
        starts = _readings(_pieces(text[:cut], names), names, limit=1)
        ends = _readings(_pieces(text[cut + 1 :], names), names, limit=1)
        if starts and ends:
            found.append((starts[0], ends[0]))
    return found


def _unread(text: str, known: Collection[str], option: str, merged: Merged) -> QuantdeckError:
    """What is wrong with a list that has no reading."""
    both = frozenset([*known, *merged])
    gone = _readings(_pieces(text, both), both, limit=1)
    if gone:
        return _merged_name(next(name for name in gone[0] if name not in known), merged, option)
    return unknown_name(_first_unknown(_pieces(text, known), known), known, option)


def _merged_name(name: str, merged: Merged, option: str) -> QuantdeckError:
    return QuantdeckError(
        f"{option}: '{visible(name)}' is no layer of its own, it was merged into '{visible(merged[name])}'; "
        "name that one"
    )


def unknown_name(name: str, known: Collection[str], option: str) -> QuantdeckError:
    """The error for a name that is no layer, with the nearest names."""
    near = get_close_matches(name, list(known), n=3, cutoff=0.5)
    hint = f"; the nearest are {one_of(near)}" if near else "; 'quantdeck layers' lists the names"
    return QuantdeckError(f"{option}: no layer is called '{visible(name)}'{hint}")


def _pieces(text: str, known: Collection[str]) -> Sequence[str]:
    """Split at commas; double quotes count only where the text has no reading without them."""
    plain = text.split(",")
    if '"' not in text or _readings(plain, frozenset(known), limit=1):
        return plain
    return _quoted(text)


def _quoted(text: str) -> list[str]:
    """Split at commas outside double quotes; the quotes are taken off."""
    pieces, current, quoted, index = [], "", False, 0
    while index < len(text):
        character = text[index]
        if character == '"' and quoted and text[index + 1 : index + 2] == '"':
            current += '"'
            index += 1
        elif character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            pieces.append(current)
            current = ""
        else:
            current += character
        index += 1
    return [*pieces, current]


def _readings(pieces: Sequence[str], known: frozenset[str], limit: int) -> list[tuple[str, ...]]:
    """Ways to join neighbouring pieces so that each group is a known name, at most *limit*."""

    @cache
    def after(start: int) -> tuple[tuple[str, ...], ...]:
        if start == len(pieces):
            return ((),)
        found: list[tuple[str, ...]] = []
        for stop in range(start + 1, len(pieces) + 1):
            name = _known(",".join(pieces[start:stop]), known)
            if name is not None:
                found += [(name, *rest) for rest in after(stop)]
            if len(found) >= limit:
                break
        return tuple(found[:limit])

    return list(after(0))


def _known(text: str, known: Collection[str]) -> str | None:
    if text in known:
        return text
    stripped = text.strip()
    return stripped if stripped in known else None


def _weighted_entries(text: str, names: Collection[str]) -> tuple[tuple[str, float | None], ...] | None:
    """The first reading of names with weights; None where there is none."""
    readings = _weighted_readings(text.split(","), names) or _weighted_readings(_quoted(text), names)
    return readings[0] if readings else None


def _weighted_readings(
    pieces: Sequence[str], known: Collection[str]
) -> list[tuple[tuple[str, float | None], ...]]:
    if not pieces:
        return [()]
    for stop in range(1, len(pieces) + 1):
        entry = _weighted(",".join(pieces[:stop]), known)
        if entry is None:
            continue
        rest = _weighted_readings(pieces[stop:], known)
        if rest:
            return [(entry, *rest[0])]
    return []


def _weighted(text: str, known: Collection[str]) -> tuple[str, float | None] | None:
    whole = _known(text, known)
    if whole is not None:
        return whole, None
    name, colon, number = text.rpartition(":")
    found = _known(name, known) if colon else None
    if found is None:
        return None
    try:
        weight = float(number)
    except ValueError:
        return None
    return (found, weight) if isfinite(weight) and weight > 0 else None


def _first_unknown(pieces: Sequence[str], known: Collection[str]) -> str:
    return next((piece for piece in pieces if _known(piece, known) is None), ",".join(pieces))


def _shown(names: Sequence[str]) -> str:
    return " and ".join(f"'{visible(name)}'" for name in names)
