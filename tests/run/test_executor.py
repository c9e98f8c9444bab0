"""The executor: any backend, any batch, any set of wanted tensors, the same bytes."""

import numpy as np
import pytest
from built_graphs import Build, float_values, plan_of
from hypothesis import given, settings
from hypothesis import strategies as st
from quantdeck.engine.errors import QuantdeckError
from quantdeck.engine.graph import vocabulary as v
from quantdeck.engine.graph.model import Graph
from quantdeck.engine.hw.chip import get_chip
from quantdeck.engine.plan import Mode, Plan
from quantdeck.engine.run.backend import TWINS
from quantdeck.engine.run.executor import Executor
from quantdeck.engine.run.float_runner import FloatRunner


class Network:
    """A random network of convolutions, joins, activations and pools on 6x6 pictures."""

    def __init__(self, seed: int, batch: int) -> None:
        self.build = Build(seed)
        self.random = np.random.default_rng(seed)
        self.batch = batch
        self.pool = [self.build.input("x", (batch, 4, 6, 6))]

    def graph(self, layers: int) -> Graph:
        for _ in range(layers):
            self._grow()
        names = {name for layer in self.build.layers for name in layer.inputs}
        ends = [layer.name for layer in self.build.layers if layer.name not in names]
        return self.build.graph(ends)

    def _grow(self) -> None:
        build, random = self.build, self.random
        shape = (self.batch, 4, 6, 6)
        x, y = (str(random.choice(self.pool)) for _ in range(2))
        match int(random.integers(0, 10)):
            case 0:
                kernel = v.Conv(do_relu=bool(random.integers(2)), kernel_shape=(3, 3), pads=(1, 1, 1, 1))
                name = build.layer(kernel, [x, build.weight((4, 4, 3, 3), 0.3), build.weight((4,))], shape)
            case 1:
                depthwise = v.Conv(kernel_shape=(3, 3), pads=(2, 2, 2, 2), dilations=(2, 2), group=4)
                name = build.layer(depthwise, [x, build.weight((4, 1, 3, 3))], shape)
            case 2:
                name = build.layer(v.Add(do_relu=bool(random.integers(2))), [x, y], shape)
            case 3:
                name = build.layer(v.Mul(), [x, y], shape)
            case 4:
                kinds = (
                    v.Sigmoid(),
                    v.LeakyRelu(),
                    v.HardSwish(),
                    v.Relu(),
                    v.Abs(),
                    v.Clip(min=-0.5, max=0.7),
                )
                name = build.layer(kinds[int(random.integers(len(kinds)))], [x], shape)
            case 5:
                pool = v.AvgPool(
                    kernel_shape=(3, 3), pads=(1, 1, 1, 1), count_include_pad=bool(random.integers(2))
                )
                name = build.layer(pool, [x], shape)
            case 6:
                joined = build.layer(v.Concat(axis=1), [x, y], (self.batch, 8, 6, 6))
                name = build.layer(v.Conv(), [joined, build.weight((4, 8, 1, 1), 0.3)], shape)
            case 7:
                name = build.layer(v.Softmax(axis=int(random.choice([1, 3]))), [x], shape)
            case 8:
                name = build.layer(v.MulConst(const_val=float(random.normal())), [x], shape)
            case _:
                name = build.layer(v.Permute((0, 1, 3, 2)), [x], shape)
        self.pool.append(name)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.data())
def test_backends_batches_and_wanted_tensors_give_the_same_bytes(seed: int, data: st.DataObject) -> None:
    graph = Network(seed, 1).graph(10)
    wide = Network(seed, 3).graph(10)
    feeds = {"x": np.random.default_rng(seed).normal(0, 1, (3, 4, 6, 6)).astype(np.float32)}
    names = [layer.name for layer in graph.layers]
    chosen = data.draw(st.sets(st.sampled_from(names), max_size=3))
    modes = {name: data.draw(st.sampled_from([Mode.F16, Mode.BF16])) for name in sorted(chosen)}
    plan = plan_of(wide, float_values(wide, feeds), modes=modes)
    program = get_chip("bm1684x").lower(graph, plan)
    together = Executor(wide, get_chip("bm1684x").lower(wide, plan)).run_raw(feeds, names)
    single = Executor(graph, program)
    for index in range(3):
        feed = {"x": feeds["x"][index : index + 1]}
        everything = single.run_raw(feed, names)
        for name in names:
            np.testing.assert_array_equal(everything[name], together[name][index : index + 1], err_msg=name)
        assert all(
            np.array_equal(single.run_raw(feed, [name])[name], everything[name]) for name in names[-2:]
        )
    twin = Executor(graph, program, backend=TWINS).run_raw({"x": feeds["x"][:1]}, names)
    assert all(np.array_equal(twin[name], together[name][:1]) for name in names)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_what_has_no_smaller_ancestor_has_the_float_pass_value(seed: int) -> None:
    graph = Network(seed, 1).graph(12)
    feeds = graph_feeds(graph, seed)
    values = float_values(graph, feeds)
    names = [layer.name for layer in graph.layers]
    plan = plan_of(graph, values, modes=dict.fromkeys(names, Mode.F32))
    got = Executor(graph, get_chip("bm1684x").lower(graph, plan)).run(feeds, names)
    assert all(np.array_equal(got[name], values[name]) for name in names)
    late = plan.with_mode(names[-1], Mode.INT8)
    got = Executor(graph, get_chip("bm1684x").lower(graph, late)).run(feeds, names)
    assert all(np.array_equal(got[name], values[name]) for name in names[:-1])


def graph_feeds(graph: Graph, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {name: random.normal(0, 1, graph.tensors[name].shape).astype(np.float32) for name in graph.inputs}


def small() -> tuple[Graph, dict[str, np.ndarray], Plan]:
    build = Build()
    x = build.input("x", (1, 2, 4, 4))
    build.layer(v.Conv(), [x, build.weight((3, 2, 1, 1))], (1, 3, 4, 4), name="c")
    build.layer(v.Sigmoid(), ["c"], (1, 3, 4, 4), name="s")
    build.layer(v.Mul(), ["c", "s"], (1, 3, 4, 4), name="m")
    graph, feeds = build.graph(), build.feeds()
    return graph, feeds, plan_of(graph, float_values(graph, feeds))


def test_real_values_are_scale_times_integer() -> None:
    graph, feeds, plan = small()
    executor = Executor(graph, get_chip("bm1684x").lower(graph, plan))
    raw, real = executor.run_raw(feeds), executor.run(feeds)
    assert raw["m"].dtype == np.int8
    scale = executor.program.types["m"].scale
    assert scale is not None
    np.testing.assert_array_equal(real["m"], np.float32(scale) * raw["m"])
    assert set(executor.run(feeds, ["s", "x"])) == {"s", "x"}


def test_local_quantizes_one_layer_from_float_inputs() -> None:
    graph, feeds, plan = small()
    executor = Executor(graph, get_chip("bm1684x").lower(graph, plan))
    values = {**feeds, **FloatRunner(graph).run(feeds)}
    local = executor.local("m", {"c": values["c"], "s": values["s"]})["m"]
    step = executor.program.types["m"].scale or 0.0
    assert 0 < np.abs(local - values["m"]).max() < 3 * step
    whole = executor.run(feeds)["m"]
    assert np.abs(local - values["m"]).sum() < np.abs(whole - values["m"]).sum()


def test_saturation_counts_the_ends_of_the_range() -> None:
    graph, feeds, plan = small()
    executor = Executor(graph, get_chip("bm1684x").lower(graph, plan))
    assert executor.saturation("m", np.array([-128, 127, 0, 5], np.int8)) == 0.5
    assert executor.saturation("s", np.array([0, 255, 0, 5], np.uint8)) == 0.25
    tight = plan.with_threshold("m", plan.thresholds["m"].value / 4)
    clipped = Executor(graph, get_chip("bm1684x").lower(graph, tight))
    assert clipped.saturation("m", clipped.run_raw(feeds)["m"]) > 0.02
    assert executor.saturation("x", feeds["x"]) == 0.0


def test_an_output_that_is_an_input_comes_back() -> None:
    build = Build()
    x = build.input("x", (2, 3))
    build.layer(v.Tanh(), [x], (2, 3), name="t")
    graph, feeds = build.graph(["x", "t"]), build.feeds()
    program = get_chip("bm1684x").lower(graph, plan_of(graph, float_values(graph, feeds)))
    np.testing.assert_array_equal(Executor(graph, program).run(feeds)["x"], feeds["x"])


def test_wrong_feeds_are_named() -> None:
    graph, feeds, plan = small()
    executor = Executor(graph, get_chip("bm1684x").lower(graph, plan))
    with pytest.raises(QuantdeckError, match="input x: no data"):
        executor.run({})
    with pytest.raises(QuantdeckError, match=r"input x: .*\(1, 2, 4\).*\(1, 2, 4, 4\)"):
        executor.run({"x": feeds["x"][..., 0]})


def test_feeds_are_not_changed() -> None:
    graph, feeds, plan = small()
    before = feeds["x"].copy()
    executor = Executor(graph, get_chip("bm1684x").lower(graph, plan))
    first = executor.run(feeds)["m"].copy()
    np.testing.assert_array_equal(feeds["x"], before)
    np.testing.assert_array_equal(executor.run(feeds)["m"], first)
