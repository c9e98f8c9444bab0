"""On which samples of a session edits are judged, and in which order.

Edits are answered at once, so they are judged on few samples, the first ones: what floats or clips there does so
elsewhere. But where nearly all of the loss lies in others (one picture unlike the rest, near to a decision), the first
say that nothing is lost. So a calibration runs its plan on all samples once; then samples are taken evenly by their
loss, the loudest first: on those the noise of the layers is measured (ledgers.py).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from .session import Session

if TYPE_CHECKING:
    from ..engine.data.samples import Samples
    from ..engine.run.score import Score

FIRST = 16  # samples on which a session's layers are scored and its edits are judged
MOST = 128  # where they are chosen, on small networks; others take as many as FIRST
WORK = 5e9  # multiplications that make a network small: those of 16 passes of mobilenet_v2
QUIET = 0.1  # of the mean loss: where the first samples lose less they say nothing of what is lost (10 dB)
KEPT = "judged"  # the name in the settings of the session


@dataclass(frozen=True, slots=True)
class Chosen:
    """Samples that were chosen: the digest of those among which they are, and their positions there."""

    among: str
    places: tuple[int, ...]

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Chosen | None":
        """What a session's settings hold; None where nothing was chosen, or where it is damaged."""
        kept = settings.get(KEPT)
        known = cast("Mapping[str, object]", kept if isinstance(kept, dict) else {})
        among, listed = known.get("among"), known.get("places")
        if not isinstance(among, str) or not isinstance(listed, list):
            return None
        places = cast("list[object]", listed)
        found = tuple(place for place in places if type(place) is int and place >= 0)
        return cls(among, found) if found and len(set(found)) == len(places) else None


def judged_samples(session: Session, samples: "Samples") -> "Samples":
    """Those of the session's *samples* on which edits are judged, the loudest first where they were chosen."""
    from . import records

    chosen = Chosen.of(records.get_settings(session))
    if chosen is not None and chosen.among == samples.digest and max(chosen.places) < len(samples):
        return samples.pick(chosen.places)
    return samples.take(FIRST)


def _count(session: Session) -> int:
    """How many samples are chosen where there are so many: more of a small network."""
    row = session.row("SELECT sum(macs) FROM layer")
    work = float((row[0] if row else 0) or 1)
    return int(max(FIRST, min(MOST, WORK // work)))


def choose_judged(session: Session, samples: "Samples", score: "Score") -> "Samples":
    """Choose by the loss of each sample, keep it in the session's settings, and give those that were chosen."""
    from . import records

    kept = records.get_settings(session)
    kept.pop(KEPT, None)
    places = telling_places(score, FIRST, _count(session))
    picked = samples.pick(places) if places else samples.take(FIRST)
    if places:
        kept[KEPT] = {"among": samples.digest, "places": list(places)}
    records.put_settings(session, kept)
    return picked


def telling_places(score: "Score", first: int, count: int) -> tuple[int, ...]:
    """Positions of at most *count* samples whose loss is spread as that of all of *score*, the loudest first.

    Empty where the *first* ones are no 10 dB quieter than all, and where a loss is no number.
    """
    losses = _losses(score)
    total = sum(losses)
    if not math.isfinite(total) or sum(losses[:first]) / first >= QUIET * total / max(1, len(losses)):
        return ()
    order = sorted(range(len(losses)), key=lambda place: (-losses[place], place))
    count = min(count, len(order))
    return tuple(order[step * (len(order) - 1) // max(1, count - 1)] for step in range(count))


def _losses(score: "Score") -> list[float]:
    """What each sample adds to the noise, as parts of each output's signal."""
    found = [0.0] * score.samples
    for output in score.outputs:
        signal = sum(output.similarity.signal) or 1.0
        for place, noise in enumerate(output.similarity.noise):
            found[place] += noise / signal
    return found
