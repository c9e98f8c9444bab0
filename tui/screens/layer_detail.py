"""The detail of the layer under the cursor on the layers screen: shown, asked for, and its repairs applied."""

from typing import Any

from textual.geometry import Region
from textual.timer import Timer

from ...engine.errors import QuantdeckError
from ...sessions.faults import explained
from ...sessions.output_noise import noise_parts, ranks
from ..columns import layer_columns
from ..editor import Editor, counted
from ..figures import Stale, StalePair
from ..insight import Insight, Repair
from ..keys import REPAIRS
from ..messages import LayerStep
from ..outlook import OF_LAYERS, Outlook
from ..stages import STAGES
from ..widgets.detail import DetailPane
from ..widgets.sections import Subject, gain_text, gain_told
from .base import Said
from .layer_edits import LayerEdits

REST = 0.2  # seconds the cursor rests before the detail follows: moving costs two rows, not a screen
LOOKING = 0.5  # and before more is found out about the layer
PREDICTED = ("gain", "output", "rank", "cost")  # columns that the assessing process fills


def _marked(values: list[Any], old: bool) -> list[Any]:
    """Figures, marked where they are those of another plan."""
    if not old:
        return values
    return [
        None if one is None else StalePair(one) if isinstance(one, tuple) else Stale(one) for one in values
    ]


class LayerDetail(LayerEdits):
    """Beside the table on a wide screen, below it on a tall one, in its place on a small one."""

    _rows: dict[str, int]
    _heard_under: list[object] | None = None  # thresholds under which the noise at the outputs was measured
    _rest: Timer | None = None
    _looking: Timer | None = None
    _asked: tuple[int | None, str] = (None, "")  # the plan and the layer whose close-up was asked for
    _awaited: Said | None = None  # what was said where a key asked for repairs that were not known

    @property
    def detail(self) -> DetailPane:
        """The detail pane."""
        return self.query_one(DetailPane)

    @property
    def instead(self) -> bool:
        """Whether the detail takes the table's place."""
        return self.has_class("-short") and not self.has_class("-wide")

    @property
    def detail_shown(self) -> bool:
        """Whether the detail can be seen."""
        return self.detail.has_class("-open") if self.instead else not self.detail.has_class("-closed")

    def patient(self) -> Region | None:
        """The detail beside or below the table, while the keys go to the table."""
        waits = self.detail_shown and not self.instead and not self.detail.has_focus
        return self.detail.region if waits else None

    # what is predicted

    def predicted_columns(self, names: list[str]) -> dict[str, list[Any]]:
        """The columns that the assessing process fills, for layers in graph order."""
        outlook = self.deck.outlook
        parts = noise_parts(outlook.outputs, names, [self._mode_of(name) for name in names])
        places, old = ranks(parts), self._former()
        return {
            "gain": _marked([outlook.gains.get(name) for name in names], "gains" in old),
            "output": _marked([parts.get(name) for name in names], "outputs" in old),
            "rank": _marked([places.get(name) for name in names], "outputs" in old),
            "cost": _marked([outlook.shares.get(name) for name in names], "shares" in old),
        }

    def _former(self) -> frozenset[str]:
        """Which of the predicted figures are those of another plan.

        A layer's own noise at the outputs holds for every plan with the same thresholds.
        """
        view, outlook = self.deck.view, self.deck.outlook
        own = view is not None and outlook.plan == view.plan
        old = outlook.former if own else OF_LAYERS
        thresholds = self.table.model.values["threshold"]
        if "outputs" not in old:
            self._heard_under = list(thresholds)
        return old - {"outputs"} if self._heard_under == thresholds else old

    def _mode_of(self, layer: str) -> str:
        row = self._rows.get(layer)
        return str(self.table.model.values["mode"][row] or "INT8") if row is not None else "INT8"

    def show_outlook(self, before: Outlook) -> None:
        """What the assessing process has told since *before*."""
        outlook = self.deck.outlook
        figures = [(one.gains, one.outputs, one.shares, one.former) for one in (outlook, before)]
        if figures[0] != figures[1]:
            self._fill_predicted()
        if (outlook.insight, outlook.unseen) != (before.insight, before.unseen):
            self._show_detail()
            self._tell_repairs()

    def _fill_predicted(self) -> None:
        names = list(self._rows)
        if not names:
            return
        if self.deck.outlook.outputs:
            self.table.use_columns(layer_columns(self.deck.glyphs, ranked=True))
        self.table.fill(self.predicted_columns(names))

    # the pane

    def on_screen_resume(self) -> None:
        """Keys may have other names after the settings."""
        super().on_screen_resume()
        self._show_detail_later()

    def action_detail(self) -> None:
        """Show or hide the detail."""
        self.detail.toggle_class("-open" if self.instead else "-closed")
        self._arrange()

    def action_other_part(self) -> None:
        """Give the keys to the detail, or back to the table."""
        if not self.detail_shown:
            self.action_detail()
        if self.detail.has_focus and not self.instead:
            self.table.focus()
        else:
            self.detail.focus()

    def on_layer_step(self, event: LayerStep) -> None:
        """The layer above or below, asked for in the detail."""
        self.table.go(self.table.cursor + event.step)
        self._show_detail()
        self._look_later()

    def _arrange(self) -> None:
        """On a small screen detail and table take each other's place."""
        behind = self.detail_shown and self.instead
        self.table.set_class(behind, "-behind")
        if self.focused not in (None, self.table, self.detail):
            pass  # what is being typed or chosen keeps the keys
        elif behind:
            self.detail.focus()
        elif not self.detail_shown or not self.detail.has_focus:
            self.table.focus()
        self.call_after_refresh(self._show_detail)
        self._look_later()

    def _show_detail_later(self) -> None:
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(REST, self._show_detail)
        self._look_later()

    def _show_detail(self) -> None:
        feed, table = self.deck.feed, self.table
        if feed is None or not self.detail_shown:
            return
        row = table.row
        if row is None:
            self.detail.show(None)
            return
        figures = {key: values[row] for key, values in table.model.values.items()}
        name = str(figures["name"])
        try:
            with explained(feed.view.path):
                layer = feed.reader.layer(name)
        except QuantdeckError as error:
            self.say(str(error), "bad")
            return
        if layer is None:
            self.detail.show(None)
            return
        asks = self._asked == (feed.view.plan, name)
        unseen = self.deck.outlook.unseen if asks else ""
        self.detail.show(Subject(layer, figures, self._insight(name), unseen, asks))

    def _insight(self, layer: str) -> Insight | None:
        """The close-up of a layer under the current plan."""
        found, view = self.deck.outlook.insight, self.deck.view
        known = found is not None and view is not None and (found.plan, found.layer) == (view.plan, layer)
        return found if known else None

    # looking closer

    def _look_later(self) -> None:
        if self._looking is not None:
            self._looking.stop()
        self._looking = self.set_timer(LOOKING, self._look_at)

    def _look_at(self) -> None:
        """Have the layer that is shown explained, unless a job needs the machine."""
        view, table = self.deck.view, self.table
        if view is None or table.row is None or not self.detail_shown or self.deck.busy:
            return
        name = str(table.model.value(table.row, "name"))
        if self._insight(name) is None:
            self._ask_about(name)

    def _ask_about(self, layer: str) -> bool:
        """Ask once for a layer's close-up under the current plan; whether anybody can tell."""
        plan = self.deck.view.plan if self.deck.view is not None else None
        if self._asked != (plan, layer) and self.deck.look_at(layer):
            self._asked = (plan, layer)
            self._show_detail()
        return self._asked == (plan, layer)

    # repairs

    def action_repair(self, place: str) -> None:
        """Apply a repair of the layer under the cursor."""
        table, view = self.table, self.deck.view
        if table.row is None or view is None:
            return
        insight = self._insight(str(table.model.value(table.row, "name")))
        if insight is None:
            self._find_repairs(str(table.model.value(table.row, "name")))
        elif int(place) >= len(insight.repairs):
            self.say("there is no such repair; the detail (Enter) lists what is predicted to help", "weak")
        else:
            self._repair(insight.repairs[int(place)])

    def _find_repairs(self, layer: str) -> None:
        """Have a layer's repairs found out; what is said of them gives place to them as soon as they are known."""
        if self.deck.busy:
            self.say("its repairs are not known yet; they are found when no job is at work", "weak")
            return
        plan = self.deck.view.plan if self.deck.view is not None else None
        refused = self.deck.outlook.unseen if self._asked == (plan, layer) else ""
        if refused:  # what was in the way may be mended by now
            self._asked = (None, "")
        if self._ask_about(layer):
            self._say_awaited(
                refused or "its repairs are not known yet; they stand here as soon as they are", "weak"
            )
        else:
            self.say(
                "its repairs are not known yet; nothing is measured on a session that can only be read",
                "weak",
            )

    def _say_awaited(self, sentence: str, tone: str) -> None:
        self.say(sentence, tone)
        self._awaited = self._said

    def _tell_repairs(self) -> None:
        """The repairs that a key asked for in vain, if nothing else has been said or pressed since."""
        row, outlook = self.table.row, self.deck.outlook
        if row is None or self._awaited is None or self._said is not self._awaited:
            return
        insight = self._insight(str(self.table.model.value(row, "name")))
        if insight is not None:
            told = zip(REPAIRS, insight.repairs, strict=False)
            offers = [f"{self.key(action)} {one.title} {gain_text(one)}" for action, one in told]
            self._say_awaited("; ".join(offers) or "no repair is predicted to gain anything", "accent")
        elif outlook.unseen:
            self._say_awaited(outlook.unseen, "weak")

    def _run_stage(self, repair: Repair) -> None:
        """What changes weights is a job that calibrates again, as the stage of the flow; scored on all samples."""
        if self.deck.busy:
            self.say(f"a job is at work on this session; {self.key('layers.log')} shows its log", "weak")
            return
        self.say(
            f"running {STAGES[repair.value][0]} for all layers; it calibrates again and goes on without the workbench; "
            f"{self.key('layers.undo')} undoes it afterwards",
            "accent",
        )
        self.deck.start_flow((repair.value, "evaluate"), anyway=True)

    def _repair(self, repair: Repair) -> None:
        label = f"{repair.title}: {counted(repair.layers)}"
        if repair.kind == "stage":
            self._run_stage(repair)
            return

        def step(editor: Editor) -> object:
            if repair.row is not None:
                return editor.set_row(repair.layers[0], repair.row, repair.value, label)
            return editor.set_modes(repair.layers, repair.value, label)

        if self.deck.edit(step):
            self.say(
                f"{repair.title}: {self._named(repair.layers)}; {gain_told(repair)}; "
                f"{self.key('layers.undo')} undoes",
                "accent",
            )
