"""Text in cells: widths hold for every name, wide characters are never cut in half."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quantdeck.tui.figures import STALE, cosine, count, decibel, duration, real, share, verdict
from quantdeck.tui.glyphs import GLYPHS, to_ascii
from quantdeck.tui.widgets.cells import (
    clip,
    cut,
    cut_middle,
    difference,
    ended,
    fit,
    fit_name,
    folded,
    wrap,
    wrapped,
)
from rich.cells import cell_len
from sample_session import HOSTILE

names = st.one_of(st.text(max_size=60), st.sampled_from(HOSTILE))
widths = st.integers(1, 40)
ESCAPE = re.compile(r"\\(u\{[0-9a-f]+\}|u[0-9a-f]{4}|U[0-9a-f]{8}|x[0-9a-f]{2})")


@given(names, widths, st.sampled_from(["braille", "ascii"]))
def test_a_shown_name_fills_exactly_its_column(name: str, width: int, kind: str) -> None:
    glyphs = GLYPHS[kind]
    shown = glyphs.show(name)
    assert cell_len(fit_name(shown, width, glyphs.cut)) == width
    assert cell_len(fit(shown, width, sign=glyphs.cut)) == width


@given(names)
def test_a_shown_name_holds_nothing_that_a_terminal_acts_on(name: str) -> None:
    for glyphs in GLYPHS.values():
        shown = glyphs.show(name)
        assert not any(ord(sign) < 32 or 127 <= ord(sign) < 160 for sign in shown)
        assert not any(sign in shown for sign in "\u202e\u2066\u200b\u200d\ufeff")
    assert GLYPHS["ascii"].show(name).isascii()


def test_the_cut_falls_between_wide_characters() -> None:
    name = "\u5c42\u540d\u79f0\u5f88\u957f"
    assert cut(name, 6) == "\u5c42\u540d\u2026"
    assert [cell_len(cut(name, width)) <= width for width in range(1, 11)] == [True] * 10
    assert cut_middle("features.0/depthwise/Clip", 15) == "feat\u2026hwise/Clip"


@given(st.text(st.sampled_from("ab\u5c42\x1b\u200d\U0001f468\xe9"), max_size=12), widths)
def test_no_escape_is_cut_in_its_midst(name: str, width: int) -> None:
    r"""Half of ``\u5c42`` would be read as another name."""
    for kind in ("ascii", "braille"):
        glyphs = GLYPHS[kind]
        shown = glyphs.show(name)
        clipped = "".join(text for text, _ in clip([(shown, "plain")], width))
        for text in (cut(shown, width, glyphs.cut), cut_middle(shown, width, glyphs.cut), clipped):
            rest = ESCAPE.sub("", text)
            assert "\\" not in rest
            assert set(rest) <= set("ab $\u2026\u5c42\u241b\U0001f468\xe9")


@given(st.lists(st.tuples(names, st.sampled_from(["plain", "bad"])), max_size=4), widths)
def test_a_line_is_clipped_to_its_width(parts: list[tuple[str, str]], width: int) -> None:
    shown = [(GLYPHS["braille"].show(text), tone) for text, tone in parts]
    assert sum(cell_len(text) for text, _ in clip(shown, width)) == width


def test_a_difference_names_the_changed_cells_alone() -> None:
    before = clip([("sqnr 12.3 dB", "plain")], 20)
    assert difference(before, clip([("sqnr 12.8 dB", "plain")], 20)) == (8, 1)
    assert difference(before, clip([("sqnr 12.3 dB", "bad")], 20)) == (0, 12)
    assert difference(before, before) is None


def test_sentences_are_wrapped_and_the_last_line_says_that_more_was_there() -> None:
    lines = wrapped("one two three four five six seven", "bad", 14, 2)
    assert [line[0][0] for line in lines] == [" one two", " three four \u2026"]
    assert wrapped("a long sentence", "bad", 10, 1) == [[(" a long\u2026", "bad")]]


@given(
    st.text(st.sampled_from("ab \u5c42\x1b\u200d\xe9-"), max_size=60),
    st.integers(12, 30),
    st.sampled_from([None, 1, 2, 5]),
    st.sampled_from(["", "  "]),
)
def test_lines_hold_their_width_in_cells_and_lose_nothing(
    text: str, width: int, height: int | None, indent: str
) -> None:
    for kind in ("ascii", "braille"):
        shown = GLYPHS[kind].show(text)
        lines = wrap(shown, width, height, indent=indent)
        assert all(cell_len(line) <= width for line in lines)
        assert not any("\\" in ESCAPE.sub("", line) for line in lines)
        assert all(line.startswith(indent) for line in lines[1:])
        if height is None or not lines or not lines[-1].endswith(" \u2026"):
            assert "".join("".join(lines).split()) == "".join(shown.split())
        else:
            assert len(lines) == height


@given(st.text(st.sampled_from("ab \u5c42\x1b\u200d\xe9-"), max_size=60), st.integers(12, 30))
def test_a_folded_command_loses_nothing(text: str, width: int) -> None:
    for kind in ("ascii", "braille"):
        shown = GLYPHS[kind].show(text)
        lines = folded(shown, width)
        assert "".join(lines) == shown
        assert all(0 < cell_len(line) <= width for line in lines)
        assert not any("\\" in ESCAPE.sub("", line) for line in lines)


def test_a_sentence_of_wide_characters_stands_whole() -> None:
    name = "\u5c42\u540d" * 40
    lines = [line[0][0] for line in wrapped(f"{name}.onnx is no model", "bad", 80, 4)]
    assert [cell_len(line) <= 80 for line in lines] == [True] * len(lines)
    assert "".join(line[1:] for line in lines) == f"{name}.onnx is no model"
    long = wrap("word " + "x" * 30 + " end", 20)
    assert long == ["word " + "x" * 15, "x" * 15 + " end"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(10_838_016, "10.8 M"), (0, "0  "), (576, "576  "), (999_600, "1.0 M"), (5.4e9, "5.4 G"), (None, "-")],
)
def test_counts_have_units(value: float | None, text: str) -> None:
    assert count(value) == text


def test_figures_say_what_they_are() -> None:
    assert cosine(0.9999999) == "0.99999"
    assert cosine(1.0) == "1.00000"
    assert decibel(float("inf")) == "exact"
    assert decibel(float("nan")) == "-"
    assert real(4.18) == "4.180"
    assert real(0.0) == "0"
    assert real(1.5e-7) == "1.50e-07"
    assert duration(200) == "3 min 20 s"
    assert [verdict(value)[1] for value in (25.0, 20.0, 15.0, 9.9)] == ["ok", "ok", "! ", "!!"]


def test_our_own_signs_have_an_ascii_form() -> None:
    assert to_ascii("\u25b2 \u2501\u2578 \u00b7 \u2026 \u5c42") == "^ =- - $ ?"
    for name, glyphs in GLYPHS.items():
        signs = [getattr(glyphs, field) for field in glyphs.__slots__ if field != "kind"]
        assert all(cell_len(sign) == 1 for sign in signs)
        assert name != "ascii" or all(sign.isascii() for sign in signs)


def test_a_whole_share_needs_no_digits() -> None:
    assert [share(value) for value in (0, 1, 0.999, 0.0001)] == ["0 %", "100 %", "99.9 %", "<0.1 %"]


def test_what_is_cut_does_not_look_like_a_stale_figure() -> None:
    assert all(STALE not in glyphs.cut for glyphs in GLYPHS.values())


def test_of_a_huge_name_the_two_ends_are_shown() -> None:
    for kind in ("braille", "ascii"):
        shown = GLYPHS[kind].show("[b]first" + "日\x1b" * 750_000 + "last\u202e")
        assert len(shown) < 60_000, "a million signs take a second whenever they are measured"
        assert cut_middle(shown, 40).startswith("[b]first")
        assert shown.endswith("last\\u{202e}")
        assert "\x1b" not in shown


@given(st.lists(st.text(max_size=12), max_size=4), st.integers(1, 30))
def test_a_line_that_is_too_long_ends_with_the_sign_of_a_cut(texts: list[str], width: int) -> None:
    parts = [("".join(sign for sign in text if sign.isprintable()), "plain") for text in texts]
    shown = "".join(text for text, _ in ended(parts, width, "$"))
    whole = "".join(text for text, _ in parts)
    assert cell_len(shown) == width
    if width > 1 and cell_len(whole.rstrip()) > width:
        assert shown.endswith("$")
    else:
        assert shown == "".join(text for text, _ in clip(parts, width))


def test_blanks_behind_the_end_are_not_worth_a_sign() -> None:
    assert ended([("abc  ", "bad")], 3, "$") == [("abc", "bad")]
    assert ended([("ab", "good"), ("cd", "bad")], 3, "$") == [("ab$", "good")]
