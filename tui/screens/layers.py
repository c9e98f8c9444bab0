"""The heart: every layer with its figures, and the detail of the one under the cursor."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container

from ...engine.errors import QuantdeckError
from ...sessions.faults import explained
from ...sessions.wiring import Wiring
from ..columns import layer_columns
from ..keys import bindings
from ..messages import PromptChanged, PromptDone, RowChosen, RowMoved, SessionChanged, SortAsked
from ..outlook import Outlook
from ..widgets.cells import Part
from ..widgets.choice_line import ChoiceLine
from ..widgets.detail import DetailPane
from ..widgets.line_table import LineTable
from ..widgets.painted import Lines
from ..widgets.prompt import Prompt, matcher
from ..widgets.table_model import TableModel
from .layer_detail import PREDICTED, LayerDetail


class LayersScreen(LayerDetail):
    """The layer table with the detail of the layer under its cursor."""

    AREAS: ClassVar[tuple[str, ...]] = ("place", "layers")
    BINDINGS: ClassVar[list[BindingType]] = bindings("place", "layers")

    def __init__(self) -> None:
        super().__init__()
        self.wiring = Wiring((), (), ())
        self._rows: dict[str, int] = {}
        self._filter = ""
        self._find = ""
        self._op: str | None = None
        self._ranks = False  # whether the ranking was asked for and is still to come
        self._early = False  # whether the order was asked for before anything of its column was known
        self._first: int | None = None  # the plan that stood there first
        self._ordered = False  # whether an order was chosen, by somebody or at first
        self._told: int | None = None  # the row that the line of state speaks of

    def body(self) -> ComposeResult:
        """Table, detail, prompt and a line of state."""
        with Container(id="parts"):
            yield LineTable(
                layer_columns(self.deck.glyphs, ranked=bool(self.deck.outlook.outputs)),
                id="layers",
                empty="No layer matches (names and ops, op:Conv, mode:F16, worst:10); Esc shows all.",
            )
            yield DetailPane(id="detail")
        yield Prompt()
        yield ChoiceLine()
        yield Lines(id="status")

    def on_mount(self) -> None:
        """Read the table."""
        super().on_mount()
        self._first = self.deck.view.plan if self.deck.view is not None else None
        self._load()
        self.table.focus()
        if self.deck.view is not None and self.deck.view.job is not None:
            self.say_failure(self.deck.view.job)

    # what the session tells

    def _load(self, *, keep: bool = False, resort: bool = False) -> None:
        """Read the table; *keep* leaves rows and cursor where they are, *resort* sorts the rows anew."""
        feed = self.deck.feed
        if feed is None:
            return
        try:
            with explained(feed.view.path):
                layers = feed.reader.layers(feed.view.plan)
        except QuantdeckError as error:
            self.say(str(error), "bad")
            return
        table = self.table
        before, row, place, at_top = table.model, table.row, table.cursor - table.top, table.cursor == 0
        ordered = before.sorted_by
        self.wiring, self.fixed, self.carried = layers.wiring, layers.fixed, layers.carried
        self._rows = {str(name): row for row, name in enumerate(layers.columns["name"])}
        nothing = [None] * len(self._rows)
        model = TableModel({**layers.columns, **dict.fromkeys(PREDICTED, nothing)})
        if keep and not resort and before.size == model.size:
            model.arrange_as(before)
            table.load(model, keep=True)
            self._fill_predicted()
        else:
            table.load(model, keep=keep)
            self._fill_predicted()  # before rows are chosen and sorted by it
            self._filter_rows()
            if keep and ordered:
                table.sort(*ordered)
        if keep and row is not None:
            table.go_row(row, place)
        self._sort_late(at_top)
        self._order_first()
        self._draw_status()
        self._show_detail_later()

    def follow(self, change: SessionChanged) -> None:
        """Changed figures go into their cells; another plan is another table. Rows stay where they are."""
        feed = self.deck.feed
        if feed is None or change.view.path != feed.view.path:
            return
        job, was = change.view.job, change.before.job if change.before else None
        over = was is not None and was.active and not (job is not None and job.active)
        if change.before is None or change.before.plan != change.view.plan or over:
            self._load(keep=True)
            self._show_detail()  # figures of the plan before are marked from now on
            return
        table = self.table
        fresh = feed.reader.figures_since(change.view.plan, change.before.rev)
        modes = table.model.values["mode"]
        if any(layer in self._rows and modes[self._rows[layer]] != row["mode"] for layer, row in fresh):
            self._load(
                keep=True
            )  # the chip has another type for a layer than was thought: others are bound too
            return
        for layer, figures in fresh:
            row = self._rows.get(layer)
            if row is None:
                continue
            for key, value in figures.items():
                table.set(row, key, value)
            if row == table.row:
                self._show_detail()

    def show_outlook(self, before: Outlook) -> None:
        """What the assessing process has told; a ranking that was waited for."""
        super().show_outlook(before)
        self._order_first()
        self._sort_late(self.table.cursor == 0)
        if self.deck.outlook.state == "failed" != before.state:
            self.say(f"not checked: {self.deck.outlook.said}", "bad")
        if self._ranks and self.deck.outlook.gains:
            self._ranks = False
            self._rank()

    def action_best(self) -> None:
        """Most predicted gain at the outputs first; the ledger is measured when nobody has yet."""
        if self.deck.outlook.gains:
            self._rank()
        else:
            self._ranks = True
            self.deck.assess()
            self.say("measuring each layer's noise at the outputs; the ranking comes by itself", "accent")

    def _rank(self) -> None:
        self._ordered = True
        self.table.sort("gain", True)
        self.table.go(0)
        self._draw_status("by predicted gain at the outputs", "accent")

    def _sort(self, column: str, descending: bool | None = None) -> None:
        """Sort by a column; where nothing of it is known yet, again as soon as something is."""
        self._ordered = True
        self.table.sort(column, descending)
        self._early = not self._known(column)

    def _order_first(self) -> None:
        """The noise at the outputs orders the layers as soon as it is known (peers section 4: nothing else tells).

        Rows stay where they are once somebody has looked for something there: `w` does it then.
        """
        table, view = self.table, self.deck.view
        if self._ordered or not self.deck.outlook.outputs or not len(table.model):
            return
        self._ordered = True
        new_plan = view is not None and view.plan != self._first
        chosen = table.cursor or table.marks or self._filter or self._op
        if new_plan or chosen or self.query_one(Prompt).display:
            return
        table.sort("output", False)
        table.go(0)
        self._draw_status()

    def _known(self, column: str) -> bool:
        return any(value is not None for value in self.table.model.values[column])

    def _sort_late(self, at_top: bool) -> None:
        """The order that was asked for too early; a cursor that was *at_top* stays there."""
        table = self.table
        ordered = table.model.sorted_by
        if not self._early or ordered is None or not self._known(ordered[0]):
            return
        self._early = False
        table.sort(*ordered)
        if at_top:
            table.go(0)
        self._draw_status()

    # what the table tells

    def on_row_moved(self, event: RowMoved) -> None:
        """The line of state follows at once, the detail when the cursor rests."""
        if event.row != self._told:
            self._draw_status()
        self._show_detail_later()

    def on_row_chosen(self, event: RowChosen) -> None:
        """Enter."""
        self.action_detail()

    def on_sort_asked(self, event: SortAsked) -> None:
        """Sort by the column under the column cursor."""
        self._sort(event.column)
        self._draw_status()

    # actions

    def action_back(self) -> None:
        """Close the detail, then the filter, then the session."""
        if self.instead and self.detail.has_class("-open"):
            self.detail.remove_class("-open")
            self._arrange()
        elif self.table.marks:
            self.table.mark(set(self.table.marks), False)
            self._draw_status()
        elif self._filter or self._op:
            self._filter, self._op = "", None
            self._apply_filter()
        else:
            self.deck.show_start()

    def action_filter(self) -> None:
        """Ask for the text of the filter; rows follow each letter."""
        self.query_one(Prompt).ask("filter", "filter", self._filter)

    def action_find(self) -> None:
        """Ask for the text to find."""
        self.query_one(Prompt).ask("find", "find", self._find)

    def action_next(self) -> None:
        """The next match of Find."""
        self._jump(1)

    def action_previous(self) -> None:
        """The match before."""
        self._jump(-1)

    def action_same_op(self) -> None:
        """Only layers of the op under the cursor, or all again."""
        table = self.table
        if self._op is None and table.row is not None:
            self._op = str(table.model.value(table.row, "op"))
        else:
            self._op = None
        self._apply_filter()

    def action_sort_by(self, column: str) -> None:
        """Sort by a named column (the palette)."""
        self._sort(column)
        self._draw_status()

    def action_worst(self) -> None:
        """Most noise at the outputs first, where that is known; until then the worst accumulated SQNR."""
        known = bool(self.deck.outlook.outputs)
        self._sort("output" if known else "sqnr", False)
        self._ordered = known  # sorted anew when it comes, unless the cursor has been moved by then
        self.table.go(0)
        self._draw_status("" if known else "by the accumulated SQNR until the noise at the outputs is known")

    def action_in_order(self) -> None:
        """The graph's order."""
        self._ordered = True
        self.table.sort(None)
        self._draw_status()

    def action_go(self, name: str) -> None:
        """To another of the session's screens."""
        self.deck.go(name)

    def action_calibrate(self) -> None:
        """Open the calibration."""
        self.deck.show_calibrate()

    def action_evaluate(self) -> None:
        """Score the current plan in a job."""
        self.deck.start_job("evaluate", {})

    def action_log(self) -> None:
        """The newest job's log."""
        self.deck.show_log(self.deck.view.job if self.deck.view else None)

    def action_copy(self) -> None:
        """Copy the layer's visible name."""
        table = self.table
        if table.row is not None:
            self._say_copied(self.deck.glyphs.show(str(table.model.value(table.row, "name"))))

    def action_copy_command(self) -> None:
        """Copy the command that prints this table."""
        if self.deck.view is not None:
            self._say_copied(self.deck.command_line("layers"))

    def action_reload(self) -> None:
        """Read everything again and sort anew."""
        self._load(keep=True, resort=True)

    # the prompt

    def on_prompt_changed(self, event: PromptChanged) -> None:
        """Filter with each letter."""
        if event.purpose == "filter":
            self._filter = event.text
            self._apply_filter()

    def on_prompt_done(self, event: PromptDone) -> None:
        """Keep the filter or drop it; jump to what is to be found."""
        if event.purpose == "filter":
            self._filter = event.text if event.kept else ""
            self._apply_filter()
        elif event.purpose == "threshold":
            if event.kept and event.text.strip():
                self.take_threshold(event.text.strip())
        elif event.kept:
            self._find = event.text
            self._jump(1)

    # parts

    def _jump(self, step: int) -> None:
        table = self.table
        if not self._find:
            return
        hits = self._hits(self._find)
        place = table.model.find(lambda row: hits[row], table.cursor + step, step)
        if place is None:
            self._draw_status(f"nothing holds {self._find!a}", "weak")
        else:
            table.go(place)

    def _hits(self, text: str) -> list[bool]:
        return matcher(text, self.table.model.values)

    def _apply_filter(self) -> None:
        self._filter_rows()
        self._draw_status()

    def _filter_rows(self) -> None:
        if not self._filter and self._op is None:
            self.table.filter(None)
        else:
            hits, ops, wanted = self._hits(self._filter), self.table.model.values["op"], self._op
            self.table.filter(lambda row: hits[row] and wanted in (None, ops[row]))

    def _say_copied(self, text: str) -> None:
        way = self.deck.copy(text)
        self._draw_status(f"copied {way}: {text}", "accent")

    def _draw_status(self, said: str = "", tone: str = "muted") -> None:
        """Where one is and what is filtered; *said*: a message behind it."""
        glyphs, table = self.deck.glyphs, self.table
        parts: list[Part] = [(f" {table.position_text}", "muted")]
        if self._filter or self._op:
            shown = " ".join(filter(None, (glyphs.show(self._filter), f"op {self._op}" if self._op else "")))
            parts.append((f" {glyphs.dot} filter: {shown}", "accent"))
        self._told = table.row
        self.state_lines([parts])
        if said:
            self.say_lines([[*parts, (f" {glyphs.dot} {glyphs.show(said)}", tone)]])

    def on_resize(self, event: "object") -> None:
        """Table and detail by the new size."""
        super().on_resize(event)  # type: ignore[arg-type]
        if self.is_mounted:
            self._arrange()
