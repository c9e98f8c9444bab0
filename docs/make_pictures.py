"""Makes docs/pictures: the workbench on the embedded example, calibrated for the purpose (``make pictures``).

The picture is the screen itself, exported as SVG; fonts are the reader's own, nothing is loaded from afar.
"""

import asyncio
import os
import re
import tempfile
from pathlib import Path

os.environ["TEXTUAL_ANIMATIONS"] = "none"

from quantdeck.sessions.report import Silent
from quantdeck.tui.feed import Feed
from quantdeck.tui.reader import SessionReader
from quantdeck.tui.workbench import Workbench

from quantdeck.demo import run_demo

FOLDER = Path(__file__).parent / "pictures"
SIZE = (142, 40)  # columns, rows: table and detail stand below each other
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


async def screen(session: Path, keys: tuple[str, ...]) -> str:
    """The workbench's screen on a session after some keys, as SVG."""
    app = Workbench(Feed(SessionReader(session)), folder=session.parent)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press(*keys)
        await pilot.pause(0.5)  # the detail follows when the cursor rests
        return app.export_screenshot(title="quantdeck")


def own_fonts(svg: str) -> str:
    """The picture without the addresses of fonts, and with names that every system has."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return re.sub(r"font-family: [^;]*Fira Code[^;]*;", f"font-family: {FONTS};", svg)


def main() -> None:
    """Calibrate the example in a folder that is thrown away, and write the pictures."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        session = run_demo(Path(folder), Silent()).session
        svg = asyncio.run(screen(session, ("w", "down", "down")))
    (FOLDER / "workbench.svg").write_text(own_fonts(svg), "utf-8")


if __name__ == "__main__":
    main()
