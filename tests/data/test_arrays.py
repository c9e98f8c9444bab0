"""npz and npy samples: refused by name and shape, or equal to the good ones; nothing is unpickled."""

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_files import graph_of, npy_bytes, pictures, rows
from numpy.lib import format as npy_format
from quantdeck.engine.data import arrays
from quantdeck.engine.data.arrays import check_npz_values
from quantdeck.engine.data.files import BadFileError
from quantdeck.engine.data.preprocess import Preprocess
from quantdeck.engine.data.samples import Samples, select_samples
from quantdeck.engine.errors import QuantdeckError

Array = np.ndarray
NET = graph_of(("x", (1, 3, 4, 5)))
GOOD = np.random.default_rng(3).integers(0, 200, (1, 3, 4, 5)).astype(np.float32)


class Trap:
    """Makes a file in the working folder when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, ("echo opened > pwned.txt",))


def saved(folder: Path, name: str, **arrays: Any) -> Path:
    np.savez(folder / name, **arrays)
    return folder / name


def fed(samples: Samples) -> list[dict[str, Array]]:
    return list(samples.batches())


@pytest.mark.parametrize(
    "array",
    [GOOD, GOOD.astype(np.uint8), GOOD.astype(np.float64), GOOD.astype(">f4"), np.asfortranarray(GOOD),
     GOOD.astype(np.float16), GOOD.astype(">i2"), GOOD.astype(np.int64)],
    ids=lambda array: str(array.dtype),
)  # fmt: skip
@pytest.mark.parametrize("kind", ["npz", "npy"])
def test_other_types_and_orders_give_the_same_values(tmp_path: Path, array: Array, kind: str) -> None:
    if kind == "npz":
        saved(tmp_path, "s.npz", anything=array)
    else:
        np.save(tmp_path / "s.npy", array)
    value = fed(select_samples(NET, dataset=tmp_path))[0]["x"]
    assert value.dtype == np.float32
    assert value.dtype.isnative
    assert value.flags.c_contiguous
    assert np.array_equal(value, GOOD)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": GOOD, "other": GOOD}, r"2 arrays \(other, x\).*one input 'x'"),
        ({}, "holds 0 arrays"),
        ({"x": GOOD.transpose(0, 2, 3, 1)}, r"\(1, 4, 5, 3\).*\(1, 3, 4, 5\)"),
        ({"x": GOOD[0]}, r"\(3, 4, 5\).*\(1, 3, 4, 5\)"),
        ({"x": GOOD[:, :, :3]}, r"\(1, 3, 3, 5\).*\(1, 3, 4, 5\)"),
        ({"x": GOOD[:0]}, "without rows"),
        ({"x": np.array(3.0)}, r"shape \(\)"),
        ({"x": np.array([Trap()], object)}, "Python objects"),
        ({"x": GOOD.astype(str)}, "no numbers"),
        ({"x": GOOD.astype(complex)}, "no numbers"),
        ({"x": np.zeros((1, 3, 4, 5), [("a", "f4"), ("b", "O")])}, "Python objects"),
        ({"x": np.zeros((1, 3, 4, 5), [("\x1b[2J", "f4")])}, "no numbers"),
    ],
)
def test_npz_files_that_do_not_fit(
    tmp_path: Path, arrays: dict[str, Array], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set").mkdir()
    saved(tmp_path / "set", "bad one.npz", **arrays)
    with pytest.raises(QuantdeckError, match=words) as found:
        select_samples(NET, dataset=tmp_path / "set")
    assert "bad one.npz" in str(found.value)
    assert str(found.value).isprintable()
    assert not (tmp_path / "pwned.txt").exists()


def test_every_wrong_file_of_a_folder_is_named(tmp_path: Path) -> None:
    saved(tmp_path, "s0.npz", x=GOOD)
    saved(tmp_path, "s1.npz", x=GOOD[:, :, :3])
    saved(tmp_path, "s2.npz", x=GOOD[:0])
    (tmp_path / "s3.npz").write_bytes(npy_bytes(GOOD))
    (tmp_path / "s4.npz").write_bytes(b"not an archive\n")
    with pytest.raises(QuantdeckError) as found:
        select_samples(NET, dataset=tmp_path, number=1)
    sentence = str(found.value)
    for name in (
        "s1.npz has an array of shape (1, 3, 3, 5)",
        "s2.npz",
        "s3.npz is an npy array",
        "s4.npz is no npz",
    ):
        assert name in sentence
    assert "s0.npz" not in sentence


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (npy_bytes(GOOD)[:200], "is cut off: 168 bytes are missing"),
        (npy_bytes(np.array([Trap()], object)), "Python objects"),
        (b"PK\x03\x04 and so on", "npz file under the name of an npy"),
        (b"garbage", "no numpy array"),
        (npy_bytes(GOOD).replace(b"(1, 3, 4, 5)", b"(-1, 3,4, 5)"), "impossible shape"),
        (npy_bytes(GOOD).replace(b"(1, 3, 4, 5)", b"(1<<99, 3)  "), "no numpy array"),
    ],
    ids=["cut", "pickled", "npz", "garbage", "negative", "expression"],
)
def test_npy_files_that_are_none(
    tmp_path: Path, data: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(QuantdeckError, match=words):
        select_samples(NET, dataset=tmp_path)
    assert not (tmp_path / "pwned.txt").exists()


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    head = npy_bytes(np.zeros((1, 1), np.float32)).replace(b"(1, 1)", b"(1,99)")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", head + bytes(1 << 24))
    assert len(stream.getvalue()) < 1 << 16
    (tmp_path / "bomb.npz").write_bytes(stream.getvalue())
    with pytest.raises(QuantdeckError, match=r"\(1, 99\)"):
        select_samples(NET, dataset=tmp_path)


@pytest.mark.parametrize("side", [2, 90])
def test_values_whose_checksum_is_wrong_are_found(tmp_path: Path, side: int) -> None:
    values = np.random.default_rng(1).random((1, 3, side, side)).astype(np.float32)
    path = saved(tmp_path, "s.npz", x=values)
    data = bytearray(path.read_bytes())
    data[data.index(values.tobytes()[-16:]) + 5] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(QuantdeckError, match="checksum of an array"):
        select_samples(graph_of(("x", values.shape)), dataset=tmp_path)


def test_compressed_archives_are_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "s.npz", x=GOOD)
    assert np.array_equal(fed(select_samples(NET, dataset=tmp_path))[0]["x"], GOOD)


def test_ten_rows_for_a_batch_of_one_are_ten_samples(tmp_path: Path) -> None:
    many = np.arange(10 * 60, dtype=np.float32).reshape(10, 3, 4, 5)
    saved(tmp_path, "s.npz", x=many)
    samples = select_samples(NET, dataset=tmp_path)
    assert (len(samples), samples.used) == (10, 1)
    assert "requested 1, used 1 (10 samples)" in samples.notes
    assert np.array_equal(np.concatenate([feed["x"] for feed in fed(samples)]), many)


def test_arrays_take_no_preprocessing(tmp_path: Path) -> None:
    saved(tmp_path, "s.npz", x=GOOD)
    samples = select_samples(NET, dataset=tmp_path, preprocess=Preprocess(mean=(9, 9, 9)))
    assert np.array_equal(fed(samples)[0]["x"], GOOD)
    assert "without preprocessing" in samples.notes[0]
    assert samples.digest == select_samples(NET, dataset=tmp_path).digest


BATCH = graph_of(("x", (4, 3, 4, 4)))


def first_values(samples: Samples) -> list[list[float]]:
    return [[float(row.max()) for row in feed["x"]] for feed in samples.batches()]


def test_an_incomplete_last_group_of_arrays_is_left_over(tmp_path: Path) -> None:
    rows(tmp_path, 6)
    samples = select_samples(BATCH, dataset=tmp_path)
    order = [float(Path(entry[0]).stem[1:]) for entry in samples.entries]
    assert (samples.requested, samples.used, samples.formed) == (0, 4, 1)
    assert first_values(samples) == [order[:4]]
    assert samples.notes == (
        "requested 6, used 4 (1 sample)",
        "2 files do not fill a batch of 4 and are left over",
    )


def test_no_note_speaks_of_left_over_files_when_there_are_none(tmp_path: Path) -> None:
    rows(tmp_path, 8)
    samples = select_samples(BATCH, dataset=tmp_path)
    assert samples.notes == ("requested 8, used 8 (2 samples)",)


def test_too_few_rows_are_refused_with_both_numbers(tmp_path: Path) -> None:
    rows(tmp_path, 3)
    with pytest.raises(QuantdeckError, match="3 rows, the model's batch is 4"):
        select_samples(BATCH, dataset=tmp_path)


def test_whole_batches_and_single_rows_mix(tmp_path: Path) -> None:
    paths = rows(tmp_path, 4, (1, 3, 4, 4))
    saved(tmp_path, "whole.npz", x=np.full((8, 3, 4, 4), 50, np.float32))
    names = [*map(str, paths[:2]), str(tmp_path / "whole.npz"), *map(str, paths[2:])]
    (tmp_path / "list").write_text("\n".join(names))
    samples = select_samples(BATCH, data_list=tmp_path / "list")
    assert first_values(samples) == [[50] * 4, [50] * 4, [0, 1, 2, 3]]
    assert samples.used == 5


@pytest.mark.parametrize("count", [2, 3, 5, 6])
def test_rows_that_make_no_batch_are_refused(tmp_path: Path, count: int) -> None:
    saved(tmp_path, "s.npz", x=np.zeros((count, 3, 4, 4), np.float32))
    with pytest.raises(QuantdeckError, match=rf"s\.npz has {count} rows, the model's batch is 4"):
        select_samples(BATCH, dataset=tmp_path)


def test_npy_arrays_are_used_as_they_are_without_batching(tmp_path: Path) -> None:
    for index in range(4):
        np.save(tmp_path / f"s{index}.npy", np.zeros((1, 3, 4, 4), np.float32))
    with pytest.raises(QuantdeckError, match="has 1 row, the model's batch is 4"):
        select_samples(BATCH, dataset=tmp_path)
    for index in range(4):
        np.save(tmp_path / f"s{index}.npy", np.zeros((4, 3, 4, 4), np.float32))
    assert len(select_samples(BATCH, dataset=tmp_path)) == 4


def test_pictures_are_filled_up_with_the_last_one(tmp_path: Path) -> None:
    pictures(tmp_path, 6)
    samples = select_samples(graph_of(("x", (4, 3, 8, 8))), dataset=tmp_path)
    first, second = fed(samples)
    assert (samples.used, samples.formed, len(samples.entries)) == (6, 2, 6)
    assert first["x"].shape == second["x"].shape == (4, 3, 8, 8)
    assert not np.array_equal(second["x"][0], second["x"][1])
    assert all(np.array_equal(second["x"][1], second["x"][row]) for row in (2, 3))
    assert [rows.filler for rows in samples.groups[1]] == [False, False, True, True]
    assert "2 times more" in samples.notes[1]


def test_the_same_file_twice_counts_twice(tmp_path: Path) -> None:
    path = rows(tmp_path, 1)[0]
    (tmp_path / "list").write_text(f"{path}\n{path}\n")
    samples = select_samples(graph_of(("x", (1, 3, 4, 4))), data_list=tmp_path / "list")
    assert (samples.used, samples.formed, samples.notes) == (2, 2, ())


def test_taking_fewer_gives_a_prefix(tmp_path: Path) -> None:
    rows(tmp_path, 12)
    samples = select_samples(BATCH, dataset=tmp_path)
    two = samples.take(2)
    assert first_values(two) == first_values(samples)[:2]
    assert (len(two), two.used, two.requested) == (2, 8, 2)
    assert two.entries == samples.entries[:8]
    assert samples.take(0) is samples.take(3) is samples


PAIR = graph_of(("image", (1, 3, 4, 5)), ("info", (1, 2)))


def test_several_inputs_from_one_npz(tmp_path: Path) -> None:
    saved(tmp_path, "s.npz", info=np.array([[7.0, 8.0]]), image=GOOD, more=GOOD)
    feed = fed(select_samples(PAIR, dataset=tmp_path))[0]
    assert list(feed) == ["image", "info"]
    assert np.array_equal(feed["image"], GOOD)
    assert feed["info"].tolist() == [[7, 8]]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"image": GOOD}, "lacks the inputs info; it holds image"),
        ({"image": GOOD, "info": np.zeros((1, 3))}, r"\(1, 3\), input 'info' wants \(1, 2\)"),
        ({"image": GOOD, "info": np.zeros((3, 2))}, r"different numbers of rows.*1, 3"),
    ],
)
def test_several_inputs_that_do_not_fit(tmp_path: Path, arrays: dict[str, Array], words: str) -> None:
    saved(tmp_path, "s.npz", **arrays)
    with pytest.raises(QuantdeckError, match=words):
        select_samples(PAIR, dataset=tmp_path)


def test_inputs_without_a_batch_are_taken_as_they_are(tmp_path: Path) -> None:
    net = graph_of(("image", (2, 3, 4, 5)), ("anchors", (9, 4)), ("factor", ()))
    anchors = np.arange(36.0).reshape(9, 4)
    for index in range(4):
        saved(tmp_path, f"s{index}.npz", image=GOOD + index, anchors=anchors, factor=np.float32(index))
    feeds = fed(select_samples(net, dataset=tmp_path))
    assert [{name: value.shape for name, value in feed.items()} for feed in feeds] == [
        {"image": (2, 3, 4, 5), "anchors": (9, 4), "factor": ()}
    ] * 2
    assert np.array_equal(feeds[0]["anchors"], anchors)


def test_joined_files_feed_the_inputs_in_their_order(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", GOOD)
    np.save(tmp_path / "b.npy", np.array([[7.0, 8.0]]))
    (tmp_path / "list").write_text("a.npy,b.npy\n")
    feed = fed(select_samples(PAIR, data_list=tmp_path / "list"))[0]
    assert np.array_equal(feed["image"], GOOD)
    assert feed["info"].tolist() == [[7, 8]]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a.npy", "1 file stands for 2 inputs"),
        ("a.npy,b.npy,b.npy", "3 files stand for 2 inputs"),
        ("b.npy,a.npy", r"\(1, 2\), input 'image' wants"),
        ("a.npy,c.npy", "c.npy does not exist"),
    ],
)
def test_joined_files_that_do_not_fit(tmp_path: Path, line: str, words: str) -> None:
    np.save(tmp_path / "a.npy", GOOD)
    np.save(tmp_path / "b.npy", np.array([[7.0, 8.0]]))
    (tmp_path / "list").write_text(line)
    with pytest.raises(QuantdeckError, match=words):
        select_samples(PAIR, data_list=tmp_path / "list")


def test_npz_files_are_not_joined(tmp_path: Path) -> None:
    saved(tmp_path, "s.npz", image=GOOD, info=np.zeros((1, 2)))
    (tmp_path / "list").write_text("s.npz,s.npz")
    with pytest.raises(QuantdeckError, match="holds the arrays of all inputs"):
        select_samples(PAIR, data_list=tmp_path / "list")


def test_a_folder_of_single_files_cannot_feed_two_inputs(tmp_path: Path) -> None:
    pictures(tmp_path, 3)
    with pytest.raises(QuantdeckError, match=r"2 inputs \(image, info\).*--data_list"):
        select_samples(PAIR, dataset=tmp_path)


def test_pictures_for_two_inputs_have_their_own_preprocessing(tmp_path: Path) -> None:
    net = graph_of(("left", (1, 3, 8, 8)), ("right", (1, 1, 6, 6)))
    paths = pictures(tmp_path, 2)
    (tmp_path / "list").write_text(f"{paths[0]},{paths[1]}")
    options = {"left": Preprocess(scale=(2, 2, 2)), "right": Preprocess(pixel_format="gray", mean=(5,))}
    feed = fed(select_samples(net, data_list=tmp_path / "list", preprocess=options))[0]
    assert np.array_equal(feed["left"], options["left"].apply(paths[0], (1, 3, 8, 8)))
    assert np.array_equal(feed["right"], options["right"].apply(paths[1], (1, 1, 6, 6)))


@pytest.mark.parametrize(
    ("shape", "preprocess", "words"),
    [
        (
            (1, 3, 8, 8),
            Preprocess(pixel_format="gray"),
            r"gray gives 1 channel, but input 'x'.*has 3; give rgb or bgr",
        ),
        ((1, 5, 8, 8), Preprocess(), "npz or npy"),
        ((1, 5, 8, 8), None, "5 channels, which no picture has"),
        ((1, 8, 8, 3), None, "--channel_format nhwc"),
        ((1, 100), None, "takes no picture"),
        ((1, 3, 8, 8), Preprocess(channel_format="none"), "takes no picture"),
        ((1, 3, 8, 8), Preprocess(resize_dims=(4, 8)), "4,8 is smaller than the network's input 8,8"),
        ((1, 3, 8, 8), {"y": Preprocess()}, "given for y, but the inputs are x"),
    ],
)
def test_pictures_and_inputs_that_do_not_fit(
    tmp_path: Path, shape: tuple[int, ...], preprocess: Any, words: str
) -> None:
    pictures(tmp_path, 1)
    with pytest.raises(QuantdeckError, match=words):
        select_samples(graph_of(("x", shape)), dataset=tmp_path, preprocess=preprocess)


def test_the_inputs_channels_choose_the_format_when_none_is_given(tmp_path: Path) -> None:
    pictures(tmp_path, 1)
    for channels in (1, 3, 4):
        samples = select_samples(graph_of(("x", (1, channels, 8, 8))), dataset=tmp_path)
        assert fed(samples)[0]["x"].shape == (1, channels, 8, 8)


def test_whole_numbers_for_whole_number_inputs(tmp_path: Path) -> None:
    net = graph_of(("ids", (1, 4)), dtype="int64")
    saved(tmp_path, "s.npz", ids=np.array([[1, 2, 3, 4]], np.int32))
    assert fed(select_samples(net, dataset=tmp_path))[0]["ids"].dtype == np.int64
    saved(tmp_path, "s.npz", ids=np.array([[1.5, 2, 3, 4]]))
    with pytest.raises(QuantdeckError, match="float64, input 'ids' wants int64"):
        select_samples(net, dataset=tmp_path)


def test_a_graph_without_inputs_takes_no_samples(tmp_path: Path) -> None:
    rows(tmp_path, 1)
    with pytest.raises(QuantdeckError, match="no input"):
        select_samples(graph_of(), dataset=tmp_path)


def test_progress_counts_every_entry_and_may_stop_the_check(tmp_path: Path) -> None:
    rows(tmp_path, 5)
    net = graph_of(("x", (1, 3, 4, 4)))
    steps: list[tuple[int, int]] = []
    select_samples(net, dataset=tmp_path, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(done, 5) for done in range(1, 6)]

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        select_samples(net, dataset=tmp_path, progress=stop)


def test_more_than_memory_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of true rows of nothing are packed into kilobytes."""
    stream = io.BytesIO()
    np.savez_compressed(stream, x=np.zeros((1 << 14, 3, 8, 8), np.float32))
    assert len(stream.getvalue()) < 1 << 18
    check_npz_values(stream.getvalue())
    monkeypatch.setattr(arrays, "LARGEST_ARRAY", 1 << 20)
    with pytest.raises(BadFileError, match=r"unpacks to 12 MiB"):
        check_npz_values(stream.getvalue())


@pytest.mark.parametrize("trips", [1, 3])
def test_a_parser_that_trips_in_threads_does_not_make_a_good_sample_bad(tmp_path, monkeypatch, trips):
    """What CPython 3.11 does now and then where dask watches the garbage collector."""
    for name in "ab":
        saved(tmp_path, f"{name}.npz", x=GOOD)
    real, left = npy_format.read_array_header_1_0, iter(range(trips))

    def tripping(stream, *rest, **options):
        found = real(stream, *rest, **options)
        if next(left, None) is not None:
            raise SystemError("AST constructor recursion depth mismatch (before=24, after=22)")
        return found

    monkeypatch.setattr(npy_format, "read_array_header_1_0", tripping)
    for sample in fed(select_samples(NET, dataset=tmp_path)):
        np.testing.assert_array_equal(sample["x"], GOOD)
