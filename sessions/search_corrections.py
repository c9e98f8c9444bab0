"""Corrections before a search: weight equalization and bias correction, kept in the session (spec B.12, B.13).

The model's file is never touched; the corrected weights apply to this run (spec B.19 #40).
"""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.calib.bias import BiasOutcome, BiasRunner, Pass, correct_bias
from ..engine.calib.equalize import equalize
from ..engine.hw.chip import get_chip
from ..engine.plan import Plan
from ..engine.text import visible
from .journal import Journal, digest_of
from .report import Report
from .search_inputs import Inputs, Watched
from .session import Session

if TYPE_CHECKING:
    from ..engine.graph.model import Graph


def equalized(session: Session, job: int, inputs: Inputs, lines: list[str]) -> "Graph":
    """The graph with equalized weights."""
    done = equalize(inputs.graph)
    for pair in done.pairs:
        for index, loss in enumerate(pair.losses):
            lines.append(
                f"Cross Layer WE: {visible(pair.first)} --- {visible(pair.second)} "
                f"Groups: {pair.groups} Iter: {index}"
            )
            lines.append(f">>>loss:{loss}")
    inputs.report.say(
        f"weight equalization: {len(done.pairs)} pairs of convolutions; the new weights apply to this run and are "
        "kept in the session, the model's file stays as it is"
    )
    _keep(session, job, "equalized", done.graph, _changed(inputs.graph, done.graph))
    return done.graph


def _changed(before: "Graph", after: "Graph") -> dict[str, Any]:
    """Weights that differ, by "position:layer"."""
    return {
        f"{index}:{layer.name}": after.weights[name]
        for layer in after.layers
        for index, name in enumerate(layer.inputs)
        if name in after.weights and before.by_name[layer.name].inputs[index] != name
    }


def corrected(
    session: Session,
    job: int,
    journal: Journal,
    inputs: Inputs,
    graph: "Graph",
    plan: Plan,
    report: Report,
    lines: list[str],
) -> "Graph":
    """The graph with corrected biases; every run is journaled."""
    spec = inputs.spec
    samples = inputs.select(spec.bc_inference_num)
    feeds = Watched(samples)
    target = spec.expected_cos if spec.expected_cos is not None else 0.99
    weights = {str(name): float(weight) for name, weight in spec.compared}
    modes = get_chip(plan.chip).lower(graph, plan).modes
    search = correct_bias(
        graph,
        expected_cos=target,
        min_layer_cos=spec.min_layer_cos,
        int8_layers=frozenset(name for name, mode in modes.items() if mode == "INT8"),
    )
    runner = BiasRunner(graph, plan, feeds, weights)
    advance = report.stage("bias correction")
    sent: Pass | None = None
    done = 0
    try:
        while True:
            wanted = next(search) if sent is None else search.send(sent)
            advance(done, max(done, len(graph.layers)))
            key = digest_of(
                "bias", graph.digest, wanted.digest, samples.digest, plan.digest, sorted(weights.items())
            )
            body: Any = journal.find_body(key)
            if body is None:
                try:
                    found = runner(wanted)
                finally:
                    feeds.check()
                body = {"cos": found.cos, "layers": dict(found.layers), "shifts": dict(found.shifts)}
                journal.put_body(key, body, cos=found.cos)
            sent = Pass(
                body["cos"], body["layers"], {name: tuple(row) for name, row in body["shifts"].items()}
            )
            done += 1
    except StopIteration as stop:
        outcome: BiasOutcome = stop.value
    lines += bias_lines(outcome, target)
    _keep(session, job, "bias", outcome.graph, {f"2:{name}": array for name, array in outcome.biases.items()})
    return outcome.graph


def bias_lines(outcome: BiasOutcome, target: float) -> list[str]:
    """The chapter's lines; the command goes on whatever they say (spec B.19 #43)."""
    lines = ["run_bias_correction start"]
    if outcome.int8_cos > target:
        return [
            *lines,
            f"job success, current int8 cos:{outcome.int8_cos:.6f} is higher than "
            f"expected_cos:{target:.6f},no need for bias correction",
        ]
    lines += [">>>run result:", f"int8 outputs_cos:{outcome.int8_cos:.6f} old", "bias correction statistic:"]
    lines += [
        f"  op:{visible(row.layer)}, old layer cos:{row.old_cos:.6f}, new layer cos:{row.new_cos:.6f}, "
        f"new output cos:{row.output_cos:.6f}{'' if row.kept else ' (undone)'}"
        for row in outcome.rows
    ]
    return [*lines, f"best mix model outputs_cos:{outcome.cos:.6f}"]


def _keep(session: Session, job: int, kind: str, graph: "Graph", weights: Mapping[str, Any]) -> None:
    buffer = io.BytesIO()
    names = np.frombuffer("\0".join(weights).encode("utf-8", "surrogatepass"), np.uint8)
    arrays = {f"a{index}": array for index, array in enumerate(weights.values())}
    np.savez_compressed(buffer, names=names, **arrays)  # pyright: ignore[reportArgumentType]
    row = {"job": job, "kind": kind, "graph_digest": graph.digest, "body": buffer.getvalue()}
    with session.write() as writer:
        writer.insert("correction", [row], replace=True)
