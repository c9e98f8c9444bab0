"""A new session in a short form; what is wrong stands beside its field."""

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from ...engine.text import visible
from ..keys import bindings
from ..session_form import SessionRequest, check_session, session_fields, session_request
from ..widgets.form import Form
from ..widgets.painted import Lines
from .base import DeckScreen
from .picker import Picker


class NewSessionScreen(DeckScreen):
    """Model, samples, chip, method, preprocessing; F5 makes the session and starts its calibration."""

    AREAS: ClassVar[tuple[str, ...]] = ("form",)
    BINDINGS: ClassVar[list[BindingType]] = bindings("form")
    TITLE_TEXT = "new session"
    TYPING = True

    def __init__(self, model: Path | None = None) -> None:
        super().__init__()
        self._model = model

    def body(self) -> ComposeResult:
        """The fields."""
        yield Lines(classes="heading")
        yield Form(session_fields(self._model))
        yield Lines(id="status")

    def on_mount(self) -> None:
        """Begin with the first field that is empty."""
        super().on_mount()
        said = "One file holds samples, thresholds and scores; F5 makes it and calibrates."
        self.query_one(".heading", Lines).set_line([(said, "muted")])
        self.form.row("dataset" if self._model else "model").control.focus()

    @property
    def form(self) -> Form:
        """The fields."""
        return self.query_one(Form)

    def session_view(self) -> None:
        """No session is open yet."""
        return

    def on_input_submitted(self) -> None:
        """Enter goes on to the next field."""
        self.focus_next()

    def action_pick(self) -> None:
        """Choose the file or folder of the field."""
        field = self.form.focused_field()
        if field is None or not field.pick:
            self.say("F2 chooses files and folders, in the fields model and samples")
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
        errors = check_session(values)
        self.form.show_errors(errors)
        if errors:
            labels = ", ".join(field.label for field in self.form.fields if field.key in errors)
            self.say(f"{len(errors)} to mend: {labels}", "weak")
            return
        request = session_request(values)
        self.say(f"reading {visible(str(request.model))}", "accent")
        self.deck.make_session(request)

    def fail(self, request: SessionRequest, sentence: str) -> None:
        """What the engine found wrong: marked at the field that it concerns, the sentence below."""
        named = {"model": str(request.model), "dataset": str(request.dataset)}
        field = next((key for key, path in named.items() if visible(path) in sentence), None)
        self.form.show_errors({field: "see below"} if field else {})
        self.say(sentence, "bad")

    def action_back(self) -> None:
        """Leave without making anything."""
        self.deck.leave_form()
