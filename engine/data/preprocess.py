"""From a picture file to the array that a network reads (spec A.10), with OpenCV as the original does it.

How pictures of other kinds are read, on every route: EXIF orientation is applied; grey and palette pictures become
three equal or three palette channels; an alpha channel is dropped without blending (and kept for ``rgba``, opaque where
the file has none); CMYK is converted by the JPEG library; 16-bit values are divided by 256.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from ..errors import QuantdeckError
from ..text import visible

Array = np.ndarray

CHANNELS = {"rgb": 3, "bgr": 3, "gray": 1, "rgba": 4}


@dataclass(frozen=True, slots=True)
class Preprocess:
    """Options of one image input, named as model_transform names them.

    resize_dims: (height, width) before the centre crop to the network's size; None for the network's size itself.
    keep_aspect_ratio: with keep_ratio_mode "letterbox" (canvas of pad_value, placed at the "center" or, "normal", at the
    upper left) or "short_side_scale" (cover, then centre crop). mean and scale: in the order of pixel_format,
    y = (x - mean) * scale. channel_format: "nchw", "nhwc", or "none" for an input that is no picture.
    """

    resize_dims: tuple[int, int] | None = None
    keep_aspect_ratio: bool = False
    keep_ratio_mode: str = "letterbox"
    pad_value: int = 0
    pad_type: str = "center"
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    scale: tuple[float, ...] = (1.0, 1.0, 1.0)
    pixel_format: str = "bgr"
    channel_format: str = "nchw"

    def __post_init__(self) -> None:
        _one_of("pixel_format", self.pixel_format, tuple(CHANNELS))
        _one_of("channel_format", self.channel_format, ("nchw", "nhwc", "none"))
        _one_of("keep_ratio_mode", self.keep_ratio_mode, ("letterbox", "short_side_scale"))
        _one_of("pad_type", self.pad_type, ("center", "normal"))
        needed = CHANNELS[self.pixel_format]
        for option, values in (("mean", self.mean), ("scale", self.scale)):
            if len(values) < needed:
                raise QuantdeckError(
                    f"--{option} has {len(values)} values, but {self.pixel_format} pictures need {needed}"
                )
            if not np.isfinite(values).all():
                raise QuantdeckError(f"--{option} must hold finite numbers")
        if not 0 <= self.pad_value <= 255:
            raise QuantdeckError(f"--pad_value must lie between 0 and 255, not {self.pad_value}")
        if self.resize_dims is not None and (len(self.resize_dims) != 2 or min(self.resize_dims) < 1):
            raise QuantdeckError("--resize_dims must be a height and a width, as in 256,256")

    @property
    def channels(self) -> int:
        """Channels of the array that comes out."""
        return CHANNELS[self.pixel_format]

    def to_json(self) -> str:
        """Canonical text; ``from_json`` reads it."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Preprocess":
        """Read what ``to_json`` wrote."""
        values = json.loads(text)
        for key in ("resize_dims", "mean", "scale"):
            if values[key] is not None:
                values[key] = tuple(values[key])
        return cls(**values)

    def size(self, shape: Sequence[int]) -> tuple[int, int]:
        """Height and width of the network's input of the given shape (batch first)."""
        return (shape[1], shape[2]) if self.channel_format == "nhwc" else (shape[2], shape[3])

    def apply(self, source: Path | str | bytes | Array, shape: Sequence[int]) -> Array:
        """One picture as float32 of ``shape`` with batch 1.

        source: a path, the bytes of a file, or a decoded uint8 array in OpenCV's channel order.
        Errors: QuantdeckError for a file that does not decode or a size that does not fit.
        """
        image = source if isinstance(source, np.ndarray) else read_image(source, self.pixel_format)
        height, width = self.size(shape)
        image = self._crop(self._resize(image, *(self.resize_dims or (height, width))), height, width)
        planes = image[:, :, None] if image.ndim == 2 else image
        values = planes.transpose(2, 0, 1).astype(np.float32)
        if self.pixel_format == "rgb":
            values = values[::-1]
        mean = np.asarray(self.mean[: self.channels], np.float32).reshape(-1, 1, 1)
        scale = np.asarray(self.scale[: self.channels], np.float32).reshape(-1, 1, 1)
        values = (values - mean) * scale
        if self.channel_format == "nhwc":
            values = values.transpose(1, 2, 0)
        return np.ascontiguousarray(values)[None]

    def _resize(self, image: Array, height: int, width: int) -> Array:
        if not self.keep_aspect_ratio:
            return _linear(image, height, width)
        rows, columns = image.shape[:2]
        if self.keep_ratio_mode == "short_side_scale":
            ratio = max(width / columns, height / rows)
            scaled = _linear(image, max(int(rows * ratio), height), max(int(columns * ratio), width))
            top, left = (scaled.shape[0] - height) // 2, (scaled.shape[1] - width) // 2
            return scaled[top : top + height, left : left + width]
        ratio = min(width / columns, height / rows)
        scaled = _linear(image, max(int(rows * ratio), 1), max(int(columns * ratio), 1))
        canvas = np.full((height, width, *image.shape[2:]), self.pad_value, np.uint8)
        centred = self.pad_type == "center"
        top = (height - scaled.shape[0]) // 2 if centred else 0
        left = (width - scaled.shape[1]) // 2 if centred else 0
        canvas[top : top + scaled.shape[0], left : left + scaled.shape[1]] = scaled
        return canvas

    def _crop(self, image: Array, height: int, width: int) -> Array:
        rows, columns = image.shape[:2]
        if (rows, columns) == (height, width):
            return image
        if rows < height or columns < width:
            raise QuantdeckError(
                f"--resize_dims {rows},{columns} is smaller than the network's input {height},{width}; "
                "give at least the input's size"
            )
        top, left = rows // 2 - height // 2, columns // 2 - width // 2
        return image[top : top + height, left : left + width]


def _one_of(option: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise QuantdeckError(f"--{option} must be one of {', '.join(choices)}, not '{visible(value)}'")


def _linear(image: Array, height: int, width: int) -> Array:
    if image.shape[:2] == (height, width):
        return image
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)


def read_image(source: Path | str | bytes, pixel_format: str = "bgr") -> Array:
    """Decode a picture: uint8, (h, w, 3) in BGR, (h, w) for gray, (h, w, 4) in RGBA for rgba."""
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    flags = {"gray": cv2.IMREAD_GRAYSCALE, "rgba": cv2.IMREAD_UNCHANGED}.get(pixel_format, cv2.IMREAD_COLOR)
    image = decode(data, flags)
    if image is None:
        name = "the picture" if isinstance(source, bytes) else f"{visible(str(source))}"
        raise QuantdeckError(f"{name} is no picture that OpenCV can decode; replace or remove it")
    return _as_rgba(image, data) if pixel_format == "rgba" else image


def decode(data: bytes, flags: int) -> Array | None:
    """OpenCV's decoder; None where it fails in any way."""
    if not data:
        return None
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None


def _as_rgba(image: Array, data: bytes) -> Array:
    if image.ndim == 3 and image.shape[2] == 4:
        eight = (image // 256).astype(np.uint8) if image.dtype == np.uint16 else image
        return cv2.cvtColor(eight, cv2.COLOR_BGRA2RGBA)
    colour = decode(data, cv2.IMREAD_COLOR)  # applies the orientation, which IMREAD_UNCHANGED does not
    return cv2.cvtColor(image if colour is None else colour, cv2.COLOR_BGR2RGBA)
