"""Damaged files are found before the run, all of them, with a reason each."""

import contextlib
import io
import os
import struct
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from data_files import encoded, graph_of, npy_bytes, picture, pictures
from hypothesis import given, settings
from hypothesis import strategies as st
from quantdeck.engine.data.arrays import npy_header, npz_headers
from quantdeck.engine.data.check import Checked, check_entry
from quantdeck.engine.data.files import BadFileError, kind_of, read_bytes
from quantdeck.engine.data.pictures import check_image
from quantdeck.engine.data.samples import select_samples
from quantdeck.engine.errors import QuantdeckError

NET = graph_of(("x", (1, 3, 8, 8)))


def damaged(folder: Path) -> dict[str, str]:
    """Bad files among good ones, and a word of each reason."""
    cut_picture(folder)
    jpeg, png = encoded(picture(48, 64), ".jpg"), bytearray(encoded(picture(48, 64)))
    png[len(png) // 2] ^= 0x55
    (folder / "nearly.jpeg").write_bytes(jpeg[:-1])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("this is not a picture\n")
    (folder / "crc.png").write_bytes(bytes(png))
    (folder / "half.png").write_bytes(encoded(picture(48, 64))[:500])
    (folder / "half.bmp").write_bytes(encoded(picture(48, 64), ".bmp")[:5000])
    (folder / "folder.png").mkdir()
    (folder / "gone.png").symlink_to(folder / "nothing")
    os.mkfifo(folder / "pipe.png")
    return {
        "cut.jpg": "end marker",
        "nearly.jpeg": "end marker",
        "empty.png": "empty",
        "text.jpg": "no picture",
        "crc.png": "checksum",
        "half.png": "no end chunk",
        "half.bmp": "bytes of the BMP",
        "folder.png": "folder",
        "gone.png": "link to nothing",
        "pipe.png": "no regular file",
    }


def test_all_bad_files_are_named_with_a_reason_each(tmp_path: Path) -> None:
    pictures(tmp_path, 8)
    reasons = damaged(tmp_path)
    for number in (0, 5):
        with pytest.raises(QuantdeckError) as found:
            select_samples(NET, dataset=tmp_path, number=number)
        listed = str(found.value).split("; ")
        assert listed[0].startswith(f"{len(reasons)} samples are bad")
        for name, reason in reasons.items():
            assert any(f"{name} " in item and reason in item for item in listed), name


def test_opencv_alone_would_read_the_cut_picture(tmp_path: Path) -> None:
    pixels = cv2.imread(str(cut_picture(tmp_path)), cv2.IMREAD_COLOR)
    assert pixels is not None
    assert pixels.shape == (48, 64, 3)


def cut_picture(folder: Path) -> Path:
    jpeg = encoded(picture(48, 64), ".jpg")
    (folder / "cut.jpg").write_bytes(jpeg[: len(jpeg) * 6 // 10])
    return folder / "cut.jpg"


def test_skipping_gives_the_order_of_a_folder_without_them(tmp_path: Path) -> None:
    names = [path.name for path in pictures(tmp_path / "mixed", 8)]
    pictures(tmp_path / "good", 8)
    reasons = damaged(tmp_path / "mixed")
    good = select_samples(NET, dataset=tmp_path / "good")
    mixed = select_samples(NET, dataset=tmp_path / "mixed", skip_bad=True)
    assert good.notes == good.skipped == ()
    assert [Path(entry[0]).name for entry in mixed.entries] == [Path(entry[0]).name for entry in good.entries]
    assert sorted(names) == sorted(Path(entry[0]).name for entry in mixed.entries)
    assert mixed.digest == good.digest
    assert {Path(name).name for name, _ in mixed.skipped} == set(reasons)
    assert mixed.notes[0] == f"requested {8 + len(reasons)}, used 8 (8 samples)"
    assert all(name in mixed.notes[1] for name in reasons)
    few = select_samples(NET, dataset=tmp_path / "mixed", number=3, skip_bad=True)
    assert few.entries == mixed.entries[:3]


def test_skipping_in_a_list_keeps_its_order(tmp_path: Path) -> None:
    paths = pictures(tmp_path, 3)
    paths[1].write_bytes(b"")
    (tmp_path / "list").write_text("\n".join(map(str, paths)))
    samples = select_samples(NET, data_list=tmp_path / "list", number=2, skip_bad=True)
    assert samples.entries == ((str(paths[0]),), (str(paths[2]),))


def test_nothing_left_is_an_error_with_the_reasons(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(QuantdeckError, match=r"none of the 1 samples.*a\.png is empty"):
        select_samples(NET, dataset=tmp_path, skip_bad=True)


def test_a_thumbnails_end_marker_does_not_count() -> None:
    whole = encoded(picture(48, 64), ".jpg")
    thumbnail = encoded(picture(8, 8), ".jpg")
    body = b"Exif\0\0" + thumbnail
    with_thumbnail = whole[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + whole[2:]
    assert check_image(with_thumbnail) == (48, 64)
    with pytest.raises(BadFileError, match="end marker"):
        check_image(with_thumbnail[: len(with_thumbnail) - 60])


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_every_cut_of_a_picture_is_found(suffix: str) -> None:
    data = encoded(picture(10, 12), suffix)
    assert check_image(data) == (10, 12)
    step = 1 if suffix == ".png" else 7
    for size in range(0, len(data) - 2, step):
        with pytest.raises(BadFileError):
            check_image(data[:size])


def test_progressive_jpegs_and_trailing_bytes_are_whole() -> None:
    done, data = cv2.imencode(".jpg", picture(40, 40), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    assert done
    assert check_image(data.tobytes() + b"\0" * 100) == (40, 40)


def test_a_name_does_not_decide_what_is_inside(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(picture(), ".jpg"))
    (tmp_path / "b.jpg").write_bytes(encoded(picture(seed=1), ".png"))
    assert len(select_samples(NET, dataset=tmp_path)) == 2


def test_a_file_that_changes_after_the_check_ends_in_a_sentence(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(encoded(picture()))
    samples = select_samples(NET, dataset=tmp_path)
    (tmp_path / "a.png").write_bytes(b"x")
    (tmp_path / "b.png").unlink()
    for group in samples.groups:
        with pytest.raises(QuantdeckError, match=r"[ab]\.png"):
            samples.feed(group)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.png", "image"), ("a.JPG", "image"), ("a.b.jfif", "image"), ("x.npz", "npz"), ("x.NPY", "npy"),
     ("png", None), ("a.tiff", None), ("a.png/b", None), ("a.png.txt", None), ("", None)],
)  # fmt: skip
def test_kinds_go_by_the_text_behind_the_last_dot(name: str, kind: str | None) -> None:
    assert kind_of(name) == kind


def test_names_that_no_file_can_have() -> None:
    with pytest.raises(BadFileError):
        read_bytes("a\0b.png")


HEADS = st.sampled_from(
    [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"PK\x03\x04", b"\x93NUMPY\x01\x00"]
)


@settings(max_examples=150, deadline=None)
@given(HEADS, st.binary(max_size=200), st.sampled_from(["image", "npz", "npy"]))
def test_random_bytes_are_bad_files_and_nothing_worse(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, rest: bytes, kind: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz"
    path.write_bytes(head + rest)
    judged = check_entry((str(path),), kind, tuple(NET.tensors.values()))
    assert isinstance(judged, Checked) or judged[1]


@settings(max_examples=80, deadline=None)
@given(st.data(), st.sampled_from([".png", ".jpg", ".npy", ".npz"]))
def test_bytes_turned_in_good_files_are_harmless(data: st.DataObject, suffix: str) -> None:
    if suffix in (".png", ".jpg"):
        good = encoded(picture(6, 6), suffix)
    elif suffix == ".npy":
        good = npy_bytes(np.arange(6.0))
    else:
        good = _archive("x.npy", npy_bytes(np.arange(6.0)))
    changed = bytearray(good)
    for _ in range(3):
        changed[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    check = {".npy": npy_header, ".npz": npz_headers}.get(suffix, check_image)
    with contextlib.suppress(BadFileError):
        check(bytes(changed))


def _archive(name: str, data: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, data)
    return stream.getvalue()


def test_a_png_with_a_damaged_length_does_not_run_away() -> None:
    data = bytearray(encoded(picture()))
    data[8:12] = b"\xff\xff\xff\xff"
    with pytest.raises(BadFileError, match="end chunk"):
        check_image(bytes(data))
    bomb = b"\x89PNG\r\n\x1a\n"
    for kind, body in ((b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)), (b"IEND", b"")):
        bomb += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    with pytest.raises(BadFileError, match="pixels"):
        check_image(bomb)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_picture_larger_than_memory_is_refused_by_its_header(suffix: str) -> None:
    data = bytearray(encoded(picture(48, 64), suffix))
    huge = struct.pack(">II", 40_000, 40_000) if suffix == ".png" else struct.pack(">HH", 40_000, 40_000)
    place = 16 if suffix == ".png" else data.index(b"\xff\xc0") + 5
    data[place : place + len(huge)] = huge
    if suffix == ".png":
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    with pytest.raises(BadFileError, match="40000 x 40000 pixels"):
        check_image(bytes(data))
    assert check_image(encoded(picture(48, 64), suffix)) == (48, 64)
