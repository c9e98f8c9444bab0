"""From a picture to the network's array (spec A.10); every option against a case worked out by hand."""

import io
from typing import Any

import cv2
import numpy as np
import pytest
from data_files import encoded, picture
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from quantdeck.engine.data.preprocess import Preprocess
from quantdeck.engine.errors import QuantdeckError

Array = np.ndarray

TWO = np.array([[[10, 20, 30], [40, 50, 60]], [[70, 80, 90], [100, 110, 120]]], np.uint8)  # 2 x 2, BGR


def applied(image: Array | bytes, shape: tuple[int, ...], **options: Any) -> Array:
    return Preprocess(**options).apply(image, shape)


def file_of(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def test_without_options_bgr_planes_of_the_networks_size() -> None:
    values = applied(TWO, (1, 3, 2, 2))
    assert values.dtype == np.float32
    assert values.flags.c_contiguous
    assert values.tolist() == [[[[10, 40], [70, 100]], [[20, 50], [80, 110]], [[30, 60], [90, 120]]]]


def test_rgb_reverses_the_channels() -> None:
    values = applied(TWO, (1, 3, 2, 2), pixel_format="rgb")
    assert values[0, :, 0, 0].tolist() == [30, 20, 10]


def test_mean_and_scale_stand_in_the_order_of_the_pixel_format() -> None:
    options = {"mean": (1, 2, 3), "scale": (1, 10, 100)}
    assert applied(TWO, (1, 3, 2, 2), pixel_format="rgb", **options)[0, :, 0, 0].tolist() == [29, 180, 700]
    assert applied(TWO, (1, 3, 2, 2), **options)[0, :, 0, 0].tolist() == [9, 180, 2700]


def test_mean_is_taken_off_before_scaling_in_float32() -> None:
    value = applied(TWO, (1, 3, 2, 2), mean=(127.5,) * 3, scale=(0.0078431,) * 3)[0, 0, 0, 0]
    assert value == (np.float32(10) - np.float32(127.5)) * np.float32(0.0078431)


def test_gray_uses_the_first_value_only() -> None:
    grey = np.array([[0, 100], [200, 50]], np.uint8)
    values = applied(grey, (1, 1, 2, 2), pixel_format="gray", mean=(50, 7, 7), scale=(2, 9, 9))
    assert values.tolist() == [[[[-100, 100], [300, 0]]]]


def test_rgba_keeps_alpha_as_the_fourth_channel() -> None:
    stored = np.dstack([TWO, np.array([[0, 1], [2, 255]], np.uint8)])
    values = applied(encoded(stored), (1, 4, 2, 2), pixel_format="rgba")
    assert values[0, :, 0, 1].tolist() == [60, 50, 40, 1]
    assert values[0, 3].tolist() == [[0, 1], [2, 255]]
    opaque = applied(encoded(TWO), (1, 4, 2, 2), pixel_format="rgba")
    assert opaque[0, :, 0, 0].tolist() == [30, 20, 10, 255]


def test_nhwc_is_the_transpose() -> None:
    values = applied(TWO, (1, 2, 2, 3), channel_format="nhwc")
    assert values.shape == (1, 2, 2, 3)
    assert values[0].tolist() == TWO.tolist()


def test_stretching_is_opencvs_linear_on_bytes_with_half_pixel_centres() -> None:
    line = np.zeros((1, 2, 3), np.uint8)
    line[0, 1] = 100
    assert applied(line, (1, 3, 1, 4))[0, 0, 0].tolist() == [0, 25, 75, 100]
    image = picture(13, 17)
    values = applied(image, (1, 3, 8, 11))
    assert np.array_equal(values[0].transpose(1, 2, 0), cv2.resize(image, (11, 8)))


def test_resize_dims_then_centre_crop() -> None:
    image = np.arange(6 * 8, dtype=np.uint8).reshape(6, 8)
    values = applied(image, (1, 1, 3, 4), pixel_format="gray", resize_dims=(6, 8))
    top, left = 6 // 2 - 3 // 2, 8 // 2 - 4 // 2  # 2 and 2
    assert (top, left) == (2, 2)
    assert np.array_equal(values[0, 0], image[2:5, 2:6])


def test_odd_crops_start_as_the_original_starts_them() -> None:
    image = np.arange(5 * 5, dtype=np.uint8).reshape(5, 5)
    values = applied(image, (1, 1, 2, 3), pixel_format="gray", resize_dims=(5, 5))
    assert np.array_equal(values[0, 0], image[1:3, 1:4])


def test_letterbox_in_the_middle_and_at_the_upper_left() -> None:
    wide = np.full((2, 4, 3), 200, np.uint8)
    options: dict[str, Any] = {"keep_aspect_ratio": True, "pad_value": 7}
    centred = applied(wide, (1, 3, 5, 4), **options)[0, 0]
    assert centred[:, 0].tolist() == [7, 200, 200, 7, 7]  # floor((5 - 2) / 2) = 1 row above
    assert (centred == centred[:, :1]).all()
    normal = applied(wide, (1, 3, 5, 4), pad_type="normal", **options)[0, 0]
    assert normal[:, 0].tolist() == [200, 200, 7, 7, 7]
    tall = applied(wide.transpose(1, 0, 2), (1, 3, 4, 5), **options)[0, 0]
    assert tall[0].tolist() == [7, 200, 200, 7, 7]


def test_padding_goes_through_mean_and_scale() -> None:
    wide = np.full((1, 2, 3), 200, np.uint8)
    values = applied(
        wide, (1, 3, 2, 2), keep_aspect_ratio=True, pad_value=114, mean=(14,) * 3, scale=(2,) * 3
    )
    assert values[0, 0].tolist() == [[372, 372], [200, 200]]


def test_letterbox_sizes_are_cut_not_rounded() -> None:
    image = np.full((7, 10, 3), 200, np.uint8)
    column = applied(image, (1, 3, 5, 5), keep_aspect_ratio=True)[0, 0, :, 0]
    assert column.tolist() == [0, 200, 200, 200, 0]  # 7 * 0.5 = 3.5 rows become 3


def test_short_side_scale_covers_and_crops_the_middle() -> None:
    image = np.tile(np.arange(0, 160, 10, dtype=np.uint8), (8, 1))  # 8 x 16
    options: dict[str, Any] = {"keep_aspect_ratio": True, "keep_ratio_mode": "short_side_scale"}
    values = applied(image, (1, 1, 8, 8), pixel_format="gray", **options)
    assert np.array_equal(values[0, 0], image[:, 4:12])
    half = applied(image, (1, 1, 4, 4), pixel_format="gray", **options)
    assert np.array_equal(half[0, 0], cv2.resize(image, (8, 4))[:, 2:6])


def test_keep_ratio_mode_alone_changes_nothing() -> None:
    image = picture(5, 9)
    plain = applied(image, (1, 3, 6, 6))
    assert np.array_equal(plain, applied(image, (1, 3, 6, 6), keep_ratio_mode="short_side_scale"))


@given(
    st.integers(1, 40), st.integers(1, 40), st.integers(1, 24), st.integers(1, 24), st.booleans(),
    st.sampled_from(["letterbox", "short_side_scale"]), st.sampled_from(["center", "normal"]),
)  # fmt: skip
def test_any_size_gives_the_networks_shape_within_the_pictures_range(
    rows: int, columns: int, height: int, width: int, keep: bool, mode: str, place: str
) -> None:
    image = np.full((rows, columns, 3), 90, np.uint8)
    values = applied(
        image,
        (1, 3, height, width),
        keep_aspect_ratio=keep,
        keep_ratio_mode=mode,
        pad_type=place,
        pad_value=90,
    )
    assert values.shape == (1, 3, height, width)
    assert (values == 90).all()


@pytest.mark.parametrize(
    ("mark", "first"), [(1, (0, 0)), (2, (0, 1)), (3, (1, 1)), (4, (1, 0)), (6, (0, 1)), (8, (1, 0))]
)
@pytest.mark.parametrize(("pixel_format", "channels"), [("bgr", 3), ("rgb", 3), ("gray", 1), ("rgba", 4)])
def test_the_cameras_orientation_is_applied_on_every_route(
    mark: int, first: tuple[int, int], pixel_format: str, channels: int
) -> None:
    image = np.full((32, 32, 3), 40, np.uint8)
    image[:16, :16] = 220
    exif = Image.Exif()
    exif[274] = mark
    data = file_of(Image.fromarray(image), "JPEG", quality=98, exif=exif)
    values = applied(data, (1, channels, 32, 32), pixel_format=pixel_format)[0, 0]
    quarters = {(row, column): values[16 * row : 16 * row + 16, 16 * column : 16 * column + 16].mean()
                for row in (0, 1) for column in (0, 1)}  # fmt: skip
    assert max(quarters, key=lambda place: quarters[place]) == first


def test_the_size_of_a_turned_picture_counts_for_letterboxing() -> None:
    image = np.full((32, 48, 3), 200, np.uint8)
    exif = Image.Exif()
    exif[274] = 6
    data = file_of(Image.fromarray(image), "JPEG", quality=98, exif=exif)
    values = applied(data, (1, 3, 48, 48), keep_aspect_ratio=True)[0, 0]
    assert (values[:, 0] == 0).all()
    assert (values[0, 8:40] > 190).all()  # upright, 32 wide


@pytest.mark.parametrize("pixel_format", ["bgr", "rgb"])
def test_pictures_of_other_kinds_as_colour(pixel_format: str) -> None:
    grey = Image.fromarray(np.array([[0, 255], [100, 7]], np.uint8))
    flat = applied(file_of(grey), (1, 3, 2, 2), pixel_format=pixel_format)[0]
    assert all(plane.tolist() == [[0, 255], [100, 7]] for plane in flat)
    colour = Image.fromarray(np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8))  # red, blue
    red = {"bgr": [0, 0, 255], "rgb": [255, 0, 0]}[pixel_format]
    palette = applied(file_of(colour.quantize(4)), (1, 3, 1, 2), pixel_format=pixel_format)[0, :, 0, 0]
    assert palette.tolist() == red
    colour.putalpha(10)
    alpha = applied(file_of(colour), (1, 3, 1, 2), pixel_format=pixel_format)[0, :, 0, 0]
    assert alpha.tolist() == red
    deep = encoded(np.full((1, 2, 3), 0x81FF, np.uint16))
    assert applied(deep, (1, 3, 1, 2), pixel_format=pixel_format).ravel().tolist() == [0x81] * 6


def test_cmyk_pictures_become_their_colours() -> None:
    colour = Image.new("RGB", (16, 16), (200, 40, 90))
    data = file_of(colour.convert("CMYK"), "JPEG", quality=98)
    values = applied(data, (1, 3, 16, 16), pixel_format="rgb")[0].mean((1, 2))
    assert np.abs(values - [200, 40, 90]).max() < 12


def test_colour_becomes_grey_and_deep_pictures_lose_their_low_byte() -> None:
    image = picture(8, 8)
    values = applied(encoded(image), (1, 1, 8, 8), pixel_format="gray")[0, 0]
    weights = image.astype(np.float64) @ [0.114, 0.587, 0.299]
    assert np.abs(values - weights).max() <= 1
    deep = encoded(np.array([[0x0100, 0xFFFF]], np.uint16))
    assert applied(deep, (1, 1, 1, 2), pixel_format="gray").ravel().tolist() == [1, 255]
    with_alpha = encoded(np.full((1, 2, 4), 0x81FF, np.uint16))
    assert applied(with_alpha, (1, 4, 1, 2), pixel_format="rgba").ravel().tolist() == [0x81] * 8


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pixel_format": "cmyk"}, "--pixel_format must be one of"),
        ({"channel_format": "hwc"}, "--channel_format must be one of"),
        ({"keep_ratio_mode": "fit"}, "--keep_ratio_mode must be one of"),
        ({"pad_type": "left"}, "--pad_type must be one of"),
        ({"pad_value": 256}, "--pad_value must lie between"),
        (
            {"mean": (1.0,)},
            "--mean has 1 value, but bgr pictures need 3; give one a channel, and --pixel_format",
        ),
        ({"scale": (1.0, 2.0)}, "--scale has 2 values"),
        ({"mean": (1.0, 2.0, 3.0), "pixel_format": "rgba"}, "--mean has 3 values, but rgba pictures need 4"),
        ({"scale": (1.0, float("nan"), 1.0)}, "--scale must hold finite"),
        ({"resize_dims": (0, 5)}, "--resize_dims must be"),
        ({"resize_dims": (5,)}, "--resize_dims must be"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], words: str) -> None:
    with pytest.raises(QuantdeckError, match=words):
        Preprocess(**options)


def test_a_crop_larger_than_the_picture_is_refused_with_both_sizes() -> None:
    with pytest.raises(QuantdeckError, match=r"4,9 is smaller than the network's input 8,8"):
        applied(TWO, (1, 3, 8, 8), resize_dims=(4, 9))


def test_text_form_is_exact_and_canonical() -> None:
    options = Preprocess(
        resize_dims=[256, 300],
        keep_aspect_ratio=True,
        mean=[0, 1, 2.5],
        scale=(0.1, 1 / 3, 1),
        pixel_format="rgb",
    )  # type: ignore[arg-type]
    assert Preprocess.from_json(options.to_json()) == options
    assert hash(options)
    assert Preprocess(mean=(0, 0, 0)).to_json() == Preprocess(mean=(0.0, -0.0 + 0.0, 0.0)).to_json()
    for text in ("", "[]", "3", '{"colour": 1}', '{"mean": "abc"}', '{"resize_dims": ["x", "y"]}'):
        with pytest.raises(QuantdeckError):
            Preprocess.from_json(text)


def test_sizes_beyond_memory_are_refused_before_any_picture_is_read() -> None:
    for size in ((20_000, 20_000), (8, 1 << 40)):
        with pytest.raises(QuantdeckError, match=r"resize_dims .* too large"):
            Preprocess(resize_dims=size)
