"""Pictures and arrays as users have them (cases 20, 21, 24, 26)."""

import io
import struct
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest
from case_models import (
    Array,
    assert_one_sentence,
    assess,
    floats,
    model,
    node,
    quantdeck,
    samples,
    save,
)
from PIL import Image
from quantdeck.engine.errors import QuantdeckError

import quantdeck as qd

# ------------------------------------------------------------ 20: turned by EXIF


def _corner_net(folder: Path, height: int, width: int) -> Path:
    """Mean of the upper left quarter."""
    ends = {"s": np.array([0, 0], np.int64), "e": np.array([height // 2, width // 2], np.int64),
            "a": np.array([2, 3], np.int64)}  # fmt: skip
    nodes = [node("Slice", "x s e a", "q"), node("ReduceMean", "q", "y", axes=[1, 2, 3], keepdims=0)]
    return save(model(nodes, {"x": [1, 3, height, width]}, ["y"], ends), folder)


def _photo(path: Path, orientation: int, size: tuple[int, int] = (32, 32), kind: str = "JPEG") -> Path:
    """A dark picture whose upper left corner, as stored, is bright."""
    width, height = size
    pixels = np.full((height, width, 3), 20, np.uint8)
    pixels[: height // 2, : width // 2] = 220
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 98, "subsampling": 0} if kind == "JPEG" else {}
    Image.fromarray(pixels).save(path, kind, exif=exif, **options)
    return path


# where the bright corner goes to: 1 and 5 keep it at the upper left
BRIGHT = {1: 220, 2: 20, 3: 20, 4: 20, 5: 220, 6: 20, 7: 20, 8: 20}


@pytest.mark.parametrize("orientation", BRIGHT)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_20_the_mark_is_applied_as_opencv_applies_it(orientation: int, kind: str, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    photo = _photo(photos / f"p.{kind.lower()}", orientation, kind=kind)
    found = assess(_corner_net(tmp_path, 32, 32), photos)
    wanted = cv2.imread(str(photo))[:16, :16].mean()
    got = found.calibration.thresholds[found.graph.output_tensors[0]].max
    assert got == pytest.approx(wanted, rel=0.01)
    if kind == "JPEG":
        assert got == pytest.approx(BRIGHT[orientation], rel=0.02)


def test_20_letterbox_takes_the_turned_size(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    _photo(photos / "p.jpg", 6, size=(48, 32))  # 32 wide and 48 high once turned
    graph = qd.read_onnx(_corner_net(tmp_path, 48, 48))
    fitted = qd.Preprocess(keep_aspect_ratio=True, pad_value=255)
    chosen = qd.select_samples(graph, dataset=photos, number=0, preprocess=fitted)
    picture = next(chosen.batches())["x"][0, 0]
    columns = (picture > 250).all(axis=0)
    assert columns[:8].all()
    assert columns[-8:].all()
    assert not columns[8:40].any()


# ------------------------------------------------------------ 21: damaged pictures


def _picture(seed: int) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (24, 24, 3)).astype(np.uint8)


def _encoded(seed: int, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(_picture(seed)).save(buffer, kind, **options)
    return buffer.getvalue()


def _good(folder: Path) -> Path:
    folder.mkdir()
    for index in range(8):
        kind = "JPEG" if index % 2 else "PNG"
        (folder / f"p{index}.{kind.lower()}").write_bytes(_encoded(index, kind))
    return folder


def _bad(folder: Path) -> dict[str, str]:
    """Bad entries, and a word of the reason for each."""
    jpeg, png = _encoded(90, "JPEG"), _encoded(91, "PNG")
    progressive = _encoded(92, "JPEG", progressive=True)
    middle = len(png) // 2
    contents = {
        "cut.jpg": (jpeg[: len(jpeg) * 6 // 10], "cut off"),
        "cut_progressive.jpg": (progressive[: len(progressive) // 2], "cut off"),
        "empty.png": (b"", "empty"),
        "text.jpg": (b"this is no picture at all\n" * 9, "picture"),
        "crc.png": (png[:middle] + bytes([png[middle] ^ 1]) + png[middle + 1 :], ""),
        "cut.png": (png[: len(png) - 20], ""),
    }
    for name, (data, _) in contents.items():
        (folder / name).write_bytes(data)
    return {name: word for name, (_, word) in contents.items()}


def _plain_net(folder: Path) -> Path:
    nodes = [node("Conv", "x w", "c"), node("Relu", "c", "y")]
    return save(model(nodes, {"x": [1, 3, 24, 24]}, ["y"], {"w": floats(4, 3, 3, 3, scale=0.1)}), folder)


def test_21_every_bad_file_is_named_with_a_reason_before_the_run(tmp_path: Path) -> None:
    mixed = _good(tmp_path / "mixed")
    bad = _bad(mixed)
    (mixed / "folder.png").mkdir()
    graph = qd.read_onnx(_plain_net(tmp_path))
    with pytest.raises(QuantdeckError) as caught:
        qd.select_samples(graph, dataset=mixed, number=0)
    sentence = str(caught.value)
    assert_one_sentence(sentence)
    for name, word in bad.items():
        assert name in sentence
        assert word in sentence
    assert "p3.jpeg" not in sentence


def test_21_skipping_gives_the_rows_of_the_good_folder(tmp_path: Path) -> None:
    good, mixed = _good(tmp_path / "good"), _good(tmp_path / "mixed")
    bad = _bad(mixed)
    path = _plain_net(tmp_path)
    table, other = tmp_path / "good_table", tmp_path / "mixed_table"
    arguments = ("--cali_method", "use_max", "--tune_num", "0")
    fine = quantdeck("run_calibration", path, "--dataset", good, *arguments, "-o", table, cwd=tmp_path)
    assert (fine.returncode, "bad" in fine.stderr) == (0, False)
    done = quantdeck(
        "run_calibration", path, "--dataset", mixed, "--skip-bad", *arguments, "-o", other, cwd=tmp_path
    )
    assert done.returncode == 0
    for name in bad:
        assert name in done.stderr
    rows = [[line for line in file.read_text().splitlines() if line[0] != "#"] for file in (table, other)]
    assert rows[0] == rows[1]


ODD_PICTURES = {
    "16-bit grey": lambda: cv2.imencode(".png", np.arange(576, dtype=np.uint16).reshape(24, 24) * 100)[1],
    "palette with a clear colour": lambda: _converted("P", transparency=3),
    "grey and alpha": lambda: _converted("LA"),
    "colour and alpha": lambda: _converted("RGBA"),
    "one bit": lambda: _converted("1"),
    "CMYK": lambda: _converted("CMYK", kind="JPEG"),
    "progressive": lambda: _encoded(5, "JPEG", progressive=True),
    "interlaced 16-bit colour": lambda: cv2.imencode(".png", np.full((24, 24, 3), 40000, np.uint16))[1],
}


def _converted(mode: str, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(_picture(7)).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ODD_PICTURES)
def test_21_odd_pictures_are_read_as_opencv_reads_them_in_colour(kind: str, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    data = bytes(ODD_PICTURES[kind]())
    suffix = "jpg" if data[:2] == b"\xff\xd8" else "png"
    (photos / f"p.{suffix}").write_bytes(data)
    graph = qd.read_onnx(_plain_net(tmp_path))
    got = next(qd.select_samples(graph, dataset=photos, number=0).batches())["x"][0]
    wanted = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(got, wanted.transpose(2, 0, 1))


def test_21_a_gif_under_another_name_is_read_or_named(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "p.png").write_bytes(_converted("P", kind="GIF"))
    graph = qd.read_onnx(_plain_net(tmp_path))
    try:
        feed = next(qd.select_samples(graph, dataset=photos, number=0).batches())
    except QuantdeckError as error:
        assert_one_sentence(str(error))
        assert "p.png" in str(error)
    else:
        assert feed["x"].std() > 10


# ------------------------------------------------------------ 24: arrays of the wrong kind

GOOD = {"x": floats(1, 3, 8, 8, seed=4)}


class _Payload:
    """What a careless reader would run."""

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (open, ("pwned.txt", "w"))


def _net8(folder: Path) -> Path:
    nodes = [node("Conv", "x w", "c"), node("Relu", "c", "y")]
    return save(model(nodes, {"x": [1, 3, 8, 8]}, ["y"], {"w": floats(4, 3, 3, 3)}), folder)


WRONG: dict[str, tuple[Mapping[str, object], str]] = {
    "two": ({"a": GOOD["x"], "b": GOOD["x"]}, "2 arrays"),
    "nhwc": ({"x": floats(1, 8, 8, 3)}, "(1, 8, 8, 3)"),
    "rank": ({"x": floats(8, 8)}, "(8, 8)"),
    "small": ({"x": floats(1, 3, 7, 8)}, "(1, 3, 7, 8)"),
    "no rows": ({"x": floats(0, 3, 8, 8)}, "(0, 3, 8, 8)"),
    "object": ({"x": np.array([[_Payload()]], object)}, ""),
    "text": ({"x": np.array(["abc"])}, ""),
    "complex": ({"x": GOOD["x"].astype(np.complex64)}, ""),
}


@pytest.mark.parametrize("kind", WRONG)
def test_24_wrong_arrays_are_refused_and_nothing_is_unpickled(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arrays, words = WRONG[kind]
    dataset = tmp_path / "samples"
    dataset.mkdir()
    for name in ("s0.npz", "s1.npz"):
        with (dataset / name).open("wb") as handle:
            np.savez(handle, **{key: np.asarray(value) for key, value in arrays.items()})
    with pytest.raises(QuantdeckError) as caught:
        qd.select_samples(qd.read_onnx(_net8(tmp_path)), dataset=dataset, number=0)
    sentence = str(caught.value)
    assert_one_sentence(sentence)
    assert "s0.npz" in sentence
    assert "s1.npz" in sentence
    assert words in sentence
    assert not (tmp_path / "pwned.txt").exists()


@pytest.mark.parametrize("content", [b"text, not an archive", "npy"])
def test_24_files_that_are_no_npz(content: bytes | str, tmp_path: Path) -> None:
    dataset = tmp_path / "samples"
    dataset.mkdir()
    if content == "npy":
        with (dataset / "s0.npz").open("wb") as handle:
            np.save(handle, GOOD["x"])
    else:
        (dataset / "s0.npz").write_bytes(bytes(content))
    with pytest.raises(QuantdeckError, match=r"s0\.npz"):
        qd.select_samples(qd.read_onnx(_net8(tmp_path)), dataset=dataset, number=0)


def test_24_shapes_that_vary_are_found_before_the_run(tmp_path: Path) -> None:
    dataset = samples(tmp_path / "samples", [GOOD, {"x": floats(1, 3, 8, 9)}])
    with pytest.raises(QuantdeckError, match=r"s01\.npz.*\(1, 3, 8, 9\)"):
        qd.select_samples(qd.read_onnx(_net8(tmp_path)), dataset=dataset, number=0)


VALUES = np.round(GOOD["x"] * 20 + 60).clip(0, 255)


@pytest.mark.parametrize(
    "array",
    [VALUES.astype(np.uint8), VALUES.astype(np.float64), VALUES.astype(">f4"), np.asfortranarray(VALUES),
     VALUES.astype(np.float16), VALUES.astype(np.int64)],
    ids=["uint8", "double", "bigendian", "fortran", "half", "int64"],
)  # fmt: skip
def test_24_other_types_and_orders_give_the_same_rows(array: Array, tmp_path: Path) -> None:
    path = _net8(tmp_path)
    good = assess(path, samples(tmp_path / "good", [{"x": VALUES.astype(np.float32)}]))
    other = assess(path, samples(tmp_path / "other", [{"input": array}]))  # one input, any name
    assert other.calibration.thresholds == good.calibration.thresholds


def test_24_ten_rows_for_a_batch_of_one_are_split_and_told(tmp_path: Path) -> None:
    dataset = samples(tmp_path / "samples", [{"x": floats(10, 3, 8, 8)}])
    chosen = qd.select_samples(qd.read_onnx(_net8(tmp_path)), dataset=dataset, number=0)
    assert len(chosen) == 10
    assert any("10" in note for note in chosen.notes)


# ------------------------------------------------------------ 26: the last batch


def _batch4(folder: Path) -> qd.Graph:
    nodes = [node("Reshape", "x rows", "r"), node("MatMul", "r w", "y")]
    weights = {"rows": np.array([4, 48], np.int64), "w": floats(48, 5)}
    return qd.read_onnx(save(model(nodes, {"x": [4, 3, 4, 4]}, ["y"], weights), folder))


def test_26_pictures_are_filled_up_with_the_last_one(tmp_path: Path) -> None:
    photos = tmp_path / "six"
    photos.mkdir()
    for index in range(6):
        Image.new("RGB", (4, 4), (10 * index, 0, 0)).save(photos / f"p{index}.png")
    graph = _batch4(tmp_path)
    chosen = qd.select_samples(graph, dataset=photos, number=0)
    assert len(chosen) == 2
    second = list(chosen.batches())[1]["x"][:, 2, 0, 0]
    assert second[1] == second[2] == second[3] != second[0]
    assert not any("droped" in note or "valid" in note for note in chosen.notes)
    found = qd.calibrate(graph, chosen, method="use_max", tune_num=0)
    assert found.thresholds["x"].value == 50.0


def test_26_arrays_that_do_not_fill_a_batch_are_left_over_and_told(tmp_path: Path) -> None:
    feeds = [{"x": np.full((1, 3, 4, 4), index + 1, np.float32)} for index in range(6)]
    graph = _batch4(tmp_path)
    chosen = qd.select_samples(graph, dataset=samples(tmp_path / "npz6", feeds), number=0)
    assert (len(chosen), chosen.used) == (1, 4)
    assert any("2" in note and "left" in note for note in chosen.notes)
    taken = next(chosen.batches())["x"].max()
    assert qd.calibrate(graph, chosen, method="use_max", tune_num=0).thresholds["x"].value == taken


def test_26_too_few_rows_end_before_the_run(tmp_path: Path) -> None:
    feeds = [{"x": np.ones((1, 3, 4, 4), np.float32)} for _ in range(3)]
    with pytest.raises(QuantdeckError, match=r"3 rows.*batch is 4") as caught:
        qd.select_samples(_batch4(tmp_path), dataset=samples(tmp_path / "npz3", feeds), number=0)
    assert_one_sentence(str(caught.value))


def test_a_png_that_says_it_is_huge_does_not_eat_the_memory(tmp_path: Path) -> None:
    data = bytearray(_encoded(1, "PNG"))
    data[16:24] = struct.pack(">II", 2**30, 2**30)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "p.png").write_bytes(bytes(data))
    with pytest.raises(QuantdeckError, match=r"p\.png"):
        qd.select_samples(qd.read_onnx(_plain_net(tmp_path)), dataset=tmp_path / "photos", number=0)
