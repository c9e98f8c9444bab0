"""Options that several commands share, spelled with underscores as the original does, or with dashes."""

import json
import math
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..engine.errors import QuantdeckError
from ..engine.regular import irregular
from ..engine.text import visible

if TYPE_CHECKING:
    Kind = click.ParamType[Any]  # generic in newer versions of click only
else:
    Kind = click.ParamType

F = TypeVar("F", bound=Callable[..., Any])
FILE = click.Path(path_type=Path)
CHIP_HELP = "Target chip; simulated are bm1684x, bm1688, cv186x and bm1690."
FP_TYPES = ("auto", "F16", "F32", "BF16")


class Stored(click.Path):
    """A session file; a word without folders that is no file here means the stored session of that name.

    A command's --sessions_folder says where sessions are stored.
    """

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Its path."""
        from ..sessions.locations import find_session

        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if os.fsdecode(value) != path.name:  # ./layers is a file here
            return path
        folder = ctx.params.get("sessions_folder") if ctx else None
        given = isinstance(folder, Path)  # click has a sign for what is not given
        return find_session(path, folder if given else None)


SESSION = Stored()


def sessions_folder(what: str) -> Callable[[F], F]:
    """The option --sessions_folder, read before the session that it is to be found in; *what* it says."""
    said = f"{what} [the default folder; QUANTDECK_HOME sets it]"
    return option("--sessions_folder", type=FILE, is_eager=True, help=said)


class Option(click.Option):
    """An option that the help lists under a heading."""

    def __init__(self, *given: Any, heading: str = "", **settings: Any) -> None:
        super().__init__(*given, **settings)
        self.heading = heading


class Command(click.Command):
    """A command with many options: its help lists them heading by heading, in the order of the first of each."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the lists of options."""
        lists: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            row = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if row is not None:
                lists.setdefault(getattr(parameter, "heading", "") or "Options", []).append(row)
        for heading, rows in lists.items():
            with formatter.section(heading):
                formatter.write_dl(rows)


def option(*names: str, **settings: Any) -> Callable[[F], F]:
    """A click option that answers to each name with underscores and with dashes.

    The parameter is called like the last plain word among *names*, or like the first long name. *settings* are
    click's, and heading: the list of the help in which it stands.
    """
    words = [name for name in names if not name.startswith("-")]
    spelled: list[str] = []
    for name in names:
        if name.startswith("-"):
            dashes = name[:2] + name[2:].replace("_", "-") if name.startswith("--") else name
            spelled += [name] if dashes == name else [name, dashes]
    word = words[-1] if words else next(name for name in names if name.startswith("--"))[2:].replace("-", "_")
    return click.option(*spelled, word, cls=Option, **settings)


def under(heading: str) -> Callable[..., Callable[[F], F]]:
    """``option`` with its heading."""
    return partial(option, heading=heading)


class Numbers(Kind):
    """Numbers with commas between, as ``123.675,116.28,103.53``; the first may be negative."""

    name = "numbers"

    def __init__(self, kind: type = float) -> None:
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A tuple of numbers."""
        if not isinstance(value, str):
            return value
        try:
            return tuple(self._kind(part) for part in value.strip("[]() ").split(","))
        except ValueError:
            what = "whole numbers" if self._kind is int else "numbers"
            self.fail(f"'{value}' is not {what} with commas between", param, ctx)


class Between(click.FloatRange):
    """A number of a range; NaN, which no comparison keeps out, is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number."""
        found = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"'{value}' is no number", param, ctx)
        return found


class Shapes(Kind):
    """Input shapes as nested list text: ``[[1,3,224,224]]``; a flat list means one input."""

    name = "shapes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A list of shapes."""
        if not isinstance(value, str):
            return value
        try:
            found: Any = json.loads(value)
            shapes = found if found and isinstance(found[0], list) else [found]
            good = all(type(size) is int and size > 0 for shape in shapes for size in shape)
        except (ValueError, TypeError, KeyError):
            shapes, good = [], False
        if not good:
            self.fail(f"'{value}' is not a list of shapes such as [[1,3,224,224]]", param, ctx)
        return shapes


def together(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Several options as one decorator, listed by the help in this order."""

    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def preprocessing(function: F) -> F:
    """The options of model_transform that make arrays of pictures (spec A.10)."""
    add = under("Pictures")
    return together(
        add("--resize_dims", type=Numbers(int), help="Height,width before the centre crop. [the network's]"),
        add("--keep_aspect_ratio", is_flag=True, default=None, help="Keep the proportions; the rest is padded."),
        add(
            "--keep_ratio_mode", type=click.Choice(["letterbox", "short_side_scale"]),
            help="How proportions are kept. [letterbox]",
        ),
        add("--mean", type=Numbers(), help="One value a channel, in the order of --pixel_format. [0,0,0]"),
        add("--scale", type=Numbers(), help="One factor a channel, after the mean. [1,1,1]"),
        add(
            "--pixel_format", type=click.Choice(["bgr", "rgb", "gray", "rgba"]),
            help="Channels of the network's input. [bgr; without any option of pictures as its channels suggest]",
        ),
        add("--channel_format", type=click.Choice(["nchw", "nhwc", "none"]), help="Order of the "
            "input's axes; none: the inputs are no pictures. [nchw]"),
        add("--pad_value", type=int, help="Grey value around a letterboxed picture. [0]"),
        add("--pad_type", type=click.Choice(["center", "normal"]), help="Where a letterboxed picture "
            "lies; normal: at the top left. [center]"),
        add("--input_shapes", type=Shapes(), help="Shapes of inputs "
            "that the model leaves open, as [[1,3,224,224]]."),
    )(function)  # fmt: skip


PREPROCESS = (
    "resize_dims", "keep_aspect_ratio", "keep_ratio_mode", "mean", "scale", "pixel_format", "channel_format",
    "pad_value", "pad_type",
)  # fmt: skip


def samples(function: F) -> F:
    """Which samples are used (spec A.2); all of them unless a number is given."""
    return _samples(0, "0")(function)


def few_samples(function: F) -> F:
    """The same; 10 of them unless a number is given."""
    return _samples(10, "10")(function)


def _samples(number: int, shown: str) -> Callable[[F], F]:
    add = under("Samples")
    return together(
        add(
            "--dataset",
            type=FILE,
            help="Folder of pictures, npz or npy files, taken in a fixed random order.",
        ),
        add(
            "--data_list", type=FILE, help="File with one sample a line, in this order; wins over --dataset."
        ),
        add(
            "--input_num",
            type=click.IntRange(min=0),
            default=number,
            help=f"How many samples; 0 takes all. [{shown}]",
        ),
        add("--skip-bad", is_flag=True, help="Leave out samples that cannot be read instead of refusing."),
    )


def target(function: F) -> F:
    """The chip whose arithmetic is meant."""
    add = under("Chip")
    return together(
        add("--chip", "--processor", "chip", default="bm1684x", help=f"{CHIP_HELP} [bm1684x]"),
        add(
            "--fp_type", type=click.Choice(FP_TYPES, case_sensitive=False), default="auto",
            help="Float type of the layers that are not int8. [auto: the chip's own]",
        ),
    )(function)  # fmt: skip


def preprocess_of(values: dict[str, Any]) -> Any:
    """The Preprocess that the options state, None when none was given; its options are taken out of *values*."""
    given = {name: values.pop(name) for name in PREPROCESS}
    given = {name: value for name, value in given.items() if value is not None}
    if not given:
        return None
    from ..engine.data.preprocess import Preprocess

    if given.get("pixel_format") == "rgba":
        four: dict[str, Any] = {"mean": (0.0,) * 4, "scale": (1.0,) * 4}
        given = {**four, **given}
    return Preprocess(**given)


def source_of(values: dict[str, Any]) -> Any:
    """The Source that the options state; QuantdeckError when there is none."""
    from ..sessions.work import Source

    dataset, data_list = values.pop("dataset"), values.pop("data_list")
    number, skip_bad = values.pop("input_num"), values.pop("skip_bad")
    preprocess = preprocess_of(values)
    if dataset is None and data_list is None:
        raise QuantdeckError("no samples: give a folder with --dataset or a list file with --data_list")
    return Source(dataset, data_list, number, preprocess, skip_bad)


def check_output(path: Path, option_name: str) -> None:
    """See that a file can be written at *path*, before any work, and that no other option names it.

    The other options are those of the command that runs; a folder stands for the samples in it.
    Errors: QuantdeckError.
    """
    folder = path.absolute().parent
    shown = visible(str(path))
    what = irregular(path) if path.exists() else None
    if what is not None:
        raise QuantdeckError(f"{option_name} {shown} {what}; name a file")
    if not folder.is_dir():
        raise QuantdeckError(
            f"{option_name} {shown}: there is no folder {visible(str(folder))}; make it first"
        )
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise QuantdeckError(f"{option_name} {shown} cannot be written; name a file elsewhere")
    context = click.get_current_context(silent=True)
    for name, other in (context.params if context else {}).items():
        if isinstance(other, Path) and other is not path and _replaces(path, other):
            what = "the model" if name == "model" else f"what --{name} names"
            raise QuantdeckError(f"{option_name} {shown} would replace {what}; name another file")


def _replaces(path: Path, other: Path) -> bool:
    """Whether a file written at *path* takes the place of *other*, or of a sample in it."""
    from ..engine.data.files import kind_of

    if os.path.realpath(path) == os.path.realpath(other):
        return True
    if not path.exists() or not other.exists():
        return False
    if not other.is_dir():
        return path.samefile(other)
    return kind_of(str(path)) is not None and path.resolve().is_relative_to(other.resolve())
