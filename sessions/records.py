"""What the engine makes, as rows of a session, and back."""

import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.errors import QuantdeckError
from ..engine.plan import Plan, Threshold
from ..engine.run.score import Accuracy, Excess, LayerScore, OutputScore, Score, Similarity, Slice
from ..engine.text import visible
from .locations import path_of, path_text
from .session import Session, Writer

if TYPE_CHECKING:
    from ..engine.calib.calibrate import Calibration
    from ..engine.data.samples import Samples
    from ..engine.graph.model import Graph


def put_model(session: Session, graph: "Graph", path: Path, digest: str) -> None:
    """The model's row, its layers and its tensors; the session must hold none yet."""
    from ..engine.graph.measure import shape_text

    tensors = graph.tensors
    with session.write() as writer:
        writer.insert("model", [{
            "id": 1,
            "path": path_text(path),
            "digest": digest,
            "graph_digest": graph.digest,
            "name": graph.name,
            "size": path.stat().st_size,
            "inputs": json.dumps(
                [[name, list(tensors[name].shape), tensors[name].dtype] for name in graph.inputs]
            ),
            "outputs": json.dumps(
                [[output.name, output.tensor, list(tensors[output.tensor].shape)] for output in graph.outputs]
            ),
            "notes": json.dumps(list(graph.notes)),
        }])  # fmt: skip
        writer.insert("layer", [
            {
                **row,
                "inputs": json.dumps(row["inputs"]),
                "outputs": json.dumps(row["outputs"]),
                "rev": writer.rev,
            }
            for row in layer_rows(graph)
        ])  # fmt: skip
        writer.insert("tensor", [
            {
                "position": position,
                "name": name,
                "producer": producer.name if (producer := graph.producer(name)) else None,
                "shape": shape_text(tensors[name].shape),
                "rev": writer.rev,
            }
            for position, name in enumerate(graph.calibrated)
        ])  # fmt: skip


def layer_rows(graph: "Graph") -> list[dict[str, Any]]:
    """The table of layers of a model: what the session's rows and ``quantdeck layers`` both show."""
    from ..engine.graph.measure import describe, macs, params, shape_text

    return [
        {
            "position": position,
            "name": layer.name,
            "op": layer.op,
            "shape": shape_text(graph.tensors[layer.outputs[0]].shape),
            "macs": macs(graph, layer),
            "params": params(graph, layer),
            "inputs": [name for name in layer.inputs if name],
            "outputs": list(layer.outputs),
            "detail": describe(graph, layer),
        }
        for position, layer in enumerate(graph.layers)
    ]


def put_samples(session: Session, role: str, samples: "Samples", path: Path) -> None:
    """The samples of a role (calibration, tuning, evaluation), in place of those before."""
    options = {name: json.loads(one.to_json()) for name, one in samples.preprocess.items()}
    row = {
        "role": role,
        "path": path_text(path),
        "digest": samples.digest,
        "requested": samples.requested,
        "used": samples.used,
        "formed": samples.formed,
        "preprocess": json.dumps(options),
        "entries": json.dumps([",".join(entry) for entry in samples.entries]),
        "skipped": json.dumps([list(pair) for pair in samples.skipped]),
    }
    with session.write() as writer:
        writer.delete("samples", "role", role)
        writer.insert("samples", [row])


def put_settings(session: Session, settings: Mapping[str, Any]) -> None:
    """What was asked last; the next job's form starts with it."""
    with session.write() as writer:
        writer.update("state", 1, {"settings": json.dumps(dict(settings))})


def get_settings(session: Session) -> dict[str, Any]:
    """What ``put_settings`` wrote."""
    row = session.row("SELECT settings FROM state WHERE id = 1")
    found: dict[str, Any] = json.loads(row[0]) if row else {}
    return found


def put_calibration(session: Session, calibration: "Calibration", plan: Plan, label: str) -> int:
    """Statistics, thresholds of every method, and the plan that the session stands on now; its number."""
    thresholds = {**calibration.by_method, **_by_method(calibration.thresholds)}
    with session.write() as writer:
        for name, found in calibration.statistics.items():
            writer.update("tensor", name, {**_statistics(found), "rev": writer.rev}, column="name")
        writer.delete("threshold")
        writer.insert("threshold", [
            {"tensor": name, "method": method, **_range(row), "rev": writer.rev}
            for method, rows in thresholds.items()
            for name, row in rows.items()
        ])  # fmt: skip
        return add_plan(session, writer, plan, label)


def _by_method(thresholds: Mapping[str, Threshold]) -> dict[str, dict[str, Threshold]]:
    found: dict[str, dict[str, Threshold]] = {}
    for name, row in thresholds.items():
        found.setdefault(row.method, {})[name] = row
    return found


def _range(row: Threshold) -> dict[str, float]:
    return {"value": row.value, "min": row.min, "max": row.max}


def _statistics(found: Any) -> dict[str, Any]:
    return {
        "min": found.min,
        "max": found.max,
        "mean": found.mean,
        "std": found.std,
        "zero_share": found.zero_share,
        "warning": found.warning,
        "histogram": found.histogram.astype("<f4").tobytes(),
        "histogram_lo": found.histogram_lo,
        "histogram_hi": found.histogram_hi,
    }


def put_plan(session: Session, plan: Plan, label: str, *, current: bool = True) -> int:
    """A plan's number; equal plans have one row. *current*: the session stands on it from now on."""
    with session.write() as writer:
        return add_plan(session, writer, plan, label, current=current)


def add_plan(session: Session, writer: Writer, plan: Plan, label: str, *, current: bool = True) -> int:
    """As ``put_plan``, within a commit of the caller."""
    row = session.row("SELECT id FROM plan WHERE digest = ?", plan.digest)
    if row is not None:
        number = int(row[0])
    else:
        before = session.row("SELECT current_plan FROM state WHERE id = 1")
        number = writer.add(
            "plan",
            {
                "digest": plan.digest,
                "label": label,
                "created": time.time(),
                "parent": before[0] if before else None,
                "body": plan.to_json(),
            },
        )
    if current:
        writer.update("state", 1, {"current_plan": number, "chip": plan.chip, "fp_type": plan.fp_type})
    return number


def get_plan(session: Session, number: int | None = None) -> tuple[int, Plan] | None:
    """A plan and its number; the one that the session stands on where none is given."""
    row = session.row(
        "SELECT id, body FROM plan WHERE id = coalesce(?, (SELECT current_plan FROM state WHERE id = 1))",
        number,
    )
    return (int(row["id"]), plan_of(session, row["body"])) if row else None


def plan_of(session: Session, text: str) -> Plan:
    """A plan from its row. Errors: QuantdeckError that names the session when it is damaged."""
    try:
        return Plan.from_json(text)
    except QuantdeckError as error:
        raise QuantdeckError(f"the session {visible(str(session.path))}: {error}") from error


def put_score(session: Session, plan: int, samples_digest: str, score: Score) -> None:
    """A plan's score on samples, in place of an older one on the same."""
    exact, quantized = score.float_accuracy, score.accuracy
    row = {
        "plan": plan,
        "samples_digest": samples_digest,
        "created": time.time(),
        "cos": _number(score.cosine),
        "sqnr": _number(score.sqnr),
        "dead": score.dead_slices,
        "top1_float": _share(exact, exact.top1) if exact else None,
        "top1_int8": _share(quantized, quantized.top1) if quantized else None,
        "top5_float": _share(exact, exact.top5) if exact else None,
        "top5_int8": _share(quantized, quantized.top5) if quantized else None,
        "labelled": exact.total if exact else None,
        "body": json.dumps(asdict(score)),
    }
    with session.write() as writer:
        writer.insert("score", [row], replace=True)


def _share(accuracy: Accuracy, hits: int) -> float:
    return hits / accuracy.total if accuracy.total else 0.0


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def get_score(session: Session, plan: int) -> Score | None:
    """The newest score of a plan."""
    row = session.row("SELECT body FROM score WHERE plan = ? ORDER BY created DESC, id DESC LIMIT 1", plan)
    return score_from(_loaded(row[0])) if row else None


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def score_from(body: Mapping[str, Any]) -> Score:
    """A Score from the JSON that ``put_score`` wrote. Errors: QuantdeckError for anything else."""
    try:
        return _score_from(body)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise QuantdeckError(
            "a stored score is damaged; have the plan scored again (e, or evaluate)"
        ) from error


def _score_from(body: Mapping[str, Any]) -> Score:
    return Score(
        outputs=tuple(
            OutputScore(
                name=output["name"],
                similarity=_similarity(output["similarity"]),
                slices=tuple(
                    Slice(
                        axis=part["axis"],
                        start=part["start"],
                        stop=part["stop"],
                        similarity=_similarity(part["similarity"]),
                        dead=part["dead"],
                    )
                    for part in output["slices"]
                ),
                rows=output.get("rows", 0),
            )
            for output in body["outputs"]
        ),
        samples=body["samples"],
        float_accuracy=Accuracy(**body["float_accuracy"]) if body["float_accuracy"] else None,
        accuracy=Accuracy(**body["accuracy"]) if body["accuracy"] else None,
        excesses=tuple(Excess(**one) for one in body.get("excesses", ())),
    )


def _similarity(body: Mapping[str, Sequence[float]]) -> Similarity:
    return Similarity(**{name: tuple(map(float, values)) for name, values in body.items()})


def put_layer_scores(session: Session, plan: int, scores: Iterable[LayerScore]) -> None:
    """Figures of every layer under a plan, in place of older ones."""
    with session.write() as writer:
        writer.delete("layer_score", "plan", plan)
        writer.insert("layer_score", [
            {"plan": plan, "layer": one.layer, "mode": str(one.mode), **_figures(one), "rev": writer.rev}
            for one in scores
        ])  # fmt: skip


def _figures(score: LayerScore) -> dict[str, float | None]:
    local, whole = score.local, score.accumulated
    return {
        "local_cos": _number(local.mean_cosine) if local else None,
        "local_sqnr": _number(local.sqnr) if local else None,
        "cos": _number(whole.mean_cosine) if whole else None,
        "sqnr": _number(whole.sqnr) if whole else None,
        "saturation": score.saturation,
    }


def model_path(session: Session) -> tuple[Path, str] | None:
    """Path and digest of the session's model."""
    row = session.row("SELECT path, digest FROM model WHERE id = 1")
    return (path_of(row["path"]), row["digest"]) if row else None
