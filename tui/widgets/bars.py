"""The lines around every screen: the session above, the keys below, and one when it is too small."""

import math
from collections.abc import Callable

from rich.cells import cell_len

from ...engine.text import counted
from ..figures import STALE, cosine, decibel, decibels, duration, milliseconds, share, verdict
from ..glyphs import Glyphs
from ..keys import USUAL, Key, KeyName
from ..outlook import Outlook
from ..snapshots import JobView, SessionView
from .cells import Part, cut, cut_middle
from .painted import Lines

SMALLEST = (80, 24)
LABEL = 19  # cells of a plan's label for which finer figures go
SHORTEST_LABEL = 8
WIDE = 0.1  # of a cosine, from its lower end to it


def header_lines(
    view: SessionView | None,
    title: str,
    glyphs: Glyphs,
    width: int,
    outlook: Outlook | None = None,
    key: KeyName = USUAL,
    now: float | None = None,
) -> list[list[Part]]:
    """Two lines: program, session, chip and job; plan and score.

    *key* names the keys of actions; *now*, unix seconds: for how long a job has been at work.
    """
    if view is None:
        return [
            [(" quantdeck", "title"), (f"  {title}", "strong")],
            [(" " + glyphs.rule * (width - 2), "muted")],
        ]
    gap = f" {glyphs.dot} "
    name = cut(glyphs.show(view.title), max(12, width // 4), glyphs.cut)
    first: list[Part] = [(" quantdeck", "title"), (f"  {name}", "strong")]
    first.append((f"{gap}{glyphs.show(view.chip)}{gap}int8 + {glyphs.show(view.fp_type)}", "plain"))
    if view.gone:
        first.append((f"{gap}!! file gone", "bad"))
    if view.read_only:
        first.append((f"{gap}read-only", "weak"))
    room = width - sum(cell_len(text) for text, _ in first) - len(gap)
    job = job_parts(view.job, glyphs, key, room, now)
    said = job or ([(title, "plain")] if title else [])
    return [
        first + ([(gap, "muted"), *said] if said else []),
        _score_line(view, glyphs, width, outlook or Outlook(), key),
    ]


def _score_line(view: SessionView, glyphs: Glyphs, width: int, outlook: Outlook, key: KeyName) -> list[Part]:
    """Plan and score; what does not fit goes: stale figures first, then the finer ones of the prediction.

    That a score is stale always stands there; the plan's label takes the room that is left.
    """
    if view.plan is None:
        at_work = view.job is not None and view.job.active and not view.job.lost
        way = "its job is at work" if at_work else f"calibrate ({key('layers.calibrate')})"
        return [(f" no plan yet: {way}", "muted")]
    gap = f" {glyphs.dot} "
    if outlook.plan != view.plan:
        outlook = Outlook()
    label = glyphs.show(view.plan_label)
    figures: list[Part] = []
    room = 0
    shortest = SHORTEST_LABEL if view.stale or view.score is None else LABEL
    for old, more, fine, enough in (
        (True, True, True, LABEL),
        (False, True, True, LABEL),
        (False, True, False, shortest),
        (False, False, False, shortest),
        (False, False, None, shortest),
    ):
        known = (
            _known_parts(view, gap, more=more, fine=bool(fine))
            if old or not view.stale or outlook.sqnr is None
            else []
        )
        tail = _outlook_parts(view, gap, outlook, key, fine=fine) if more or view.stale else []
        figures = [*known, *tail]
        room = width - 1 - sum(cell_len(text) for text, _ in figures)
        if room >= min(cell_len(label), enough):
            break
    return [(f" {cut_middle(label, max(SHORTEST_LABEL, room), glyphs.cut)}", "muted"), *figures]


def _known_parts(view: SessionView, gap: str, *, more: bool, fine: bool) -> list[Part]:
    """The newest score and on how many samples it stands, marked where it is another plan's.

    *more*: with accuracies, and a cost behind it. *fine*: with the words around the figures.
    """
    score, old = view.score, STALE if view.stale else ""
    if score is None:
        return []
    tone, sign = verdict(score.sqnr)
    line: list[Part] = [
        (f"{gap}cosine {old}{cosine(score.cos)}{gap}{'SQNR ' if fine or not more else ''}", "plain")
    ]
    line.append(
        (f"{old}{decibels(score.sqnr)} {'' if old else sign.strip()}".rstrip(), "plain" if old else tone)
    )
    if score.samples:
        line.append(
            (f" on {counted(score.samples, 'sample') if fine and not old else score.samples}", "muted")
        )
    if old:
        return line
    if score.top1_int8 is not None and more:
        line.append((f"{gap}top-1 float {share(score.top1_float)} int8 {share(score.top1_int8)}", "plain"))
    if score.dead:
        line.append((f"{gap}!! {counted(score.dead, 'dead part')}", "bad"))
    return line


def _outlook_parts(
    view: SessionView, gap: str, outlook: Outlook, key: KeyName, *, fine: bool | None
) -> list[Part]:
    """What is expected: cost always, the rest of a plan without a score of its own; and whether it is being checked.

    *fine*: with both ends of each interval and what the cost is beside int8 alone; else half the interval's width.
    None: in the fewest words.
    """
    open_still = view.score is None or view.stale
    told = _predicted(outlook, fine) if open_still and outlook.sqnr is not None else []
    if outlook.cost is not None:
        more = (outlook.ratio or 1.0) - 1
        told.append(milliseconds(outlook.cost) + (f" (+{share(more)})" if more >= 5e-4 and fine else ""))
    parts: list[Part] = [(f"{gap}predicted {', '.join(told)}", "accent")] if told else []
    if not open_still:
        return parts
    brief = (fine is None or (not fine and outlook.sqnr is not None)) and outlook.state != "failed"
    return [*parts, (gap + ("stale" if brief else _stale_words(view, outlook, key)), "weak")]


def _predicted(outlook: Outlook, fine: bool | None) -> list[str]:
    """Cosine and SQNR with their intervals; both ends of a wide one of the cosine: half of it would reach past one."""
    told: list[str] = []
    if outlook.cos is not None:
        ends = (outlook.cos_low, outlook.cos_high)
        digits = 5 if fine else _digits(outlook.cos, *ends)
        both = fine or (fine is False and outlook.cos - (outlook.cos_low or 0.0) >= WIDE)
        interval = _interval(outlook.cos, *ends, lambda value: cosine(value, digits), fine=both)
        told.append(f"cosine {cosine(outlook.cos, digits)}{interval}")
    if outlook.sqnr is not None:
        interval = _interval(outlook.sqnr, outlook.low, outlook.high, decibel, fine=bool(fine))
        told.append(decibels(outlook.sqnr) + interval)
    return told


def _interval(
    value: float, low: float | None, high: float | None, text: Callable[[float], str], *, fine: bool
) -> str:
    """Both ends, or the wider half; nothing where there is no interval."""
    if low is None or high is None or not math.isfinite(high - low):
        return ""
    return f" ({text(low)} to {text(high)})" if fine else f" ({text(max(value - low, high - value))})"


def _digits(value: float, low: float | None, high: float | None) -> int:
    """So many decimals that the interval shows, and no cosine is rounded up to one."""
    half = max(value - low, high - value) if low is not None and high is not None else 0.0
    least = next((digits for digits in range(2, 5) if half >= 0.95 * 10**-digits), 5)
    return next((digits for digits in range(least, 5) if round(value, digits) < 1), 5)


def _stale_words(view: SessionView, outlook: Outlook, key: KeyName) -> str:
    """Why there is no score of the plan itself yet, or what makes one."""
    if outlook.state:  # "scored" too: the session holds the score, and the next look finds it
        return "stale, not checked" if outlook.state == "failed" else "stale, checking"
    at_work = view.job is not None and view.job.active and not view.job.lost
    return "stale until the job ends" if at_work else f"stale: {key('layers.evaluate')} scores it"


def job_parts(
    job: JobView | None, glyphs: Glyphs, key: KeyName = USUAL, room: int = 80, now: float | None = None
) -> list[Part]:
    """The newest job in a few words, in *room* cells if that can be; a finished one is not news."""
    if job is None or job.state in ("done", "cancelled"):
        return []
    if job.lost:
        lost = "is the original's" if job.copied else "has died"
        return [(f"!! {job.kind} {lost} ({key('layers.log')} log)", "bad")]
    if job.state == "failed":
        return [(f"!! {job.kind} failed ({key('layers.log')} log)", "bad")]
    texts = [glyphs.show(text) for text in _at_work(job, now)]
    tone = "bad" if job.silent else "weak" if job.state == "paused" else "accent"
    return [(next((text for text in texts if cell_len(text) <= room), texts[-1]), tone)]


def _at_work(job: JobView, now: float | None) -> list[str]:
    """A job that is at work, waits or rests, the most telling words first.

    How far it is, where that is known; else its state and for how long it has been at work.
    """
    state = {"pause": "pausing", "cancel": "stopping"}.get(job.wanted, job.state) if job.active else job.state
    if job.silent:
        state = "silent"
    begun = now is not None and job.started is not None and job.state == "running"
    since = f", {duration(now - job.started)}" if begun else ""  # type: ignore[operator]
    if state == "running" and 0 <= job.done < job.total:  # a stage that is done is not the job
        left = f", {duration(job.eta)} left" if job.eta is not None else since
        return [f"{one} {job.done * 100 // job.total:3d} %{left}" for one in (job.name, job.kind)]
    told = [f"{one} {state}{since}" for one in (job.name, job.kind)]
    return [f"{told[0]}: {job.stage}", *told] if state == "running" and job.stage else told


def footer_line(keys: list[Key], width: int, *, typing: bool = False) -> list[Part]:
    """As many keys as fit whole; the last ones (help, actions, quit) stay longest.

    *typing*: letters go into a field here, so the keys that are none are named.
    """

    def display(key: Key) -> str:
        if typing and key.in_fields:
            return key.in_fields
        return key.first if key.area == "app" else key.display

    def size(key: Key) -> int:
        return len(display(key)) + len(key.title) + 3

    room = width - 1
    kept: list[Key] = []
    for key in sorted(keys, key=lambda key: (key.footer < 90, key.footer)):
        if size(key) <= room:
            kept.append(key)
            room -= size(key)
    line: list[Part] = [(" ", "plain")]
    for key in sorted(kept, key=lambda key: key.footer):
        line += [(display(key), "key"), (f" {key.title}  ", "plain")]
    return line


class SizeNotice(Lines):
    """One line that says which size is needed, cut to fit, at 1x1 too."""

    def __init__(self) -> None:
        super().__init__(id="notice")

    def say(self, width: int, height: int) -> None:
        """Name the size at hand; where there is little room what is needed goes before the words around it."""
        wide, high = SMALLEST
        needed = f"{wide}x{high}"
        short = f"quantdeck needs {needed}"
        texts = (f"needs {needed}; q quits", f"needs {needed}", needed, needed[:width])
        text = next(text for text in texts if len(text) <= width)
        if len(short) <= width:  # the sentence may be cut behind it
            text = f"{short}, this is {width}x{height}; q quits"
        self.set_line([(text[:width], "plain")])
