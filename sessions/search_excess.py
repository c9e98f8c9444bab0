"""What a search says of values that an arithmetic could not hold: in its result, and in what it tried."""

from collections.abc import Mapping, Sequence

from ..engine.plan import Plan
from ..engine.run.excess import excess_notes
from ..engine.run.score import Excess
from ..engine.text import counted, one_of


def search_notes(
    excesses: Mapping[str, Sequence[Excess]],
    plan: Plan,
    failures: Sequence[str] = (),
    broken: Sequence[str] = (),
) -> list[str]:
    """Sentences on the plan that was found, one on all others whose float type overflowed, one on trials that failed.

    excesses: of every plan that was tried, by its digest. failures: why, of every trial that failed. broken: the
    samples with which the float network itself gives NaN.
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
    if broken:
        notes.append(broken_note(broken))
    if failures:
        notes.append(
            f"{counted(len(failures), 'trial')} failed and count for nothing; the first: {failures[0]}"
        )
    return notes


def broken_note(samples: Sequence[str]) -> str:
    """What to do about samples with which the float network itself has no figure."""
    them = "it" if len(samples) == 1 else "them"
    return (
        f"the float network itself gives NaN or infinity with {one_of(list(samples))}; take {them} out, or mend the "
        "model or its preprocessing"
    )
