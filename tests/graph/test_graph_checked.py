"""What is made of a file is checked: clean-up and conversion keep the outputs, parts run, digests hold."""

import os
import subprocess
import sys

import numpy as np
import pytest
from graph_models import CONV, W, X, assert_same, build, floats, load, node, ops, save
from quantdeck.engine.graph import cleanup
from quantdeck.engine.graph.onnx_reader import read_onnx
from quantdeck.engine.run.float_runner import FloatRunner

# ------------------------------------------------------------ clean-up


def transposes():
    nodes = [
        node("Transpose", "x", "a", perm=[0, 2, 1]),
        node("Transpose", "a", "b", perm=[0, 2, 1]),
        node("Exp", "b", "y"),
    ]
    return build(nodes, {"x": [1, 3, 4]}, ["y"])


def test_clean_up_is_used_where_it_keeps_the_outputs(tmp_path):
    assert ops(load(transposes(), tmp_path)) == ["Exp"]
    assert ops(load(transposes(), tmp_path, clean=False)) == ["Permute", "Permute", "Exp"]


def test_clean_up_that_changes_outputs_or_fails_is_left_out(tmp_path, monkeypatch):
    wrong = build([node("Sin", "x", "y")], {"x": [1, 3, 4]}, ["y"])
    monkeypatch.setattr(cleanup, "_slim", lambda _: wrong)
    graph = load(transposes(), tmp_path)
    assert ops(graph) == ["Permute", "Permute", "Exp"]
    assert any("something else" in note for note in graph.notes)

    def crash(_):
        raise RuntimeError("a simplifier's bug")

    monkeypatch.setattr(cleanup, "_slim", crash)
    graph = load(transposes(), tmp_path)
    assert any("failed" in note for note in graph.notes)


def test_a_conversion_that_computes_something_else_is_found_and_not_used(tmp_path, monkeypatch):
    from quantdeck.engine.graph.patterns import gates, runner
    from quantdeck.engine.graph.vocabulary import Tanh

    def wrong(draft, layer):
        return (
            layer.attributes != Tanh()
            and layer.output == "y"
            and gates.become(draft, layer, Tanh(), layer.inputs, "Exp")
        )

    monkeypatch.setattr(runner, "PHASES", ((wrong,),))
    graph = load_unchecked(
        build([node("Exp", "x", "e"), node("Exp", "e", "y")], {"x": [2, 3]}, ["y"]), tmp_path
    )
    assert ops(graph) == ["Exp", "Exp"]
    assert any("not fused" in note for note in graph.notes)


def load_unchecked(model, folder):
    path = save(model, folder)
    graph = read_onnx(path)
    assert_same(path, graph, {"x": floats(2, 3)})
    return graph


def test_an_importer_that_is_wrong_leaves_the_node_as_it_is(tmp_path, monkeypatch):
    from quantdeck.engine.graph.importers import registry
    from quantdeck.engine.graph.vocabulary import Tanh

    table = dict(registry.IMPORTERS) | {"Exp": lambda n: n.draft.add(Tanh(), [n.input(0)], n.output)}
    monkeypatch.setattr(registry, "IMPORTERS", table)
    graph = load_unchecked(
        build([node("Exp", "x", "e"), node("Sin", "e", "y")], {"x": [2, 3]}, ["y"]), tmp_path
    )
    assert ops(graph) == ["Opaque", "Sin"]
    assert any("e_Exp" in note for note in graph.notes)


# ------------------------------------------------------------ runners


def test_runner_of_a_part_and_of_a_layer(tmp_path):
    from quantdeck.engine.run.float_runner import layer_runner

    graph = load(
        build([CONV, node("Sigmoid", "c", "s"), node("Mul", "c s", "y")], X, ["y", "s"], W), tmp_path
    )
    feeds = {"x": floats(1, 3, 6, 6)}
    whole = FloatRunner(graph).run(feeds)
    part = FloatRunner(graph, ["y_Mul"], inputs=["c_Conv"]).run({"c_Conv": whole["c_Conv"]})
    np.testing.assert_array_equal(part["y_Mul"], whole["y_Mul"])
    layer = graph.by_name["y_Mul"]
    got = layer_runner(graph, layer).run({name: whole[name] for name in graph.activations(layer)})
    np.testing.assert_array_equal(got["y_Mul"], whole["y_Mul"])
    some = FloatRunner(graph, ["s_Sigmoid"], threads=2).run(feeds)
    np.testing.assert_array_equal(some["s_Sigmoid"], whole["s_Sigmoid"])


def test_runner_names_what_does_not_fit(tmp_path):
    from quantdeck.engine.errors import QuantdeckError

    runner = FloatRunner(load(build([CONV], X, ["c"], W), tmp_path))
    with pytest.raises(QuantdeckError, match="input x"):
        runner.run({})
    with pytest.raises(QuantdeckError, match=r"\(1, 3, 5, 5\)"):
        runner.run({"x": floats(1, 3, 5, 5)})


def test_digest_is_the_same_in_another_process(tmp_path):
    path = save(build([CONV, node("Relu", "c", "y")], X, ["y"], W), tmp_path)
    code = (
        "import sys; from pathlib import Path; from quantdeck.engine.graph.onnx_reader import read_onnx; "
        "print(read_onnx(Path(sys.argv[1])).digest)"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == read_onnx(path).digest
    assert done.stderr == ""


def test_measures(tmp_path):
    from quantdeck.engine.graph.measure import describe, macs, params, shape_text

    nodes = [
        node("Conv", "x w b", "c", pads=[1, 0, 1, 1], strides=[2, 2]),
        node("ConvTranspose", "c t", "d", group=2),
        node("Reshape", "d s", "f"),
        node("MatMul", "f g", "y"),
    ]
    weights = W | {"t": floats(4, 3, 2, 2), "s": np.array([6, -1]), "g": floats(16, 5)}
    graph = load(build(nodes, X, ["y"], weights), tmp_path)
    conv, deconv, reshape, matmul = graph.layers
    assert macs(graph, conv) == 4 * 3 * 3 * 27
    assert macs(graph, deconv) == 4 * 3 * 3 * 3 * 4
    assert macs(graph, matmul) == 6 * 5 * 16
    assert macs(graph, reshape) == params(graph, reshape) == 0
    assert params(graph, conv) == 112
    assert describe(graph, conv) == "3x3, stride 2, pads 1 0 1 1"
    assert shape_text(()) == "scalar"
    assert shape_text((1, 32, 112)) == "1x32x112"
