"""Corrected weights that a run kept in its session, put into the model's graph again (spec B.12, B.13).

A corrected bias makes up for what int8 does to its layer: a layer that a plan keeps in float has its own bias.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..engine.calib.equalize import equalize
from ..engine.errors import QuantdeckError
from ..engine.graph.rewrite import with_weights
from ..engine.plan import Plan
from ..engine.text import visible
from .packing import damaged, unpack, well_formed
from .session import Session

if TYPE_CHECKING:
    from ..engine.graph.model import Graph

Changes = dict[tuple[str, int], np.ndarray]
_LINEAGE = 500  # edits that are followed back


def corrected_graph(
    graph: "Graph", session: Session | None, *, equalized: bool, bias: bool, floats: Collection[str] = ()
) -> "Graph":
    """The graph with equalized weights, and with the biases that the session's newest run with --bc corrected.

    session: where the biases are kept; equalized weights follow from the graph alone. floats: layers that keep their
    own bias. Errors: QuantdeckError when the session keeps no such biases, or those of other weights.
    """
    changed = equalize(graph).graph if equalized else graph
    if not bias:
        return changed
    if session is None:
        raise QuantdeckError(
            "--bc needs --session FILE: the session of the run_calibration --bc that corrected the biases"
        )
    job, changes = _kept_biases(session)
    _check_weights(session, job, changed, equalized=equalized)
    known = {key: array for key, array in changes.items() if key[0] not in frozenset(floats)}
    for (layer, position), array in known.items():
        found = changed.by_name.get(layer)
        old = changed.weights.get(found.inputs[position]) if found and len(found.inputs) > position else None
        if old is None or old.shape != array.shape:
            raise QuantdeckError(
                f"the session {visible(str(session.path))} keeps a bias of {visible(layer)} that this model has "
                "not; give the session of this model"
            )
    return with_weights(changed, known) if known else changed


def plan_corrections(session: Session, number: int) -> tuple[bool, bool]:
    """Whether a plan of the session is one of equalized weights, and whether of corrected biases.

    The plans that a run with corrections found are, and what the user made of them since.
    """
    known = _corrected_plans(session)
    at: int | None = number
    for _ in range(_LINEAGE):
        row = session.row("SELECT digest, label, parent FROM plan WHERE id = ?", at)
        if row is None:
            break
        if row["digest"] in known:
            return known[row["digest"]]
        if session.row("SELECT 1 FROM edit WHERE after = ? LIMIT 1", at) is None:
            return row["label"].endswith("calibration, equalized"), False
        at = row["parent"]
    return False, False


def _corrected_plans(session: Session) -> dict[str, tuple[bool, bool]]:
    """What runs with corrections found, by the plans' digests."""
    found: dict[str, tuple[bool, bool]] = {}
    rows = session.rows(
        "SELECT j.id, j.spec, s.outcome FROM search s JOIN job j ON j.id = s.job WHERE s.outcome IS NOT NULL"
        " ORDER BY j.id"
    )
    for row in rows:
        spec = json.loads(row["spec"])
        flags = bool(spec.get("equalize")), bool(spec.get("bias")) and _changed_any(session, row["id"])
        if any(flags):
            outcome = unpack(row["outcome"])
            with well_formed():
                texts = [outcome["plan"], *(point[2] for point in outcome.get("curve", ()))]
            found |= {Plan.from_json(text).digest: flags for text in texts if text}
    return found


def _changed_any(session: Session, job: int) -> bool:
    """Whether a run has corrected a bias: where int8 reaches the target already it leaves all as they are."""
    row = session.row("SELECT body FROM correction WHERE kind = 'bias' AND job = ?", job)
    return row is not None and bool(unpacked(row["body"]))


def _kept_biases(session: Session) -> tuple[int, Changes]:
    row = session.row("SELECT job, body FROM correction WHERE kind = 'bias' ORDER BY job DESC LIMIT 1")
    if row is None:
        raise QuantdeckError(
            f"the session {visible(str(session.path))} keeps no corrected biases; run run_calibration --bc on it"
        )
    return int(row["job"]), unpacked(row["body"])


def _check_weights(session: Session, job: int, graph: "Graph", *, equalized: bool) -> None:
    """Biases belong to the weights with which they were corrected."""
    row = session.row("SELECT graph_digest FROM correction WHERE kind = 'equalized' AND job = ?", job)
    if (row is not None) != equalized:
        word = "equalized weights; add --we" if row is not None else "the model's own weights; leave --we out"
        raise QuantdeckError(f"the session {visible(str(session.path))} corrected its biases on {word}")
    model = session.row("SELECT graph_digest FROM model WHERE id = 1")
    expected = row["graph_digest"] if row is not None else model["graph_digest"] if model is not None else ""
    if expected != graph.digest:
        raise QuantdeckError(
            f"the session {visible(str(session.path))} is of another model; give the session of this one"
        )


def unpacked(body: bytes) -> Changes:
    """Weights by layer and input position, as a run keeps them.

    Errors: QuantdeckError where *body* is something else.
    """
    try:
        with well_formed(), np.load(io.BytesIO(body), allow_pickle=False) as found:
            names = bytes(found["names"]).decode("utf-8", "surrogatepass")
            keys = [name.split(":", 1) for name in names.split("\0")] if names else []
            arrays: Mapping[str, np.ndarray] = {name: found[name] for name in found.files}
            places = enumerate(keys)
            return {(layer, int(position)): arrays[f"a{index}"] for index, (position, layer) in places}
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise damaged(error) from error
