"""Resize and Upsample: whole nearest factors become Upsample, everything else Interp."""

from collections.abc import Callable, Mapping

from ..nodes import Node, OutsideVocabularyError
from ..vocabulary import Interp, Upsample


def resize(node: Node) -> None:
    """Resize of opset 10 to the newest, and Upsample of 9."""
    shape, sizes = node.shape(0), node.output_shape
    if node.version >= 18 and (node.has("axes") or node.integer("antialias", 0)):
        raise OutsideVocabularyError("axes")
    if node.text("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise OutsideVocabularyError("aspect ratio")
    attributes = _attributes(node, sizes, _scales(node))
    if attributes.coord_mode == "tf_crop_and_resize" or len(shape) < 3:
        raise OutsideVocabularyError(attributes.coord_mode)
    whole = len(shape) == 4 and all(s % size == 0 for s, size in zip(sizes[2:], shape[2:], strict=True))
    simple = attributes.mode == "nearest" and sizes[:2] == shape[:2] and whole
    if (
        simple
        and attributes.coord_mode == "asymmetric"
        and attributes.nearest_mode == "floor"
        and _exact(attributes.scales, shape, sizes)
    ):
        factors = Upsample(scale_h=sizes[2] // shape[2], scale_w=sizes[3] // shape[3])
        node.draft.add(factors, [node.input(0)], node.output)
        return
    node.draft.add(attributes, [node.input(0)], node.output)


def _exact(scales: tuple[float, ...], shape: tuple[int, ...], sizes: tuple[int, ...]) -> bool:
    """Whether the scales, where given, are the quotients of the sizes."""
    return not scales or all(
        scale == size / old for scale, size, old in zip(scales, sizes, shape, strict=True)
    )


def _scales(node: Node) -> tuple[float, ...]:
    place = 1 if node.version < 11 else 2
    values = node.constant(place)
    if node.version >= 11:
        node.constant(3)
    return () if values is None else tuple(float(value) for value in values.reshape(-1))


def _attributes(node: Node, sizes: tuple[int, ...], scales: tuple[float, ...]) -> Interp:
    mode = node.text("mode", "nearest")
    if node.version < 11:
        if mode not in ("nearest", "linear", "bilinear"):
            raise OutsideVocabularyError(mode)
        mode = "linear" if mode == "bilinear" else mode
        return Interp(sizes=sizes, scales=scales, mode=mode, coord_mode="asymmetric", nearest_mode="floor")
    return Interp(
        sizes=sizes,
        scales=scales,
        mode=mode,
        coord_mode=node.text("coordinate_transformation_mode", "half_pixel"),
        nearest_mode=node.text("nearest_mode", "round_prefer_floor"),
        cubic_coeff_a=node.real("cubic_coeff_a", -0.75),
        exclude_outside=bool(node.integer("exclude_outside", 0)),
        extrapolation_value=node.real("extrapolation_value", 0.0),
    )


IMPORTERS: Mapping[str, Callable[[Node], None]] = {"Resize": resize, "Upsample": resize}
