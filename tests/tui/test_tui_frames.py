"""Only cells that differ are written, and what stands on the terminal is always what was meant."""

import inspect
from importlib.metadata import version

import pyte
from hypothesis import given, settings
from hypothesis import strategies as st
from quantdeck.tui.frames import Frame, FrameUpdate, SliceUpdate, changed, chunks
from quantdeck.tui.sgr import Codes, between, parse
from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import App
from textual.geometry import Region, Size
from textual.strip import Strip

SIZE = Size(12, 3)
STYLES = (
    Style(),
    Style(color="red"),
    Style(bold=True, bgcolor="blue"),
    Style(color="#12ab34", bgcolor="blue", underline=True),
    Style(color="color(200)", reverse=True, italic=True),
)
signs = st.sampled_from(["a", "b", " ", "\u5c42", "\u2501", "e\u0301"])
segments = st.lists(st.tuples(st.lists(signs, max_size=5).map("".join), st.sampled_from(STYLES)), max_size=4)


def line(parts: list[tuple[str, Style]], width: int) -> Strip:
    return Strip([Segment(text, style) for text, style in parts]).adjust_cell_length(width)


def test_what_is_used_of_textual_beside_its_public_names_is_there() -> None:
    known = "tui/frames.py is known to work with Textual 8.2.7 to 8.2.8, this is " + version("textual")
    assert list(inspect.signature(App._display).parameters) == ["self", "screen", "renderable"], known
    assert list(inspect.signature(ChopsUpdate).parameters) == ["chops", "spans", "chop_ends"], known
    assert list(inspect.signature(LayoutUpdate).parameters) == ["strips", "region"], known
    assert issubclass(ChopsUpdate, CompositorUpdate), known
    assert issubclass(LayoutUpdate, CompositorUpdate), known
    assert "isinstance(renderable, CompositorUpdate)" in inspect.getsource(App._display), known
    assert "renderable.render_segments(console)" in inspect.getsource(App._display), known


@settings(max_examples=60)
@given(st.lists(st.tuples(st.lists(segments, min_size=3, max_size=3), st.booleans()), min_size=1, max_size=5))
def test_after_any_updates_the_screen_shows_the_last(frames: list[tuple[list[object], bool]]) -> None:
    console = Console(color_system="truecolor", force_terminal=True)
    told, plain = pyte.Screen(*SIZE), pyte.Screen(*SIZE)
    for screen in (told, plain):
        pyte.Stream(screen).feed("\x1b[?7l")  # as Textual does: nothing wraps
    frame = Frame()
    for rows, whole in frames:
        strips = [line(parts, SIZE.width) for parts in rows]  # type: ignore[arg-type]
        if whole:
            update = LayoutUpdate([[strip] for strip in strips], Region(0, 0, *SIZE))
        else:
            chops = [{0: strip} for strip in strips]
            update = ChopsUpdate(chops, [(y, 0, SIZE.width) for y in range(3)], [[SIZE.width]] * 3)
        pyte.Stream(told).feed(FrameUpdate(frame, update, SIZE, console).render_segments(console))
        full = LayoutUpdate([[strip] for strip in strips], Region(0, 0, *SIZE)).render_segments(console)
        pyte.Stream(plain).feed(full.replace("\n", ""))
        assert told.display == plain.display
        assert seen(told) == seen(plain)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.lists(segments, min_size=3, max_size=3), st.integers(0, 2)), min_size=1, max_size=5
    ),
    st.integers(1, 60),
)
def test_what_can_wait_comes_in_slices_and_only_its_newest_content(
    frames: list[tuple[list[object], int]], budget: int
) -> None:
    console = Console(color_system="truecolor", force_terminal=True)
    told, plain = pyte.Screen(*SIZE), pyte.Screen(*SIZE)
    for screen in (told, plain):
        pyte.Stream(screen).feed("\x1b[?7l")
    frame, patient = Frame(), Region(6, 1, 6, 2)
    for rows, slices in frames:
        halves = [[line(parts, width) for width in (6, 6)] for parts in rows]  # type: ignore[arg-type]
        update = ChopsUpdate(
            [{0: left, 6: right} for left, right in halves], [(y, 0, 12) for y in range(3)], [[6, 12]] * 3
        )
        pyte.Stream(told).feed(FrameUpdate(frame, update, SIZE, console, patient).render_segments(console))
        whole = LayoutUpdate(halves, Region(0, 0, *SIZE)).render_segments(console)
        pyte.Stream(plain).feed(whole.replace("\n", ""))
        urgent = [row[: 12 if y < 1 else 6] for y, row in enumerate(seen(told))]
        assert urgent == [row[: 12 if y < 1 else 6] for y, row in enumerate(seen(plain))]
        for _ in range(slices):
            pyte.Stream(told).feed(SliceUpdate(frame, budget).render_segments(console))
    while frame.held:
        pyte.Stream(told).feed(SliceUpdate(frame, budget).render_segments(console))
    assert told.display == plain.display
    assert seen(told) == seen(plain)


def seen(screen: pyte.Screen) -> list[list[object]]:
    """What the eye sees of each cell: on a space only the background, and lines through or under it."""
    rows = [[screen.buffer[y][x] for x in range(SIZE.width)] for y in range(SIZE.height)]
    return [
        [
            cell._replace(fg="default", bold=False, italics=False)
            if cell.data == " " and not (cell.underscore or cell.reverse or cell.strikethrough)
            else cell
            for cell in row
        ]
        for row in rows
    ]


def test_an_equal_frame_writes_nothing_and_a_cell_little() -> None:
    console = Console(color_system="truecolor", force_terminal=True)
    frame = Frame()

    def write(text: str) -> str:
        update = LayoutUpdate([[Strip([Segment(text, STYLES[1])])]], Region(0, 0, 12, 1))
        return FrameUpdate(frame, update, Size(12, 1), console).render_segments(console)

    assert write("sqnr 12.3 dB")
    assert write("sqnr 12.3 dB") == ""
    assert write("sqnr 12.4 dB") == "\x1b[1;9H\x1b[31m4\x1b[0m"
    frame.forget()
    assert "sqnr" in write("sqnr 12.4 dB")


def test_neighbours_are_written_with_what_differs() -> None:
    console = Console(color_system="truecolor", force_terminal=True)
    on = Style(bgcolor="#15181d")
    parts = [
        Segment("a", on + Style(color="#ff0000", bold=True)),
        Segment("b", on + Style(color="#00ff00", bold=True)),
        Segment(" ", on + Style(color="#0000ff")),
        Segment("c", on + Style(color="#00ff00")),
        Segment("d", Style()),
    ]
    update = LayoutUpdate([[Strip(parts)]], Region(0, 0, 5, 1))
    assert FrameUpdate(Frame(), update, Size(5, 1), console).render_segments(console) == (
        "\x1b[1;1H\x1b[1;38;2;255;0;0;48;2;21;24;29ma\x1b[38;2;0;255;0mb \x1b[0;38;2;0;255;0;48;2;21;24;29mc\x1b[0md"
    )


def test_links_and_plain_text_pass_through() -> None:
    assert parse("x") == Codes()
    assert parse("\x1b]8;id=1;http://a\x1b\\x\x1b]8;;\x1b\\") is None
    assert parse("\x1b[1;4;91;100mx\x1b[0m") == Codes(frozenset("14"), "91", "100")
    assert between(parse("\x1b[31;44mx\x1b[0m") or Codes(), Codes(background="44")) == "\x1b[39m"


def test_a_partial_update_writes_nothing_left_of_its_region() -> None:
    console = Console(color_system="truecolor", force_terminal=True)
    strip = Strip([Segment("abcdefghijkl")])
    update = ChopsUpdate([{0: strip}], [(0, 8, 10)], [[12]])
    assert FrameUpdate(Frame(), update, Size(12, 1), console).render_segments(console) == "\x1b[1;9Hij"


def test_what_was_laid_out_for_a_larger_screen_is_cut_off() -> None:
    console = Console(color_system="truecolor", force_terminal=True)
    strips = [[line([("a" * 12, STYLES[0])], 12), line([("b" * 40, STYLES[1])], 40)]]
    screen = pyte.Screen(4, 1)
    update = FrameUpdate(Frame(), LayoutUpdate(strips, Region(0, 0, 52, 1)), Size(4, 1), console)
    pyte.Stream(screen).feed(update.render_segments(console))
    assert screen.display == ["aaaa"]


def test_runs_join_over_small_gaps_and_keep_wide_characters_whole() -> None:
    def cells(text: str) -> list[tuple[str, None]]:
        return [(sign if sign != "_" else "", None) for sign in text]

    assert changed(cells("aaaaaaaaaaaaaaaa"), cells("baaabaaaaaaaaaab")) == [(0, 5), (15, 16)]
    assert changed(cells("aXX"), cells("a\u5c42_")) == [(1, 3)]


@given(st.text(alphabet=st.sampled_from("ab\u5c42\u0301\u200d\U0001f468\U0001f469 "), max_size=12))
def test_chunks_account_for_every_cell(text: str) -> None:
    assert sum(width for _, width in chunks(text)) == cell_len(text)
