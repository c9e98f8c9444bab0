"""A new session in a short form; what is wrong stands beside its field, what the first sample becomes below.

The preview is made by a process beside the screen when the typing rests: no key waits for it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.timer import Timer

from ...engine.text import visible
from .. import figures
from ..beside import Beside
from ..drafts import TOLD
from ..glyphs import Glyphs
from ..keys import bindings
from ..session_form import OPTIONS, SessionRequest, check_session, session_fields, session_request
from ..widgets.cells import Part, cut_middle, wrapped
from ..widgets.form import Choice, Field, Form, beside
from ..widgets.painted import Lines
from .base import DeckScreen
from .picker import Picker

REST = 0.3  # seconds without a key before the preview is made
ANSWERING = "quantdeck.tui.answering"
NEEDED = ("model", "dataset", *OPTIONS)


def preview_lines(answer: Mapping[str, Any], glyphs: Glyphs, width: int) -> list[list[Part]]:
    """What the sample becomes that calibration takes first: its name, then shape, type and range of each input.

    It is not the folder's first by name: the original's order is a shuffled one (engine/data/selection.py).
    """
    head = "  first sample of the calibration "
    name = cut_middle(glyphs.show(answer["sample"]), width - len(head), glyphs.cut)
    lines: list[list[Part]] = [[(head, "muted"), (name, "plain")]]
    for name, shape, kind, low, high, mean in answer["inputs"]:
        size = "x".join(str(length) for length in shape)
        span = f"{figures.real(low)} to {figures.real(high)}, mean {figures.real(mean)}"
        lines.append([(f"  {glyphs.show(name)}  ", "muted"), (f"{size} {kind}  {span}", "accent")])
    return lines


def _question(values: Mapping[str, str]) -> dict[str, Any]:
    """What the preview depends on."""
    request = session_request({**values, "input_num": "1", "tune_num": "0"})
    return {
        "model": str(request.model),
        "dataset": str(request.dataset),
        "preprocess": dict(request.preprocess),
    }


class NewSessionScreen(DeckScreen):
    """Model, samples, chip, method, preprocessing; F5 makes the session and starts its calibration."""

    AREAS: ClassVar[tuple[str, ...]] = ("form",)
    BINDINGS: ClassVar[list[BindingType]] = bindings("form")
    TITLE_TEXT = "new session"
    TYPING = True
    DRAFT = "new session"

    def __init__(self, model: Path | None = None) -> None:
        super().__init__()
        self._model = model
        self._beside = Beside(ANSWERING, self._heard)
        self._rest: Timer | None = None
        self._asked: dict[str, Any] = {}
        self._first: dict[str, str] = {}
        self._refused: dict[str, tuple[str, str]] = {}  # what a field held that the engine refused, and why
        self._doubted = ("", "")  # the field that the preview finds wrong, and why

    def body(self) -> ComposeResult:
        """The fields."""
        yield Lines(classes="heading")
        yield Form(self._fields() if self._model else self.deck.drafts.fill(self.DRAFT, self._fields()))
        yield Lines(id="preview")
        yield Lines(id="status")

    def on_mount(self) -> None:
        """Begin with the first field that is empty."""
        super().on_mount()
        said = f"One file holds samples, thresholds and scores; {self.key('form.submit')} makes it and calibrates."
        self.query_one(".heading", Lines).set_line([(said, "muted")])
        self._preview([])
        self._first = self.form.values()
        if not self._model and self.deck.drafts.has(self.DRAFT):
            self.state(TOLD)
            self.on_input_changed()
        self.form.row("dataset" if self._model else "model").control.focus()

    @property
    def form(self) -> Form:
        """The fields."""
        return self.query_one(Form)

    def _fields(self) -> tuple[Field, ...]:
        """As the form comes where nothing was left in it."""
        return session_fields(self._model, self._pick)

    @property
    def _pick(self) -> str:
        return self.key("form.pick")

    def session_view(self) -> None:
        """No session is open yet."""
        return

    def on_unmount(self) -> None:
        """Let the process go."""
        self._beside.close()

    def on_input_changed(self) -> None:
        """Look at the fields when the typing rests."""
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(REST, self._look)

    def on_choice_changed(self, event: Choice.Changed) -> None:
        """As after typing."""
        self.on_input_changed()

    def _look(self) -> None:
        """Say what is wrong beside the fields that were touched; ask for a preview when nothing is."""
        values = self.form.values()
        errors = check_session(values, self._pick)
        asked = {} if any(key in errors for key in NEEDED) else _question(values)
        new, self._asked = asked != self._asked, asked
        if new:
            self._doubted = ("", "")
        for key, value in values.items():
            touched = value != self._first.get(key)
            error = errors.get(key) or self._mark(key, value)
            self.form.row(key).say(error if touched or value else "")
        if self.form.mended(errors) or (
            self._refused and not any(values[key] == value for key, (value, _) in self._refused.items())
        ):
            self._refused = {}
            self.state("")
        if not asked:
            self._preview([])
        elif new:
            self._preview([[("  looking at the first sample", "muted")]])
            self._beside.ask({"what": "preview", "id": asked, **asked})

    def _mark(self, key: str, value: str) -> str:
        """What the engine says of a field until that is changed."""
        refused, why = self._refused.get(key, ("", ""))
        if why and refused == value:
            return why
        return self._doubted[1] if key == self._doubted[0] else ""

    def _preview(self, lines: list[list[Part]]) -> None:
        """Lines below the form; the fields have the room where there are none."""
        area = self.query_one("#preview", Lines)
        area.styles.height = len(lines)
        area.set_lines(lines)

    def _heard(self, answer: dict[str, Any]) -> None:
        """From the thread that listens."""
        self.deck.call_from_thread(self._show_preview, answer)

    def _show_preview(self, answer: Mapping[str, Any]) -> None:
        """The sample, or what is wrong with it, marked at the field whose option is named."""
        if answer.get("id") not in (None, self._asked) or not self.is_attached:
            return
        if "said" not in answer:
            self._preview(preview_lines(answer, self.deck.glyphs, self.deck.size.width - 2))
            return
        said = self.deck.glyphs.show(str(answer["said"]))
        field = self._field_of(said, self._asked)
        whole = False
        if field:
            self._doubted = (field, beside(said, *self._names(field, self._asked)))
            whole = self.form.row(field).say(self._doubted[1])
        self._preview([] if whole else wrapped("  " + said, "bad", self.deck.size.width - 2, 2))

    @staticmethod
    def _names(field: str, asked: Mapping[str, Any]) -> tuple[str, ...]:
        """How a sentence about a field may begin: with its option, its value, or both."""
        value = visible(str(asked.get(field, "")))
        return (f"--{field} {value} ", f"--{field} {value}:", f"{value} ", f"--{field} ")

    @staticmethod
    def _field_of(said: str, asked: Mapping[str, Any]) -> str | None:
        """The field that a sentence speaks of: whose option it names, or whose path."""
        field = next((key for key in OPTIONS if f"--{key}" in said), None)
        paths = ("model", "dataset")
        return field or next((key for key in paths if visible(str(asked.get(key))) in said), None)

    def on_input_submitted(self) -> None:
        """Enter goes on to the next field."""
        self.focus_next()

    def action_pick(self) -> None:
        """Choose the file or folder of the field."""
        field = self.form.focused_field()
        if field is None or not field.pick:
            self.say(f"{self._pick} chooses files and folders, in the fields model and samples")
            return
        typed = Path(self.form.values()[field.key] or ".").expanduser()
        start = typed if typed.exists() else Path.cwd()
        folders = field.pick == "folder"
        picker = Picker(
            field.label, start.absolute(), folders=folders, suffixes=() if folders else (".onnx",)
        )

        def take(path: Path | None) -> None:
            if path is not None:
                self.form.set_value(field.key, str(path))
                if field.key == "model" and not self.form.values()["title"]:
                    self.form.set_value("title", path.stem)

        self.deck.push_screen(picker, take)

    def action_submit(self) -> None:
        """Check the fields; make the session when all are right."""
        values = self.form.values()
        wrong = self.form.refuse(check_session(values, self._pick))
        self._first = {}  # from now on every field says what is wrong with it
        self._refused = {}
        if wrong:
            self.state(wrong, "weak")
            return
        request = session_request(values)
        self.state(f"reading {visible(str(request.model))}", "accent")
        self.deck.make_session(request)

    def fail(self, request: SessionRequest, sentence: str) -> None:
        """What the engine found wrong, beside the field that it concerns; below where it does not fit there."""
        asked = {"model": str(request.model), "dataset": str(request.dataset)}
        field = self._field_of(sentence, asked)
        short, below = self.form.refuse_one(field, sentence, *self._names(field or "", asked))
        self._refused = {field: (self.form.values()[field], short)} if field else {}
        self.state(below, "weak" if short and below != sentence else "bad")

    def action_back(self) -> None:
        """Leave without making anything; what was filled in is kept."""
        self.deck.drafts.keep(self.DRAFT, session_fields(None, self._pick), self.form.values())
        self.deck.leave_form()
