"""Which samples a calibration table was made with, as a comment line of it: nobody then takes them for fresh ones.

A print is the beginning of the digest of a sample's bytes, so that neither names nor folders matter or are told.
"""

from collections.abc import Iterable, Sequence

MOST = 2000  # samples; a table of more does not say it
_MARK = "samples used: "


def used_note(*prints: Iterable[str]) -> list[str]:
    """The note of a header, or none; prints of several selections count once."""
    found = used_text(one for some in prints for one in some)
    return [_MARK + found] if found else []


def used_text(prints: Iterable[str]) -> str:
    """Prints with blanks between, each once; nothing where there are too many to say."""
    found = list(dict.fromkeys(prints))
    return " ".join(found) if len(found) <= MOST else ""


def used_prints(header: Sequence[str]) -> frozenset[str]:
    """The prints that the header of a table names."""
    lines = [line.removeprefix("#").strip() for line in header]
    return frozenset(
        one for line in lines if line.startswith(_MARK) for one in line.removeprefix(_MARK).split()
    )
