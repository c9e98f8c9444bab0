"""Fields of a form: label, field and, beside it, the hint or what is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input

from .cells import clip, cut, wrap
from .painted import Lines, Painted
from .prompt import Line

HINT = 33  # cells beside a field on a narrow terminal (app.tcss)
MOST_BESIDE = 4  # lines of what is wrong with a field


def beside(sentence: str, *named: str) -> str:
    """The engine's sentence as it stands beside a field: without the option and the value that it begins with."""
    for name in named:
        if name and sentence.startswith(name):
            return sentence[len(name) :].lstrip(": ") or sentence
    return sentence


@dataclass(frozen=True, slots=True)
class Field:
    """One field. *choices*: fixed values; without them it is typed. *pick*: what can be chosen for it."""

    key: str
    label: str
    value: str = ""
    hint: str = ""
    choices: tuple[str, ...] = ()
    pick: Literal["", "file", "folder"] = ""


class Choice(Painted, can_focus=True):
    """One of a few values, changed with left and right."""

    class Changed(Message):
        """Another value was chosen."""

    def __init__(self, choices: tuple[str, ...], value: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.choices = choices
        self._index = choices.index(value) if value in choices else 0

    @property
    def value(self) -> str:
        """The value chosen."""
        return self.choices[self._index]

    @value.setter
    def value(self, value: str) -> None:
        self._index = self.choices.index(value)
        self.refresh()

    def on_key(self, event: events.Key) -> None:
        """At once: a Tab behind it in the same packet would be done before a binding."""
        step = {"left": -1, "right": 1, "space": 1}.get(event.key)
        if step is not None:
            event.stop()
            self.action_step(step)

    def action_step(self, step: int) -> None:
        """The next value, round the end."""
        self._index = (self._index + step) % len(self.choices)
        self.refresh()
        self.post_message(self.Changed())

    def render_line(self, y: int) -> Strip:
        """The value between two arrows, brighter under the focus."""
        glyphs, tone = self.glyphs, "key" if self.has_focus else "muted"
        place = f"   {self._index + 1} of {len(self.choices)}"
        text = cut(glyphs.show(self.value), max(1, self.size.width - 4), glyphs.cut)
        if len(text) + len(place) + 4 > self.size.width:
            place = ""
        parts = [(glyphs.left + " ", tone), (text, "plain"), (" " + glyphs.right, tone), (place, "muted")]
        return self.strip(clip(parts if y == 0 else [], self.size.width))


class FormRow(Horizontal):
    """A field with its label and its hint; an error takes the hint's place."""

    def __init__(self, field: Field) -> None:
        super().__init__(id=f"row-{field.key}")
        self.field = field
        self._hint, self._error = field.hint, ""

    def compose(self) -> ComposeResult:
        """Label, field, hint."""
        yield Lines(classes="label")
        if self.field.choices:
            yield Choice(self.field.choices, self.field.value, id=f"field-{self.field.key}")
        else:
            # typing takes the place of a number that the form came with; a path or a list is rather mended
            number = self.field.value.replace(".", "", 1).isdecimal()
            yield Line(self.field.value, id=f"field-{self.field.key}", select_on_focus=number)
        yield Lines(classes="hint")

    def on_mount(self) -> None:
        """Say label and hint."""
        self.query_one(".label", Lines).set_line([(self.field.label, "plain")])
        self.say("")

    @property
    def control(self) -> Input | Choice:
        """The field itself."""
        found = self.query_one(f"#field-{self.field.key}")
        assert isinstance(found, (Input, Choice))
        return found

    def say(self, error: str) -> bool:
        """What is wrong with the field, in as many lines as it needs, or its hint again; whether it is said whole."""
        self._error = error
        hint = self.query_one(".hint", Lines)
        width = hint.size.width or HINT
        told = wrap(f"! {error}", width, indent="  ") if error else [self._hint]
        shown = told[:MOST_BESIDE]
        if len(told) > len(shown):
            shown[-1] = cut(f"{shown[-1]} {told[MOST_BESIDE].strip()}", width, hint.glyphs.cut)
        self.styles.height = hint.styles.height = len(shown)
        hint.set_lines([[(line, "bad" if error else "muted")] for line in shown])
        return len(told) == len(shown)

    def on_resize(self) -> None:
        """Other lines for another width; what lies in the row has that only when it was laid out."""
        if self._error:
            self.call_after_refresh(lambda: self.say(self._error))

    def tell(self, hint: str, *, used: bool = True) -> None:
        """Another hint; *used* False: the field plays no part now and is not shown."""
        self._hint = hint
        self.display = used
        self.say(self._error)

    @property
    def said(self) -> str:
        """What stands beside the field."""
        return " ".join(line.strip() for line in self.query_one(".hint", Lines).text.split("\n"))


class Form(VerticalScroll, can_focus=False):
    """Fields one below the other; Tab and the arrows go from one to the next."""

    def __init__(self, fields: tuple[Field, ...], *, id: str = "form") -> None:
        super().__init__(id=id)
        self.fields = fields
        self.mending = False  # whether fields were refused and not all of them have been mended
        self._refused: tuple[str, str] | None = None  # the field that the engine refused, and what it held

    def compose(self) -> ComposeResult:
        """A row for each field."""
        for field in self.fields:
            yield FormRow(field)

    def row(self, key: str) -> FormRow:
        """A field's row."""
        return self.query_one(f"#row-{key}", FormRow)

    def values(self) -> dict[str, str]:
        """What the fields hold."""
        return {field.key: self.row(field.key).control.value.strip() for field in self.fields}

    def set_value(self, key: str, value: str) -> None:
        """Fill a field."""
        control = self.row(key).control
        control.value = value
        if isinstance(control, Input):
            control.cursor_position = len(value)

    def refuse(self, errors: Mapping[str, str]) -> str:
        """Show the errors of what was submitted; a sentence that names their fields, "" without any."""
        self.show_errors(errors)
        self.mending = bool(errors)
        labels = ", ".join(field.label for field in self.fields if field.key in errors)
        return f"{len(errors)} to mend: {labels}" if errors else ""

    def refuse_one(self, key: str | None, sentence: str, *named: str) -> tuple[str, str]:
        """Say what the engine found wrong beside its field and go there.

        named: the options and values with which the sentence may begin; they are not repeated. Returns what stands
        beside the field, and what is to be said below: the sentence where it does not stand there whole.
        """
        if key is None:
            self.show_errors({})
            return "", sentence
        short = beside(sentence, *named)
        self.show_errors({key: short})
        row = self.row(key)
        self._refused = (key, self.values()[key])
        return short, f"1 to mend: {row.field.label}" if row.say(short) else sentence

    def forgotten(self) -> bool:
        """Whether the field that the engine refused holds something else by now; its hint is back then, once."""
        if self._refused is None or self.values()[self._refused[0]] == self._refused[1]:
            return False
        self.row(self._refused[0]).say("")
        self._refused = None
        return True

    def mended(self, errors: Mapping[str, str]) -> bool:
        """Whether nothing of what was refused is left; true once."""
        done = self.mending and not errors
        self.mending = self.mending and not done
        return done

    def say_errors(self, errors: Mapping[str, str]) -> None:
        """Say each error beside its field; the other fields show their hints."""
        for field in self.fields:
            self.row(field.key).say(errors.get(field.key, ""))

    def show_errors(self, errors: Mapping[str, str]) -> None:
        """Say each error beside its field and go to the first."""
        self.say_errors(errors)
        for field in self.fields:
            if field.key in errors:
                self.row(field.key).control.focus()
                return

    def focused_field(self) -> Field | None:
        """The field that is being filled in."""
        node: Widget | None = self.screen.focused
        while node is not None and not isinstance(node, FormRow):
            parent = node.parent
            node = parent if isinstance(parent, Widget) else None
        return node.field if node is not None else None
