"""What a search says of values that an arithmetic could not hold: in its result, and in what it tried."""

from collections.abc import Mapping, Sequence

from ..engine.plan import Plan
from ..engine.run.excess import excess_notes
from ..engine.run.score import Excess
from ..engine.text import counted, one_of


def search_notes(
    excesses: Mapping[str, Sequence[Excess]], plan: Plan, failures: Sequence[str] = ()
) -> list[str]:
    """Sentences on the plan that was found, one on all others whose float type overflowed, one on trials that failed.

    excesses: of every plan that was tried, by its digest. failures: why, of every trial that failed.
    """
    notes = list(excess_notes(excesses.get(plan.digest, ())))
    layers: dict[str, None] = {}
    plans = 0
    for digest, found in excesses.items():
        beyond = [one.layer for one in found if one.kind == plan.fp_type and not one.reference]
        if beyond and digest != plan.digest:
            plans += 1
            layers |= dict.fromkeys(beyond)
    if plans:
        notes.append(
            f"{counted(plans, 'other plan')} went beyond {plan.fp_type} in {one_of(list(layers))}; "
            "--fp_type F32 keeps their values where the chip has it"
        )
    if failures:
        notes.append(
            f"{counted(len(failures), 'trial')} failed and count for nothing; the first: {failures[0]}"
        )
    return notes
