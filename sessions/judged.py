"""On which samples of a session edits are judged, and in which order.

Edits are answered at once, so large networks judge them on few samples. Where those tell another story than all (one
picture carries the loss, and is none of them), samples are taken evenly by their loss. The first few are those on which
the noise of the layers is measured (ledgers.py); where they are far quieter than all, the loudest come first. So a
calibration runs its plan on all samples once.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from .session import Session

if TYPE_CHECKING:
    from ..engine.data.samples import Samples
    from ..engine.run.score import Score

LEAST, MOST = 16, 128  # samples on which edits are judged where there are enough, and
WORK = 5e9  # multiplications for which there may be more than the least: those of 16 passes of mobilenet_v2
NEAR = 1.0  # dB between the first samples and all within which the first ones stand for all
QUIET = 0.25  # of the mean loss: less on the samples of the ledger, and they tell nothing of it
KEPT = "judged"  # the name in the settings of the session


@dataclass(frozen=True, slots=True)
class Chosen:
    """Samples that were chosen: of which ones (their digest), their own digest, and their positions among those."""

    among: str
    digest: str
    places: tuple[int, ...]

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Chosen | None":
        """What a session's settings hold; None where nothing was chosen, or where it is damaged."""
        kept = settings.get(KEPT)
        known = cast("Mapping[str, object]", kept if isinstance(kept, dict) else {})
        among, digest, places = (known.get(name) for name in ("among", "digest", "places"))
        if not isinstance(among, str) or not isinstance(digest, str) or not isinstance(places, list):
            return None
        found = tuple(place for place in cast("list[object]", places) if type(place) is int and place >= 0)
        whole = found and len(set(found)) == len(cast("list[object]", places))
        return cls(among, digest, found) if whole else None


def judged_samples(session: Session, samples: "Samples") -> "Samples":
    """Those of the session's *samples* on which edits are judged, the loudest first where they were chosen."""
    from . import records

    chosen = Chosen.of(records.get_settings(session))
    if chosen is not None and chosen.among == samples.digest and max(chosen.places) < len(samples):
        return samples.pick(chosen.places)
    return samples.take(judged_count(session))


def judged_count(session: Session) -> int:
    """On how many samples edits are judged where there are so many: more on small networks."""
    row = session.row("SELECT sum(macs) FROM layer")
    work = float((row[0] if row else 0) or 1)
    return int(max(LEAST, min(MOST, WORK // work)))


def choose_judged(session: Session, samples: "Samples", score: "Score") -> "Samples":
    """Choose by the loss of each sample, keep it in the session's settings, and give those that were chosen."""
    from . import records
    from .ledgers import FIRST

    kept = records.get_settings(session)
    kept.pop(KEPT, None)
    count = judged_count(session)
    places = telling_places(score, min(count, len(samples)), FIRST)
    picked = samples.pick(places) if places else samples.take(count)
    if places:
        kept[KEPT] = {"among": samples.digest, "digest": picked.digest, "places": list(places)}
    records.put_settings(session, kept)
    return picked


def telling_places(score: "Score", count: int, few: int) -> tuple[int, ...]:
    """Positions of *count* samples whose loss is spread as that of all of *score*, the loudest first.

    Empty where the first *count* are within 1 dB of all and the first *few* not far quieter, and where a loss is no
    number.
    """
    losses = _losses(score)
    mean = sum(losses) / max(1, len(losses))
    if count < 2 or not math.isfinite(mean) or mean <= 0:
        return ()
    first = sum(losses[:count]) / count / mean
    quiet = sum(losses[:few]) / few < QUIET * mean
    if first > 0 and abs(10 * math.log10(first)) <= NEAR and not quiet:
        return ()
    order = sorted(range(len(losses)), key=lambda place: (-losses[place], place))
    return tuple(order[step * (len(order) - 1) // (count - 1)] for step in range(count))


def _losses(score: "Score") -> list[float]:
    """What each sample adds to the noise, as parts of each output's signal."""
    found = [0.0] * score.samples
    for output in score.outputs:
        signal = sum(output.similarity.signal) or 1.0
        for place, noise in enumerate(output.similarity.noise):
            found[place] += noise / signal
    return found
