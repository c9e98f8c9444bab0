"""Regions on a session's rows are those of the engine's fp_forward on its graph."""

import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from quantdeck.engine.graph.onnx_reader import read_onnx
from quantdeck.engine.mix.fp_forward import Block, float_layers
from quantdeck.sessions.wiring import Wiring

GRAPH = read_onnx(Path(__file__).parents[2] / "examples" / "digits" / "digits.onnx")
NAMES = [layer.name for layer in GRAPH.layers]
WIRING = Wiring(
    NAMES,
    [json.dumps([name for name in layer.inputs if name]) for layer in GRAPH.layers],
    [json.dumps(list(layer.outputs)) for layer in GRAPH.layers],
)


@settings(max_examples=40, deadline=None)
@given(st.sets(st.sampled_from(NAMES), min_size=1, max_size=4))
def test_regions(layers: set[str]) -> None:
    ends = tuple(layers)
    assert WIRING.before(layers) == set(float_layers(GRAPH, inputs=ends))
    assert WIRING.behind(layers) == set(float_layers(GRAPH, outputs=ends))
    assert WIRING.between(layers) == set(float_layers(GRAPH, blocks=[Block(ends, ends)]))
    assert layers <= WIRING.touched(layers)
