"""What the trial tests share: samples in memory, random networks and plans, and the plain way to a score."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from built_graphs import Build, float_values, plan_of
from quantdeck.engine.graph import vocabulary as v
from quantdeck.engine.graph.model import Graph
from quantdeck.engine.hw.chip import get_chip
from quantdeck.engine.plan import Mode, Plan
from quantdeck.engine.run.excess import ExcessCounter
from quantdeck.engine.run.executor import Executor
from quantdeck.engine.run.float_runner import FloatRunner
from quantdeck.engine.run.score import Score
from quantdeck.engine.run.similarity import OutputTracker
from quantdeck.engine.run.trial import Trial

Array = np.ndarray
Feeds = Sequence[Mapping[str, Array]]


class Held:
    """Samples that are arrays already; counts how often each is read."""

    def __init__(self, feeds: Feeds) -> None:
        self.feeds = list(feeds)
        self.groups = range(len(self.feeds))
        self.reads = [0] * len(self.feeds)

    def feed(self, group: Any, /) -> Mapping[str, Array]:
        self.reads[group] += 1
        return self.feeds[group]


def network(seed: int, layers: int) -> Graph:
    """Convolutions (dense, depthwise), joins, activations, pools and movers on 5x6 pictures; every end is an
    output."""
    build, random = Build(seed), np.random.default_rng(seed)
    shape = (1, 4, 5, 6)
    pool = [build.input("x", shape)]

    def conv(x: str, y: str) -> str:
        relu = bool(random.integers(2))
        kernel = v.Conv(
            do_relu=relu, relu_limit=6.0 if relu else -1.0, kernel_shape=(3, 3), pads=(1, 1, 1, 1)
        )
        return build.layer(kernel, [x, build.weight((4, 4, 3, 3), 0.4), build.weight((4,))], shape)

    def point(x: str, y: str) -> str:
        joined = build.layer(v.Concat(axis=1), [x, y], (1, 8, 5, 6))
        return build.layer(v.Conv(), [joined, build.weight((4, 8, 1, 1), 0.4)], shape)

    def depthwise(x: str, y: str) -> str:
        kernel = v.Conv(kernel_shape=(3, 3), pads=(1, 1, 1, 1), group=4)
        return build.layer(kernel, [x, build.weight((4, 1, 3, 3), 0.5), build.weight((4,))], shape)

    def flipped(x: str, y: str) -> str:
        turned = build.layer(v.Permute((0, 1, 3, 2)), [x], (1, 4, 6, 5))
        halved = build.layer(v.MulConst(const_val=0.5), [turned], (1, 4, 6, 5))
        return build.layer(v.Permute((0, 1, 3, 2)), [halved], shape)

    makers: list[Callable[[str, str], str]] = [
        conv,
        point,
        depthwise,
        flipped,
        lambda x, y: build.layer(v.Add(do_relu=bool(random.integers(2))), [x, y], shape),
        lambda x, y: build.layer(v.Mul(), [x, y], shape),
        lambda x, y: build.layer(v.Sigmoid(), [x], shape),
        lambda x, y: build.layer(v.LeakyRelu(), [x], shape),
        lambda x, y: build.layer(v.Softmax(axis=1), [x], shape),
        lambda x, y: build.layer(v.AvgPool(kernel_shape=(3, 3), pads=(1, 1, 1, 1)), [x], shape),
    ]
    for _ in range(layers):
        x, y = (str(random.choice(pool[-4:])) for _ in range(2))
        pool.append(makers[int(random.integers(len(makers)))](x, y))
    read = {name for layer in build.layers for name in layer.inputs}
    return build.graph([layer.name for layer in build.layers if layer.name not in read])


def random_feeds(graph: Graph, count: int, seed: int = 0) -> list[dict[str, Array]]:
    random = np.random.default_rng(seed)
    return [
        {name: random.normal(0, 1, graph.tensors[name].shape).astype(np.float32) for name in graph.inputs}
        for _ in range(count)
    ]


def calibrated(graph: Graph, feeds: Feeds) -> Plan:
    """All int8, thresholds of the first sample."""
    return plan_of(graph, float_values(graph, feeds[0]))


def random_plans(graph: Graph, start: Plan, count: int, seed: int) -> list[Plan]:
    """Some layers float, some thresholds smaller; a few plans only a step away from one another."""
    random = np.random.default_rng(seed)
    names = list(graph.by_name)
    plans = [start]
    while len(plans) < count:
        base = plans[int(random.integers(len(plans)))]
        share = float(random.choice([0.1, 0.5, 0.95]))
        modes = {name: Mode(random.choice(["F16", "F16", "INT8", "BF16", "F32"])) for name in names}
        plan = base.with_modes({name: mode for name, mode in modes.items() if random.random() < share})
        for name in random.choice(names, 2):
            value = start.thresholds[str(name)].value
            plan = plan.with_threshold(str(name), value * float(random.choice([0.5, 0.8, 1.0])))
        plans.append(plan)
    return plans


def plain_score(graph: Graph, feeds: Feeds, trial: Trial, reference: str = "chip") -> Score:
    """The score of a trial with an executor of its own that runs from the graph inputs."""
    names = trial.at or graph.output_tensors
    labels = trial.at or [output.name for output in graph.outputs]
    chip = get_chip(trial.plan.chip)
    floated = Plan(trial.plan.chip, "F16", modes=dict.fromkeys(graph.by_name, Mode.F16))
    trackers = [
        OutputTracker(label, graph.tensors[name].shape) for label, name in zip(labels, names, strict=True)
    ]
    count = trial.samples or len(feeds)
    original, program = chip.lower(graph, floated), chip.lower(graph, trial.plan)
    beyond, found = ExcessCounter(original, graph), ExcessCounter(program, graph)
    for feed in feeds[:count]:
        if reference == "chip":
            wanted = Executor(graph, original, excess=beyond).run(feed, names)
        else:
            wanted = FloatRunner(graph, names).run(feed)
        got = Executor(graph, program, excess=found).run(feed, names)
        for name, tracker in zip(names, trackers, strict=True):
            tracker.add(wanted[name], got[name])
    excesses = (*found.result(), *beyond.result(reference=True))
    return Score(tuple(tracker.result() for tracker in trackers), count, excesses=excesses)
