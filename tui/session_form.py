"""What the form of a new session asks, and which answers it takes; knows nothing of screens."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .figures import number
from .widgets.form import Field

METHODS = ("kl", "mse", "max", "percentile9999", "aciq_gauss", "aciq_laplace", "observer")
CHIPS = ("bm1684x", "bm1688", "cv186x", "bm1690")  # those whose integers are simulated
PIXEL_FORMATS = ("auto", "bgr", "rgb", "gray", "rgba")
PAD_TYPES = ("center", "normal")
CHANNEL_FORMATS = ("nchw", "nhwc", "none")
MOST_BINS = 65536
MOST_PAD = 255
OPTIONS = (
    "resize_dims",
    "keep_aspect_ratio",
    "pad_value",
    "pad_type",
    "mean",
    "scale",
    "pixel_format",
    "channel_format",
)
"""Fields that the command line knows by the same name, so that a sentence of the engine can be put beside them."""


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """Answers of the form, checked."""

    model: Path
    dataset: Path
    title: str
    chip: str
    method: str
    input_num: int
    tune_num: int
    preprocess: Mapping[str, object]


def session_fields(model: Path | None, pick: str) -> tuple[Field, ...]:
    """The form: what, on what, how; preprocessing as the command line names it. *pick*: the key that chooses a file."""
    return (
        Field("model", "model", str(model or ""), f"an ONNX file; {pick} chooses", pick="file"),
        Field("dataset", "samples", "", f"folder of images or arrays; {pick}", pick="folder"),
        Field("title", "name", model.stem if model else "", "empty: the model's"),
        Field("chip", "chip", "bm1684x", "whose arithmetic is simulated", CHIPS),
        Field("method", "method", "kl", "of the thresholds", METHODS),
        Field("input_num", "number of samples", "100", "for calibration; 0 takes all"),
        Field("tune_num", "tuned on", "5", "samples; 0: no tuning"),
        Field("resize_dims", "resize to", "", "height,width; empty: network's"),
        Field("keep_aspect_ratio", "keep aspect ratio", "no", "", ("no", "letterbox", "short_side_scale")),
        Field("pad_value", "pad value", "", "of a letterbox; empty: 0"),
        Field("pad_type", "pad type", "center", "where the picture lies", PAD_TYPES),
        Field("mean", "mean", "", "one value a channel; empty: 0"),
        Field("scale", "scale", "", "one value a channel; empty: 1"),
        Field("pixel_format", "pixel format", "auto", "auto: as its channels suggest", PIXEL_FORMATS),
        Field("channel_format", "channel format", "nchw", "none: inputs are no images", CHANNEL_FORMATS),
    )


def calibration_fields(settings: Mapping[str, object]) -> tuple[Field, ...]:
    """Method and numbers; what the session used last is filled in."""
    method = str(settings.get("method", "kl"))
    return (
        Field("method", "method", method, "of the plan's thresholds", METHODS),
        Field("input_num", "number of samples", _text(settings.get("input_num", 100)), "0 takes all"),
        Field("tune_num", "tuned on", _text(settings.get("tune_num", 5)), "samples; 0: no tuning"),
        Field("bins", "histogram bins", _text(settings.get("bins", 2048)), "the original uses 2048"),
    )


def check_session(values: Mapping[str, str], pick: str) -> dict[str, str]:
    """What is wrong, by field, in a few words that fit beside it. *pick*: the key that chooses a file."""
    errors: dict[str, str] = {}
    _check_path(values["model"], "model", errors, pick, folder=False)
    _check_path(values["dataset"], "dataset", errors, pick, folder=True)
    for key, least in (("input_num", 0), ("tune_num", 0)):
        _check_number(values[key], key, least, errors)
    sizes = _numbers(values["resize_dims"])
    if values["resize_dims"] and (sizes is None or len(sizes) != 2 or any(s < 1 or s % 1 for s in sizes)):
        errors["resize_dims"] = "two whole numbers: 256,256"
    pad = number(values["pad_value"])
    if values["pad_value"] and (pad is None or pad > MOST_PAD):
        errors["pad_value"] = "a whole number to 255"
    for key in ("mean", "scale"):
        if values[key] and _numbers(values[key]) is None:
            errors[key] = "numbers and commas: 0.5,0.5,0.5"
    if values["pixel_format"] == "auto" and preprocess_options(values):
        errors["pixel_format"] = "bgr, rgb, gray or rgba?"
    return errors


def check_calibration(values: Mapping[str, str]) -> dict[str, str]:
    """What is wrong, by field."""
    errors: dict[str, str] = {}
    _check_number(values["input_num"], "input_num", 0, errors)
    _check_number(values["tune_num"], "tune_num", 0, errors)
    _check_number(values["bins"], "bins", 128, errors)
    bins = number(values["bins"])
    if bins is not None and bins > MOST_BINS:
        errors["bins"] = f"at most {MOST_BINS}"
    return errors


def session_request(values: Mapping[str, str]) -> SessionRequest:
    """The answers; *values* have passed ``check_session``."""
    model = Path(values["model"]).expanduser()
    options = preprocess_options(values)
    if values["pixel_format"] != "auto":
        options["pixel_format"] = values["pixel_format"]
    return SessionRequest(
        model=model,
        dataset=Path(values["dataset"]).expanduser(),
        title=values["title"] or model.stem,
        chip=values["chip"],
        method=values["method"],
        input_num=number(values["input_num"]) or 0,
        tune_num=number(values["tune_num"]) or 0,
        preprocess=options,
    )


def preprocess_options(values: Mapping[str, str]) -> dict[str, object]:
    """The options that were given, named as the command line names them; the pixel format apart."""
    options: dict[str, object] = {}
    sizes = _numbers(values["resize_dims"])
    if sizes:
        options["resize_dims"] = [int(size) for size in sizes]
    if values["keep_aspect_ratio"] != "no":
        options |= {"keep_aspect_ratio": True, "keep_ratio_mode": values["keep_aspect_ratio"]}
    for key in ("mean", "scale"):
        found = _numbers(values[key])
        if found:
            options[key] = found
    if values["pad_value"]:
        options["pad_value"] = number(values["pad_value"]) or 0
    if values["pad_type"] != "center":
        options["pad_type"] = values["pad_type"]
    if values["channel_format"] != "nchw":
        options["channel_format"] = values["channel_format"]
    return options


def calibration_spec(values: Mapping[str, str]) -> dict[str, object]:
    """The job's settings; *values* have passed ``check_calibration``."""
    numbers = {key: number(values[key]) or 0 for key in ("input_num", "tune_num", "bins")}
    return {"method": values["method"], **numbers}


def _check_path(text: str, key: str, errors: dict[str, str], pick: str, *, folder: bool) -> None:
    path = Path(text).expanduser()
    if not text:
        errors[key] = f"which {'folder' if folder else 'file'}? {pick} chooses"
    elif not path.exists():
        errors[key] = "there is no such folder" if folder else "there is no such file"
    elif folder != path.is_dir():
        errors[key] = "a folder is wanted, not a file" if folder else "this is a folder"
    elif not os.access(path, os.R_OK):
        errors[key] = "it may not be read"
    elif not folder and path.suffix.lower() != ".onnx":
        errors[key] = "an .onnx file is wanted"


def _check_number(text: str, key: str, least: int, errors: dict[str, str]) -> None:
    found = number(text)
    if found is None or found < least:
        errors[key] = f"a whole number from {least} on"


def _numbers(text: str) -> list[float] | None:
    """Finite numbers between commas, or None."""
    try:
        found = [float(part) for part in text.split(",")] if text else None
    except ValueError:
        return None
    return found if found is not None and all(map(math.isfinite, found)) else None


def _text(value: object) -> str:
    return str(value) if isinstance(value, int) else "0"
