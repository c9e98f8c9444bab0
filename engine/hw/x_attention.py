"""Family X: matrix products whose columns are quantized in blocks (spec C.3, MatMul and Attention).

bm1684x fuses attention by head: each head's columns of q, k and v get a weight scale of their own, and the
softmax between them runs in integers by a table. Sums over heads are int32, so the rest equals the separate
ops to the bit. And a product that is sliced into q, k and v gets three weight scales.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..graph.model import Graph, Layer
from ..graph.vocabulary import MatMul, MulConst, Permute, Reshape, Slice, Softmax
from ..plan import Mode, Plan


@dataclass(frozen=True, slots=True)
class Attention:
    """The layers of one fused attention and the number of its heads."""

    softmax: str
    projections: tuple[str, str, str]
    heads: int


def find_attentions(graph: Graph, plan: Plan, calibrated: Mapping[str, object]) -> Iterator[Attention]:
    """Attention blocks that bm1684x fuses: all layers INT8 and calibrated, everything read once."""
    for layer in graph.layers:
        if isinstance(layer.attributes, Softmax):
            found = _match(graph, layer)
            if found is not None and all(
                plan.mode(item.name) is Mode.INT8 and item.name in calibrated for item in found[1]
            ):
                yield found[0]


def _match(graph: Graph, softmax: Layer) -> tuple[Attention, list[Layer]] | None:
    """The block around *softmax*: q, k, v products, reshape and transpose to heads, and the way back."""
    core = _core(graph, softmax)
    if core is None:
        return None
    scores, weighted = core[-1], _after(graph, softmax.name)
    if weighted is None or not _is_plain_product(graph, weighted) or weighted.inputs[0] != softmax.name:
        return None
    parts = [
        _heads(graph, scores.inputs[0], (0, 2, 1, 3)),
        _heads(graph, scores.inputs[1], (0, 2, 3, 1)),
        _heads(graph, weighted.inputs[1], (0, 2, 1, 3)),
    ]
    found = [part for part in parts if part is not None]
    out = _merged(graph, weighted)
    if len(found) != 3 or out is None:
        return None
    heads = {graph.tensors[part[1].name].shape[2] for part in found}
    if len(heads) != 1 or len({part[-1].inputs[0] for part in found}) != 1:
        return None
    q, k, v = (part[-1].name for part in found)
    layers = [softmax, *core, weighted, *(layer for part in found for layer in part), *out]
    return Attention(softmax.name, (q, k, v), heads.pop()), layers


def _core(graph: Graph, softmax: Layer) -> list[Layer] | None:
    """What leads to a softmax over the last of four axes: MulConst if there is one, then q times k."""
    assert isinstance(softmax.attributes, Softmax)
    rank = len(graph.tensors[softmax.name].shape)
    if rank != 4 or softmax.attributes.axis != 3 or softmax.attributes.log:
        return None
    found: list[Layer] = []
    scores = _before(graph, softmax.inputs[0])
    if scores is not None and isinstance(scores.attributes, MulConst):
        found.append(scores)
        scores = _before(graph, scores.inputs[0])
    if scores is None or not _is_plain_product(graph, scores):
        return None
    return [*found, scores]


def _before(graph: Graph, tensor: str) -> Layer | None:
    """The producer of a tensor that only one operand reads."""
    return graph.producer(tensor) if _read_once(graph, tensor) else None


def _after(graph: Graph, tensor: str) -> Layer | None:
    """The only reader of a tensor."""
    return graph.consumers(tensor)[0] if _read_once(graph, tensor) else None


def _read_once(graph: Graph, tensor: str) -> bool:
    readers = graph.consumers(tensor)
    return len(readers) == 1 and readers[0].inputs.count(tensor) == 1 and tensor not in graph.output_tensors


def _is_plain_product(graph: Graph, layer: Layer) -> bool:
    """A product of two activations without bias, transposes or ReLU."""
    if not isinstance(layer.attributes, MatMul) or layer.attributes != MatMul():
        return False
    return len(graph.activations(layer)) == 2 and not any(layer.inputs[2:])


def _heads(graph: Graph, tensor: str, order: tuple[int, ...]) -> list[Layer] | None:
    """Permute, Reshape and the projection that end in *tensor*."""
    permute = _before(graph, tensor)
    if permute is None or permute.attributes != Permute(order):
        return None
    reshape = _before(graph, permute.inputs[0])
    if reshape is None or not isinstance(reshape.attributes, Reshape):
        return None
    product = _before(graph, reshape.inputs[0])
    if product is None or not isinstance(product.attributes, MatMul) or not _is_projection(graph, product):
        return None
    before, after = graph.tensors[product.name].shape, graph.tensors[reshape.name].shape
    whole = len(after) == 4 and len(before) == 3 and before == (*after[:2], after[2] * after[3])
    return [permute, reshape, product] if whole else None


def _is_projection(graph: Graph, layer: Layer) -> bool:
    weight = graph.weights.get(layer.inputs[1])
    return weight is not None and weight.ndim == 2 and len(graph.activations(layer)) == 1


def _merged(graph: Graph, weighted: Layer) -> list[Layer] | None:
    """Permute, Reshape and output projection behind the weighted values."""
    permute = _after(graph, weighted.name)
    if permute is None or permute.attributes != Permute((0, 2, 1, 3)):
        return None
    reshape = _after(graph, permute.name)
    if reshape is None or not isinstance(reshape.attributes, Reshape):
        return None
    out = _after(graph, reshape.name)
    if out is None or not isinstance(out.attributes, MatMul) or not _is_projection(graph, out):
        return None
    return [permute, reshape, out]


def sliced_products(graph: Graph) -> Mapping[str, int]:
    """Constant products whose columns are sliced into three equal blocks: name to 3."""
    return {layer.name: 3 for layer in graph.layers if _is_sliced(graph, layer)}


def _is_sliced(graph: Graph, layer: Layer) -> bool:
    if not isinstance(layer.attributes, MatMul) or len(layer.inputs) < 2:
        return False
    if not _is_projection(graph, layer) or layer.name in graph.output_tensors:
        return False
    source, axis = layer.name, len(graph.tensors[layer.name].shape) - 1
    reshape = _after(graph, source)
    if reshape is not None and isinstance(reshape.attributes, Reshape):
        before, after = graph.tensors[source].shape, graph.tensors[reshape.name].shape
        if before[:-1] != after[: len(before) - 1] or reshape.name in graph.output_tensors:
            return False
        source = reshape.name
    slices = [reader.attributes for reader in graph.consumers(source)]
    shape = graph.tensors[source].shape
    if len(slices) != 3 or shape[axis] % 3:
        return False
    third = shape[axis] // 3
    ordered = enumerate(_in_order(slices, axis))
    return all(_is_block(item, shape, axis, third, index) for index, item in ordered)


def _in_order(slices: Sequence[object], axis: int) -> list[object]:
    def start(item: object) -> int:
        return item.offset[axis] if isinstance(item, Slice) and len(item.offset) > axis else -1

    return sorted(slices, key=start)


def _is_block(item: object, shape: tuple[int, ...], axis: int, size: int, index: int) -> bool:
    """Whether a slice takes block *index* of the axis and everything of the others."""
    if not isinstance(item, Slice) or any(step != 1 for step in item.steps):
        return False
    for position, length in enumerate(shape):
        first, last = (index * size, (index + 1) * size) if position == axis else (0, length)
        if item.offset[position] != first or min(item.ends[position], length) != last:
            return False
    return True
