r"""Names in calibration and quantize tables: the reversible escape, and the check against a graph.

A row is ``name number ...`` with blanks between, and ``#`` opens a comment, so a name with a blank, a
control or a leading ``#`` cannot stand as it is. The rule: each character that the text form cannot hold,
or that a terminal would act on, is written ``\u{HEX}``, and so is a backslash in front of ``u{``; an empty
name is ``\u{}``. Everything else stays as it is. TPU-MLIR does not know the rule, it takes such a row for
a tensor of another name.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable
from difflib import get_close_matches

from ..errors import QuantdeckError
from ..graph.model import Graph
from ..text import one_of, visible

_ESCAPE = re.compile(r"\\u\{([0-9a-f]{0,6})\}")
_UNFIT = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp", "Zs"}
_JOINER = "\u200d"  # inside emoji families; visible() lets it pass too
_COMPARED = 120  # characters of a name that the search for near names reads


def escape_name(name: str) -> str:
    """*name* as it stands in a table row."""
    if not name:
        return r"\u{}"
    if name.isascii() and name.isprintable() and " " not in name and "\\u{" not in name and name[0] != "#":
        return name
    text = "".join(
        _escaped(character)
        if _unfit(character) or (character == "\\" and name.startswith("u{", index + 1))
        else character
        for index, character in enumerate(name)
    )
    return _escaped("#") + text[1:] if text.startswith("#") else text


def unescape_name(text: str) -> str:
    """The name that ``escape_name`` wrote as *text*.

    Errors: ValueError for a code that is no character.
    """
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)) if match[1] else "", text)


def _escaped(character: str) -> str:
    return f"\\u{{{ord(character):x}}}"


def _unfit(character: str) -> bool:
    category = unicodedata.category(character)
    return (category in _UNFIT and character != _JOINER) or character.isspace()


def check_names(graph: Graph, names: Iterable[str], source: str = "The quantize table") -> None:
    """Refuse names that are neither a layer nor an input of *graph* (exact match).

    source: the file or option, already fit to be shown. Errors: QuantdeckError with the nearest names.
    """
    known = {*graph.inputs, *graph.by_name}
    unknown = [name for name in names if name not in known]
    if not unknown:
        return
    near = nearest(unknown[0], known)
    hint = f"; the nearest are {one_of(near)}" if near else "; 'quantdeck layers' lists the names"
    if unknown[0] in graph.merged:
        hint = f"; it was merged into '{visible(graph.merged[unknown[0]])}', so name that one"
    more = f" (and {len(unknown) - 1} more names that it does not have)" if len(unknown) > 1 else ""
    raise QuantdeckError(f"{source}: the model has no layer called '{visible(unknown[0])}'{more}{hint}.")


def nearest(name: str, known: Collection[str], count: int = 3) -> list[str]:
    """Those of *known* that look most like *name*."""
    heads: dict[str, str] = {}
    for other in sorted(known):
        heads.setdefault(other[:_COMPARED], other)
    return [heads[head] for head in get_close_matches(name[:_COMPARED], heads, n=count, cutoff=0.5)]
