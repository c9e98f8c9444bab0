"""What the search commands have in common: start the job, stay with it, pass on its status."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.text import visible
from .console import Console
from .follow import follow
from .options import check_output
from .search_options import output

if TYPE_CHECKING:
    from ..engine.graph.model import Graph
    from ..sessions.search_spec import SearchSpec


def load(out: Console, values: dict[str, Any]) -> "Graph":
    """The model, with what its reader has to tell."""
    from ..sessions.work import load_model

    graph = load_model(values["model"], values["input_shapes"])
    for note in graph.notes:
        out.say(note)
    return graph


def outputs(**paths: Path | None) -> dict[str, tuple[str, str]]:
    """Outputs by option, each checked before any work."""
    found: dict[str, tuple[str, str]] = {}
    for name, path in paths.items():
        if path is not None:
            check_output(path, f"--{name}" if name in ("quantize_table", "loss_table") else "-o")
            found[name] = output(path)
    return found


def check_session(values: dict[str, Any]) -> None:
    """See that the session can be written and the cluster answers, before the model is read."""
    from ..sessions.locations import default_folder, prepare_folder
    from ..sessions.store import check_place

    if values["session"] is not None:
        check_place(values["session"])
    else:
        prepare_folder(default_folder())
    if values["scheduler"] is not None:
        from ..sessions.cluster import check_scheduler

        check_scheduler(values["scheduler"])


def run_job(out: Console, values: dict[str, Any], graph: "Graph", spec: "SearchSpec") -> int:
    """Start the search and stay with it, or return at once with --detach; the exit status."""
    from ..sessions.launch import launch_search

    _tell_unused(out, values, spec)
    job = launch_search(values["model"], graph, spec, values["session"])
    shown = visible(str(job.path))
    goes_on = f"job {job.job} of {shown} goes on where it stopped"
    greeting = goes_on if job.resumed else f"job {job.job} of the session {shown}"
    if values["detach"]:
        out.say(greeting)
        out.result(f"{shown} {job.job}")
        return 0
    return follow(out, job.path, job.job, greeting)


def _tell_unused(out: Console, values: dict[str, Any], spec: "SearchSpec") -> None:
    """Options of pareto where it does not run: whoever set a budget must not wait for its end."""
    from ..sessions.search_kinds import MIXED

    if spec.strategy == "pareto" and spec.kind not in MIXED:
        out.say(f"--strategy pareto looks for float layers; {spec.kind} has none, so it has no effect here")
    elif spec.strategy != "pareto":
        for name in ("cost", "budget_trials", "budget_forwards", "budget_minutes", "confirm_num"):
            if values[name] is not None:
                out.say(f"--{name} belongs to --strategy pareto and has no effect here")
