"""The line table: columns as arrays, order, strips of exact width, single cells repainted."""

from pathlib import Path

from decks import MakeDeck
from hypothesis import given
from hypothesis import strategies as st
from quantdeck.tui.columns import layer_columns, shape_size
from quantdeck.tui.glyphs import GLYPHS
from quantdeck.tui.widgets.line_table import LineTable
from quantdeck.tui.widgets.table_model import Column, TableModel
from textual.geometry import Region

PLAIN = Column("value", "value", 6)


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False)), max_size=30), st.booleans())
def test_sorting_puts_absent_values_last(values: list[float | None], descending: bool) -> None:
    model = TableModel({"value": values})
    model.sort(PLAIN, descending)
    found = [values[row] for row in model.order]
    there = [value for value in found if value is not None]
    assert there == sorted(there, reverse=descending)
    assert all(value is None for value in found[len(there) :])
    assert sorted(model.order) == list(range(len(values)))


def test_setting_an_equal_value_changes_nothing() -> None:
    model = TableModel({"value": [1.0, 2.0]})
    assert not model.set(0, "value", 1.0)
    assert model.set(0, "value", 9.0)
    assert model.revision == [1, 0]
    assert model.order == [0, 1]


def test_a_filter_keeps_the_order_and_find_goes_round() -> None:
    model = TableModel({"value": [3, 1, 2, 5]})
    model.sort(PLAIN)
    model.filter(lambda row: row != 2)
    assert [model.value(row, "value") for row in model.order] == [1, 3, 5]
    assert model.find(lambda row: row == 1, 1) == 0
    assert model.find(lambda row: row == 2, 0) is None


def test_shapes_sort_by_their_size() -> None:
    assert sorted(["1x16x7x7", "1x1000", "1x3x224x224"], key=shape_size) == [
        "1x16x7x7",
        "1x1000",
        "1x3x224x224",
    ]


def test_narrow_screens_keep_the_telling_columns_and_the_one_under_the_cursor() -> None:
    table = LineTable(layer_columns(GLYPHS["braille"]), id="t")
    keys = [placed.column.key for placed in table.place_columns(80)]
    assert keys == ["name", "op", "cos", "sqnr", "mode"]
    table.column = next(i for i, column in enumerate(table.columns) if column.key == "shape")
    assert "shape" in [placed.column.key for placed in table.place_columns(80)]
    assert len(table.place_columns(200)) == len(table.columns)
    for width in range(80, 260, 7):
        placed = table.place_columns(width)
        assert placed[-1].x + placed[-1].width <= width


async def test_every_line_is_as_wide_as_the_table_whatever_the_names(hostile: Path, deck: MakeDeck) -> None:
    for glyphs in ("braille", "ascii"):
        app = deck(hostile, glyphs=glyphs)
        async with app.run_test(size=(80, 24)):
            table = app.screen.query_one("#layers", LineTable)
            for top in range(0, 60, table.page):
                table.go(top)
                lines = [table.render_line(y) for y in range(table.size.height)]
                assert {line.cell_length for line in lines} == {80}
                text = "".join(line.text for line in lines)
                assert not any(ord(sign) < 32 or 127 <= ord(sign) < 160 for sign in text)
                assert glyphs != "ascii" or text.isascii()


async def test_a_changed_cell_repaints_its_region_and_an_unseen_one_nothing(
    stored: Path, deck: MakeDeck
) -> None:
    app = deck(stored)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        table = app.screen.query_one("#layers", LineTable)
        painted: list[tuple[Region, ...]] = []
        table.refresh = lambda *regions, **_: painted.append(regions)  # type: ignore[method-assign,assignment]
        table.set(3, "cos", 0.5)
        table.set(3, "cos", 0.5)
        table.set(60, "cos", 0.5)
        cos = next(placed for placed in table._placed if placed.column.key == "cos")
        assert painted == [(Region(cos.x, 4, cos.width, 1),)]


async def test_leaving_the_window_jumps_half_a_page_and_the_strips_stay_bounded(
    hostile: Path, deck: MakeDeck
) -> None:
    app = deck(hostile)
    async with app.run_test(size=(80, 24)):
        table = app.screen.query_one("#layers", LineTable)
        table.go(table.page - 1)
        assert table.top == 0
        table.go(table.page)
        assert table.top == table.page - table.page // 2
        for place in range(0, 2000, 11):
            table.go(place)
            for y in range(table.size.height):
                table.render_line(y)
        assert len(table._strips) <= 3 * (table.size.height + 1)


async def test_whole_columns_are_filled_at_once_and_rows_stay(hostile: Path, deck: MakeDeck) -> None:
    app = deck(hostile)
    async with app.run_test(size=(160, 48)) as pilot:
        table = app.screen.query_one("#layers", LineTable)
        await pilot.press("w", "G")
        order, row = list(table.model.order), table.row
        table.fill({"rank": list(range(2000)), "cost": [0.25] * 2000})
        await pilot.pause()
        assert table.model.order == order
        assert table.row == row
        assert table.model.value(7, "rank") == 7
        before = list(table.model.revision)
        table.fill({"cost": [0.25] * 2000})
        assert table.model.revision == before
