"""Whether a conversion computes what the file does, tensor by tensor on one sample."""

from collections.abc import Mapping

import numpy as np

from .draft import Draft, DraftLayer
from .model import Graph
from .onnx_writer import to_onnx
from .probe import same
from .runtime import run, session
from .vocabulary import Compare, Floor, Opaque

Array = np.ndarray


def first_wrong(
    draft: Draft, graph: Graph, feeds: Mapping[str, Array], values: Mapping[str, Array]
) -> DraftLayer | None:
    """The first layer whose result differs from the file's although all that it reads agrees; None for none.

    graph: the one that *draft* became. Opaque layers, floors and comparisons only pass differences on: a last
    digit may tip them.
    """
    names = {
        mine: theirs.outputs[0]
        for layer, theirs in zip(draft.layers, graph.layers, strict=True)
        for mine in layer.outputs[:1]
    }
    checked = [name for name in names if name in values]
    if not checked:
        return None
    model = to_onnx(graph, outputs=[names[name] for name in checked])
    fed = {f"i{index}": feeds[name] for index, name in enumerate(draft.inputs)}
    found = run(session(model), [f"o{index}" for index in range(len(checked))], fed)
    results = {name: found[f"o{index}"] for index, name in enumerate(checked)}
    tainted: set[str] = set()
    for layer in draft.layers:
        name = layer.output
        differs = name in results and not same({"": values[name]}, {"": results[name]})
        reads_wrong = bool(tainted.intersection(layer.inputs))
        if differs and not reads_wrong and not isinstance(layer.attributes, Opaque | Floor | Compare):
            return layer
        if differs or (reads_wrong and name not in results):
            tainted.update(layer.outputs)
    return None
