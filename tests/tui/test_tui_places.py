"""The screens beside the layers, driven by keys on stored sessions."""

import json
import re
import resource
import sqlite3
from pathlib import Path

import pytest
from decks import MakeDeck
from quantdeck.tui.config import Config, read_config, write_config
from quantdeck.tui.key_names import key_names
from quantdeck.tui.keys import AREAS, KEYS, PLACED, RESERVED, clash, rebindable
from quantdeck.tui.messages import RowChosen
from quantdeck.tui.queries import decibels
from quantdeck.tui.reader import SessionReader
from quantdeck.tui.screens import search as search_screen
from quantdeck.tui.screens.layers import LayersScreen
from quantdeck.tui.screens.palette import palette_rows
from quantdeck.tui.screens.settings import SETTINGS
from quantdeck.tui.search_view import Watched
from quantdeck.tui.widgets.choice_line import ChoiceLine
from quantdeck.tui.widgets.line_table import LineTable
from quantdeck.tui.widgets.painted import Lines
from quantdeck.tui.workbench import Workbench
from resting import settle, until
from sample_session import add_job, add_plans, add_search, layer_names, make_session, set_job
from test_tui_edits import plan
from test_tui_layers import L, S, press, said


def rows(app: Workbench, key: str, table: str | None = None) -> list[object]:
    found = app.screen.query_one(f"#{table}" if table else LineTable, LineTable)
    return [found.model.value(row, key) for row in found.model.order]


async def test_digits_lead_from_screen_to_screen_and_escape_to_the_layers(
    session: Path, deck: MakeDeck
) -> None:
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        for key in "234567":
            await press(pilot, key)
            assert (
                type(app.screen)
                .__name__.lower()
                .startswith(
                    {
                        "2": "flow",
                        "3": "search",
                        "4": "compare",
                        "5": "samples",
                        "6": "export",
                        "7": "settings",
                    }[key]
                )
            )
            assert len(app.screen_stack) == 2
        await press(pilot, "1")
        assert isinstance(app.screen, LayersScreen)
        await press(pilot, "5", "escape")
        assert isinstance(app.screen, LayersScreen)


async def test_samples_stand_worst_first_and_bad_cases_become_a_list(
    session: Path, deck: MakeDeck, tmp_path: Path
) -> None:
    add_plans(session)
    app = deck(session)
    target = tmp_path / "bad.txt"
    async with app.run_test(size=L) as pilot:
        await press(pilot, "5")
        figures = [float(str(value)) for value in rows(app, "sqnr") if value is not None]
        assert figures == sorted(figures)
        assert len(figures) == 12
        assert "ends too early" in str(rows(app, "note")[-1])
        worst = rows(app, "entry")[:2]
        await press(pilot, "w")
        assert "mark samples first" in said(app)
        await press(pilot, "m", "m", "w")
        app.screen.query_one("#prompt-input").value = str(target)  # type: ignore[attr-defined]
        await press(pilot, "enter")
        assert sorted(target.read_text().splitlines()) == sorted(map(str, worst))
        await press(pilot, "w")
        app.screen.query_one("#prompt-input").value = str(target)  # type: ignore[attr-defined]
        await press(pilot, "enter")
        assert "cannot be written (File exists); w writes the list to another place" in said(app)
        await press(pilot, "end", "m")
        assert "it was skipped" in said(app)
        assert len(app.screen.query_one(LineTable).marks) == 2


async def test_a_list_of_samples_without_room_leaves_no_part_of_itself(session: Path, deck: MakeDeck) -> None:
    add_plans(session)
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "5", "m")
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3, before[1]))
        try:
            await press(pilot, "n")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert "cannot be written (File too large)" in said(app)
        assert not list(session.parent.glob("*bad_cases*"))
        await press(pilot, "n")
        assert list(session.parent.glob("*bad_cases*"))


async def test_two_plans_are_compared_by_layers_and_by_samples(session: Path, deck: MakeDeck) -> None:
    add_plans(session)
    app = deck(session)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "4")
        scores = said(app, "scores")
        assert re.search(r"B 4 layers to F16 .* bm1684x .* 4 ", scores.splitlines()[2])
        assert re.search(r"B against A .* \+3 ", scores.splitlines()[3])
        changed = rows(app, "changed")
        assert changed[:3] == ["mode"] * 3  # what was set otherwise stands before what only differs in noise
        assert not any(changed[3:])
        assert "3 layers set otherwise" in said(app)
        gains = [value for value in rows(app, "gain") if value is not None]
        assert gains
        assert all(abs(float(str(gain)) - 0.25) < 1e-9 for gain in gains)
        await press(pilot, "a")
        assert "kl calibration" in said(app, "scores").splitlines()[1]
        await press(pilot, "v")
        assert len(rows(app, "name")) == 13
        assert rows(app, "gain")[-1] is None  # a sample that was skipped


async def test_the_plan_that_stands_is_compared_with_the_one_that_it_was_made_from(
    session: Path, deck: MakeDeck
) -> None:
    """Not with an edit that was tried and taken back in between."""
    add_plans(session)
    with sqlite3.connect(session) as connection:
        connection.execute("UPDATE plan SET parent = 1 WHERE id = 3")
    app = deck(session)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "4")
        lines = said(app, "scores").splitlines()
        assert "kl calibration" in lines[1]
        assert "4 layers to F16" in lines[2]


async def test_another_session_is_compared_with(session: Path, deck: MakeDeck, tmp_path: Path) -> None:
    other = make_session(tmp_path / "other.qdeck", title="other")
    app = deck(session)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "4")
        app.screen._picked(other)  # type: ignore[attr-defined]
        await pilot.pause()
        assert "A other: kl calibration" in said(app, "scores")
        app.screen._picked(session)  # type: ignore[attr-defined]
        await pilot.pause()
        assert "other: " not in said(app, "scores")  # the session itself: both plans from it again
        app.screen._picked(tmp_path / "nothing")  # type: ignore[attr-defined]
        assert "nothing" in said(app)


async def test_exports_are_written_and_never_written_over_unasked(session: Path, deck: MakeDeck) -> None:
    app = deck(session)
    target = session.with_name("mobilenet_layers.csv")
    async with app.run_test(size=L) as pilot:
        await press(pilot, "6", "down", "down", "down")
        assert f"quantdeck export {session} --csv {target}" in said(app, "command").replace("\n   ", "")
        await press(pilot, "enter")
        await settle(pilot)
        assert target.read_text().count("\n") == 65
        target.write_text("mine")
        await press(pilot, "enter")
        assert app.screen.query_one(ChoiceLine).display
        await press(pilot, "n")
        await settle(pilot)
        assert target.read_text() == "mine"
        await press(pilot, "enter", "y")
        await settle(pilot)
        assert target.read_text() != "mine"
        await press(pilot, "Y")
        assert app.clipboard.startswith("quantdeck export ")


async def test_very_many_trials_are_read_in_portions_between_keys(
    session: Path, deck: MakeDeck, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_search(session)
    asked: list[int] = []
    read = Watched.read

    def counting(watched: Watched, reader: SessionReader, most: int = -1) -> bool:
        asked.append(most)
        return read(watched, reader, most)

    monkeypatch.setattr(Watched, "read", counting)
    monkeypatch.setattr(search_screen, "PORTION", 4)
    app = deck(session)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "3")
        await until(pilot, lambda: "14 trials" in said(app, "head"))
        assert asked == [4, 4, 4, 4, -1]  # and what was committed meanwhile
        assert len(rows(app, "cos", "points")) == len(set(rows(app, "cos", "points"))) > 4


async def test_a_running_search_grows_and_its_best_plan_can_be_taken(session: Path, deck: MakeDeck) -> None:
    job = add_search(session, trials=6)
    app = deck(session)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "3")
        assert "6 trials" in said(app, "head")
        assert "target cos 0.99: cosine 0.98" in said(app, "head")
        before = len(rows(app, "cos", "points"))
        connection = sqlite3.connect(session)
        with connection:
            connection.execute("UPDATE state SET rev = rev + 1")
            connection.execute("INSERT INTO trial VALUES('x', ?, 99, 0, 9, 0.995, 30.0, NULL, NULL)", (job,))
        connection.close()
        app._look()
        set_job(session, job, done=7)
        app._look()
        await pilot.pause()
        assert "7 trials" in said(app, "head")
        assert len(rows(app, "cos", "points")) == before + 1
        table = app.screen.query_one("#points", LineTable)
        best = rows(app, "plan", "points").index("the best, Enter takes it")
        table.go(best)
        await press(pilot, "enter")
        assert plan(session).modes == dict.fromkeys(layer_names(session)[:2], "F16")
        assert "taken: search_qtable" in said(app)
        await press(pilot, "1", "u")
        assert not plan(session).modes


async def test_any_point_of_a_finished_search_can_be_taken(session: Path, deck: MakeDeck) -> None:
    add_search(session, state="done")
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "3", "v")
        assert rows(app, "rank", "ranking") == list(range(1, 21))
        await press(pilot, "v")
        floats = [int(str(count)) for count in rows(app, "floats", "points")]
        place = floats.index(3)
        app.screen.query_one("#points", LineTable).go(place)
        await press(pilot, "enter")
        assert set(plan(session).modes) == set(layer_names(session)[:3])
        await press(pilot, "p")
        assert "it has ended" in said(app)


async def test_a_search_is_paused_resumed_and_cancelled(
    session: Path, deck: MakeDeck, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []
    for what in ("pause", "resume", "cancel"):
        ask = lambda path, job, what=what: asked.append((what, job))
        monkeypatch.setattr(f"quantdeck.tui.workbench.{what}", ask)
    job = add_search(session)
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "3", "p")
        await settle(pilot)
        set_job(session, job, state="paused")
        app._look()
        await press(pilot, "p")
        await settle(pilot)
        await press(pilot, "x")
        await settle(pilot)
    assert asked == [("pause", job), ("resume", job), ("cancel", job)]


async def test_the_form_of_a_search_makes_its_spec(session: Path, deck: MakeDeck) -> None:
    from quantdeck.sessions.search_spec import SearchSpec
    from quantdeck.tui.search_form import search_spec

    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "3", "n")
        form = app.screen.query_one("Form")
        form.row("expected_cos").control.focus()  # type: ignore[attr-defined]
        await press(pilot, "x", "f5")  # what is typed takes the place of the number there
        assert "1 to mend" in said(app)
        form = app.screen.query_one("Form")
        form.set_value("expected_cos", "0.97")  # type: ignore[attr-defined]
        values = form.values()  # type: ignore[attr-defined]
    spec, title = search_spec(session, values)
    made = SearchSpec.from_dict(json.loads(json.dumps(spec)))
    assert (made.kind, made.expected_cos, made.chip, made.dataset) == (
        "search_qtable", 0.97, "bm1684x", "/data/imagenet",
    )  # fmt: skip
    assert len(made.start) == 65
    assert "0.97" in title


async def test_the_flow_shows_what_was_done_and_advises(session: Path, deck: MakeDeck) -> None:
    job = add_job(session, state="done", message="64 thresholds with kl")
    set_job(session, job, finished=1_760_000_060.0)
    app = deck(session)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "2")
        states = dict(zip(rows(app, "stage"), rows(app, "state"), strict=True))
        assert states["calibrate"] == "done"
        assert states["search threshold"] == ""
        assert "1 min 0 s" in rows(app, "time")
        assert "int8 does well" in said(app, "advice")
        app.screen.post_message(RowChosen("stages", 2))
        await pilot.pause()
        assert type(app.screen).__name__ == "CalibrateScreen"


async def test_keys_and_theme_are_changed_and_kept(
    session: Path, deck: MakeDeck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config" / "workbench.toml"
    monkeypatch.setenv("QUANTDECK_CONFIG", str(path))
    app = deck(session)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "7", "enter", "2")
        assert app.theme == "quantdeck-light"
        place = list(rebindable()).index("layers.undo") + len(SETTINGS)
        table = app.screen.query_one(LineTable)
        table.go(place)
        await press(pilot, "enter", "m", "enter")
        assert "taken by Layers: Mark" in said(app)
        await press(pilot, "backspace", *"f7", "enter")  # the line is still there with what was wrong
        assert "Undo: f7" in said(app)
        table.go(len(SETTINGS) - 1)
        await press(pilot, "enter", *"much", "enter")
        assert "much is not an amount of memory" in said(app)
        await press(pilot, "ctrl+u", *"2G", "enter", "up", "enter", "3", "enter")
        assert "jobs of a search: 3" in said(app)
        await press(pilot, "1", "space", "f7")
        assert not plan(session).modes
        await press(pilot, "3", "n")
        values = app.screen.query_one("Form").values()  # type: ignore[attr-defined]
        assert (values["jobs"], values["memory"]) == ("3", "2G")
    config, wrong = read_config(path)
    assert (config.theme, dict(config.keys), wrong) == ("light", {"layers.undo": "f7"}, "")
    assert (config.jobs, config.memory) == ("3", "2G")


async def test_a_key_that_was_changed_is_the_one_that_is_named_and_that_works(
    session: Path, deck: MakeDeck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUANTDECK_CONFIG", str(tmp_path / "workbench.toml"))
    app = deck(session)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "7")
        table = app.screen.query_one(LineTable)
        table.go(list(rebindable()).index("layers.undo") + len(SETTINGS))
        await press(pilot, "enter", *"banana", "enter")
        assert "'banana' is no key" in said(app)
        await press(pilot, "ctrl+u", "slash", "enter")
        assert "/ is taken by Layers: Filter" in said(app)
        await press(pilot, "ctrl+u", "q", "enter")
        assert "q is taken by Everywhere: Quit" in said(app)
        await press(pilot, "ctrl+u", "semicolon", "enter")
        assert "Undo: ;" in said(app)
        await press(pilot, "1", "space")
        assert plan(session).modes
        assert "; undoes" in said(app)
        footer = app.screen.query_one("#footer", Lines)
        assert "; Undo" in footer.text
        assert "u Undo" not in footer.text
        await press(pilot, "semicolon")
        assert not plan(session).modes
        await press(pilot, "question_mark")
        values = app.screen.query_one(LineTable).model.values
        assert (";", "Undo") in list(zip(values["key"], values["title"], strict=True))
        await press(pilot, "escape", "colon", *"undo")
        row = app.screen.query_one(LineTable).row
        assert row is not None
        assert app.screen.query_one(LineTable).model.value(row, "key") == ";"


async def test_the_palette_does_what_another_screen_does(session: Path, deck: MakeDeck) -> None:
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "space")
        assert plan(session).modes
        await press(pilot, "5", "colon", *"layers undo", "enter")
        await pilot.pause()
        assert isinstance(app.screen, LayersScreen)
        assert not plan(session).modes
        await press(pilot, "colon", *"samples mark failed", "enter")
        await pilot.pause()
        assert type(app.screen).__name__ == "SamplesScreen"
        assert "no sample is below" in said(app)
        for area in PLACED:  # nothing that can be done in a session is missing anywhere
            offered = {row[0] for row in palette_rows(("place", area), {})}
            for key in KEYS:
                if key.area in PLACED and key.area != area and key.action not in ("back", "choose", "none"):
                    assert f"{AREAS[key.area]}: {key.title}" in offered


def test_a_broken_or_wrong_config_is_named_and_the_rest_is_used(tmp_path: Path) -> None:
    path = tmp_path / "workbench.toml"
    assert read_config(path) == (Config(), "")
    path.write_text('theme = "pink"\nrate = "1"\n[keys]\n"layers.nothing" = "x"\n"layers.undo" = "Z"\n')
    config, wrong = read_config(path)
    assert (config.theme, config.rate, dict(config.keys)) == ("dark", "1", {"layers.undo": "Z"})
    assert "theme is one of" in wrong
    assert "no action layers.nothing" in wrong
    path.write_text(
        '[keys]\n"layers.undo" = "m"\n"layers.mark" = "ctrl+b"\n"layers.find" = "banana"\n"app.help" = "H"\n'
    )
    config, wrong = read_config(path)
    assert dict(config.keys) == {"app.help": "H"}  # mark keeps m, as ctrl+b cannot be used
    assert "m is taken by Layers: Mark" in wrong
    assert "'ctrl+b' cannot be used" in wrong
    assert "'banana' is no key" in wrong
    path.write_bytes(b"\xff\xfe = [")
    assert read_config(path)[0] == Config()
    assert str(path) in read_config(path)[1]
    for key in ('"', "\\", ",", "=", "\u00e9", "shift+z", "alt+x", "F7", "ctrl+t", "pageup", "semicolon"):
        if key not in ("=", "pageup"):  # which other actions have
            write_config(Config(keys={"layers.undo": key}), path)
            assert read_config(path) == (Config(keys={"layers.undo": key}), "")
        assert key_names(key)


def test_no_key_of_ours_belongs_to_a_multiplexer_or_clashes() -> None:
    allowed = {"app.quit", "app.quit.priority", "app.suspend"}  # what these keys mean everywhere
    for key in KEYS:
        used = set(key.keys.split(",")) & set(RESERVED)
        assert not used - {"escape", "enter"} or f"app.{key.action}" in allowed, key
    for name, key in rebindable().items():
        for one in key.keys.split(","):
            assert one == "enter" or not clash(name, one, {}), (name, one)


def test_decibels() -> None:
    assert decibels(100.0, 1.0) == 20.0
    assert decibels(1.0, 0.0) == float("inf")
    assert decibels(0.0, 1.0) == -float("inf")
