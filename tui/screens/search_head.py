"""The head of the search screen: the job with its state, how far it is, what it says."""

from ...sessions.typed import target_words
from .. import figures
from ..glyphs import Glyphs
from ..keys import KeyName
from ..life import lost_words
from ..search_view import SearchView
from ..snapshots import JobView
from ..widgets.cells import Part, wrapped

LOST = "{}; {} goes on, what was paid for is kept"
STILL = (
    "no sign of life for more than 20 s: process {} was stopped (kill -CONT {} lets it go on) or the machine is "
    "overloaded; what was paid for is kept"
)
MOST_TOLD = 3  # lines of what the job says of itself


def close(value: object) -> str:
    """A cos with seven decimals, for the searches' end lies near one; never rounded up to it."""
    if not isinstance(value, float):
        return ""
    return f"{min(value, 0.9999999) if value < 1 else value:.7f}"


def head_lines(
    job: JobView | None, found: SearchView | None, glyphs: Glyphs, width: int, key: KeyName
) -> list[list[Part]]:
    """The lines of the head on a screen of *width* cells; *key* names the keys of actions."""
    gap = f" {glyphs.dot} "
    if job is None or found is None:
        return [[(" no search yet", "muted")]]
    tone = {"failed": "bad", "done": "good", "paused": "weak"}.get(job.state, "accent")
    if job.lost or job.silent:
        tone = "bad"
    state = (
        LOST.format(lost_words(job), key("search.pause"))
        if job.lost
        else (
            {"pause": "pausing", "cancel": "stopping"}.get(job.wanted, "silent" if job.silent else job.state)
            if job.active
            else job.state
        )
    )
    first: list[Part] = [
        (f" job {job.id} ", "muted"),
        (glyphs.show(job.title), "strong"),
        (f"  {state}", tone),
    ]
    second: list[Part] = [(f" {found.trials} trials", "plain")]
    at_work = job.active and not job.lost
    if job.active and job.total:
        second.append((f"{gap}{job.done} of {job.total}", "plain"))
    if at_work and job.rate:
        second.append((f"{gap}{job.rate:.1f} a second", "plain"))
    if at_work and job.eta is not None:
        second.append((f"{gap}{figures.duration(job.eta)} left", "plain"))
    if found.failed:
        second.append((f"{gap}{found.failed} failed", "bad"))
    if found.best_cos is not None:
        best = "best" if at_work else "best cos"  # the line is full while it runs
        second.append((f"{gap}{best} {close(found.best_cos)} with {found.best_floats or 0} float", "accent"))
    if found.target is not None and not at_work:
        second.append((f"{gap}target cos {found.target:.10g}", "plain"))
    goes_on = f"{key('search.pause')} goes on"
    said = job.message.replace("quantdeck resume goes on", goes_on) or found.reason or job.stage
    if job.silent:
        said = STILL.format(job.pid, job.pid)
    elif found.target is not None and not job.message:
        said = gap.join(
            filter(None, (said, f"target cos {found.target:.10g}: {target_words(found.target, short=True)}"))
        )
    told = wrapped(glyphs.show(said), "muted", width, MOST_TOLD)
    return [first, second, *told]
