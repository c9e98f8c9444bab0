"""From a picture file to the array that a network reads (spec A.10), with OpenCV as the original does it.

How pictures of other kinds are read, the same on every route: the camera's orientation mark (EXIF) is applied as
OpenCV applies it; grey pictures become three equal channels and palette pictures their colours; colour becomes grey
by OpenCV's weights; an alpha channel is dropped without blending, and kept for ``rgba`` (opaque where the file has
none; a four channel file is taken as it is stored, mark or not); CMYK is converted by the JPEG library; 16-bit values
are divided by 256 and cut.
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

LARGEST_SIDE = 1 << 14  # pixels of a side that pictures are resized to; beyond, memory ends before sense does
CHANNELS = {"rgb": 3, "bgr": 3, "gray": 1, "rgba": 4}
MEAN, SCALE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Preprocess:
    """Options of one image input, named as model_transform names them.

    resize_dims: (height, width) before the centre crop to the network's size; None for the network's size itself.
    keep_aspect_ratio: with keep_ratio_mode "letterbox" (canvas of pad_value, placed at the "center" or, "normal",
    at the upper left) or "short_side_scale" (cover, then centre crop). mean and scale: in the order of
    pixel_format, y = (x - mean) * scale; the defaults fit any number of channels. channel_format: "nchw", "nhwc",
    or "none" for an input that is no picture. Errors: QuantdeckError for values that make no sense.
    """

    resize_dims: tuple[int, int] | None = None
    keep_aspect_ratio: bool = False
    keep_ratio_mode: str = "letterbox"
    pad_value: int = 0
    pad_type: str = "center"
    mean: tuple[float, ...] = MEAN
    scale: tuple[float, ...] = SCALE
    pixel_format: str = "bgr"
    channel_format: str = "nchw"

    def __post_init__(self) -> None:
        _one_of("pixel_format", self.pixel_format, tuple(CHANNELS))
        _one_of("channel_format", self.channel_format, ("nchw", "nhwc", "none"))
        _one_of("keep_ratio_mode", self.keep_ratio_mode, ("letterbox", "short_side_scale"))
        _one_of("pad_type", self.pad_type, ("center", "normal"))
        if not 0 <= self.pad_value <= 255:
            raise QuantdeckError(f"--pad_value must lie between 0 and 255, not {self.pad_value}")
        object.__setattr__(self, "mean", _per_channel("mean", self.mean, MEAN, self.pixel_format))
        object.__setattr__(self, "scale", _per_channel("scale", self.scale, SCALE, self.pixel_format))
        if self.resize_dims is not None:
            sizes = tuple(int(size) for size in self.resize_dims)
            if len(sizes) != 2 or min(sizes) < 1:
                raise QuantdeckError("--resize_dims must be a height and a width, as in 256,256")
            if max(sizes) > LARGEST_SIDE:
                raise QuantdeckError(
                    f"--resize_dims {sizes[0]},{sizes[1]} is too large; no side may have more than {LARGEST_SIDE}"
                )
            object.__setattr__(self, "resize_dims", sizes)

    @property
    def channels(self) -> int:
        """Channels of the array that comes out."""
        return CHANNELS[self.pixel_format]

    def to_json(self) -> str:
        """Canonical text; ``from_json`` reads it."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Preprocess":
        """Read what ``to_json`` wrote. Errors: QuantdeckError when it is something else."""
        try:
            return cls(**json.loads(text))
        except (TypeError, ValueError, AttributeError):
            raise QuantdeckError(f"stored preprocessing cannot be read: {visible(text[:200])}") from None

    def size(self, shape: Sequence[int]) -> tuple[int, int]:
        """Height and width of the network's input of the given shape (batch first)."""
        return (shape[1], shape[2]) if self.channel_format == "nhwc" else (shape[2], shape[3])

    def check_size(self, shape: Sequence[int]) -> None:
        """See that the crop of ``resize_dims`` covers the network's input, before any picture is read.

        Errors: QuantdeckError with both sizes.
        """
        height, width = self.size(shape)
        if self.resize_dims is not None and (self.resize_dims[0] < height or self.resize_dims[1] < width):
            rows, columns = self.resize_dims
            raise QuantdeckError(
                f"--resize_dims {rows},{columns} is smaller than the network's input {height},{width}; "
                "give at least the input's size"
            )

    def apply(self, source: Path | str | bytes | Array, shape: Sequence[int]) -> Array:
        """One picture as float32 of ``shape`` with batch 1.

        source: a path, the bytes of a file, or a decoded uint8 array in OpenCV's channel order.
        Errors: QuantdeckError for a file that does not decode or a size that does not fit.
        """
        image = source if isinstance(source, np.ndarray) else read_image(source, self.pixel_format)
        self.check_size(shape)
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

    @staticmethod
    def _crop(image: Array, height: int, width: int) -> Array:
        rows, columns = image.shape[:2]
        if (rows, columns) == (height, width):
            return image
        top, left = rows // 2 - height // 2, columns // 2 - width // 2
        return image[top : top + height, left : left + width]


def _one_of(option: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise QuantdeckError(f"--{option} must be one of {', '.join(choices)}, not '{visible(value)}'")


def _per_channel(
    option: str, values: Sequence[float], default: tuple[float, ...], pixel_format: str
) -> tuple[float, ...]:
    """The values as floats, one a channel at least; the default is continued where four are needed."""
    found = tuple(float(value) for value in values)
    needed = CHANNELS[pixel_format]
    if found == default:
        found = default + default[:1] * (needed - len(default))
    if len(found) < needed:
        given = "1 value" if len(found) == 1 else f"{len(found)} values"
        raise QuantdeckError(
            f"--{option} has {given}, but {pixel_format} pictures need {needed}; "
            "give one a channel, and --pixel_format where the network's input has other channels"
        )
    if not np.isfinite(found).all():
        raise QuantdeckError(f"--{option} must hold finite numbers")
    return found


def _linear(image: Array, height: int, width: int) -> Array:
    if image.shape[:2] == (height, width):
        return image
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)


def read_image(source: Path | str | bytes, pixel_format: str = "bgr") -> Array:
    """Decode a picture: uint8, (h, w, 3) in BGR, (h, w) for gray, (h, w, 4) in RGBA for rgba.

    Errors: QuantdeckError for a file that cannot be read or decoded.
    """
    try:
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
    except OSError as error:
        raise QuantdeckError(
            f"{visible(str(source))} cannot be read ({error.strerror}); put it back or leave it out"
        ) from None
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
    except (cv2.error, MemoryError, SystemError):
        return None


def _as_rgba(image: Array, data: bytes) -> Array:
    if image.ndim == 3 and image.shape[2] == 4 and image.dtype.name in ("uint8", "uint16"):
        eight = (image // 256).astype(np.uint8) if image.dtype == np.uint16 else image
        return cv2.cvtColor(eight, cv2.COLOR_BGRA2RGBA)
    colour = decode(data, cv2.IMREAD_COLOR)  # applies the orientation, which IMREAD_UNCHANGED does not
    return cv2.cvtColor(image if colour is None else colour, cv2.COLOR_BGR2RGBA)
