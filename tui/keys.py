"""Every key of the workbench in one table: screens, footer, help and palette are made from it."""

from dataclasses import dataclass

from textual.binding import Binding, BindingType


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


AREAS = {
    "app": "Everywhere",
    "table": "In every table",
    "start": "Sessions",
    "layers": "Layers",
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
        "?",
        in_fields="F1",
    ),
    Key(
        "app",
        "colon,ctrl+p",
        "palette",
        "Actions",
        "Find any action by its name and run it",
        91,
        ":",
        in_fields="ctrl+p",
    ),
    Key("app", "ctrl+l", "redraw", "Redraw", "Paint the screen again", 0),
    Key("app", "q,ctrl+q", "quit", "Quit", "Leave; a running job goes on", 99, "q", in_fields="ctrl+q"),
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
    Key("start", "y", "copy", "Copy path", "Copy the session's path (OSC 52)", 0),
    Key("layers", "enter", "detail", "Detail", "Show or hide the layer's detail", 1, "Enter"),
    Key(
        "layers",
        "slash",
        "filter",
        "Filter",
        "Layers whose name or op holds a text; op:Conv: the op",
        2,
        "/",
    ),
    Key("layers", "f", "find", "Find", "Jump to the next layer whose name holds a text", 4),
    Key(
        "layers",
        "space",
        "toggle",
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
    Key("layers", "w", "worst", "Worst first", "Sort by accumulated SQNR, worst first", 0),
    Key("layers", "i", "in_order", "In order", "The order of the graph", 0),
    Key("layers", "c", "calibrate", "Calibrate", "Calibrate with a method and watch the job", 5),
    Key("layers", "e", "evaluate", "Evaluate", "Run the current plan over the samples and score it", 6),
    Key("layers", "y", "copy", "Copy name", "Copy the layer's visible name (OSC 52)", 0),
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
    Key("calibrate", "ctrl+r,f5", "start", "Start", "Start the calibration as a job of its own", 1, "F5"),
    Key("calibrate", "f8,x", "cancel_job", "Cancel job", "Ask the running job to stop", 2, "F8"),
    Key("calibrate", "f9,L,shift+l", "log", "Log", "The log of the job", 3, "F9"),
    Key("calibrate", "escape", "back", "Back", "Back to the layers; the job goes on", 4, "Esc"),
    Key("form", "f5,ctrl+r", "submit", "Create", "Check the fields and make the session", 1, "F5"),
    Key("form", "tab,down", "next_field", "Next field", "The next field", 2, "Tab"),
    Key("form", "shift+tab,up", "previous_field", "Field before", "The field before", 0, "shift+Tab"),
    Key("form", "left,right", "none", "Change", "Another choice in a field of choices", 3, "left right"),
    Key("form", "f2", "pick", "Pick file", "Choose the file or folder of this field", 4, "F2"),
    Key("form", "escape", "back", "Back", "Leave without making anything", 5, "Esc"),
    Key("picker", "enter", "choose", "Choose", "Open the folder or take the file", 1, "Enter"),
    Key("picker", "t", "take", "Take folder", "Take the folder that is shown", 2),
    Key("picker", "backspace,left", "up_folder", "Folder above", "The folder above", 3, "Backspace"),
    Key("picker", "full_stop", "hidden", "Hidden files", "Show or hide hidden files", 4, "."),
    Key("picker", "slash", "filter", "Filter", "Show names that hold a text", 5, "/"),
    Key("picker", "escape", "back", "Back", "Leave without choosing", 6, "Esc"),
    Key("log", "r", "reload", "Read again", "Read the log again", 1),
    Key("log", "y", "copy", "Copy line", "Copy the line (OSC 52)", 2),
    Key("log", "escape", "back", "Back", "Back", 3, "Esc"),
    Key("help", "escape", "back", "Back", "Back", 1, "Esc"),
)

SHOWN_ONLY = {"none"}
"""Actions that a widget below takes itself; they stand in help only."""


def bindings(*areas: str) -> list[BindingType]:
    """Textual's bindings of some areas; each has an id, so that a key map can change it."""
    return [
        Binding(
            key.keys,
            key.action,
            key.title,
            show=bool(key.footer),
            id=f"{key.area}.{key.action}{'.priority' if key.priority else ''}",
            priority=key.priority,
        )
        for key in KEYS
        if key.area in areas and key.action not in SHOWN_ONLY
    ]


def footer(*areas: str) -> list[Key]:
    """The keys that the footer names, in order."""
    return sorted((key for key in KEYS if key.area in areas and key.footer), key=lambda key: key.footer)


def actions(*areas: str) -> list[Key]:
    """What the palette offers in some areas; movement in tables is left out."""
    found = [key for key in KEYS if key.area in areas and key.area != "table" and not key.priority]
    return sorted(found, key=lambda key: areas.index(key.area))
