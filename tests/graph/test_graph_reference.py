"""Names, op types, order, structure and weights of the networks that the original tool converted."""

import re

import cv2
import numpy as np
import pytest
from graph_models import assert_same, floats, names
from quantdeck.engine.graph.onnx_reader import read_onnx

NETS = ("mobilenet_v2", "tiny_darknet", "ppocrv4_rec", "synth_ops")
ZOO = (*NETS, "ppocr_cls", "ppocrv4_det", "yolox_nano", "ultraface_rfb320", "superres_x3")


def top_rows(path):
    """(op, name, inputs, attributes) of every layer of a printed top.mlir; weights are "%name"."""
    text = path.read_text()
    places = dict(re.findall(r'^(#loc\d+) = loc\("(.*)"\)$', text, re.M))
    values: dict[str, str] = {}
    rows = []
    pattern = r'^\s*(%\d+) = "top\.(\w+)"\((.*?)\) ?(\{.*?\})? ?: .* loc\((.*?)\)$'
    for value, op, inputs, attributes, place in re.findall(pattern, text, re.M):
        name = places.get(place, "")
        values[value] = {"None": "", "Weight": f"%{name}"}.get(op, name)
        if op not in ("None", "Weight", "Input"):
            rows.append(
                (op, name, [values.get(item.strip(), item) for item in inputs.split(",")], attributes)
            )
    return rows


def number_list(attributes, name):
    found = re.search(rf"\b{name} = \[(.*?)\]", attributes)
    return tuple(int(item) for item in found.group(1).split(",")) if found else None


@pytest.mark.parametrize("net", NETS)
def test_layers_are_the_originals(shared, net):
    graph = read_onnx(shared / "zoo" / "models" / f"{net}.onnx")
    rows = top_rows(shared / "reference" / net / "top.mlir")
    wanted = [(op, name, [i for i in inputs if i and not i.startswith("%")]) for op, name, inputs, _ in rows]
    got = [(layer.op, layer.name, list(graph.activations(layer))) for layer in graph.layers]
    assert got == wanted
    assert graph.notes == ()


@pytest.mark.parametrize("net", NETS)
def test_attributes_are_the_originals(shared, net):
    graph = read_onnx(shared / "zoo" / "models" / f"{net}.onnx")
    for _, name, _, text in top_rows(shared / "reference" / net / "top.mlir"):
        attributes = graph.by_name[name].attributes
        for field in ("kernel_shape", "strides", "pads", "dilations", "order"):
            if hasattr(attributes, field) and number_list(text, field) is not None:
                assert getattr(attributes, field) == number_list(text, field), (name, field)
        if "do_relu = " in text:
            assert attributes.do_relu == ("do_relu = true" in text), name
        for field in ("relu_limit", "const_val", "alpha", "eps", "min", "max"):
            found = re.search(rf"\b{field} = (-?[\d.E+-]+|-?[\d.e+-]+)[ ,}}]", text)
            if found and hasattr(attributes, field):
                assert getattr(attributes, field) == pytest.approx(float(found.group(1)), rel=1e-6), (
                    name,
                    field,
                )


@pytest.mark.parametrize("net", NETS)
def test_folded_and_merged_weights_are_the_originals(shared, net):
    graph = read_onnx(shared / "zoo" / "models" / f"{net}.onnx")
    folder = shared / "reference" / net
    file = folder / "top_weights_extra.npz"
    compared = 0
    with np.load(file if file.exists() else folder / "top_weights.npz") as stored:
        for _, name, inputs, _ in top_rows(folder / "top.mlir"):
            for index, weight in enumerate(inputs):
                if weight.startswith("%") and weight[1:] in stored:
                    mine = graph.weights[graph.by_name[name].inputs[index]].ravel()
                    theirs = stored[weight[1:]].ravel()
                    assert mine.size == theirs.size
                    np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-6 * np.abs(theirs).max())
                    compared += 1
    assert compared >= 4


def test_merged_convolutions_carry_the_originals_names(shared):
    graph = read_onnx(shared / "zoo" / "models" / "mobilenet_v2.onnx")
    assert graph.by_name["relu6_2_Clip"].inputs[1:] == (
        "conv_2_Conv_merge_filter_weight",
        "conv_2_Conv_merge_bias_weight",
    )
    assert graph.by_name["relu6_0_Clip"].attributes.relu_limit == 6.0


@pytest.mark.parametrize("net", ZOO)
def test_every_zoo_model_runs_as_in_onnxruntime(shared, net):
    path = shared / "zoo" / "models" / f"{net}.onnx"
    graph = read_onnx(path)
    assert not [layer for layer in graph.layers if layer.op == "Opaque"]
    assert len(set(names(graph))) == len(graph.layers)
    scale = 60.0 if net == "yolox_nano" else 1.0
    feeds = {name: floats(*graph.tensors[name].shape, scale=scale) for name in graph.inputs}
    if net == "ppocrv4_det":  # noise gives a map of 1e-4 there, in which a sigmoid has three digits
        page = cv2.imread(str(next(iter(sorted((shared / "zoo" / "images" / "ocr_page").glob("*.jpg"))))))
        pixels = (cv2.resize(page, (480, 480)).astype(np.float32) - 127.5) * np.float32(0.0078431)
        feeds = {"x": np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])}
    assert_same(path, graph, feeds)


def test_digest_is_the_same_for_every_load_and_tells_weights_apart(shared, tmp_path):
    import onnx

    path = shared / "zoo" / "models" / "superres_x3.onnx"
    first, second = read_onnx(path), read_onnx(path)
    assert first.digest == second.digest
    model = onnx.load(path)
    weight = next(t for t in model.graph.initializer if len(t.raw_data) >= 4)
    weight.raw_data = bytes([weight.raw_data[0] ^ 1]) + weight.raw_data[1:]
    (tmp_path / "other.onnx").write_bytes(model.SerializeToString())
    assert read_onnx(tmp_path / "other.onnx").digest != first.digest
