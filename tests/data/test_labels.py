"""Labels are found by path, and what is missing is told."""

from pathlib import Path

import pytest
from quantdeck.engine.data.labels import read_labels
from quantdeck.engine.errors import QuantdeckError


def labels(folder: Path, text: str, *paths: str) -> tuple[int, ...]:
    (folder / "labels.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    return read_labels(folder / "labels.csv", [(path,) for path in paths])


def test_names_in_any_order_give_labels_in_the_samples_order(tmp_path: Path) -> None:
    text = "file,label\na.png,3\nb.png, 14 \n\nunused.png,7\n"
    assert labels(tmp_path, text, "/data/b.png", "/data/a.png", "/data/b.png") == (14, 3, 14)


def test_columns_stand_anywhere_and_windows_wrote_it(tmp_path: Path) -> None:
    text = '\ufeffwidth,Label, file\r\n20,5,"one, two.png"\r\n'
    assert labels(tmp_path, text, "set/one, two.png") == (5,)


def test_the_longest_fitting_path_counts(tmp_path: Path) -> None:
    text = "file,label\nx.png,1\nn02/x.png,2\n/set/n03/x.png,3\n./n04/y.png,4\n"
    assert labels(tmp_path, text, "/set/n01/x.png", "/set/n02/x.png", "/set/n03/x.png") == (1, 2, 3)
    assert labels(tmp_path, text, "n04/y.png") == (4,)


def test_names_outside_utf8(tmp_path: Path) -> None:
    assert labels(tmp_path, "file,label\ncaf\udce9.png,9\n", "set/caf\udce9.png") == (9,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "needs the columns file and label"),
        ("name,class\na.png,1\n", "needs the columns file and label"),
        ("file,label\nb.png,1\n", r"no row for set/a\.png"),
        ("file,label\nba.png,1\n", r"no row for set/a\.png"),
        ("file,label\na.png,cat\n", r"the label of a\.png is 'cat'"),
        ("file,label\na.png,-1\n", "class index"),
        ("file,label\na.png,1.5\n", "class index"),
        ("file,label\na.png,²\n", "class index"),
        ("file,label\na.png\n", "line 2: file or label is missing"),
        ("file,label\na.png,1\na.png,2\n", r"gives a\.png two labels"),
    ],
)
def test_files_with_mistakes(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(QuantdeckError, match=words):
        labels(tmp_path, text, "set/a.png")


def test_a_row_that_fits_two_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QuantdeckError, match=r"fits n1/a\.png and n2/a\.png"):
        labels(tmp_path, "file,label\na.png,1\n", "n1/a.png", "n2/a.png")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.csv"):
        with pytest.raises(QuantdeckError, match="cannot be read"):
            read_labels(path, [("a.png",)])


def test_a_label_of_thousands_of_digits_is_none(tmp_path: Path) -> None:
    with pytest.raises(QuantdeckError, match="class index"):
        labels(tmp_path, f"file,label\na.png,{'9' * 5000}\n", "a.png")
