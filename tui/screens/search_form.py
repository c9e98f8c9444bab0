"""Start a search as a job of the session."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from ..keys import bindings
from ..search_form import check_search, search_fields
from ..widgets.form import Form
from ..widgets.painted import Lines
from .base import DeckScreen


class SearchFormScreen(DeckScreen):
    """A short form; F5 starts."""

    AREAS: ClassVar[tuple[str, ...]] = ("search_form",)
    BINDINGS: ClassVar[list[BindingType]] = bindings("search_form")
    TITLE_TEXT = "new search"
    TYPING = True

    def __init__(self, kind: str, extra: str = "") -> None:
        super().__init__()
        self._kind, self._extra = kind, extra

    def body(self) -> ComposeResult:
        """The fields."""
        yield Lines(classes="heading")
        yield Form(search_fields(self._kind, self._extra))
        yield Lines(id="status")

    def on_mount(self) -> None:
        """Begin at the kind."""
        super().on_mount()
        said = "A search goes on without the workbench; every trial is kept in the session."
        self.query_one(".heading", Lines).set_line([(said, "muted")])
        self.query_one(Form).row("kind").control.focus()

    def on_input_submitted(self) -> None:
        """Enter goes on to the next field."""
        self.focus_next()

    def action_submit(self) -> None:
        """Check the fields and start the job."""
        form = self.query_one(Form)
        values = form.values()
        errors = check_search(values)
        form.show_errors(errors)
        if errors:
            self.say(f"{len(errors)} to mend", "weak")
        elif self.deck.busy:
            self.say("a job is at work on this session; pause or cancel it first", "weak")
        else:
            self.deck.start_search(values)
            self.deck.pop_screen()

    def action_back(self) -> None:
        """Without starting anything."""
        self.deck.pop_screen()
