"""Which instruction set the kernels use.

The best that the CPU has is taken; the environment variable QUANTDECK_KERNELS forces a lower one (for tests
and bug reports). Results do not depend on it.
"""

import os

from ..errors import QuantdeckError
from ..text import visible
from ._kernels import lib

_NAMES = ("scalar", "avx2", "avxvnni", "avx512vnni")
VARIABLE = "QUANTDECK_KERNELS"


def level() -> str:
    """Name of the level in use."""
    number: int = lib.qd_level()
    return _NAMES[number]


def levels() -> tuple[str, ...]:
    """Levels that this CPU has, in rising order; the first is always "scalar"."""
    return tuple(name for number, name in enumerate(_NAMES) if lib.qd_has_level(number))


def use_level(name: str) -> None:
    """Use another level in the whole process; ValueError where the CPU lacks it."""
    if name not in _NAMES or not lib.qd_set_level(_NAMES.index(name)):
        raise ValueError(f"level {name!r}: this CPU has {', '.join(levels())}")


def features() -> tuple[str, ...]:
    """The levels and what some kernels use beside them ("vbmi": 256-entry tables in registers)."""
    return levels() + (("vbmi",) if lib.qd_has_vbmi() else ())


def apply_environment() -> None:
    """Follow QUANTDECK_KERNELS; an unknown name or a level that the CPU lacks is the user's to mend."""
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return
    try:
        use_level(wanted)
    except ValueError as error:
        have = ", ".join(levels())
        raise QuantdeckError(
            f"The environment variable {VARIABLE} is {visible(wanted)!r}, but this CPU has {have}; "
            "set one of these or unset it."
        ) from error
