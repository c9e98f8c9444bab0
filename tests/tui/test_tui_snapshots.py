"""How every screen looks at 80x24 and 160x48, from a stored session; one run in the terminal's own colours."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import quantdeck.tui
from quantdeck.tui.config import Config
from quantdeck.tui.feed import Feed
from quantdeck.tui.outlook import Outlook
from quantdeck.tui.reader import SessionReader
from quantdeck.tui.screens.layers import LayersScreen
from quantdeck.tui.workbench import Workbench
from sample_session import CREATED, add_job, add_plans, add_search, make_session
from textual.pilot import Pilot

SIZES = pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
Compare = Callable[..., bool]


class Stored(Workbench):
    """The workbench with a clock that stands still, and no look at the session after the first."""

    CSS_PATH = str(Path(quantdeck.tui.__file__).parent / "app.tcss")

    def clock(self) -> float:
        return CREATED + 7200

    def _look(self) -> None:
        pass


def stored_deck(path: Path | None, folder: Path, **options: object) -> Stored:
    feed = Feed(SessionReader(path)) if path else None
    options.setdefault("assess", False)
    return Stored(feed, folder=folder, **options)  # type: ignore[arg-type]


async def settled(pilot: Pilot[None], keys: tuple[str, ...]) -> None:
    """Press keys and wait until nothing is left to do; what follows a resting cursor is shown now, not timed."""
    await pilot.pause()
    for key in keys:
        await pilot.press(key)
        await pilot.pause()
    screen = pilot.app.screen
    if isinstance(screen, LayersScreen):
        screen._show_detail()
    for _ in range(3):
        await pilot.pause()


def after(*keys: str) -> Callable[[Pilot[None]], Awaitable[None]]:
    """What snap_compare runs before it looks."""
    return lambda pilot: settled(pilot, keys)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the snapshots' sessions lie; its name is as wide on every machine."""
    place = tmp_path / "sessions"
    place.mkdir()
    monkeypatch.chdir(tmp_path)
    return Path("sessions")


@SIZES
@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("layers", ()),
        ("worst", ("w", "down", "down")),
        ("detail", ("down", "enter")),
        ("filter", ("slash", *"depth")),
        ("help", ("question_mark",)),
        ("palette", ("colon", *"sort")),
    ],
)
def test_layers(
    snap_compare: Compare, folder: Path, size: tuple[int, int], name: str, keys: tuple[str, ...]
) -> None:
    app = stored_deck(make_session(folder / "mobilenet.qdeck"), folder)
    assert snap_compare(app, run_before=after(*keys), terminal_size=size)


@SIZES
def test_calibration(snap_compare: Compare, folder: Path, size: tuple[int, int]) -> None:
    session = make_session(folder / "mobilenet.qdeck")
    add_job(session, heartbeat=4e9)
    assert snap_compare(stored_deck(session, folder), run_before=after("c"), terminal_size=size)


@SIZES
def test_before_any_calibration(snap_compare: Compare, folder: Path, size: tuple[int, int]) -> None:
    session = make_session(folder / "fresh.qdeck", scored=False, title="digits")
    assert snap_compare(stored_deck(session, folder), run_before=after(), terminal_size=size)


@SIZES
def test_sessions(
    snap_compare: Compare, folder: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_session(folder / "mobilenet.qdeck")
    make_session(folder / "fresh.qdeck", scored=False, title="[/0/conv]\x1b[31m")
    monkeypatch.setattr("quantdeck.tui.listing._changed", lambda path: CREATED)
    assert snap_compare(stored_deck(None, folder), run_before=after(), terminal_size=size)


@SIZES
def test_new_session(snap_compare: Compare, folder: Path, size: tuple[int, int]) -> None:
    assert snap_compare(stored_deck(None, folder), run_before=after("n", "f5"), terminal_size=size)


@SIZES
def test_picker(snap_compare: Compare, folder: Path, size: tuple[int, int]) -> None:
    (folder.absolute().parent / "net.onnx").write_bytes(bytes(1234))
    (folder.absolute().parent / "images").mkdir()

    async def show(pilot: object) -> None:
        from quantdeck.tui.screens.picker import Picker

        app = pilot.app  # type: ignore[attr-defined]
        picker = Picker("model", Path("."))
        await app.push_screen(picker)
        await pilot.pause()  # type: ignore[attr-defined]

    assert snap_compare(stored_deck(None, folder), run_before=show, terminal_size=size)


@SIZES
def test_log(snap_compare: Compare, folder: Path, size: tuple[int, int]) -> None:
    session = make_session(folder / "mobilenet.qdeck")
    (folder / "job.log").write_text("checking samples\n1 of 100 skipped: a[/].png\ndone: 64 thresholds\n")
    add_job(session, state="done", log="sessions/job.log")
    assert snap_compare(stored_deck(session, folder), run_before=after("L"), terminal_size=size)


PLACES = {"flow": "2", "search": "3", "compare": "4", "samples": "5", "export": "6", "settings": "7"}


@SIZES
@pytest.mark.parametrize("place", PLACES)
def test_places(
    snap_compare: Compare, folder: Path, size: tuple[int, int], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUANTDECK_CONFIG", "/home/user/workbench.toml")
    session = make_session(folder / "mobilenet.qdeck")
    add_plans(session)
    add_search(session)
    assert snap_compare(stored_deck(session, folder), run_before=after(PLACES[place]), terminal_size=size)


@SIZES
def test_marked_edited_and_predicted(snap_compare: Compare, folder: Path, size: tuple[int, int]) -> None:
    session = make_session(folder / "mobilenet.qdeck")
    app = stored_deck(session, folder)

    async def show(pilot: Pilot[None]) -> None:
        await settled(pilot, ("m", "down", "m", "space"))
        app.outlook = Outlook(2, "checking", 34.5, 33.25, 35.75)
        app.screen.draw_bars()  # type: ignore[attr-defined]
        await settled(pilot, ("p",))

    assert snap_compare(app, run_before=show, terminal_size=size)


@SIZES
def test_new_search(snap_compare: Compare, folder: Path, size: tuple[int, int]) -> None:
    session = make_session(folder / "mobilenet.qdeck")
    assert snap_compare(stored_deck(session, folder), run_before=after("3", "n"), terminal_size=size)


def test_a_light_theme(snap_compare: Compare, folder: Path) -> None:
    app = stored_deck(make_session(folder / "mobilenet.qdeck"), folder, config=Config(theme="light"))
    assert snap_compare(app, run_before=after("w"), terminal_size=(160, 48))


@pytest.mark.parametrize("glyphs", ["block", "ascii"])
def test_sixteen_colours_and_other_glyphs(snap_compare: Compare, folder: Path, glyphs: str) -> None:
    session = make_session(folder / "hostile.qdeck", hostile=True)
    app = stored_deck(session, folder, ansi=True, glyphs=glyphs)
    assert snap_compare(app, run_before=after("down"), terminal_size=(160, 48))
