"""Looks at screens of the workbench and compares them with the pictures that were kept."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import quantdeck.tui
from pytest_textual_snapshot import SVGImageExtension
from quantdeck.tui.feed import Feed
from quantdeck.tui.reader import SessionReader
from quantdeck.tui.screens.layers import LayersScreen
from quantdeck.tui.theme import DARK, LIGHT
from quantdeck.tui.workbench import Workbench
from sample_session import CREATED
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

THEMES = {"dark": DARK.name, "light": LIGHT.name}


class Stored(Workbench):
    """The workbench with a clock that stands still, and no look at the session after the first."""

    CSS_PATH = str(Path(quantdeck.tui.__file__).parent / "app.tcss")

    def clock(self) -> float:
        return CREATED + 7200

    def _look(self) -> None:
        pass


def stored_deck(path: Path | None, folder: Path, **options: object) -> Stored:
    """A workbench on a stored session, or on the list of sessions of *folder*."""
    feed = Feed(SessionReader(path)) if path else None
    options.setdefault("assess", False)
    return Stored(feed, folder=folder, **options)  # type: ignore[arg-type]


class Eye:
    """Presses keys in one running workbench and takes a picture of what stands there, in every theme."""

    def __init__(self, pilot: Pilot[None], kept: SnapshotAssertion, failed: Path) -> None:
        self.pilot, self._kept, self._failed = pilot, kept, failed
        self.app = pilot.app
        self.wrong: list[str] = []

    async def press(self, *keys: str) -> None:
        """Press keys and wait until nothing is left to do; what follows a resting cursor is shown now, not timed."""
        for key in keys:
            await self.pilot.press(key)
            await self.pilot.pause()
        screen = self.app.screen
        if isinstance(screen, LayersScreen):
            screen._show_detail()
        await self.settle()

    async def settle(self) -> None:
        """Wait until nothing is left to do."""
        for _ in range(3):
            await self.pilot.pause()

    async def look(self, name: str, *keys: str, themes: tuple[str, ...] = tuple(THEMES)) -> None:
        """Compare the screen after *keys* with the kept pictures *name*-dark and *name*-light."""
        await self.press(*keys)
        before = self.app.theme
        for theme in themes:
            if THEMES.get(theme, theme) != self.app.theme:
                self.app.theme = THEMES.get(theme, theme)
                await self.settle()
            picture = self.app.export_screenshot(title=self.app.title, simplify=True)
            if self._kept(name=f"{name}-{theme}", extension_class=SVGImageExtension) != picture:
                self._failed.mkdir(exist_ok=True)
                new = self._failed / f"{name}-{theme}.svg"
                new.write_text(picture)
                self.wrong.append(str(new))
        self.app.theme = before


@asynccontextmanager
async def looking(
    app: Stored, size: tuple[int, int], kept: SnapshotAssertion, failed: Path
) -> AsyncIterator[Eye]:
    """Run *app* at *size*; at the end every picture that differs is named (the new ones lie in *failed*).

    ``pytest --snapshot-update`` keeps the new ones.
    """
    async with app.run_test(size=size) as pilot:
        eye = Eye(pilot, kept, failed)
        yield eye
    assert not eye.wrong, f"these differ from the kept ones: {', '.join(eye.wrong)}"
