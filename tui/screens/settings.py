"""Theme, refresh rate, colours, glyphs, jobs, memory and keys; they are kept in a file of the user's."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from ...engine.errors import QuantdeckError
from ...engine.text import visible
from ..config import COLORS, GLYPHS, RATES, THEMES, TYPED, config_path, write_config
from ..keys import AREAS, clash, rebindable
from ..messages import ChoiceDone, PromptDone, RowChosen, RowMoved
from ..widgets.choice_line import ChoiceLine, Option
from ..widgets.line_table import LineTable
from ..widgets.painted import Lines
from ..widgets.prompt import Prompt
from ..widgets.table_model import Column, TableModel
from .place import PlaceScreen, place_bindings

SETTINGS: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "theme": ("theme", THEMES, "dark, light, or the terminal's own 16 colours; at once"),
    "rate": ("looks a second while a job runs", RATES, "at once; fewer for a slow line"),
    "colors": ("colours", COLORS, "at the next start; --colors goes before it"),
    "glyphs": ("signs of curves", GLYPHS, "at the next start; --glyphs goes before it"),
    "jobs": ("jobs of a search", (), "threads that the form begins with; empty: all cores but one"),
    "memory": ("memory of a search", (), "as 2G, for activations; empty: a quarter of the machine's"),
}


class SettingsScreen(PlaceScreen):
    """Settings first, then every action with its key."""

    AREAS: ClassVar[tuple[str, ...]] = ("place", "settings")
    BINDINGS: ClassVar[list[BindingType]] = place_bindings("settings")
    TITLE_TEXT = "settings"

    def body(self) -> ComposeResult:
        """One table and the lines that ask."""
        columns = (
            Column("name", "setting", 34),
            Column("value", "value", 16, priority=0, tone="key"),
            Column("about", "", 50, priority=1, tone="muted"),
        )
        table = LineTable(columns, id="settings", names=False)
        table.column_cursor = False
        yield table
        yield Prompt()
        yield ChoiceLine()
        yield Lines(id="status")

    def on_mount(self) -> None:
        """What is set."""
        super().on_mount()
        self._load()
        self.table.focus()
        self.state(f"kept in {visible(str(config_path()))}")

    @property
    def table(self) -> LineTable:
        """Settings and keys."""
        return self.query_one(LineTable)

    @property
    def names(self) -> list[str]:
        """A setting's or an action's name for each row."""
        return [*SETTINGS, *rebindable()]

    def _load(self) -> None:
        config = self.deck.config
        rows = [
            (title, str(getattr(config, name)) or "usual", about)
            for name, (title, _, about) in SETTINGS.items()
        ]
        for name, key in rebindable().items():
            rows.append((f"{AREAS[key.area]}: {key.title}", config.keys.get(name) or key.display, key.detail))
        columns: dict[str, list[object]] = {
            column: [row[place] for row in rows] for place, column in enumerate(("name", "value", "about"))
        }
        self.table.load(TableModel(columns), keep=True)

    def on_row_moved(self, event: RowMoved) -> None:
        """What the row is about stands whole above the footer: a narrow terminal has no column for it."""
        self.state("" if event.row is None else str(self.table.model.values["about"][event.row]))

    def on_row_chosen(self, event: RowChosen) -> None:
        """Choose a value, or type a key."""
        name = self.names[event.row]
        if name in TYPED:
            self._ask(name, str(getattr(self.deck.config, name)))
        elif name in SETTINGS:
            title, values, _ = SETTINGS[name]
            # A digit before a number would read like a part of it.
            keys = "abcdef" if values[0].isdigit() else "123456"
            options = [Option(key, value, value) for key, value in zip(keys, values, strict=False)]
            self.query_one("#status").display = False
            now = str(getattr(self.deck.config, name))
            self.query_one(ChoiceLine).ask(name, title, options, now)
        else:
            self._ask(name, "")

    def _ask(self, name: str, text: str, wrong: str = "") -> None:
        """Ask for what is typed, *text* to begin with; *wrong* says what is to be mended in it."""
        label = SETTINGS[name][0] if name in TYPED else "key, as x or ctrl+t or f5 (empty: the usual one)"
        self.query_one(Prompt).ask(name, label, text)
        if wrong:
            self.say(wrong, "bad")

    def on_choice_done(self, event: ChoiceDone) -> None:
        """Keep the value."""
        self.query_one("#status").display = True
        if event.value:
            self._keep(event.purpose, event.value)

    def on_prompt_done(self, event: PromptDone) -> None:
        """Keep the key, unless it is taken or belongs to multiplexers."""
        if not event.kept:
            return
        if event.purpose in TYPED:
            self._type(event.purpose, event.text.strip())
            return
        key, name = event.text.strip(), event.purpose
        keys = {other: one for other, one in self.deck.config.keys.items() if other != name}
        wrong = clash(name, key, keys) if key else ""
        if wrong:
            self._ask(name, key, wrong)
            return
        self.deck.configure(replace(self.deck.config, keys={**keys, **({name: key} if key else {})}))
        self._write(f"{rebindable()[name].title}: {key or rebindable()[name].display}")

    def _type(self, name: str, text: str) -> None:
        """Keep what was typed, if it means something."""
        check, wanted = TYPED[name]
        if text and not check(text):
            self._ask(name, text, f"{text} is not {wanted}")
        else:
            self._keep(name, text)

    def _keep(self, name: str, value: str) -> None:
        changed = {name: value}
        self.deck.configure(replace(self.deck.config, **changed))  # type: ignore[arg-type]
        self._write(f"{SETTINGS[name][0]}: {value or 'usual'}")

    def _write(self, said: str) -> None:
        self._load()
        self.draw_bars()
        try:
            path = write_config(self.deck.config)
        except QuantdeckError as error:
            self.say(str(error), "bad")
            return
        self.say(f"{said}; kept in {visible(str(path))}", "accent")
