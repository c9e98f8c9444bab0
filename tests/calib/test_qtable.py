from pathlib import Path

import pytest
from calib_samples import chain
from hypothesis import given
from hypothesis import strategies as st
from quantdeck.engine.calib.qtable import check_names, format_qtable, parse_qtable, read_qtable, write_qtable
from quantdeck.engine.errors import QuantdeckError
from quantdeck.engine.plan import Mode


def test_the_text_is_tpu_mlirs(tmp_path: Path) -> None:
    modes = {"out_Gemm": Mode.F32, "c3_Conv": Mode.F32, "x": Mode.INT8}
    write_qtable(tmp_path / "q", modes, chip="bm1684", fp_type="F32", samples=3)
    lines = (tmp_path / "q").read_text().split("\n")
    assert lines[0].startswith("# genetated time: ")
    assert lines[1:] == [
        "# sample number: 3",
        "# chip: bm1684  mix_mode: F32",
        "# number of F32 layer: 2",
        "###",
        "# op_name   quantize_mode",
        "out_Gemm F32",
        "c3_Conv F32",
        "x INT8",
        "",
    ]
    assert read_qtable(tmp_path / "q") == modes
    write_qtable(str(tmp_path / "t"), modes, chip="bm1684", fp_type="F32")
    assert read_qtable(str(tmp_path / "t")) == modes
    assert "sample number" not in format_qtable(modes, chip="bm1684", fp_type="F32")


@given(st.dictionaries(st.text(max_size=30), st.sampled_from(Mode), max_size=6))
def test_what_is_written_is_read_back(modes: dict[str, Mode]) -> None:
    text = format_qtable(modes, chip="bm1684x", fp_type="F16", samples=1)
    again = parse_qtable(text.split("\n"), "q")
    assert again == modes
    assert list(again) == list(modes)


def test_what_the_originals_reader_lets_pass() -> None:
    lines = ["# c", "", "a f16", "  b\tBf16 ", "lonely", "a int8", "\r"]
    assert list(parse_qtable(lines, "q").items()) == [("b", Mode.BF16), ("a", Mode.INT8)]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a F17", ["line 2", "F17", "INT8"]),
        ("a W8F16", ["line 2", "W8F16"]),
        ("a b F16", ["line 2", "name mode"]),
        ("\\u{110000} F16", ["line 2", "escape"]),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, row: str, words: list[str]) -> None:
    (tmp_path / "q").write_text(f"# head\n{row}\n")
    with pytest.raises(QuantdeckError) as found:
        read_qtable(tmp_path / "q")
    assert all(word in str(found.value) for word in words)


def test_unknown_names_get_the_nearest_ones() -> None:
    graph = chain({"x": (1,), "conv_1_Conv": (1,), "conv_2_Conv": (1,), "head:0.5": (1,)})
    check_names(graph, ["x", "conv_1_Conv", "head:0.5"])
    with pytest.raises(QuantdeckError, match=r"conv_1_Cnv.*conv_1_Conv"):
        check_names(graph, ["conv_1_Cnv"])
    with pytest.raises(QuantdeckError, match="no layer called 'head'"):
        check_names(graph, ["head"])
    with pytest.raises(QuantdeckError) as found:
        check_names(graph, ["\x1b[2J" + "n" * 5000, "other"], "q.txt")
    assert "\x1b" not in str(found.value)
