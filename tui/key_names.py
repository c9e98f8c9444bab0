"""Keys as users type them into the settings, and as Textual calls them."""

from collections.abc import Mapping

from textual.binding import Binding
from textual.keys import Keys


def _name_of(sign: str) -> str:
    """Textual's name of the key that types *sign*."""
    if sign == ",":  # parts a binding's keys
        return "comma"
    (binding,) = Binding.make_bindings([(sign, "none", "")])
    return binding.key


SIGNS = frozenset(_name_of(chr(code)) for code in range(ord("!"), ord("~") + 1))
NAMED = frozenset(key.value for key in Keys if "<" not in key.value) | SIGNS


def key_names(text: str) -> tuple[str, ...]:
    """Textual's names of the key that is typed as *text*, such as x, ?, Z, f7 or ctrl+t; none where it is no key.

    A capital letter has two: terminals that tell modifiers apart send it as Shift and the small one.
    """
    if len(text) == 1 and text.isprintable() and not text.isspace():
        return (text, f"shift+{text.lower()}") if text.isupper() else (_name_of(text),)
    name = text.lower()
    letter = name[-1:]
    if name == f"shift+{letter}" and letter.isalpha():
        return key_names(letter.upper())
    return (name,) if name in NAMED or (name == f"alt+{letter}" and letter.isalnum()) else ()


def key_map(keys: Mapping[str, str]) -> dict[str, str]:
    """Textual's key map of the keys that a user has set, by action."""
    return {name: ",".join(key_names(key)) for name, key in keys.items()}
