"""Sentences name the keys as the user has set them: with every key changed, the old ones are named nowhere."""

import re
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from decks import MakeDeck
from quantdeck.tui.config import Config
from quantdeck.tui.insight import Insight, Repair
from quantdeck.tui.keys import KEYS, clash, name_of, rebindable
from quantdeck.tui.outlook import Outlook
from quantdeck.tui.screens.help import help_rows
from quantdeck.tui.screens.palette import palette_rows
from quantdeck.tui.screens.picker import Picker
from quantdeck.tui.widgets.detail import DetailPane
from quantdeck.tui.widgets.form import FormRow
from quantdeck.tui.widgets.line_table import LineTable
from quantdeck.tui.widgets.painted import Lines
from quantdeck.tui.workbench import Workbench
from sample_session import add_job, add_plans, add_search, layer_names, make_session
from test_tui_layers import L, press
from textual.pilot import Pilot

NEW = {name: f"f{13 + place % 12}" for place, name in enumerate(rebindable())}
ALL_NEW = Config(keys=NEW)
MOVING = {"up", "down", "left", "right", "Home", "End", "Enter"}  # words; and Enter opens whatever else does
LONG = {key.first for key in rebindable().values() if len(key.first) > 1} - MOVING
SHORT = {key.first for key in rebindable().values() if key.first.isalpha() and len(key.first) == 1} - {"a"}
NAMED = re.compile(
    rf"(?<![\w/.+'-])(?:{'|'.join(map(re.escape, LONG))})(?!\w)"  # F5, Space
    rf"|(?<![\w/.+'-])(?:{'|'.join(SHORT)}) (?:log\b|[a-z]+s\b)"  # u undoes, L log
    rf"|\((?:{'|'.join(SHORT)})[,)]"  # calibrate (c)
    rf"|(?:, then|\bwith|[A-Z][a-z]+,) (?:{'|'.join(SHORT | {'a'})})(?: in the layers|[,)])"  # (Layers, b, then a)
)
"""A usual key within a sentence. (The article a is no key.)"""


def texts(app: Workbench) -> list[str]:
    """All sentences of the screen that is shown."""
    screen = app.screen
    found = [line.text for line in screen.query(Lines)]
    found += [table.empty for table in screen.query(LineTable)]
    found += [row.said for row in screen.query(FormRow)]
    for pane in screen.query(DetailPane):
        found += [pane.text, pane.render_line(0).text]
    return found


class Walk:
    """Goes from screen to screen by actions, and keeps which sentences name a usual key."""

    def __init__(self, pilot: Pilot[None], app: Workbench) -> None:
        self.pilot, self.app = pilot, app
        self.wrong: set[str] = set()
        self.seen = ""

    async def do(self, *actions: str) -> None:
        """Run actions of the screen that is shown; look after each."""
        for action in actions:
            await self.app.run_action(action, default_namespace=self.app.screen)
            await self.pilot.pause()
            await self.look()

    async def look(self) -> None:
        await self.pilot.pause()
        for text in texts(self.app):
            self.seen += text + "\n"
            self.wrong |= {line for line in text.splitlines() if NAMED.search(line)}


def test_what_is_looked_for_would_find_them() -> None:
    for text in (
        "stale: e scores it",
        "has died (L log)",
        "calibrate (c)",
        "F5 starts",
        "x; u undoes",
        "mend it (Layers, b, then a)",
        "with F in the layers",
        " Tab: 3",
    ):
        assert NAMED.search(text), text
    for text in ("a class each", "F16 with 3", "30 samples; 0: all", "on a session", "4 of 64"):
        assert not NAMED.search(text), text


def test_help_and_actions_name_no_other_key_beside_the_one_that_is_set() -> None:
    rows = [(key, detail) for key, _, detail in help_rows(("place", "layers"), NEW)]
    rows += [(key, detail) for _, key, detail, _ in palette_rows(("place", "layers"), NEW)]
    usual = [key for key in KEYS if name_of(key) in NEW]
    assert {key for key, _ in rows if key} & set(NEW.values())
    assert not {key.display for key in usual if len(key.display) > 1} & {key for key, _ in rows} - {"Enter"}
    fixed = "clears to the left"  # keys of a line of text
    assert not [detail for _, detail in rows if NAMED.search(detail) and fixed not in detail]


async def layers_and_edits(walk: Walk, path: Path) -> None:
    view = walk.app.view
    assert view is not None
    first = layer_names(path)[0]
    repairs = tuple(Repair(f"way {place}", "modes", "F16", (first,), 2.0) for place in range(4))
    walk.app.outlook = Outlook(view.plan, insight=Insight(view.plan or 0, first, repairs=repairs))
    walk.app.screen._show_detail()  # type: ignore[attr-defined]
    await walk.look()
    assert all(f" {NEW[f'layers.repair_{place}']} way" in walk.seen for place in range(4))
    await walk.do("turn", "undo", "redo", "mark", "mark_range", "evaluate", "repair('3')", "copy")
    assert f"{NEW['layers.evaluate']} scores it" in walk.seen
    assert f"{NEW['layers.undo']} undoes" in walk.seen


async def other_screens(walk: Walk, path: Path) -> None:
    for place in ("flow", "search", "compare", "samples", "export", "settings"):
        await walk.do(f"go('{place}')")
        extra = {
            "samples": ("search", "write", "mark", "failed"),
            "compare": ("view",),
            "search": ("axis", "ranking"),
        }
        await walk.do(*extra.get(place, ()))
    await walk.do("help", "back", "go('flow')")
    for _ in walk.app.screen.query_one(LineTable).model.order:
        await press(walk.pilot, "down")
        await walk.look()
    walk.app.show_search_form()
    await walk.look()
    await walk.do("pick", "submit", "back")


async def advised(walk: Walk, path: Path) -> None:
    names = layer_names(path)
    view = walk.app.view
    assert view is not None
    for loud in (names[:1], names[:4]):
        outputs = {name: 10.0 if name in loud else 60.0 for name in names}
        walk.app.outlook = Outlook(view.plan, outputs=outputs)
        await walk.do("go('flow')", "go('layers')")
    assert f"(Layers, {NEW['layers.best']}, then {NEW['layers.repair_0']})" in walk.seen
    assert f"with {NEW['layers.region']} in the layers" in walk.seen


async def forms(walk: Walk, path: Path) -> None:
    walk.app.show_calibrate()
    await walk.look()
    await walk.do("start", "cancel_job", "back", "back")
    await walk.do("new", "submit")
    assert f"{NEW['form.pick']} chooses" in walk.seen
    for folders in (True, False):
        walk.app.push_screen(Picker("files", path.parent, folders=folders))
        await walk.look()
        await walk.do("back")


async def nothing_yet(walk: Walk, path: Path) -> None:
    assert f"calibrate ({NEW['layers.calibrate']})" in walk.seen
    await walk.do("turn", "method", "threshold")


def uncalibrated(path: Path) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE state SET current_plan = NULL")
        connection.execute("UPDATE tensor SET histogram = NULL")


STATES: dict[str, tuple[Callable[[Path], object], Callable[[Walk, Path], Awaitable[None]]]] = {
    "edits": (lambda path: None, layers_and_edits),
    "advice": (lambda path: None, advised),
    "places": (lambda path: (add_plans(path), add_search(path, state="done")), other_screens),
    "no search": (lambda path: None, other_screens),
    "a search that died": (lambda path: add_search(path, state="running"), other_screens),
    "a job at work": (lambda path: add_job(path, heartbeat=4e9), other_screens),
    "a job that died": (lambda path: add_job(path, heartbeat=1.0), other_screens),
    "a job that failed": (lambda path: add_job(path, state="failed"), other_screens),
    "forms": (lambda path: None, forms),
    "forms beside a job": (lambda path: add_job(path, heartbeat=4e9), forms),
    "no calibration": (uncalibrated, nothing_yet),
}


@pytest.mark.parametrize("state", STATES)
async def test_no_screen_names_a_key_that_was_changed(tmp_path: Path, deck: MakeDeck, state: str) -> None:
    path = make_session(tmp_path / "mobilenet.qdeck")
    prepare, walk_through = STATES[state]
    prepare(path)
    app = deck(path, config=ALL_NEW)
    async with app.run_test(size=L) as pilot:
        walk = Walk(pilot, app)
        await walk.look()
        await walk_through(walk, path)
    assert not walk.wrong


async def test_without_a_session_too(tmp_path: Path, deck: MakeDeck) -> None:
    app = deck(folder=tmp_path, config=ALL_NEW)
    async with app.run_test(size=L) as pilot:
        walk = Walk(pilot, app)
        await walk.look()
    assert f"{NEW['start.new']} makes one" in walk.seen
    assert not walk.wrong


async def test_the_session_screens_are_named_by_their_own_keys(stored: Path, deck: MakeDeck) -> None:
    for changed, named in (({}, "1-7 Screens"), ({"place.go_search": "f9"}, "1 2 f9 4 5 6 7 Screens")):
        app = deck(stored, config=Config(keys=changed))
        async with app.run_test(size=L):
            assert named in "\n".join(texts(app))


def test_an_action_of_a_form_gets_no_key_that_its_fields_take() -> None:
    assert "typed into the fields" in clash("form.submit", "x", {})
    assert not clash("form.submit", "f7", {})
