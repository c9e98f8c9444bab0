"""Start a search as a job of the session."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from ...engine.errors import QuantdeckError
from ...engine.text import visible
from ..drafts import TOLD
from ..keys import bindings
from ..request import search
from ..search_form import KINDS, OPTIONS, Preset, check_search, hints, search_fields, used
from ..search_view import last_spec
from ..widgets.form import Choice, Field, Form
from ..widgets.painted import Lines
from .base import DeckScreen
from .picker import Picker


class SearchFormScreen(DeckScreen):
    """A form that shows the fields of the search that is chosen; F5 starts."""

    AREAS: ClassVar[tuple[str, ...]] = ("search_form",)
    BINDINGS: ClassVar[list[BindingType]] = bindings("search_form")
    TITLE_TEXT = "new search"
    TYPING = True

    def __init__(self, kind: str = "", extra: str = "", listed: Path | None = None) -> None:
        """*kind*: the search, "" for the last one's; *extra*: equalize or bias; *listed*: a list of bad cases."""
        super().__init__()
        self._kind, self._extra, self._listed = kind, extra, listed

    def body(self) -> ComposeResult:
        """The fields."""
        yield Lines(classes="heading")
        yield Form(self.deck.drafts.fill(self._draft, self._fields()))
        yield Lines(id="status")

    def _fields(self) -> tuple[Field, ...]:
        """As the form comes where nothing was left in it."""
        return search_fields(preset=self._preset(), pick=self._pick)

    @property
    def _draft(self) -> str:
        """The name under which is kept what was filled in: that of what was asked for, in this session."""
        path = self.deck.view.path if self.deck.view else ""
        return f"search {self._kind} {self._extra} {self._listed} {path}"

    @property
    def _pick(self) -> str:
        return self.key("search_form.pick")

    def _preset(self) -> Preset:
        feed, view, config = self.deck.feed, self.deck.view, self.deck.config
        last = last_spec(feed.reader) if feed is not None else {}
        kind = self._kind or str(last.get("kind", ""))
        return Preset(
            kind=kind if kind in KINDS else "search_qtable",
            extra=self._extra,
            listed=str(self._listed or ""),
            method=str(view.settings.get("method", "kl")) if view else "kl",
            jobs=config.jobs,
            memory=config.memory,
            last=last,
        )

    def on_mount(self) -> None:
        """Begin at the kind."""
        super().on_mount()
        said = "A search goes on without the workbench; every trial is kept in the session."
        self.query_one(".heading", Lines).set_line([(said, "muted")])
        self._follow()
        if self.deck.drafts.has(self._draft):
            self.state(TOLD)
        self.form.row("kind").control.focus()

    @property
    def form(self) -> Form:
        """The fields."""
        return self.query_one(Form)

    def _follow(self) -> None:
        """Fields that play a part in the search, and what is chosen in words."""
        values = self.form.values()
        shown, said = used(values), hints(values)
        for field in self.form.fields:
            self.form.row(field.key).tell(said.get(field.key, field.hint), used=shown.get(field.key, True))
        if self.form.forgotten():
            self.state("")
        if self.form.mending:
            errors = check_search(values)
            self.form.say_errors(errors)
            if self.form.mended(errors):
                self.state("")

    def on_choice_changed(self, event: Choice.Changed) -> None:
        """Another search has other fields."""
        self._follow()

    def on_input_changed(self) -> None:
        """The target in words follows the typing."""
        self._follow()

    def on_input_submitted(self) -> None:
        """Enter goes on to the next field."""
        self.focus_next()

    def action_pick(self) -> None:
        """Choose the file of the field."""
        field = self.form.focused_field()
        if field is None or not field.pick:
            self.say(f"{self._pick} chooses files, in the fields 'only samples of' and 'post process'")
            return
        typed = Path(self.form.values()[field.key] or ".").expanduser()
        ends = (".py",) if field.key == "post_process" else ()
        picker = Picker(field.label, (typed if typed.exists() else Path.cwd()).absolute(), suffixes=ends)

        def take(path: Path | None) -> None:
            if path is not None:
                self.form.set_value(field.key, str(path))

        self.deck.push_screen(picker, take)

    def action_submit(self) -> None:
        """Check the fields and start the job."""
        values = self.form.values()
        if wrong := self.form.refuse(check_search(values)):
            self.state(wrong, "weak")
        elif self.deck.busy:
            self.say("a job is at work on this session; pause or cancel it first", "weak")
        elif self.deck.view is not None:
            path = self.deck.view.path
            self.state("starting", "accent")
            self.run_worker(lambda: self._start(path, values), thread=True, group="jobs", exclusive=True)

    def _start(self, path: Path, values: Mapping[str, str]) -> None:
        """In a thread: the engine's packages are imported for it."""
        try:
            search(path, values)
        except QuantdeckError as error:
            self.deck.call_from_thread(self._fail, str(error))
            return
        self.deck.call_from_thread(self._started)

    def _fail(self, sentence: str) -> None:
        """The sentence beside the field whose option it names; below where it does not fit there."""
        if self.is_current:
            option, field = next(((one, key) for one, key in OPTIONS.items() if one in sentence), ("", None))
            value = visible(self.form.values()[field]) if field else ""
            short, below = self.form.refuse_one(field, sentence, f"{option} {value} ", f"{option} ")
            self.state(below, "weak" if short and below != sentence else "bad")

    def _started(self) -> None:
        self.deck.drafts.drop(self._draft)
        if self.is_current:
            self.deck.pop_screen()
            self.deck.catch_up()

    def action_back(self) -> None:
        """Without starting anything; what was filled in is kept."""
        self.deck.drafts.keep(self._draft, self._fields(), self.form.values())
        self.deck.pop_screen()
