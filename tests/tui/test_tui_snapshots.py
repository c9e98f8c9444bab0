"""How every screen looks at 80x24 and 160x48, in the dark and the light theme, from stored sessions.

One workbench serves many pictures of a size. After a change that is meant: ``pytest tests/tui/test_tui_snapshots.py
--snapshot-update``, and look at what changed.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from looking import Eye, Stored, looking, stored_deck
from quantdeck.tui.insight import Insight, Repair
from quantdeck.tui.outlook import Outlook
from sample_session import CREATED, add_job, add_plans, add_search, layer_names, make_session
from syrupy.assertion import SnapshotAssertion

SIZES = pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
Size = tuple[int, int]
Looking = Callable[[Stored, Size], AbstractAsyncContextManager[Eye]]


@pytest.fixture
def look_at(snapshot: SnapshotAssertion, tmp_path: Path) -> Looking:
    """Opens an eye on a workbench."""
    return lambda app, size: looking(app, size, snapshot, tmp_path.with_name(f"{tmp_path.name}_differ"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the sessions lie; its name is as wide on every machine."""
    place = tmp_path / "sessions"
    place.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUANTDECK_CONFIG", "/home/user/workbench.toml")
    return Path("sessions")


@SIZES
async def test_layers(look_at: Looking, folder: Path, size: Size) -> None:
    async with look_at(stored_deck(make_session(folder / "mobilenet.qdeck"), folder), size) as eye:
        await eye.look("layers")
        await eye.look("help", "question_mark")
        await eye.look("palette", "escape", "colon", *"sort")
        await eye.look("detail", "escape", "down", "enter")
        if size[0] < 100:  # else the detail stands beside the table, and escape would leave the layers
            await eye.press("escape")
        await eye.look("worst", "w", "down", "down")
        await eye.look("filter", "slash", *"depth")


@SIZES
async def test_edits(look_at: Looking, folder: Path, size: Size) -> None:
    app = stored_deck(make_session(folder / "mobilenet.qdeck"), folder)
    async with look_at(app, size) as eye:
        await eye.press("m", "down", "m", "space")
        app.outlook = Outlook(2, "checking", 34.5, 33.25, 35.75, 0.99982, 0.99973, 0.99988)
        app.screen.draw_bars()  # type: ignore[attr-defined]
        await eye.look("edited")
        await eye.look("precision", "p")
        await eye.look("method", "escape", "t")
        await eye.look("typed", "escape", "equals_sign", *"2.5")


@SIZES
async def test_a_layer_explained(look_at: Looking, folder: Path, size: Size) -> None:
    session = make_session(folder / "mobilenet.qdeck")
    app = stored_deck(session, folder)
    async with look_at(app, size) as eye:
        await eye.press("down")
        app.outlook = explained(session)
        app.screen.show_outlook(Outlook())  # type: ignore[attr-defined]
        await eye.look("ranked", "b")
        await eye.look("why", *(("enter",) if size == (80, 24) else ("down",)), "up")
        await eye.look("why-below", "tab", "pagedown")
        await eye.look("flow-advice", "2")


def explained(session: Path) -> Outlook:
    """What the assessing process would tell of the stored session: the second layer is loud."""
    names = layer_names(session)
    repairs = (
        Repair(
            "run it in F16 with features.0/expand/Clip_output_0_Clip",
            "modes",
            "F16",
            (names[1], names[0]),
            2.9,
            0.7,
        ),
        Repair("run it in F16", "modes", "F16", (names[1],), 2.4, 0.7),
        Repair("threshold 4.25 by mse", "threshold", "mse", (names[1],), 0.6, row=(4.25, 0.0, 6.0)),
        Repair("correct its bias", "stage", "bias", (names[1],), 0.3, rough=True),
    )
    insight = Insight(
        plan=1,
        layer=names[1],
        channels=tuple(0.05 + (place * 37 % 96) / 40 for place in range(96)),
        samples=tuple((f"/data/imagenet/val_{n:04}.jpg", 0.98 + n / 1000, 14.0 + n) for n in range(8)),
        share=0.5,
        reasons=(
            "its widest output channel has 35 times the range of the median one",
            "99% of its own error comes from rounding its weights",
        ),
        repairs=repairs,
        complete=True,
    )
    return Outlook(
        plan=1,
        state="checked",
        cost=2.89e-4,
        ratio=1.0,
        shares={name: 1 / len(names) for name in names},
        gains={name: (2.4 if place == 1 else 0.1, 0.5) for place, name in enumerate(names)},
        outputs={name: 19.0 if place == 1 else 30.0 + place / 4 for place, name in enumerate(names)},
        proposals=(("12 blocks of the vit family", tuple(names[4:7])),),
        insight=insight,
    )


@SIZES
async def test_before_any_calibration(look_at: Looking, folder: Path, size: Size) -> None:
    session = make_session(folder / "fresh.qdeck", scored=False, title="digits")
    async with look_at(stored_deck(session, folder), size) as eye:
        await eye.look("fresh")


@SIZES
async def test_calibration_and_log(look_at: Looking, folder: Path, size: Size) -> None:
    session = make_session(folder / "mobilenet.qdeck")
    (folder / "job.log").write_text("checking samples\n1 of 100 skipped: a[/].png\ndone: 64 thresholds\n")
    add_job(session, heartbeat=4e9, log="sessions/job.log")
    async with look_at(stored_deck(session, folder), size) as eye:
        await eye.look("log", "L")
        await eye.look("calibration", "escape", "c")


@SIZES
async def test_sessions(look_at: Looking, folder: Path, size: Size, monkeypatch: pytest.MonkeyPatch) -> None:
    make_session(folder / "mobilenet.qdeck")
    make_session(folder / "fresh.qdeck", scored=False, title="[/0/conv]\x1b[31m")
    monkeypatch.setattr("quantdeck.tui.listing._changed", lambda path: CREATED)
    async with look_at(stored_deck(None, folder), size) as eye:
        await eye.look("sessions")
        await eye.look("delete", "D")


@SIZES
async def test_new_session(look_at: Looking, folder: Path, size: Size) -> None:
    (folder.absolute().parent / "net.onnx").write_bytes(bytes(1234))
    (folder.absolute().parent / "images").mkdir()
    async with look_at(stored_deck(None, folder), size) as eye:
        await eye.look("wrong", "n", "f5")
        from quantdeck.tui.screens.picker import Picker

        await eye.app.push_screen(Picker("model", Path(".")))
        await eye.look("picker")


@SIZES
async def test_places(look_at: Looking, folder: Path, size: Size) -> None:
    session = make_session(folder / "mobilenet.qdeck")
    add_plans(session)
    add_search(session)
    async with look_at(stored_deck(session, folder), size) as eye:
        for key, name in (
            ("2", "flow"),
            ("4", "compare"),
            ("5", "samples"),
            ("6", "export"),
            ("7", "settings"),
        ):
            await eye.look(name, key)
        await eye.look("search", "3")
        await eye.look("new search", "n")


@SIZES
async def test_a_ranking(look_at: Looking, folder: Path, size: Size) -> None:
    session = make_session(folder / "mobilenet.qdeck")
    add_search(session, state="done")
    async with look_at(stored_deck(session, folder), size) as eye:
        await eye.look("ranking", "3", "v")


@SIZES
@pytest.mark.parametrize("glyphs", ["block", "ascii"])
async def test_sixteen_colours_and_other_glyphs(
    look_at: Looking, folder: Path, size: Size, glyphs: str
) -> None:
    session = make_session(folder / "hostile.qdeck", hostile=True)
    async with look_at(stored_deck(session, folder, ansi=True, glyphs=glyphs), size) as eye:
        await eye.look("hostile", "down", themes=(eye.app.theme,))


@SIZES
async def test_too_small_a_terminal(look_at: Looking, folder: Path, size: Size) -> None:
    app = stored_deck(make_session(folder / "mobilenet.qdeck"), folder)
    async with look_at(app, (size[0] // 2, size[1] // 4)) as eye:
        await eye.look("small")
