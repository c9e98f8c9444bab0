"""The edits of the layers screen: marks, precision, thresholds, float regions, undo."""

from collections.abc import Callable, Iterable
from typing import Any

from ...engine.text import visible
from ...sessions.wiring import Wiring
from ..columns import short_method
from ..editor import CHIP_MODES, Editor, counted, toggled
from ..figures import real
from ..messages import ChoiceDone
from ..widgets.cells import cut_middle
from ..widgets.choice_line import ChoiceLine, Option
from ..widgets.histogram import LETTERS, letter
from ..widgets.line_table import LineTable
from ..widgets.prompt import Prompt
from .base import DeckScreen

REGIONS = (
    Option("b", "before them", "before"),
    Option("a", "after them", "after"),
    Option("w", "between them", "between"),
)


class LayerEdits(DeckScreen):
    """What the keys of the layers screen do to the plan; each is one step that u takes back."""

    wiring: Wiring
    fixed: frozenset[str] = frozenset()
    carried: frozenset[str] = frozenset()

    @property
    def table(self) -> LineTable:
        """The layer table."""
        return self.query_one("#layers", LineTable)

    @property
    def chosen(self) -> tuple[str, ...]:
        """The marked layers in graph order, or the one under the cursor."""
        table = self.table
        rows = sorted(table.marks) or ([table.row] if table.row is not None else [])
        return tuple(str(table.model.value(row, "name")) for row in rows)

    def _mode(self, layer: str) -> str:
        table = self.table
        return str(table.model.values["mode"][self.wiring.names.index(layer)] or "INT8")

    @property
    def _tensors(self) -> tuple[str, ...]:
        return tuple(tensor for layer in self.chosen for tensor in self.wiring.makes[layer])

    # marks

    def action_mark(self) -> None:
        """Mark or unmark the layer and go on to the next."""
        table = self.table
        if table.row is not None:
            table.mark([table.row], table.row not in table.marks)
            self._anchor = table.row
            table.action_down()
            self.tell_marks()

    def action_mark_range(self) -> None:
        """Mark everything shown from the last mark to the cursor."""
        table = self.table
        start = table.model.place(self._anchor) if self._anchor is not None else None
        first, last = sorted((table.cursor if start is None else start, table.cursor))
        table.mark(table.model.order[first : last + 1])
        self.tell_marks()

    _anchor: int | None = None

    def tell_marks(self) -> None:
        """How many are marked."""
        self.say(f"{len(self.table.marks)} marked; Esc unmarks", "accent")

    # precision

    def action_turn(self) -> None:
        """Int8 layers become float, float ones int8; all marked ones alike."""
        view = self.deck.view
        layers = self.chosen
        if view is not None and layers:
            bound = self.fixed | self.carried
            modes = {layer: self._mode(layer) for layer in layers if layer not in bound}
            self._set_modes(layers, toggled(modes, view.fp_type))

    def action_mode(self) -> None:
        """Choose a precision."""
        view, layers = self.deck.view, self.chosen
        if view is None or not layers:
            return
        modes = CHIP_MODES.get(view.chip, ("INT8", view.fp_type))
        options = [Option(str(place), mode, mode) for place, mode in enumerate(modes, 1)]
        self._ask("mode", f"mode of {self._named(layers)}", options, self._mode(layers[0]))

    def _set_modes(self, layers: Iterable[str], mode: str, label: str = "") -> None:
        layers = tuple(layers)
        bound = self.fixed | self.carried
        free = tuple(layer for layer in layers if mode != "INT8" or layer not in bound)
        if not free and self.carried.intersection(layers):
            self.say("it is float because the layer beside it is: turn that one", "weak")
        elif not free:
            self.say("the chip runs this op in float only", "weak")
        elif self.deck.edit(lambda editor: editor.set_modes(free, mode, label)):
            self.say(f"{self._named(free)} to {mode}; {self.key('layers.undo')} undoes", "accent")

    # thresholds

    def action_method(self) -> None:
        """Choose the method of the threshold."""
        layers, table = self.chosen, self.table
        if layers:
            options = [Option(letter(method), short_method(method), method) for method in LETTERS]
            now = table.model.values["method"][self.wiring.names.index(layers[0])]
            self._ask("method", "method", options, str(now or ""))

    def action_threshold(self) -> None:
        """Ask for a threshold."""
        layers = self.chosen
        if layers:
            now = self.table.model.values["threshold"][self.wiring.names.index(layers[0])]
            known = f" (now {real(now)})" if now is not None else ""
            self.query_one(Prompt).ask("threshold", f"threshold{known}")

    def take_threshold(self, text: str) -> None:
        """Use the typed threshold."""
        layers, tensors = self.chosen, self._tensors
        self._edit(lambda editor: editor.set_threshold(layers, tensors, text), f"clipped at {text}")

    # regions

    def action_region(self) -> None:
        """Float everything before, after or between the marked layers."""
        if self.chosen:
            self._ask("region", f"float ({self._named(self.chosen)})", REGIONS)

    def _float_region(self, where: str) -> None:
        view, layers = self.deck.view, self.chosen
        if view is None:
            return
        reach = {"before": self.wiring.before, "after": self.wiring.behind, "between": self.wiring.between}
        found = reach[where](layers)
        region = tuple(name for name in self.wiring.names if name in found)
        self._set_modes(region, view.fp_type, f"float {where} {counted(layers)}")

    # undo

    def action_undo(self) -> None:
        """Take the last step back."""
        self._walk(Editor.undo, "undone", "nothing to undo")

    def action_redo(self) -> None:
        """Do it again."""
        self._walk(Editor.redo, "done again", "nothing to do again")

    def _walk(self, step: Callable[[Editor], str | None], done: str, nothing: str) -> None:
        found: list[str | None] = []
        if self.deck.edit(lambda editor: found.append(step(editor))):
            label = found[0]
            self.say(
                f"{done}: {visible(label)}" if label is not None else nothing, "accent" if label else "weak"
            )

    # parts

    def on_choice_done(self, event: ChoiceDone) -> None:
        """What was chosen in the line above the footer."""
        self.query_one("#status").display = True
        if not event.value:
            return
        layers, tensors = self.chosen, self._tensors
        if event.purpose == "mode":
            self._set_modes(layers, event.value)
        elif event.purpose == "method":
            step: Callable[[Editor], Any] = lambda editor: editor.set_method(layers, tensors, event.value)
            self._edit(step, f"threshold by {event.value}")
        elif event.purpose == "region":
            self._float_region(event.value)

    def _edit(self, step: Callable[[Editor], Any], what: str) -> None:
        if self.deck.edit(step):
            self.say(f"{self._named(self.chosen)}: {what}; {self.key('layers.undo')} undoes", "accent")

    def _ask(self, purpose: str, label: str, options: Iterable[Option], value: str = "") -> None:
        self.query_one("#status").display = False
        self.query_one(ChoiceLine).ask(purpose, label, tuple(options), value)

    def _named(self, layers: tuple[str, ...]) -> str:
        glyphs = self.deck.glyphs
        return cut_middle(glyphs.show(counted(layers)), 24, glyphs.cut)
