"""Which preprocessing each input of the graph gets; what does not fit is told before any file is opened."""

from collections.abc import Mapping, Sequence

from ..errors import QuantdeckError
from ..graph.model import Tensor
from ..text import one_of, visible
from .preprocess import CHANNELS, Preprocess
from .selection import Selection

_BY_CHANNELS = {1: "gray", 3: "bgr", 4: "rgba"}


def options_of(
    inputs: Sequence[Tensor],
    preprocess: Preprocess | Mapping[str, Preprocess] | None,
    selection: Selection,
) -> dict[str, Preprocess]:
    """Preprocessing by input name; empty for arrays, which are used as they are (spec A.2).

    Errors: QuantdeckError for an input that takes no picture, channels that differ, a size that does not fit, a
    folder of single pictures for several inputs.
    """
    if selection.shuffled and selection.kind != "npz" and len(inputs) > 1:
        names = one_of([tensor.name for tensor in inputs])
        raise QuantdeckError(
            f"{selection.source} gives one {selection.kind} file a sample, but the model has {len(inputs)} inputs "
            f"({names}); join one file per input by commas in a list file (--data_list), or give npz files"
        )
    if isinstance(preprocess, Mapping):
        unknown = sorted(set(preprocess) - {tensor.name for tensor in inputs})
        if unknown:
            raise QuantdeckError(
                f"preprocessing is given for {one_of(unknown)}, but the inputs are "
                f"{one_of([tensor.name for tensor in inputs])}; name one of them"
            )
    if selection.kind != "image":
        return {}
    return {
        tensor.name: _option(
            tensor, preprocess.get(tensor.name) if isinstance(preprocess, Mapping) else preprocess
        )
        for tensor in inputs
    }


def _option(tensor: Tensor, own: Preprocess | None) -> Preprocess:
    shape, shown = tensor.shape, f"input '{visible(tensor.name)}' of shape {tensor.shape}"
    if len(shape) != 4 or (own is not None and own.channel_format == "none"):
        raise QuantdeckError(f"{shown} takes no picture; give npz or npy samples")
    last = own is not None and own.channel_format == "nhwc"
    channels = shape[-1 if last else 1]
    if own is None and channels not in _BY_CHANNELS:
        hint = "give --channel_format nhwc" if shape[-1] in _BY_CHANNELS else "give npz or npy samples"
        raise QuantdeckError(f"{shown} has {channels} channels, which no picture has; {hint}")
    option = own if own is not None else Preprocess(pixel_format=_BY_CHANNELS[channels])
    if channels != option.channels:
        fitting = [name for name, count in CHANNELS.items() if count == channels]
        hint = f"give {' or '.join(fitting)}" if fitting else "give npz or npy samples"
        raise QuantdeckError(
            f"--pixel_format {option.pixel_format} gives {option.channels} "
            f"{'channel' if option.channels == 1 else 'channels'}, but {shown} has {channels}; {hint}"
        )
    option.check_size(shape)
    return option
