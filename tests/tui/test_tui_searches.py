"""Searches on the embedded example: the form, the ranking and the curve while one runs, and taking any point."""

import json
from pathlib import Path

import pytest
from decks import MakeDeck
from quantdeck.engine.plan import Plan
from quantdeck.sessions.packing import unpack
from quantdeck.sessions.search_spec import SearchSpec
from quantdeck.tui.reader import SessionReader
from quantdeck.tui.screens import search_form as form_screen
from quantdeck.tui.screens.samples import placed
from quantdeck.tui.screens.search import SearchScreen
from quantdeck.tui.search_form import check_search, hints, search_spec, used
from quantdeck.tui.search_view import plan_of, search
from quantdeck.tui.widgets.form import Form
from quantdeck.tui.widgets.line_table import LineTable
from real_session import answers, as_running, current, digits, do_search
from resting import settle
from test_tui_edits import plan
from test_tui_layers import L, S, press, said
from test_tui_places import rows
from textual import events

OUT_OF_REACH = "0.9999999"


@pytest.fixture
def example(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    return digits(tmp_path_factory.getbasetemp(), tmp_path)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What the form asks for, in place of the searches that it would start."""
    found: list[dict[str, str]] = []
    monkeypatch.setattr(form_screen, "search", lambda path, values: found.append(dict(values)))
    return found


def samples_of(path: Path, key: str) -> int:
    """On how many samples a trial was run."""
    with SessionReader(path) as reader:
        row = reader.one("SELECT body FROM trial WHERE key = ?", key)
    assert row is not None
    return int(unpack(row[0])["samples"])


@pytest.mark.parametrize(
    ("kind", "strategy"),
    [
        ("search_qtable", "chapter"),
        ("search_qtable", "pareto"),
        ("run_sensitive_layer", "chapter"),
        ("run_qtable", "chapter"),
    ],
)
async def test_any_point_of_a_running_search_can_be_taken_and_given_back(
    example: Path, deck: MakeDeck, kind: str, strategy: str
) -> None:
    values = answers(kind=kind, strategy=strategy, expected_cos=OUT_OF_REACH, min_layer_cos=OUT_OF_REACH)
    stands = current(example)
    job = do_search(example, values)
    with SessionReader(example) as reader:
        ended = search(reader, job)
    as_running(example, job, stands)
    before = plan(example)
    app = deck(example)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "3")
        points = app.screen.query_one("#points", LineTable)
        view = app.screen._found  # type: ignore[attr-defined]
        assert ended is not None
        assert {(one.floats, one.cos) for one in ended.points} <= {
            (one.floats, one.cos) for one in view.points
        }
        assert len(view.points) < view.trials  # trials of single layers are no proposals
        assert all(one.cost == 1 if not one.floats else one.cost > 1 for one in view.points)
        place = next(at for at, one in enumerate(view.points) if one.floats)
        points.go_row(place, 0)
        await press(pilot, "enter")
        taken = plan(example)
        assert len(taken.modes) == view.points[place].floats
        assert f"taken: {kind}" in said(app)
        assert plan_of(app.feed.reader, view.points[place]) == taken.to_json()  # type: ignore[union-attr]
        await press(pilot, "v")
        layers = rows(app, "layer", "ranking")
        losses = [float(str(value)) for value in rows(app, "loss", "ranking")]
        assert layers
        assert losses == sorted(losses, reverse=True)
        assert {one.layer for one in ended.ranking} <= set(map(str, layers))
        await press(pilot, "1", "u")
        assert plan(example) == before


def test_no_figure_of_some_samples_stands_among_those_of_all(example: Path) -> None:
    """pareto compares the methods on a few samples, and confirms a plan on others."""
    values = answers(strategy="pareto", inference_num="6", confirm_num="3", expected_cos="0.99")
    stands = current(example)
    job = do_search(example, values)
    as_running(example, job, stands)
    with SessionReader(example) as reader:
        view = search(reader, job)
    assert view is not None
    assert len(view.points) < view.trials
    assert {samples_of(example, one.key) for one in view.points} == {6}


async def test_the_methods_of_a_threshold_search_are_ranked_by_what_they_cost(
    example: Path, deck: MakeDeck
) -> None:
    do_search(example, answers(kind="search_threshold", strategy="chapter", expected_cos=OUT_OF_REACH))
    app = deck(example)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "3", "v")
        losses = [float(str(value)) for value in rows(app, "loss", "ranking")]
        assert len(losses) > 2
        assert losses == sorted(losses)


async def test_the_curve_turns_from_float_layers_to_time(example: Path, deck: MakeDeck) -> None:
    do_search(example, answers(strategy="chapter", expected_cos=OUT_OF_REACH))
    app = deck(example)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "3")
        curve = app.screen.query_one("#curve")
        lines = lambda: "\n".join(curve.render_line(y).text for y in range(curve.size.height))
        assert "0 float layers" in lines()
        await press(pilot, "c")
        assert "1.00 x the time of int8" in lines()
        assert "target" in lines()


async def test_the_form_shows_what_its_search_uses_and_says_the_target_in_words(
    example: Path, deck: MakeDeck, asked: list[dict[str, str]]
) -> None:
    app = deck(example)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "3", "n")
        form = app.screen.query_one(Form)
        assert form.row("budget_trials").display
        assert not form.row("max_float_layers").display
        await press(pilot, "tab", "right")  # the chapter's strategy
        assert form.row("max_float_layers").display
        assert "as the original" in form.row("strategy").said
        form.set_value("expected_cos", "0.995")
        await pilot.pause()
        assert "cosine 0.99" in form.row("expected_cos").said
        assert "17 dB" in form.row("expected_cos").said
        form.set_value("methods", "kl,best")
        form.set_value("memory", "much")
        form.set_value("budget_minutes", "never")  # plays no part here
        await press(pilot, "f5")
        assert "2 to mend: methods, memory" in said(app)
        form.set_value("methods", "MSE,kl")
        await pilot.pause()
        assert "!" not in form.row("methods").said  # as soon as it is mended
        assert "!" in form.row("memory").said
        form.set_value("memory", "1G")
        await pilot.pause()
        assert said(app).strip() == ""
        form.set_value("jobs", "2")
        await press(pilot, "f5")
        await settle(pilot)
        assert isinstance(app.screen, SearchScreen)
    spec = SearchSpec.from_dict(search_spec(example, asked[0])[0])
    assert (spec.strategy, spec.expected_cos, spec.methods, spec.memory, spec.jobs, spec.budget_minutes) == (
        "chapter", 0.995, ("mse", "kl"), 1 << 30, 2, 0.0,
    )  # fmt: skip


async def test_the_cost_and_the_budgets_of_pareto_are_the_users_choice(
    example: Path, deck: MakeDeck, asked: list[dict[str, str]]
) -> None:
    app = deck(example)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "3", "n", "tab", "tab", "right")
        form = app.screen.query_one(Form)
        assert "least time on the chip" in form.row("cost").said
        form.set_value("budget_forwards", "5e3")
        await press(pilot, "f5")
        assert "a whole number" in form.row("budget_forwards").said
        form.set_value("budget_forwards", "5000")
        await press(pilot, "f5")
        await settle(pilot)
    spec = SearchSpec.from_dict(search_spec(example, asked[0])[0])
    assert (spec.strategy, spec.cost, spec.budget_forwards) == ("pareto", "chip", 5000)
    chapter = SearchSpec.from_dict(search_spec(example, {**asked[0], "strategy": "chapter"})[0])
    assert (chapter.cost, chapter.budget_forwards) == ("layers", 0)


async def test_what_the_engine_refuses_stands_at_its_field(example: Path, deck: MakeDeck) -> None:
    app = deck(example)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "3", "n")
        form = app.screen.query_one(Form)
        form.set_value("compared", "no_such_layer")
        await press(pilot, "f5")
        await settle(pilot)
        assert "no_such_layer" in form.row("compared").said
        assert "see below" not in form.row("compared").said
        assert said(app).strip() == "1 to mend: compare at"
        form.set_value("compared", "")
        await pilot.pause()
        assert "!" not in form.row("compared").said
        assert not said(app)


async def test_bad_cases_of_the_samples_are_what_a_search_is_scored_on(
    example: Path, deck: MakeDeck, asked: list[dict[str, str]]
) -> None:
    app = deck(example)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "5")
        worst = list(map(str, rows(app, "entry")[:2]))
        await press(pilot, "m", "m", "n")
        form = app.screen.query_one(Form)
        listed = Path(form.values()["scored_list"])
        assert listed.read_text().splitlines() == worst
        await press(pilot, "f5")
        await settle(pilot)
        await press(pilot, "n")
        assert (
            Path(app.screen.query_one(Form).values()["scored_list"]) == listed
        )  # the same samples, the same list
        await press(pilot, "escape", "m", "n")
        other = Path(app.screen.query_one(Form).values()["scored_list"])
        assert other != listed  # which the search that was started may read again
        assert len(other.read_text().splitlines()) == 3
        assert listed.read_text().splitlines() == worst
    job = do_search(example, {**asked[0], "strategy": "chapter", "expected_cos": "0"})
    with SessionReader(example) as reader:
        used_samples = reader.one("SELECT samples FROM search WHERE job = ?", job)[0]
    assert json.loads(used_samples)["scored"]["entries"] == worst


def test_a_list_of_bad_cases_names_files_that_were_typed_from_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "pics"
    folder.mkdir(parents=True)
    (folder / "a.png").touch()
    (folder / "b,c.png").touch()
    whole = str(folder / "a.png")
    for entry in ("a.png", "pics/a.png", "data/pics/a.png", whole):
        assert placed(entry, folder) == whole
    assert placed("pics/a.png", folder.parent / "list.txt") == whole
    assert placed("pics/b,c.png", folder) == str(folder / "b,c.png")
    assert placed("pics/a.png,pics/a.png", folder) == f"{whole},{whole}"
    assert placed("pics/gone.png", folder) == "pics/gone.png"
    assert placed("pics/a.png", None) == "pics/a.png"


def test_fields_that_play_no_part_are_not_checked() -> None:
    values = answers(kind="search_threshold", max_float_layers="many", methods="none")
    assert not check_search(values)
    assert not used(values)["strategy"]
    assert check_search({**values, "kind": "search_qtable", "strategy": "chapter"}).keys() == {
        "max_float_layers", "methods",
    }  # fmt: skip
    assert hints({**values, "expected_cos": "x"})["expected_cos"].startswith("(1 + cosine)")


def test_a_search_begins_as_the_one_before_it(example: Path) -> None:
    from quantdeck.tui.search_form import Preset, search_fields
    from quantdeck.tui.search_view import last_spec

    do_search(example, answers(kind="run_qtable", expected_cos="0.25", compared="", jobs="1"))
    with SessionReader(example) as reader:
        fields = search_fields(preset=Preset(kind="run_qtable", last=last_spec(reader)))
    values = {field.key: field.value for field in fields}
    assert (values["kind"], values["expected_cos"], values["inference_num"]) == ("run_qtable", "0.25", "4")
    assert Plan.from_json(plan(example).to_json()) == plan(example)


async def test_keys_of_one_packet_are_done_in_their_order(example: Path, deck: MakeDeck) -> None:
    app = deck(example)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "3", "n")
        form = app.screen.query_one(Form)
        for key in ("tab", "right", "tab", *["backspace"] * 4, *"0.9999", "left", "backspace", "end", "1"):
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await pilot.pause()
        await pilot.pause()
        values = form.values()
    assert (values["strategy"], values["expected_cos"]) == ("chapter", "0.9991")
