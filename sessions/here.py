"""A calibration in the caller's process that is a job of a session all the same: the workbench shows it."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.errors import QuantdeckError
from ..engine.text import visible
from . import records
from .heart import JobReport, beating
from .jobs import add_job, claim, finish
from .report import Both, Cancelled, Report
from .session import Session
from .store import open_session
from .work import (
    Calibrated,
    Settings,
    Source,
    calibrate_graph,
    make_session,
    remember_samples,
    score_calibration,
)

if TYPE_CHECKING:
    from ..engine.data.samples import Samples
    from ..engine.graph.model import Graph


def calibrate_here(
    path: Path,
    model: Path,
    graph: "Graph",
    samples: "Samples",
    source: Source,
    settings: Settings,
    report: Report,
) -> Calibrated:
    """Calibrate and score in this process, into a new session at *path* or one of the same model.

    Every method is computed unless the settings name some. Errors: QuantdeckError as for calibrating, and when
    the session is of another model or busy; KeyboardInterrupt when somebody cancels the job.
    """
    from ..engine.calib.methods import METHODS

    settings = replace(settings, methods=settings.methods or tuple(METHODS))
    with _session(path, model, graph, settings) as session:
        number = add_job(session, "calibrate", {**settings.to_dict(), "input_num": source.number})
        claim(session, number)
        pulse = JobReport(session, number)
        state, message = "failed", "a fault of the program"
        try:
            with beating(pulse, lambda error: pulse.say(str(error))):
                remember_samples(session, samples, source, settings)
                done, message = _calibrate(session, graph, samples, settings, Both(report, pulse))
            state = "done"
        except QuantdeckError as error:
            message = str(error)
            raise
        except (Cancelled, KeyboardInterrupt) as error:
            state, message = "cancelled", "stopped as asked"
            raise KeyboardInterrupt from error
        finally:
            if pulse.held:
                finish(session, number, state, message)
    return done


def _calibrate(
    session: Session, graph: "Graph", samples: "Samples", settings: Settings, report: Report
) -> tuple[Calibrated, str]:
    done = calibrate_graph(graph, samples, settings, report)
    plan = records.put_calibration(session, done.calibration, done.plan, f"{settings.method} calibration")
    return done, score_calibration(session, graph, samples, plan, report)


def _session(path: Path, model: Path, graph: "Graph", settings: Settings) -> Session:
    from ..engine.graph.onnx_reader import model_digest

    if not path.exists():
        return make_session(path, graph, model, settings)
    session = open_session(path)
    found = records.model_path(session)
    if found is None or found[1] != model_digest(model):
        session.close()
        raise QuantdeckError(
            f"--session {visible(str(path))} is a session of another model; name a new file for this one"
        )
    return session
