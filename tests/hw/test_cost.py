"""The cost model: bytes, arithmetic and casts."""

from itertools import pairwise

import pytest
from quantdeck.engine.errors import QuantdeckError
from quantdeck.engine.graph.model import Graph, Layer, Output, Tensor
from quantdeck.engine.graph.vocabulary import AvgPool
from quantdeck.engine.hw.chip import CHIPS, get_chip
from quantdeck.engine.hw.cost import CostModel, get_rates
from quantdeck.engine.plan import Plan, Threshold

SHAPE = (1, 8, 16, 16)
SIZE = 8 * 16 * 16


def chain(count: int) -> Graph:
    names = ["x", *(f"l{index}" for index in range(count))]
    pool = AvgPool(kernel_shape=(1, 1), strides=(1, 1), pads=(0, 0, 0, 0))
    layers = tuple(Layer(name, pool, (source,), (name,)) for source, name in pairwise(names))
    tensors = {name: Tensor(name, SHAPE) for name in names}
    return Graph("net", ("x",), (Output("out", names[-1]),), layers, tensors, {}, "digest")


def model(count: int = 4, mode: str = "F16") -> CostModel:
    graph = chain(count)
    plan = Plan("bm1684x", "F16", {name: Threshold(2.0, -1.0, 1.0) for name in graph.tensors})
    return CostModel(graph, get_chip("bm1684x").lower(graph, plan), mode)


def test_every_chip_has_rates_for_its_float_types():
    for name in CHIPS:
        chip = get_chip(name)
        assert {"INT8", *chip.float_types} <= get_rates(name).tera.keys()
        assert get_rates(name).source


def test_a_float_block_pays_its_casts_once():
    found = model()
    casts = {name: found.plan(floats).casts for name, floats in
             {"none": (), "one": ("l1",), "block": ("l1", "l2"), "apart": ("l1", "l3")}.items()}  # fmt: skip
    bandwidth = get_rates("bm1684x").gigabytes * 1e9
    assert casts["none"] == pytest.approx(SIZE * (4 + 1) / bandwidth)  # the input, which is float32
    assert casts["one"] == casts["block"] == pytest.approx(casts["none"] + 2 * SIZE * (1 + 2) / bandwidth)
    assert casts["apart"] == pytest.approx(casts["none"] + 3 * SIZE * 3 / bandwidth)


def test_float_costs_more_than_int8_and_the_shares_are_a_whole():
    found = model()
    assert found.seconds(()) < found.seconds(("l1",)) < found.seconds(("l1", "l2"))
    assert model(mode="F32").seconds(("l1",)) > found.seconds(("l1",))
    plan = found.plan(("l1",))
    assert sum(plan.share(layer.layer) for layer in plan.layers) == pytest.approx(1)
    assert next(layer for layer in plan.layers if layer.layer == "l1").mode == "F16"


def test_the_relative_cost_is_the_time_over_all_int8_in_any_order_of_asking():
    found = model(6)
    every = [f"l{index}" for index in range(6)]
    plans = [tuple(name for bit, name in enumerate(every) if number >> bit & 1) for number in range(64)]
    asked = {}
    for order in (plans, plans[::-1], plans[1::2] + plans[::2]):
        quick = found.relative()
        for floats in order:
            value = quick(floats)
            assert value == pytest.approx(found.seconds(floats) / found.seconds(()), rel=1e-6)
            assert asked.setdefault(floats, value) == value
    assert found.relative()(()) == 1


def test_unknown_chips_and_types_are_one_sentence():
    with pytest.raises(QuantdeckError, match="no rates"):
        get_rates("tpu9")
    with pytest.raises(QuantdeckError, match="has no F8"):
        model(mode="F8")
