"""Names from models and files are hostile text: how they are shown and how they are written to tables."""

import unicodedata

_PICTURES = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "\u2421"}
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_KEPT_FORMAT = {0x200D}  # zero width joiner inside emoji families; harmless alone


def visible(name: str) -> str:
    r"""Return *name* with every control, format and direction character replaced by a visible sign.

    C0 and DEL become the Unicode control pictures, everything else of the categories Cc, Cf, Cs, Co, Zl
    and Zp becomes ``\u{HEX}``. The result holds no byte that a terminal would act on (style 2.7).
    """
    if name.isascii() and name.isprintable():
        return name
    return "".join(_sign(character) for character in name)


def _sign(character: str) -> str:
    code = ord(character)
    if code in _PICTURES:
        return _PICTURES[code]
    if unicodedata.category(character) in _INVISIBLE and code not in _KEPT_FORMAT:
        return f"\\u{{{code:x}}}"
    return character


def counted(number: int, word: str) -> str:
    """``1 layer``, ``2 layers``."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def percent(share: float) -> str:
    """A share as every part of quantdeck writes it: ``54.2 %``, ``<0.1 %``, ``0 %``, ``100 %``."""
    value = share * 100
    if value in (0, 100):
        return f"{value:.0f} %"
    return f"{value:.1f} %" if value >= 0.05 else "<0.1 %"


def one_of(names: list[str], limit: int = 5) -> str:
    """Join *names* for a sentence, made visible, with a count of those left out."""
    shown = ", ".join(visible(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
