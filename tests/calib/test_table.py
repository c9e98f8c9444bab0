import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quantdeck.engine.calib.table import (
    CalibrationTable,
    escape_name,
    format_table,
    parse_table,
    read_table,
    rounded,
    table_header,
    unescape_name,
    write_table,
)
from quantdeck.engine.errors import QuantdeckError
from quantdeck.engine.plan import Threshold
from quantdeck.engine.text import visible

NAMES = st.text(max_size=40) | st.text("\\u{}5c#  \t\r\n09af", max_size=30)
NUMBERS = st.floats(-1e29, 1e29, allow_nan=False)


@given(NAMES)
def test_an_escaped_name_is_one_word_and_comes_back(name: str) -> None:
    text = escape_name(name)
    assert unescape_name(text) == name
    assert text.split() == [text]
    assert not text.startswith("#")
    assert visible(text) == text


@given(NAMES, NAMES)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert (escape_name(one) == escape_name(other)) == (one == other)


@pytest.mark.parametrize(
    "name", ["conv1_Conv", "model/conv:0", "a,b;c=d", '"', "-x", "层_Conv", "C:\\net\\a"]
)
def test_ordinary_names_are_written_as_they_are(name: str) -> None:
    assert escape_name(name) == name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("my layer", r"my\u{20}layer"),
        ("#first", r"\u{23}first"),
        ("a\tb", r"a\u{9}b"),
        (r"\u{20}", r"\u{5c}u{20}"),
        ("", r"\u{}"),
        ("\x1b]52;c;x\x07", r"\u{1b}]52;c;x\u{7}"),
        ("\u202eabc", r"\u{202e}abc"),
    ],
)
def test_names_that_a_row_cannot_hold(name: str, text: str) -> None:
    assert escape_name(name) == text


@settings(max_examples=60)
@given(
    st.dictionaries(NAMES, st.tuples(NUMBERS.map(abs), NUMBERS, NUMBERS), min_size=1, max_size=8),
    st.none() | st.lists(NAMES, max_size=3),
)
def test_what_is_written_is_read_back(
    rows: dict[str, tuple[float, float, float]], asym: list[str] | None
) -> None:
    table = CalibrationTable(
        {name: rounded(Threshold(*numbers)) for name, numbers in rows.items()},
        ("# a comment", "###", "# op_name    threshold    min    max"),
        int4={name: rounded(Threshold(*numbers)) for name, numbers in list(rows.items())[:2]},
        asym=None if asym is None else tuple(asym),
    )
    again = parse_table(format_table(table).split("\n"), "t")
    assert dict(again.rows) == dict(table.rows)
    assert list(again.rows) == list(table.rows)
    assert dict(again.int4) == dict(table.int4)
    assert (again.asym, again.header) == (table.asym, table.header)
    assert format_table(again) == format_table(table)


def test_long_and_hostile_names_in_a_file(tmp_path: Path) -> None:
    names = ["n" * 5000, "a b", "#x", "\x1b[2J", "[bold]x[/bold]", "é\u0301", "\ud800", "line\nbreak", "cr\r"]
    rows = {name: Threshold(1.0 + index, -1.0, 1.0) for index, name in enumerate(names)}
    write_table(tmp_path / "t", CalibrationTable(rows))
    assert dict(read_table(tmp_path / "t").rows) == rows
    assert b"\x1b" not in (tmp_path / "t").read_bytes()
    assert len((tmp_path / "t").read_bytes().split(b"\n")) == len(names) + 2  # a comment, a last line end


def test_a_path_may_be_a_text(tmp_path: Path) -> None:
    rows = {"a": Threshold(1.0, -1.0, 1.0)}
    write_table(str(tmp_path / "t"), CalibrationTable(rows))
    assert dict(read_table(str(tmp_path / "t")).rows) == rows


def test_the_text_is_tpu_mlirs() -> None:
    header = table_header("tiny.mlir", version="1", bins=2048, samples=5, tune_num=5)
    text = format_table(CalibrationTable({"input": Threshold(3.37158471, -0.0, 3.257199)}, header))
    lines = text.split("\n")
    assert lines[1] == "# mlir: tiny.mlir"
    assert lines[2].startswith("# genetated time: ")
    assert lines[3:] == [
        "# histogram number: 2048",
        "# sample number: 5",
        "# tune number: 5",
        "###",
        "# op_name    threshold    min    max",
        "input 3.3715847 -0.0000000 3.2571990",
        "",
    ]


def test_the_escape_is_announced_once(tmp_path: Path) -> None:
    table = CalibrationTable({"a b": Threshold(1, -1, 1), "c": Threshold(1, -1, 1)}, ("###",))
    write_table(tmp_path / "t", table)
    again = read_table(tmp_path / "t")
    write_table(tmp_path / "u", again)
    assert (tmp_path / "t").read_text() == (tmp_path / "u").read_text()
    assert (tmp_path / "t").read_text().count("TPU-MLIR would not find") == 1
    assert again.notice is not None
    assert "a b" in again.notice


def test_all_sections_of_the_original_are_kept(tmp_path: Path) -> None:
    text = (
        "# head\r\n###\r\na 1.0000000 -1.0000000 1.0000000\r\n\r\n#int4_th\r\na 0.5000000 -0.5714286 0.5000000\r\n"
        "\r\n#asym_op\r\ngelu\r\n#weight_scale\r\na_weight 2 0.1 0.2\r\n"
    )
    (tmp_path / "t").write_bytes(b"\xef\xbb\xbf" + text.encode())
    table = read_table(tmp_path / "t")
    assert table.header == ("# head", "###")
    assert table.int4["a"].value == 0.5
    assert table.asym == ("gelu",)
    assert table.weight_scales == ("#weight_scale", "a_weight 2 0.1 0.2")
    assert format_table(table) == text.replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a nan -1.0 1.0", ["line 2", "'a'", "nan"]),
        ("a 1.0 -inf 1.0", ["line 2", "-inf"]),
        ("a 1e999 0 1", ["line 2", "1e999"]),
        ("a 1.0 2.0", ["line 2", "name threshold min max"]),
        ("a b 1.0 2.0 3.0", ["line 2", "name threshold min max"]),
        ("a one 0 1", ["line 2", "one"]),
        ("a -1.0 0 1", ["line 2", "negative"]),
        ("\\u{ffffff} 1 0 1", ["line 2", "escape"]),
        ("\x1b[31m 1", ["line 2"]),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, row: str, words: list[str]) -> None:
    (tmp_path / "t").write_text(f"# head\n{row}\n")
    with pytest.raises(QuantdeckError) as found:
        read_table(tmp_path / "t")
    assert all(word in str(found.value) for word in words)
    assert "\x1b" not in str(found.value)


@pytest.mark.parametrize("content", [b"", b"# only\n###\n", b"\xff\xfe\x00a"])
def test_files_that_are_no_table(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(QuantdeckError, match="calibration table"):
        read_table(tmp_path / "t")


def test_places_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(QuantdeckError, match="No such file"):
        read_table(tmp_path / "missing")
    with pytest.raises(QuantdeckError, match="cannot be written"):
        write_table(tmp_path / "no" / "t", CalibrationTable({"a": Threshold(1, 0, 1)}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [math.nan, math.inf, 3.4e38])
def test_no_table_is_written_with_such_a_number(tmp_path: Path, value: float) -> None:
    with pytest.raises(QuantdeckError, match="conv"):
        write_table(tmp_path / "t", CalibrationTable({"conv": Threshold(value, 0, 1)}))
    assert list(tmp_path.iterdir()) == []


def test_the_originals_tables_come_out_as_they_are(shared: Path) -> None:
    tables = sorted((shared / "reference").glob("*/tables/cali_*"))
    assert len(tables) > 40
    for path in tables:
        assert format_table(read_table(path)) == path.read_text()


def test_a_table_of_a_model_without_float_tensors_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "table"
    write_table(file, CalibrationTable({}, ("###", "# op_name    threshold    min    max")))
    assert read_table(file).rows == {}
    file.write_text("# a text of something else\n")
    with pytest.raises(QuantdeckError, match="no row of the form"):
        read_table(file)


def test_rows_that_contradict_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "table"
    file.write_text("a 1 -1 1\na 2 -2 2\n")
    with pytest.raises(QuantdeckError, match="line 2: 'a' has another row"):
        read_table(file)
    file.write_text("a 1 -1 1\na 1 -1 1\n")
    assert list(read_table(file).rows) == ["a"]
