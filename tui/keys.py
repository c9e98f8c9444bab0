"""Every key of the workbench in one table: screens, footer, help and palette are made from it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from textual.binding import Binding, BindingType

from .key_names import key_names


@dataclass(frozen=True, slots=True)
class Key:
    """One action: where it holds, its keys, its name. *footer*: place in the footer, 0 = not there."""

    area: str
    keys: str
    action: str
    title: str
    detail: str
    footer: int = 0
    shown: str = ""
    priority: bool = False
    in_fields: str = ""  # the key to name where letters are typed into fields

    @property
    def display(self) -> str:
        """The keys as they are written on the screen."""
        return self.shown or self.keys.replace(",", " ")

    @property
    def first(self) -> str:
        """The one that sentences name."""
        return self.display.partition(" ")[0]


AREAS = {
    "app": "Everywhere",
    "table": "In every table",
    "start": "Sessions",
    "place": "Session screens",
    "layers": "Layers",
    "detail": "Layer detail",
    "flow": "Flow",
    "search": "Search",
    "search_form": "New search",
    "compare": "Compare",
    "samples": "Samples",
    "export": "Export",
    "settings": "Settings",
    "calibrate": "Calibration",
    "form": "In a form",
    "picker": "File picker",
    "log": "Log",
    "help": "Help",
}

KEYS: tuple[Key, ...] = (
    Key(
        "app",
        "question_mark,f1",
        "help",
        "Help",
        "Every key, and what the signs mean",
        90,
        "? F1",
        in_fields="F1",
    ),
    Key(
        "app",
        "colon,ctrl+p",
        "palette",
        "Actions",
        "Find any action by its name and run it",
        91,
        ": ctrl+p",
        in_fields="ctrl+p",
    ),
    Key("app", "ctrl+z", "suspend", "Suspend", "Back to the shell for a while; fg returns", 0),
    Key("app", "ctrl+l", "redraw", "Redraw", "Paint the screen again", 0),
    Key(
        "app",
        "q,ctrl+q",
        "quit",
        "Quit",
        "Leave; a running job goes on; ctrl+q and ctrl+c too",
        99,
        "q",
        in_fields="ctrl+q",
    ),
    Key(
        "app",
        "ctrl+c",
        "quit",
        "Quit",
        "Leave; a running job goes on without the workbench",
        0,
        "ctrl+c",
        True,
    ),
    Key("table", "up,k", "up", "Up", "One row up", 0, "up k"),
    Key("table", "down,j", "down", "Down", "One row down", 0, "down j"),
    Key("table", "pageup", "page_up", "Page up", "One page up", 0, "PgUp"),
    Key("table", "pagedown", "page_down", "Page down", "One page down", 0, "PgDn"),
    Key("table", "home,g", "first", "First row", "The first row", 0, "Home g"),
    Key("table", "end,G,shift+g", "last", "Last row", "The last row", 0, "End G"),
    Key("table", "left,h", "left", "Column left", "The column on the left", 0, "left h"),
    Key("table", "right,l", "right", "Column right", "The column on the right", 0, "right l"),
    Key("table", "s", "sort", "Sort", "Sort by the marked column; again turns the direction", 0),
    Key("table", "enter", "choose", "Choose", "Open what the row stands for", 0, "Enter"),
    Key("start", "n", "new", "New session", "Make a session of a model and a folder of samples", 2),
    Key("start", "o", "open_file", "Open file", "Open a session file or a model from anywhere", 3),
    Key("start", "r", "reload", "Read again", "Read the folder of sessions again", 4),
    Key(
        "start",
        "y",
        "copy",
        "Copy path",
        "Copy the session's path; the way is said: tmux, OSC 52 or a file",
        0,
    ),
    Key("start", "d", "duplicate", "Duplicate", "Copy the session, as it is now, under a new name", 5),
    Key("start", "D,shift+d,delete", "delete", "Delete", "Delete the session after one question", 6, "D"),
    Key("place", "1", "go('layers')", "Layers", "The layer table: where int8 hurts, and edits"),
    Key("place", "2", "go('flow')", "Flow", "The stages from samples to a scored plan"),
    Key("place", "3", "go('search')", "Search", "Start and watch searches, take their plans"),
    Key("place", "4", "go('compare')", "Compare", "Two plans side by side"),
    Key("place", "5", "go('samples')", "Samples", "Similarity by sample, the worst first"),
    Key("place", "6", "go('export')", "Export", "Tables and figures as files"),
    Key("place", "7", "go('settings')", "Settings", "Theme, refresh rate, signs, keys"),
    Key("place", "", "none", "Screens", "Layers flow search compare samples export settings", 10, "1-7"),
    Key("layers", "enter", "detail", "Detail", "Show or hide the layer's detail", 1, "Enter"),
    Key(
        "layers",
        "slash",
        "filter",
        "Filter",
        "Layers that hold a text; op:Conv, mode:F16, worst:10",
        2,
        "/",
    ),
    Key("layers", "f", "find", "Find", "Jump to the next layer whose name holds a text", 4),
    Key(
        "layers",
        "space",
        "turn",
        "Float/int8",
        "Turn the marked layers, or this one, to float or back",
        3,
        "Space",
    ),
    Key("layers", "p", "mode", "Precision", "Choose INT8, F16, BF16 or F32 as the chip has it", 0),
    Key("layers", "t", "method", "Method", "Choose the method of the threshold", 0),
    Key(
        "layers",
        "equals_sign,T,shift+t",
        "threshold",
        "Type threshold",
        "Type the threshold's value",
        0,
        "= T",
    ),
    Key("layers", "m", "mark", "Mark", "Mark the layer for the next edit, or take the mark away", 7),
    Key(
        "layers",
        "M,shift+m",
        "mark_range",
        "Mark to here",
        "Mark all from the last mark to the cursor",
        0,
        "M",
    ),
    Key(
        "layers",
        "F,shift+f",
        "region",
        "Float region",
        "Float before, after or between the marked layers",
        0,
        "F",
    ),
    Key("layers", "u", "undo", "Undo", "Take the last edit back; the session keeps all of them", 7),
    Key("layers", "ctrl+r,U,shift+u", "redo", "Redo", "Do the edit again that was undone", 0, "ctrl+r U"),
    Key("layers", "n", "next", "Next match", "The next layer that Find matches", 0),
    Key("layers", "N,shift+n", "previous", "Previous match", "The layer before that Find matches", 0, "N"),
    Key("layers", "o", "same_op", "Only this op", "Show only layers of this op; again shows all", 0),
    Key(
        "layers",
        "w",
        "worst",
        "Worst first",
        "Most noise at the outputs first; until that is known, the worst SQNR",
        0,
    ),
    Key(
        "layers",
        "b",
        "best",
        "Most to gain",
        "Rank by the predicted gain at the outputs; waits until it is measured",
        0,
    ),
    Key("layers", "i", "in_order", "In order", "The order of the graph", 0),
    Key("layers", "c", "calibrate", "Calibrate", "Calibrate with a method and watch the job", 5),
    Key("layers", "e", "evaluate", "Evaluate", "Run the current plan over the samples and score it", 6),
    Key(
        "layers",
        "y",
        "copy",
        "Copy name",
        "Copy the layer's visible name; the way is said: tmux, OSC 52 or a file",
        0,
    ),
    Key(
        "layers",
        "Y,shift+y",
        "copy_command",
        "Copy command",
        "Copy the command that prints this table",
        0,
        "Y",
    ),
    Key("layers", "L,shift+l", "log", "Log", "The log of the newest job", 0, "L"),
    Key("layers", "r", "reload", "Read again", "Read the whole session again and sort anew", 0),
    Key("layers", "escape", "back", "Back", "Close the detail, then the filter, then the session", 8, "Esc"),
    Key("layers", "a", "repair('0')", "Best repair", "Apply the first repair of the detail", 0),
    Key("layers", "d", "repair('1')", "Second repair", "Apply the second repair of the detail", 0),
    Key("layers", "v", "repair('2')", "Third repair", "Apply the third repair of the detail", 0),
    Key("layers", "z", "repair('3')", "Fourth repair", "Apply the fourth repair of the detail", 0),
    Key(
        "layers",
        "tab",
        "other_part",
        "Table/detail",
        "Give the keys to the detail, or back to the table",
        0,
        "Tab",
    ),
    Key("detail", "up,k", "up", "Up", "One line up", 0, "up k"),
    Key("detail", "down,j", "down", "Down", "One line down", 0, "down j"),
    Key("detail", "pageup", "page_up", "Page up", "One page up", 0, "PgUp"),
    Key("detail", "pagedown", "page_down", "Page down", "One page down", 0, "PgDn"),
    Key("detail", "home,g", "first", "Beginning", "The first line", 0, "Home g"),
    Key("detail", "end,G,shift+g", "last", "End", "The last line", 0, "End G"),
    Key("detail", "left,h", "step('-1')", "Layer above", "The layer above in the table", 0, "left h"),
    Key("detail", "right,l", "step('1')", "Layer below", "The layer below in the table", 0, "right l"),
    Key("flow", "enter", "choose", "Run", "Run the stage, or open its form", 1, "Enter"),
    Key("flow", "t", "run_to", "Run to here", "Run every stage up to this one, as jobs behind each other", 2),
    Key(
        "flow", "space", "leave_out", "Leave out", "Leave the stage out of the run, or take it in", 3, "Space"
    ),
    Key("flow", "L,shift+l", "log", "Log", "The log of the newest job", 4, "L"),
    Key("flow", "escape", "back", "Back", "Back to the layers", 8, "Esc"),
    Key("search", "n", "new", "New search", "Choose a search and start it", 1),
    Key(
        "search",
        "enter",
        "choose",
        "Take plan",
        "Make the point's plan the session's, one step that can be undone",
        2,
        "Enter",
    ),
    Key("search", "p", "pause", "Pause/resume", "Let the search rest, or go on with it", 3),
    Key("search", "x", "cancel_job", "Cancel", "Stop it; the best plan so far stays", 4),
    Key("search", "v", "ranking", "Ranking", "Points or the ranking of layers", 5),
    Key("search", "c", "axis", "Cost", "The curve against float layers, or against time on the chip", 5),
    Key("search", "o", "older", "Older", "The search before this one", 0),
    Key("search", "L,shift+l", "log", "Log", "The log of the search", 6, "L"),
    Key("search", "escape", "back", "Back", "Back to the layers; the search goes on", 8, "Esc"),
    Key("search_form", "f5,ctrl+r", "submit", "Start", "Check the fields and start the search", 1, "F5"),
    Key(
        "search_form", "left,right", "none", "Change", "Another choice in a field of choices", 3, "left right"
    ),
    Key("search_form", "f2", "pick", "Pick file", "Choose the file of this field", 4, "F2"),
    Key("search_form", "tab,down", "next_field", "Next field", "The next field", 0, "Tab"),
    Key("search_form", "shift+tab,up", "previous_field", "Field before", "The field before", 0, "shift+Tab"),
    Key("search_form", "escape", "back", "Back", "Leave without starting anything", 5, "Esc"),
    Key("compare", "a", "step_a", "Plan A", "The next older plan as A", 1),
    Key("compare", "b", "step_b", "Plan B", "The next older plan as B", 2),
    Key("compare", "v", "view", "Samples", "Layers that differ, or samples, worst first", 3),
    Key("compare", "c", "names", "Class names", "A text file with the names of the classes, one a line", 0),
    Key("compare", "o", "open_file", "Other session", "Take A from another session", 4),
    Key("compare", "escape", "back", "Back", "Back to the layers", 8, "Esc"),
    Key("samples", "m", "mark", "Mark", "Mark a bad case, or take the mark away", 1),
    Key("samples", "f", "failed", "Mark failed", "Mark every sample that fails the target, and no other", 2),
    Key("samples", "n", "search", "Search on them", "A search scored on the marked samples alone", 2),
    Key("samples", "w", "write", "Write list", "The marked samples as a list for --data_list", 2),
    Key("samples", "y", "copy", "Copy path", "Copy the sample's path", 3),
    Key("samples", "escape", "back", "Back", "Back to the layers", 8, "Esc"),
    Key("export", "enter", "choose", "Write", "Write the file; asks before it writes over one", 1, "Enter"),
    Key("export", "f", "target", "Other file", "Name another file", 2),
    Key("export", "Y,shift+y", "copy_command", "Copy command", "Copy the command that does the same", 3, "Y"),
    Key("export", "escape", "back", "Back", "Back to the layers", 8, "Esc"),
    Key("settings", "enter", "choose", "Change", "Choose a value, or type a key", 1, "Enter"),
    Key("settings", "escape", "back", "Back", "Back to the layers", 8, "Esc"),
    Key("calibrate", "ctrl+r,f5", "start", "Start", "Start the calibration as a job of its own", 1, "F5"),
    Key("calibrate", "f8,x", "cancel_job", "Cancel job", "Ask the running job to stop", 2, "F8"),
    Key("calibrate", "f9,L,shift+l", "log", "Log", "The log of the job", 3, "F9"),
    Key("calibrate", "tab,down", "next_field", "Next field", "The next field", 0, "Tab"),
    Key("calibrate", "shift+tab,up", "previous_field", "Field before", "The field before", 0, "shift+Tab"),
    Key("calibrate", "escape", "back", "Back", "Back to the layers; the job goes on", 4, "Esc"),
    Key("form", "f5,ctrl+r", "submit", "Create", "Check the fields and make the session", 1, "F5"),
    Key("form", "tab,down", "next_field", "Next field", "The next field", 2, "Tab"),
    Key("form", "shift+tab,up", "previous_field", "Field before", "The field before", 0, "shift+Tab"),
    Key("form", "left,right", "none", "Change", "Another choice in a field of choices", 3, "left right"),
    Key("form", "f2", "pick", "Pick file", "Choose the file or folder of this field", 4, "F2"),
    Key("form", "escape", "back", "Back", "Leave without making anything", 5, "Esc"),
    Key("picker", "enter", "choose", "Choose", "Open the folder or take the file", 1, "Enter"),
    Key("picker", "t", "take", "Take folder", "Take the folder that is shown", 2),
    Key("picker", "backspace,left", "up_folder", "Above", "The folder above", 3, "Backspace"),
    Key("picker", "full_stop", "hidden", "Hidden files", "Show or hide hidden files", 4, "."),
    Key("picker", "slash", "filter", "Filter", "Show names that hold a text", 5, "/"),
    Key("picker", "escape", "back", "Back", "Leave without choosing", 6, "Esc"),
    Key("log", "r", "reload", "Read again", "Read the log again", 1),
    Key("log", "y", "copy", "Copy line", "Copy the line; the way is said: tmux, OSC 52 or a file", 2),
    Key("log", "escape", "back", "Back", "Back", 3, "Esc"),
    Key("help", "escape", "back", "Back", "Back", 1, "Esc"),
)

REPAIRS = tuple(f"layers.repair_{place}" for place in range(4))
"""The actions of the repairs, whose keys the detail names."""

KeyName = Callable[[str], str]
"""The key of an action, such as "layers.undo", for sentences that name it."""

SHOWN_ONLY = {"none"}
"""Actions that a widget below takes itself; they stand in help only."""

PLACED = ("layers", "flow", "search", "compare", "samples", "export", "settings")
"""Screens between which the digits lead."""

AT_ONCE = {"next_field", "previous_field"}
"""Done before the field sees the key: what is typed next, perhaps in the same packet, belongs to the new field."""

TABLES_OWN = {"choose"}
"""Actions of the table that is shown on a screen; the screen binds no key of its own to them."""

TYPED_IN = ("form", "search_form")
"""Screens where no key of ours is a letter: fields take them."""

RESERVED = (
    "ctrl+a",
    "ctrl+b",
    "ctrl+s",
    "ctrl+q",
    "ctrl+z",
    "ctrl+c",
    "ctrl+i",
    "ctrl+j",
    "ctrl+m",
    "escape",
    "enter",
)
"""Keys that multiplexers take, that a terminal cannot send apart, or that always mean the same (style 3)."""


def name_of(key: "Key") -> str:
    """How an action is called in the key map: "layers.turn"."""
    action = key.action.replace("('", "_").replace("')", "")
    return f"{key.area}.{action}{'.priority' if key.priority else ''}"


def rebindable() -> "dict[str, Key]":
    """Every action that may have another key, by its name."""
    return {
        name_of(key): key
        for key in KEYS
        if key.keys
        and not key.priority
        and key.action not in SHOWN_ONLY
        and key.action not in TABLES_OWN
        and key.action not in ("back", "quit", "suspend")
    }


def together(area: str, other: str) -> bool:
    """Whether the keys of two areas hold at the same time."""
    if area == other or "app" in (area, other):
        return True
    if "detail" in (area, other):
        return bool({area, other} & {"layers", "place"})
    if "table" in (area, other):
        return not {area, other} & {"form", "calibrate", "search_form", "picker"}
    return "place" in (area, other) and bool({area, other} & set(PLACED))


def clash(name: str, key: str, keys: "Mapping[str, str]") -> str:
    """Why a key cannot be given to an action, in a sentence; empty when it can. *keys*: what is changed already."""
    named = set(key_names(key))
    if not named:
        return f"{key!a} is no key; keys are x, X, ?, f7, ctrl+t, pageup and the like"
    if named.intersection(RESERVED):
        return f"{key!a} cannot be used: it means something to terminals or everywhere here"
    area = name.partition(".")[0]
    if area in TYPED_IN and len(key) == 1:
        return f"{key!a} would be typed into the fields; f7, ctrl+t and the like are free"
    fixed = {name_of(one): one for one in KEYS if one.action == "quit"}
    for other, one in (rebindable() | fixed).items():
        taken = key_names(keys[other]) if other in keys else one.keys.split(",")
        if other != name and together(one.area, area) and named.intersection(taken):
            return f"{key} is taken by {AREAS[one.area]}: {one.title}"
    return ""


def bindings(*areas: str) -> list[BindingType]:
    """Textual's bindings of some areas; each has an id, so that a key map can change it."""
    return [
        Binding(
            key.keys,
            key.action,
            key.title,
            show=bool(key.footer),
            id=name_of(key),
            priority=key.priority or key.action in AT_ONCE,
        )
        for key in KEYS
        if key.area in areas
        and key.action not in SHOWN_ONLY
        and (key.action not in TABLES_OWN or key.area in ("table", "picker"))
    ]


def as_set(keys: Iterable[Key], changed: Mapping[str, str]) -> list[Key]:
    """The keys as the user's settings have them; *changed*: by action, as typed."""
    return [
        replace(key, shown=changed[name_of(key)], in_fields="")
        if name_of(key) in changed
        else replace(key, shown=_places(changed))
        if key.area == "place" and not key.keys
        else key
        for key in keys
    ]


def _places(changed: Mapping[str, str]) -> str:
    """The keys of the session's screens: 1-7 as long as none has another."""
    keys = [changed.get(f"place.go_{place}", usual) for usual, place in enumerate(PLACED, 1)]
    return "1-7" if keys == [*range(1, 8)] else " ".join(map(str, keys))


def names_of(changed: Mapping[str, str]) -> KeyName:
    """What names the key of an action as the user's settings have it; *changed*: by action, as typed."""

    def name(action: str) -> str:
        (key,) = as_set((rebindable()[action],), changed)
        return key.first

    return name


USUAL = names_of({})
"""Keys as they are without any settings."""


def footer(*areas: str) -> list[Key]:
    """The keys that the footer names, in order."""
    return sorted((key for key in KEYS if key.area in areas and key.footer), key=lambda key: key.footer)


def actions(*areas: str) -> list[Key]:
    """What the palette offers in some areas; movement in tables is left out."""
    found = [
        key
        for key in KEYS
        if key.area in areas and key.area != "table" and not key.priority and key.action not in SHOWN_ONLY
    ]
    return sorted(found, key=lambda key: areas.index(key.area))


def elsewhere(*areas: str) -> list[Key]:
    """What the palette offers besides on a session's screen with *areas*: what the other screens do."""
    if "place" not in areas:
        return []
    others = [area for area in PLACED if area not in areas]
    return [key for key in actions(*others) if key.action not in {"back", *TABLES_OWN}]
