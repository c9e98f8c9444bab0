"""Makes docs/pictures: every screen of the workbench on the embedded example, worked on for it (``make pictures``).

A picture is the screen itself, exported as SVG; fonts are the reader's own, nothing is loaded from afar.
"""

import asyncio
import os
import re
import tempfile
from pathlib import Path

os.environ["TEXTUAL_ANIMATIONS"] = "none"

from quantdeck.sessions.jobs import add_job
from quantdeck.sessions.report import Silent
from quantdeck.sessions.store import open_session
from quantdeck.sessions.worker import run_job
from quantdeck.tui.feed import Feed
from quantdeck.tui.reader import SessionReader
from quantdeck.tui.search_form import search_fields, search_spec
from quantdeck.tui.widgets.line_table import LineTable
from quantdeck.tui.widgets.painted import Lines
from quantdeck.tui.workbench import Workbench

from quantdeck.demo import run_demo

FOLDER = Path(__file__).parent / "pictures"
ROOT = FOLDER.parents[1].resolve()
NEUTRAL = "/" + "quantdeck".ljust(len(str(ROOT)) - 1, "-")[: len(str(ROOT)) - 1]
SIZE = (142, 40)  # columns, rows: table and detail stand beside each other
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
GAINS, SCORE = "until the gains are predicted", "until the plan is scored"
WHY, COST = "until the layer is explained", "until both plans' times are predicted"
WAITS = (GAINS, SCORE, WHY, COST)
PICTURES = {
    "workbench": ("b", GAINS, "down", WHY),
    "edit": ("b", GAINS, "m", "m", "m", "space", SCORE),
    "precision": ("w", "m", "m", "m", "p"),
    "method": ("w", "t"),
    "flow": ("2", "down", "down", "down", "down", "down"),
    "search": ("3",),
    "ranking": ("3", "v"),
    "compare": ("4", COST),
    "samples": ("5",),
    "export": ("6",),
    "settings": ("7",),
    "calibrate": ("c",),
    "help": ("question_mark",),
    "palette": ("colon",),
}
"""The keys that lead to each picture from the layers."""


async def screen(session: Path | None, folder: Path, keys: tuple[str, ...]) -> str:
    """The workbench's screen on a session after some keys, as SVG."""
    feed = Feed(SessionReader(session)) if session is not None else None
    app = Workbench(feed, folder=folder, assess=any(key in WAITS for key in keys))
    async with app.run_test(size=SIZE) as pilot:
        for key in keys:
            if key in WAITS:
                while not done(app, key):
                    await pilot.pause(0.1)
            else:
                await pilot.press(key)
        await pilot.pause(0.5)  # the detail follows when the cursor rests
        return app.export_screenshot(title="quantdeck")


def done(app: Workbench, wanted: str) -> bool:
    """Whether the process beside the screen has told what is waited for."""
    outlook = app.outlook
    if wanted == GAINS:
        return bool(outlook.gains)
    if wanted == SCORE:
        return outlook.state == "checked"
    if wanted == COST:
        return all(" us" in line for line in app.screen.query_one("#scores", Lines).text.splitlines()[1:3])
    table = app.screen.query_one("#layers", LineTable)
    layer = table.model.value(table.row, "name") if table.row is not None else None
    return (
        outlook.insight is not None and outlook.insight.layer == layer and outlook.insight.samples is not None
    )


def own_fonts(svg: str) -> str:
    """The picture without the addresses of fonts and without the place of this checkout.

    Fonts get names that every system has; the place is written over in its own length, so that nothing moves.
    """
    svg = svg.replace(str(ROOT), NEUTRAL)
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return re.sub(r"font-family: [^;]*Fira Code[^;]*;", f"font-family: {FONTS};", svg)


def worked_on(folder: Path) -> Path:
    """The example's session with a search."""
    session = run_demo(folder, Silent()).session
    values = {field.key: field.value for field in search_fields("search_qtable")}
    spec, title = search_spec(session, {**values, "expected_cos": "0.9999985", "strategy": "pareto"})
    with open_session(session) as opened, (folder / "log").open("w") as log:
        run_job(opened, add_job(opened, "search", spec, title), log)
    return session


def main() -> None:
    """Work on the example in a folder that is thrown away, and write the pictures."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "sessions"
        folder.mkdir()
        session = worked_on(folder)
        os.environ["QUANTDECK_CONFIG"] = "/home/you/.config/quantdeck/workbench.toml"
        os.chdir(folder)
        here = Path(session.name)
        for picture, keys in PICTURES.items():
            svg = asyncio.run(screen(here, Path("."), keys))
            (FOLDER / f"{picture}.svg").write_text(own_fonts(svg), "utf-8")
        for picture, keys in {"sessions": (), "new_session": ("n",)}.items():
            svg = asyncio.run(screen(None, Path("."), keys))
            (FOLDER / f"{picture}.svg").write_text(own_fonts(svg), "utf-8")


if __name__ == "__main__":
    main()
