"""The user's settings of the workbench: a small TOML file where the platform keeps such files."""

import json
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from ..engine.errors import QuantdeckError
from ..engine.text import visible
from ..sessions.typed import bytes_typed
from .figures import number

VARIABLE = "QUANTDECK_CONFIG"
THEMES = ("dark", "light", "terminal")
RATES = ("4", "2", "1", "0.5")
COLORS = ("auto", "256", "16", "none")
MOST_JOBS = 256  # as the command line takes
GLYPHS = ("auto", "braille", "block", "ascii")


def jobs_typed(text: str) -> bool:
    """Whether a number of threads is typed."""
    return 1 <= (number(text) or 0) <= MOST_JOBS


def memory_typed(text: str) -> bool:
    """Whether an amount of memory is typed."""
    return bytes_typed(text) is not None


TYPED: Mapping[str, tuple[Callable[[str], bool], str]] = {
    "jobs": (jobs_typed, f"a number of threads from 1 to {MOST_JOBS}"),
    "memory": (memory_typed, "an amount of memory, such as 800M or 4G"),
}
"""Settings that are typed: what they take, in a function and in words; empty is the usual."""


@dataclass(frozen=True, slots=True)
class Config:
    """What can be set.

    *rate*: looks a second at a session while a job runs. *jobs*, *memory*: what the form of a search begins with,
    empty for the usual ones. *keys*: by action, "layers.turn".
    """

    theme: str = "dark"
    rate: str = "4"
    colors: str = "auto"
    glyphs: str = "auto"
    jobs: str = ""
    memory: str = ""
    keys: Mapping[str, str] = field(default_factory=dict[str, str])


def config_path() -> Path:
    """Where the file lies: QUANTDECK_CONFIG, else the platform's folder."""
    wanted = os.environ.get(VARIABLE)
    if wanted:
        return Path(wanted).absolute()
    home = os.environ.get("QUANTDECK_HOME")
    if home:
        return Path(home).absolute() / "workbench.toml"
    from platformdirs import user_config_path

    return user_config_path("quantdeck", appauthor=False) / "workbench.toml"


def read_config(path: Path | None = None) -> tuple[Config, str]:
    """The settings, and a sentence about what of the file could not be used; without a file the defaults."""
    path = path or config_path()
    try:
        return _checked(tomllib.loads(path.read_text("utf-8")), path)
    except FileNotFoundError:
        return Config(), ""
    except OSError as error:
        reason = str(error.strerror)
    except RecursionError:
        reason = "it is nested too deeply"
    except ValueError as error:  # no UTF-8, no TOML, or a number of too many digits
        reason = str(error)
    return Config(), f"{visible(str(path))} cannot be read ({visible(reason)}); the defaults are used"


def _checked(body: Mapping[str, Any], path: Path) -> tuple[Config, str]:
    choices = {"theme": THEMES, "rate": RATES, "colors": COLORS, "glyphs": GLYPHS}
    kept: dict[str, str] = {}
    wrong = [
        f"there is no setting {visible(name)}" for name in body if name not in {*choices, *TYPED, "keys"}
    ]
    for name, allowed in choices.items():
        if name in body:
            if str(body[name]) in allowed:
                kept[name] = str(body[name])
            else:
                wrong.append(f"{name} is one of {', '.join(allowed)}")
    for name, (check, said) in TYPED.items():
        text = str(body.get(name, ""))
        if not text or check(text):
            kept[name] = text
        else:
            wrong.append(f"{name} is {said}")
    keys = _keys(body.get("keys", {}), wrong)
    said = f"{visible(str(path))}: {'; '.join(wrong)}" if wrong else ""
    return Config(**kept, keys=keys), said


def _keys(given: Any, wrong: list[str]) -> dict[str, str]:
    """The keys that can be used; why others cannot is added to *wrong*."""
    from .keys import clash, rebindable

    table = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    if table is not given:
        wrong.append("keys is a table of actions and their keys")
    wanted = {
        name: key for name, key in table.items() if name in rebindable() and isinstance(key, str) and key
    }
    wrong += [f"there is no action {visible(name)}" for name in table if name not in rebindable()]
    wrong += [
        f"{name}: a key is a text such as x or f7"
        for name in table
        if name in rebindable() and name not in wanted
    ]
    while clashing := [(name, said) for name, key in wanted.items() if (said := clash(name, key, wanted))]:
        name, said = clashing[0]  # one at a time: it has its usual key again, which another may have taken
        wrong.append(f"{name}: {visible(said)}")
        del wanted[name]
    return wanted


def write_config(config: Config, path: Path | None = None) -> Path:
    """Write the settings, whole or not at all. Errors: QuantdeckError naming the file."""
    path = path or config_path()
    names = ("theme", "rate", "colors", "glyphs", *TYPED)
    given = {name: str(getattr(config, name)) for name in names}
    lines = [f"{name} = {json.dumps(text)}" for name, text in given.items() if text]
    if config.keys:
        lines += [
            "",
            "[keys]",
            *(f"{json.dumps(name)} = {json.dumps(key)}" for name, key in config.keys.items()),
        ]
    new = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_text("\n".join(lines) + "\n", "utf-8")
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise QuantdeckError(f"{visible(str(path))} cannot be written ({error.strerror})") from error
    return path
