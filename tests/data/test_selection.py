"""Which files, in which order (spec A.2)."""

import os
import random
from pathlib import Path

import pytest
from data_files import encoded, graph_of, picture, pictures, rows
from quantdeck.engine.data.samples import select_samples
from quantdeck.engine.data.selection import select_dataset, select_list, shuffle
from quantdeck.engine.errors import QuantdeckError

NET = graph_of(("x", (1, 3, 8, 8)))


def order_of(folder: Path, number: int = 0) -> list[str]:
    samples = select_samples(NET, dataset=folder, number=number)
    return [os.path.relpath(entry[0], folder) for entry in samples.entries]


@pytest.mark.parametrize(
    ("net", "images"),
    [("mobilenet_v2", "imagenet_calib"), ("tiny_darknet", "imagenet_calib"), ("ppocrv4_rec", "ocr_lines")],
)
def test_the_order_is_the_original_tools(shared: Path, net: str, images: str) -> None:
    wanted = (shared / "reference" / net / "samples.txt").read_text().split()
    selection = select_dataset(shared / "zoo" / "images" / images)
    assert [os.path.basename(entry[0]) for entry in shuffle(selection.entries)] == wanted


def test_the_order_of_arrays_is_the_original_tools(shared: Path, tmp_path: Path) -> None:
    wanted = (shared / "reference" / "mini_conv" / "samples.txt").read_text().split()
    for name in wanted:
        (tmp_path / name).write_bytes(b"")
    entries = shuffle(select_dataset(tmp_path).entries)
    assert [os.path.basename(entry[0]) for entry in entries] == wanted


def test_paths_are_sorted_as_text_through_all_folders_and_shuffled_with_the_seed(tmp_path: Path) -> None:
    for name in (
        "b/one.png",
        "a/two.PNG",
        "a.png",
        "a/deep/er/x.jpeg",
        "B/y.JFIF",
        "a/z.bmp",
        "z.txt",
        "png",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture()))
    wanted = sorted(["b/one.png", "a/two.PNG", "a.png", "a/deep/er/x.jpeg", "B/y.JFIF", "a/z.bmp"])
    random.seed(1684)
    random.shuffle(wanted)
    assert order_of(tmp_path) == wanted


def test_a_smaller_number_is_a_prefix_and_a_larger_one_takes_all(tmp_path: Path) -> None:
    pictures(tmp_path, 7)
    everything = order_of(tmp_path)
    assert len(everything) == 7
    assert order_of(tmp_path, 3) == everything[:3]
    assert order_of(tmp_path, 50) == everything
    samples = select_samples(NET, dataset=tmp_path, number=50)
    assert (samples.requested, samples.used, len(samples)) == (50, 7, 7)
    assert samples.notes == ("requested 50, used 7 (7 samples)",)


def test_a_folder_where_every_file_is_good_is_not_talked_about(tmp_path: Path) -> None:
    pictures(tmp_path, 3)
    assert select_samples(NET, dataset=tmp_path).notes == ()


def test_nothing_random_leaks_into_the_selection(tmp_path: Path) -> None:
    pictures(tmp_path, 6)
    first = order_of(tmp_path)
    random.seed(5)
    assert order_of(tmp_path) == first
    before = random.getstate()
    order_of(tmp_path)
    assert random.getstate() == before


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ((), "holds no sample"),
        (("readme.txt", "x.onnx"), "holds no sample"),
        (("._a.png",), "holds no sample"),
        (("a.png", "b.npz"), r"mixes kinds.*image \(a.png\), npz \(b.npz\)"),
        (("a.npy", "b.npz"), "mixes kinds"),
    ],
)
def test_folders_that_give_no_samples(tmp_path: Path, files: tuple[str, ...], words: str) -> None:
    for name in files:
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(QuantdeckError, match=words):
        select_samples(NET, dataset=tmp_path)


def test_missing_folders_and_files_in_their_place(tmp_path: Path) -> None:
    with pytest.raises(QuantdeckError, match="nowhere does not exist"):
        select_samples(NET, dataset=tmp_path / "nowhere")
    (file := tmp_path / "one.png").write_bytes(encoded(picture()))
    with pytest.raises(QuantdeckError, match="is no folder"):
        select_samples(NET, dataset=file)
    with pytest.raises(QuantdeckError, match="--dataset"):
        select_samples(NET)
    with pytest.raises(QuantdeckError, match="--input_num"):
        select_samples(NET, dataset=tmp_path, number=-1)


def test_twins_of_macos_are_left_out_and_told(tmp_path: Path) -> None:
    pictures(tmp_path, 4)
    without = order_of(tmp_path)
    (tmp_path / "._p00.png").write_bytes(b"\x00\x05\x16\x07")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "._p01.png").write_bytes(b"\x00\x05\x16\x07")
    assert order_of(tmp_path) == without
    assert "2 files named ._*" in select_samples(NET, dataset=tmp_path).notes[0]


def test_pictures_that_cannot_be_samples_are_counted(tmp_path: Path) -> None:
    pictures(tmp_path, 1)
    for name in ("b.webp", "C.TIFF", "notes.txt"):
        (tmp_path / name).write_bytes(b"RIFF")
    assert select_dataset(tmp_path).notes == ("2 files of other picture formats are left out",)


def test_links_that_loop_end_and_pictures_are_found_once(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    pictures(folder / "inner", 3)
    (folder / "inner" / "up").symlink_to(folder)
    (folder / "a_link").symlink_to(folder / "inner")
    (folder / "top").symlink_to(tmp_path)
    assert sorted(order_of(folder)) == ["inner/p00.png", "inner/p01.png", "inner/p02.png"]


def test_links_to_other_places_are_followed(tmp_path: Path) -> None:
    pictures(tmp_path / "disk" / "photos", 2)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "photos").symlink_to(tmp_path / "disk" / "photos")
    (tmp_path / "set" / "again").symlink_to(tmp_path / "disk" / "photos")
    assert sorted(order_of(tmp_path / "set")) == ["again/p00.png", "again/p01.png"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    pictures(tmp_path, 1)
    (tmp_path / "locked").mkdir(mode=0)
    with pytest.raises(QuantdeckError, match="locked"):
        select_samples(NET, dataset=tmp_path)


@pytest.mark.parametrize(
    "name", [b"a b.png", b"one,two.png", b"caf\xe9.png", b"tab\there.png", "雪.png".encode()]
)
def test_hostile_names_are_samples_like_others(tmp_path: Path, name: bytes) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)
    with open(path, "wb") as file:
        file.write(encoded(picture()))
    (tmp_path / "list").write_bytes(name + b"\n")
    for source in ({"dataset": tmp_path}, {"data_list": tmp_path / "list"}):
        samples = select_samples(NET, **source)
        assert [[os.fsencode(file) for file in entry] for entry in samples.entries] == [[path]]
        assert next(samples.batches())["x"].shape == (1, 3, 8, 8)
        assert samples.label(0).isprintable()


def test_hostile_names_are_shown_harmless(tmp_path: Path) -> None:
    with open(os.path.join(os.fsencode(tmp_path), b"\x1b[31m\xff.png"), "wb"):
        pass
    with pytest.raises(QuantdeckError, match="is empty") as found:
        select_samples(NET, dataset=tmp_path)
    assert str(found.value).isprintable()
    str(found.value).encode()


def test_a_list_keeps_its_order(tmp_path: Path) -> None:
    paths = pictures(tmp_path, 4)
    (tmp_path / "list").write_text("".join(f"  {path} \r\n" for path in reversed(paths)))
    samples = select_samples(NET, data_list=tmp_path / "list", dataset=tmp_path / "missing")
    assert [entry[0] for entry in samples.entries] == [str(path) for path in reversed(paths)]
    two = select_samples(NET, data_list=tmp_path / "list", number=2)
    assert two.entries == samples.entries[:2]


def test_a_list_counts_paths_from_its_own_folder_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(tmp_path / "here", 1)
    (tmp_path / "here" / "list").write_text("\ufeffp00.png")
    assert len(select_samples(NET, data_list=tmp_path / "here" / "list")) == 1
    (tmp_path / "list").write_text("here/p00.png")
    monkeypatch.chdir(tmp_path)
    assert select_samples(NET, data_list=Path("list")).entries == (("here/p00.png",),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a.png\n\nb.png\n   \n", "lines 2, 4 are blank"),
        ("a.png\nb.png\n\n", "line 3 is blank"),
        ("", "is empty"),
        ("\n", "is empty"),
        ("a.png\nb.tiff\nnothing\n", "lines 2, 3 are of no known kind"),
        ("a.png\nb.npz\n", "mixes kinds"),
        ("gone.png\na.png\nlost.png\n", "gone.png does not exist; lost.png does not exist"),
    ],
)
def test_lists_with_mistakes(tmp_path: Path, text: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.png").write_bytes(encoded(picture()))
    Path("list").write_text(text)
    with pytest.raises(QuantdeckError, match=words):
        select_samples(NET, data_list=Path("list"))


def test_lists_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(QuantdeckError, match="cannot be read"):
            select_samples(NET, data_list=path)


def test_commas_join_files_unless_a_file_has_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png", "a.png,b.png", "c,d.png"):
        Path(name).write_bytes(encoded(picture()))
    Path("list").write_text("a.png,b.png\nb.png, a.png\nc,d.png\nb.png,c,d.png\nc,d.png,b.png\n")
    assert select_list(Path("list")).entries == (
        ("a.png,b.png",),
        ("b.png", "a.png"),
        ("c,d.png",),
        ("b.png", "c,d.png"),
        ("c,d.png", "b.png"),
    )


def test_the_digest_covers_bytes_order_and_preprocessing(tmp_path: Path) -> None:
    paths = rows(tmp_path, 3)
    net = graph_of(("x", (1, 3, 4, 4)))
    first = select_samples(net, dataset=tmp_path)
    (tmp_path.parent / "moved").mkdir()
    for path in paths:
        path.rename(tmp_path.parent / "moved" / path.name)
    moved = select_samples(net, dataset=tmp_path.parent / "moved")
    assert moved.digest == first.digest
    assert select_samples(net, dataset=tmp_path.parent / "moved", number=2).digest != first.digest
    assert first.take(2).digest != first.digest
    other = rows(tmp_path.parent / "moved", 3, (1, 3, 4, 4))[0]
    other.write_bytes(other.read_bytes() + b"\0")
    assert select_samples(net, dataset=tmp_path.parent / "moved").digest != first.digest
