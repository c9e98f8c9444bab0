"""What the session stands on, as files: each with the command that does the same; nothing is written over unasked."""

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from ...engine.errors import QuantdeckError
from ...engine.text import visible
from ..messages import ChoiceDone, PromptDone, RowChosen, RowMoved
from ..shell_word import shell_word
from ..widgets.cells import Part, folded
from ..widgets.choice_line import ChoiceLine, Option
from ..widgets.line_table import LineTable
from ..widgets.painted import Lines
from ..widgets.prompt import Prompt
from ..widgets.table_model import Column, TableModel
from .place import PlaceScreen, place_bindings

WHAT = {
    "calibration_table": ("calibration table", "thresholds, as the chapter's tools read them"),
    "quantize_table": ("quantize table", "the layers that are not int8"),
    "json": ("figures as JSON", "model, plan, score and every layer"),
    "csv": ("layers as CSV", "the layer table for a spreadsheet"),
    "new_table": ("new_cali_table", "thresholds that the newest search chose"),
    "loss_table": ("loss table", "cos by layer of the newest run_qtable"),
}
ANSWERS = (Option("n", "no", "no"), Option("y", "yes, write over it", "yes"))


class ExportScreen(PlaceScreen):
    """The files and their commands."""

    AREAS: ClassVar[tuple[str, ...]] = ("place", "export")
    BINDINGS: ClassVar[list[BindingType]] = place_bindings("export")
    TITLE_TEXT = "export"

    def __init__(self) -> None:
        super().__init__()
        self._targets: dict[str, Path] = {}

    def body(self) -> ComposeResult:
        """The forms, the command, a line of state."""
        shown = self.deck.glyphs.show
        columns = (
            Column("what", "what", 18),
            Column("about", "holds", 44, priority=2),
            Column("target", "file", 34, lambda path: shown(str(path)), priority=0),
            Column("there", "", 10, priority=1, tone="muted"),
        )
        table = LineTable(columns, id="forms", names=False)
        table.column_cursor = False
        yield table
        yield Lines(id="command")
        yield Prompt()
        yield ChoiceLine()
        yield Lines(id="status")

    def on_mount(self) -> None:
        """Name the usual files."""
        super().on_mount()
        view = self.deck.view
        if view is not None:
            from ...sessions.export import ALL_FORMS, usual_name

            self._targets = {form: usual_name(view.path, form) for form in ALL_FORMS}
        self._load()
        self.table.focus()

    @property
    def table(self) -> LineTable:
        """The forms."""
        return self.query_one(LineTable)

    @property
    def form(self) -> str:
        """The form under the cursor."""
        return list(WHAT)[self.table.row or 0]

    def _load(self) -> None:
        columns: dict[str, list[object]] = {
            "what": [title for title, _ in WHAT.values()],
            "about": [about for _, about in WHAT.values()],
            "target": [self._targets[form].name if form in self._targets else "" for form in WHAT],
            "there": ["is there" if self._targets[form].exists() else "" for form in self._targets],
        }
        self.table.load(TableModel(columns), keep=True)
        self._draw()

    def command(self) -> str:
        """The command that writes the same file: run as it stands, so over one that is there with --force."""
        view, target = self.deck.view, self._targets.get(self.form)
        if view is None or target is None:
            return ""
        command = f"quantdeck export {shell_word(view.path)} --{self.form} {shell_word(target)}"
        return f"{command} --force" if target.exists() else command

    def on_row_moved(self, event: RowMoved) -> None:
        """Another form, another command."""
        self._draw()

    def _draw(self) -> None:
        width = self.deck.size.width
        pieces = folded(self.deck.glyphs.show(self.command()), width - 4)
        lines: list[list[Part]] = [
            [(f" the same on the command line ({self.key('export.copy_command')} copies it):", "muted")]
        ]
        self.query_one("#command", Lines).set_lines(
            [*lines, *([(f"   {piece}", "strong")] for piece in pieces)]
        )

    def on_row_chosen(self, event: RowChosen) -> None:
        """Write to the file that is named."""
        self.action_write()

    def action_write(self) -> None:
        """Write; ask first where a file is there."""
        target = self._targets.get(self.form)
        if target is None:
            return
        if target.exists():
            self.query_one("#status").display = False
            self.query_one(ChoiceLine).ask(
                "replace", f"{visible(target.name)} is there; write over it?", ANSWERS
            )
        else:
            self._write(replace=False)

    def on_choice_done(self, event: ChoiceDone) -> None:
        """Yes or no."""
        self.query_one("#status").display = True
        if event.value == "yes":
            self._write(replace=True)
        else:
            self.say("nothing was written")

    def action_target(self) -> None:
        """Name another file."""
        self.query_one(Prompt).ask("target", "file", str(self._targets[self.form]))

    def on_prompt_done(self, event: PromptDone) -> None:
        """Take the file; nothing is written yet."""
        if event.kept and event.text.strip():
            self._targets[self.form] = Path(event.text.strip()).expanduser().absolute()
            self._load()

    def action_copy_command(self) -> None:
        """Copy the command."""
        self.say(f"copied {self.deck.copy(self.command())}", "accent")

    def _write(self, *, replace: bool) -> None:
        form, target, view = self.form, self._targets[self.form], self.deck.view
        if view is not None:
            self.say(f"writing {visible(str(target))}", "accent")
            write = lambda: self._written(view.path, form, target, replace)
            self.run_worker(write, thread=True, group="export", exclusive=True)

    def _written(self, path: Path, form: str, target: Path, replace: bool) -> None:
        from ..exporter import write

        try:
            notes = write(path, form, target, replace=replace)
            said, tone = "; ".join((f"written: {visible(str(target))}", *notes)), "weak" if notes else "good"
        except QuantdeckError as error:
            said, tone = str(error), "bad"
        self.deck.call_from_thread(self._tell, said, tone)

    def _tell(self, said: str, tone: str) -> None:
        self._load()
        self.say(said, tone)
