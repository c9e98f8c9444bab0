"""Forms, help, palette and the list of sessions, driven by keys; what is asked of sessions is recorded."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from decks import MakeDeck
from quantdeck.engine.errors import QuantdeckError
from quantdeck.tui import workbench
from quantdeck.tui.keys import KEYS
from quantdeck.tui.screens.calibrate import CalibrateScreen
from quantdeck.tui.screens.help import HelpScreen
from quantdeck.tui.screens.layers import LayersScreen
from quantdeck.tui.screens.new_session import NewSessionScreen
from quantdeck.tui.screens.palette import Palette
from quantdeck.tui.screens.picker import Picker
from quantdeck.tui.screens.start import StartScreen, age
from quantdeck.tui.session_form import SessionRequest, check_session, session_request
from quantdeck.tui.widgets.form import Form
from quantdeck.tui.widgets.line_table import LineTable
from quantdeck.tui.widgets.painted import Lines
from quantdeck.tui.workbench import Workbench
from resting import settle, until
from sample_session import add_job, make_session, set_job
from textual.pilot import Pilot

S = (80, 24)


def form(app: Workbench) -> Form:
    return app.screen.query_one(Form)


def said(app: Workbench, name: str = "status") -> str:
    return app.screen.query_one(f"#{name}", Lines).text


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model, samples and a file that is neither; no preview is made while the test goes on."""
    monkeypatch.setattr("quantdeck.tui.screens.new_session.REST", 3600.0)
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "net.onnx").write_bytes(b"model")
    (tmp_path / "nets" / "notes.txt").write_text("no")
    (tmp_path / "images").mkdir()
    return tmp_path


async def test_errors_stand_beside_their_fields_and_the_first_is_focused(place: Path, deck: MakeDeck) -> None:
    app = deck(folder=place / "sessions")
    async with app.run_test(size=S) as pilot:
        await press(pilot, "n")
        assert isinstance(app.screen, NewSessionScreen)
        form(app).set_value("dataset", str(place / "nowhere"))
        form(app).set_value("input_num", "many")
        form(app).set_value("mean", "1;2;3")
        await press(pilot, "f5")
        assert "! which file?" in form(app).row("model").said
        assert "! there is no such folder" in form(app).row("dataset").said
        assert "! a whole number" in form(app).row("input_num").said
        assert "! numbers and commas" in form(app).row("mean").said
        assert form(app).row("scale").said.startswith("one value")
        assert form(app).row("model").control.has_focus
        assert "4 to mend: model, samples, number of samples, mean" in said(app)
        form(app).set_value("model", str(place / "nets" / "net.onnx"))
        await press(pilot, "f5")
        assert "!" not in form(app).row("model").said
        assert form(app).row("dataset").control.has_focus


@pytest.mark.parametrize("text", ["nan,0,0", "1,inf,1", "1,,1"])
async def test_what_is_no_finite_number_is_marked_at_its_field(
    place: Path, deck: MakeDeck, text: str
) -> None:
    app = deck(model=place / "nets" / "net.onnx", folder=place / "sessions")
    async with app.run_test(size=S) as pilot:
        form(app).set_value("scale", text)
        await press(pilot, "f5")
        assert "! numbers and commas" in form(app).row("scale").said


async def test_what_is_to_be_mended_is_said_until_it_is(place: Path, deck: MakeDeck) -> None:
    app = deck(model=place / "nets" / "net.onnx", folder=place / "sessions")
    async with app.run_test(size=S) as pilot:
        form(app).set_value("mean", "0,0,0")
        await press(pilot, "f5")
        assert "2 to mend: samples, pixel format" in said(app)
        form(app).set_value("dataset", str(place / "images"))
        app.screen._look()  # type: ignore[attr-defined] - the typing rests
        assert "to mend" in said(app)
        form(app).set_value("pixel_format", "rgb")
        app.screen._look()  # type: ignore[attr-defined]
        assert said(app).strip() == ""


async def test_a_long_path_is_seen_whole_where_there_is_room(place: Path, deck: MakeDeck) -> None:
    app = deck(model=place / "nets" / "net.onnx", folder=place / "sessions")
    async with app.run_test(size=(110, 24)):
        assert form(app).row("model").control.size.width > 50
    async with deck(model=place / "nets" / "net.onnx").run_test(size=S) as pilot:
        row = form(pilot.app).row("model")  # type: ignore[arg-type]
        assert row.control.size.width == 24


async def test_typing_takes_the_place_of_a_number_that_the_form_came_with(
    place: Path, deck: MakeDeck
) -> None:
    """Of a path it goes on, and so does what is typed after the cursor was moved."""
    app = deck(folder=place / "sessions")
    async with app.run_test(size=S) as pilot:
        await press(pilot, "n", "/", "a", "tab", "shift+tab", "b", *["tab"] * 5, "3", "2")
        assert (form(app).values()["model"], form(app).values()["input_num"]) == ("/ab", "32")
        await press(pilot, "tab", "end", "0")
        assert form(app).values()["tune_num"] == "50"


@pytest.fixture
def here(place: Path, deck: MakeDeck, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """A workbench that was started where the inputs lie."""
    monkeypatch.chdir(place)
    return deck(folder=place / "sessions")


async def test_the_pickers_fill_the_fields(place: Path, here: Workbench) -> None:
    app = here
    async with app.run_test(size=S) as pilot:
        await press(pilot, "n", "f2")
        assert isinstance(app.screen, Picker)
        files = app.screen.query_one("#files", LineTable)
        await press(pilot, "slash", *"nets", "enter", "enter")
        assert [files.model.value(row, "name") for row in files.model.order] == ["net.onnx"]
        await press(pilot, "backspace")
        assert files.model.value(files.model.order[files.cursor], "name") == "nets"
        await press(pilot, "enter", "enter")
        assert form(app).values()["model"] == str(place / "nets" / "net.onnx")
        assert form(app).values()["title"] == "net"
        form(app).row("dataset").control.focus()
        await press(pilot, "f2", "g", "enter", "t")
        assert form(app).values()["dataset"] == str(place / "images")
        await press(pilot, "f2", "escape")
        assert form(app).values()["dataset"] == str(place / "images")


async def test_the_picker_has_help_and_names_only_the_keys_that_hold(here: Workbench) -> None:
    app = here
    async with app.run_test(size=S) as pilot:
        await press(pilot, "n", "f2")
        assert "Take folder" not in said(app, "footer")  # a file is wanted
        for key in ("question_mark", "f1"):
            await press(pilot, key)
            assert isinstance(app.screen, HelpScreen)
            titles = app.screen.query_one(LineTable).model.values["title"]
            assert "FILE PICKER" in titles[:20]
            await press(pilot, "escape")
            assert isinstance(app.screen, Picker)
        await press(pilot, "escape")
        form(app).row("dataset").control.focus()
        await press(pilot, "f2")
        assert "Take folder" in said(app, "footer")
        await pilot.resize_terminal(120, 40)
        assert "? Help" in said(app, "footer")


async def test_a_new_session_is_made_opened_and_calibrated(
    place: Path, deck: MakeDeck, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[SessionRequest] = []
    jobs: list[tuple[str, Mapping[str, object]]] = []

    def create(folder: Path, request: SessionRequest) -> Path:
        asked.append(request)
        folder.mkdir()
        return make_session(folder / "net.qdeck", scored=False, title=request.title)

    def start(path: Path, kind: str, spec: Mapping[str, object]) -> int:
        jobs.append((kind, spec))
        return add_job(path, heartbeat=4e9)

    monkeypatch.setattr(workbench, "create", create)
    monkeypatch.setattr(workbench, "start", start)
    app = deck(model=place / "nets" / "net.onnx", folder=place / "sessions")
    async with app.run_test(size=S) as pilot:
        assert form(app).row("dataset").control.has_focus
        form(app).set_value("dataset", str(place / "images"))
        form(app).row("method").control.focus()
        await press(pilot, "right", "tab", *["backspace"] * 3, *"20", "f5")
        await settle(pilot)
        assert asked[0].method == "mse"
        assert (asked[0].input_num, asked[0].title, dict(asked[0].preprocess)) == (20, "net", {})
        assert jobs == [("calibrate", {"method": "mse", "input_num": 20, "tune_num": 5})]
        assert isinstance(app.screen, CalibrateScreen)
        app._look()
        await pilot.pause()
        assert "34 of 100" in said(app, "progress")
        await press(pilot, "escape")
        assert isinstance(app.screen, LayersScreen)


def refuse(monkeypatch: pytest.MonkeyPatch, sentence: str) -> None:
    """Have the engine say this of the model."""

    def create(folder: Path, request: SessionRequest) -> Path:
        raise QuantdeckError(f"{request.model} {sentence}")

    monkeypatch.setattr(workbench, "create", create)


async def submit(app: Workbench, pilot: Pilot[None], place: Path) -> None:
    """Fill in what is missing, and send the form."""
    form(app).set_value("dataset", str(place / "images"))
    await press(pilot, "f5")
    await settle(pilot)


async def test_what_the_engine_refuses_is_marked_at_its_field(
    place: Path, deck: MakeDeck, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, "is not an ONNX model, or it is cut off [/]")
    app = deck(model=place / "nets" / "net.onnx", folder=place / "sessions")
    async with app.run_test(size=S) as pilot:
        await submit(app, pilot, place)
        wrong = "! is not an ONNX model, or it is cut off [/]"
        assert form(app).row("model").said == wrong
        assert said(app).strip() == "1 to mend: model"
        app.screen._look()  # type: ignore[attr-defined] - the typing before F5 rests now
        assert form(app).row("model").said == wrong
        (place / "nets" / "other.onnx").write_bytes(b"model")
        form(app).set_value("model", str(place / "nets" / "other.onnx"))
        app.screen._look()  # type: ignore[attr-defined]
        assert "!" not in form(app).row("model").said


async def test_a_sentence_too_long_to_stand_beside_its_field_stands_whole_below(
    place: Path, deck: MakeDeck, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the field it is cut after four lines, of as many cells as there are."""
    sentence = f"is no model that can be read: {' '.join(['tensor_name'] * 10)}; make another"

    refuse(monkeypatch, sentence)
    app = deck(model=place / "nets" / "net.onnx", folder=place / "sessions")
    async with app.run_test(size=S) as pilot:
        await submit(app, pilot, place)
        row = form(app).row("model")
        assert row.said.startswith("! is no model")
        await until(pilot, lambda: row.size.height == 4)  # what stands beside the field makes its row higher
        assert sentence in " ".join(said(app).split())
        await pilot.resize_terminal(160, 48)
        await until(pilot, lambda: row.size.height < 4)
        assert row.said.endswith("make another")


def test_preprocessing_needs_a_pixel_format_and_takes_only_what_was_given() -> None:
    values = dict.fromkeys(("model", "dataset", "title", "resize_dims", "pad_value", "mean", "scale"), "")
    values |= {"input_num": "0", "tune_num": "5", "keep_aspect_ratio": "letterbox", "channel_format": "nchw"}
    values |= {"pad_type": "center"}
    values |= {
        "chip": "bm1684x",
        "method": "kl",
        "pixel_format": "auto",
        "mean": "1,2,3",
        "resize_dims": "8,9",
    }
    assert "rgb" in check_session(values, "F2")["pixel_format"]
    request = session_request({**values, "pixel_format": "rgb"})
    assert request.preprocess == {
        "resize_dims": [8, 9],
        "keep_aspect_ratio": True,
        "keep_ratio_mode": "letterbox",
        "mean": [1.0, 2.0, 3.0],
        "pixel_format": "rgb",
    }


async def test_a_calibration_is_started_watched_and_cancelled(
    session: Path, deck: MakeDeck, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: list[Mapping[str, object]] = []
    cancelled: list[int] = []

    def start(path: Path, kind: str, spec: Mapping[str, object]) -> int:
        jobs.append(spec)
        return add_job(path, heartbeat=4e9)

    monkeypatch.setattr(workbench, "start", start)
    monkeypatch.setattr(workbench, "cancel", lambda path, job: cancelled.append(job))
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "c")
        assert "no job yet" in said(app, "progress")
        form(app).set_value("bins", "7")
        await press(pilot, "f5")
        assert "! a whole number from 128" in form(app).row("bins").said
        assert not jobs
        form(app).set_value("bins", "4096")
        await press(pilot, "f5")
        await settle(pilot)
        assert jobs == [{"method": "kl", "input_num": 100, "tune_num": 5, "bins": 4096}]
        app._look()
        await pilot.pause()
        progress = said(app, "progress")
        assert "calibrate with kl" in progress
        assert "34 of 100 \u00b7 12.5 a second \u00b7 5 s left" in progress
        await press(pilot, "f5")
        assert "a job is at work" in said(app)
        await press(pilot, "f8")
        assert cancelled == [1]
        set_job(session, 1, state="failed", message="sample [/]x.png is cut off")
        app._look()
        await pilot.pause()
        assert "sample [/]x.png is cut off" in said(app, "progress")


async def test_a_refused_job_says_why(session: Path, deck: MakeDeck, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(path: Path, kind: str, spec: Mapping[str, object]) -> int:
        raise QuantdeckError("the session is locked")

    monkeypatch.setattr(workbench, "start", start)
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "e")
        await settle(pilot)
        assert "the session is locked" in said(app)


async def test_the_list_opens_sessions_and_says_what_is_wrong(tmp_path: Path, deck: MakeDeck) -> None:
    make_session(tmp_path / "good.qdeck", title="[/0/conv]")
    (tmp_path / "cut.qdeck").write_bytes((tmp_path / "good.qdeck").read_bytes()[:5000])
    app = deck()
    async with app.run_test(size=S) as pilot:
        sessions = app.screen.query_one("#sessions", LineTable)
        assert len(sessions.model) == 2
        await press(pilot, "s")
        await press(pilot, "home", "enter")
        if not isinstance(app.screen, LayersScreen):
            await press(pilot, "down", "enter")
        assert isinstance(app.screen, LayersScreen)
        await press(pilot, "escape")
        assert isinstance(app.screen, StartScreen)
        bad = next(p for p, row in enumerate(sessions.model.order) if sessions.model.value(row, "job"))
        sessions.go(bad)
        await press(pilot, "enter")
        assert isinstance(app.screen, StartScreen)
        assert "damaged" in said(app)


async def test_an_empty_list_says_what_to_do(tmp_path: Path, deck: MakeDeck) -> None:
    app = deck(folder=tmp_path / "none")
    async with app.run_test(size=S):
        assert "n makes one" in app.screen.query_one(LineTable).render_line(2).text


async def test_help_lists_every_key_that_is_bound(stored: Path, deck: MakeDeck) -> None:
    app = deck(stored)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "question_mark")
        assert isinstance(app.screen, HelpScreen)
        table = app.screen.query_one("#keys", LineTable)
        shown = {
            (table.model.value(row, "key"), table.model.value(row, "title")) for row in table.model.order
        }
        assert {(key.display, key.title) for key in KEYS if not key.priority} <= shown
        await press(pilot, "escape")
        assert isinstance(app.screen, LayersScreen)


async def test_the_palette_lists_titles_before_what_is_told_of_others(stored: Path, deck: MakeDeck) -> None:
    app = deck(stored)
    async with app.run_test(size=S) as pilot:
        for typed, first in (
            ("worst", "Worst first"),
            ("samples", "Samples"),
            ("first worst", "Worst first"),
        ):
            await press(pilot, "colon", *typed)
            model = app.screen.query_one("#actions", LineTable).model
            titles = [str(model.value(row, "title")) for row in model.order]
            assert titles[0] == first
            assert len(titles) > 1
            await press(pilot, "escape")
        await press(pilot, "colon", *"worst", "enter")
        table = app.screen.query_one("#layers", LineTable)
        assert table.model.sorted_by == ("sqnr", False)


async def test_the_palette_finds_and_runs_any_action(stored: Path, deck: MakeDeck) -> None:
    app = deck(stored)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "colon")
        assert isinstance(app.screen, Palette)
        offered = {row[0] for row in app.screen._rows}
        wanted = {key.title for key in KEYS if key.area in ("layers", "app") and not key.priority}
        assert wanted - {"Actions"} <= offered
        await press(pilot, *"sort macs", "enter")
        table = app.screen.query_one("#layers", LineTable)
        assert table.model.sorted_by == ("macs", True)
        await press(pilot, "ctrl+p", *"only this", "enter")
        assert {table.model.value(row, "op") for row in table.model.order} == {"Conv"}
        await press(pilot, "colon", *"help", "enter")
        assert isinstance(app.screen, HelpScreen)
        await press(pilot, "escape", "colon", "escape")
        assert isinstance(app.screen, LayersScreen)


def test_ages() -> None:
    assert [age(0, now) for now in (5, 90, 7300, 200_000)] == ["just now", "1 min ago", "2 h ago", "2 d ago"]
