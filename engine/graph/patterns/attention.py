"""Queries, keys and values cut out of one product: the cut goes ahead of the transpose."""

from ..draft import Draft, DraftLayer
from ..vocabulary import Permute, Slice, Squeeze


def permute_behind_slices(draft: Draft, layer: DraftLayer) -> bool:
    """Permute, several Slices of its outer axis, a Squeeze of it behind each: Slice, Squeeze, Permute.

    The Slices and Squeezes end in ``_new``; the Permute, one for every reader, is called
    ``<squeeze>_new_permute_for_<reader>`` and stands in front of the reader, as the original names and orders it.
    """
    attributes = layer.attributes
    if not isinstance(attributes, Permute) or draft.is_output(layer.output):
        return False
    pairs = [_slice_and_squeeze(draft, user) for user in draft.users(layer.output)]
    if len(pairs) < 2 or any(pair is None for pair in pairs):
        return False
    for pair in pairs:
        if pair is not None:
            _move(draft, layer, attributes.order, *pair)
    draft.remove(layer)
    return True


def _slice_and_squeeze(draft: Draft, layer: DraftLayer) -> tuple[DraftLayer, DraftLayer, int] | None:
    if not isinstance(layer.attributes, Slice):
        return None
    shape = draft.shapes[layer.inputs[0]]
    cut = [
        axis
        for axis, size in enumerate(shape)
        if (layer.attributes.offset[axis], layer.attributes.ends[axis]) != (0, size)
    ]
    squeeze = draft.only_user(layer.output)
    if len(cut) != 1 or set(layer.attributes.steps) != {1} or squeeze is None:
        return None
    fits = isinstance(squeeze.attributes, Squeeze) and squeeze.attributes.axes == (cut[0],)
    return (layer, squeeze, cut[0]) if fits and not draft.is_output(squeeze.output) else None


def _move(
    draft: Draft, permute: DraftLayer, order: tuple[int, ...], cut: DraftLayer, squeeze: DraftLayer, axis: int
) -> None:
    """One branch: the slice works on the axis that the permute takes it from."""
    assert isinstance(cut.attributes, Slice)
    before = draft.shape(permute.inputs[0])
    place = order[axis]
    offset, ends = [0] * len(before), list(before)
    offset[place], ends[place] = cut.attributes.offset[axis], cut.attributes.ends[axis]
    sliced = [ends[index] - offset[index] for index in range(len(before))]
    squeezed = [size for index, size in enumerate(sliced) if index != place]
    rest = [index - (index > place) for index in order if index != place]
    old = squeeze.output
    labels = [f"{draft.label(name)}_new" for name in (cut.output, old)]
    cut_out = draft.new_tensor(labels[0], sliced)
    narrow = draft.new_tensor(labels[1], squeezed)
    cut.attributes = Slice(offset=tuple(offset), ends=tuple(ends), steps=(1,) * len(before))
    cut.inputs, cut.outputs = [permute.inputs[0]], [cut_out]
    squeeze.attributes, squeeze.inputs, squeeze.outputs = Squeeze(axes=(place,)), [cut_out], [narrow]
    draft.touch()
    for reader in draft.users(old):
        label = f"{labels[1]}_permute_for_{draft.label(reader.output)}"
        turned = draft.new_tensor(label, draft.shapes[old])
        draft.insert_before(reader, DraftLayer(Permute(order=tuple(rest)), [narrow], [turned]))
        reader.inputs = [turned if name == old else name for name in reader.inputs]
        draft.touch()
