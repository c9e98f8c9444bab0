"""The undo log of a session's plans: every step of the user leads from one plan to another (design section 3).

A plan that a job put in place (a calibration, the result of a search) counts as a step of its own when the user
goes back over it, so that nothing is ever lost.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from ..engine.errors import QuantdeckError
from ..engine.plan import Plan
from ..engine.text import visible
from .records import add_plan, get_plan, plan_of
from .session import Session, Writer


@dataclass(frozen=True, slots=True)
class Step:
    """One step: from plan *before* (None: there was none) to plan *after*, by their numbers."""

    id: int
    label: str
    before: int | None
    after: int
    undone: bool


def steps(session: Session) -> tuple[Step, ...]:
    """Every step that can be undone or done again, oldest first."""
    rows = session.rows("SELECT id, label, before, after, undone FROM edit ORDER BY id")
    return tuple(Step(row[0], row[1], row[2], row[3], bool(row[4])) for row in rows)


def edit(session: Session, plan: Plan, label: str) -> int:
    """Put *plan* in place of the session's and remember the step; the number of the plan.

    What had been undone can no longer be done again. A plan equal to the session's is no step.
    Errors: QuantdeckError when the session cannot be written.
    """
    with session.write() as writer:
        return _step(session, writer, plan, label)


def change(session: Session, made: Callable[[Plan], Plan], label: str) -> int:
    """As ``edit``, with what *made* makes of the session's plan.

    The plan is read within the commit, so that a step of another process in between is not lost.
    Errors: QuantdeckError when there is no plan, *made* refuses it, or the session cannot be written.
    """
    with session.write() as writer:
        found = get_plan(session)
        if found is None:
            raise QuantdeckError("there is no plan yet; calibrate first")
        return _step(session, writer, made(found[1]), label)


def _step(session: Session, writer: Writer, plan: Plan, label: str) -> int:
    before = _current(session)
    number = add_plan(session, writer, plan, label)
    if number != before:
        writer.delete("edit", "undone", 1)
        _add(writer, label, before, number)
    return number


def take(session: Session, number: int, label: str) -> None:
    """Put a plan that the session holds in place of its own, as a step.

    Errors: QuantdeckError when there is no such plan or the session cannot be written.
    """
    row = session.row("SELECT body FROM plan WHERE id = ?", number)
    if row is None:
        raise QuantdeckError(f"the session {visible(str(session.path))} has no plan {number}")
    edit(session, plan_of(session, row["body"]), label)


def undo(session: Session) -> str | None:
    """Go back to the plan before the last step; what was undone, or None when there is nothing to undo."""
    with session.write() as writer:
        done = [step for step in steps(session) if not step.undone and step.before is not None]
        now = _current(session)
        last = done[-1] if done else None
        row = session.row("SELECT label, parent FROM plan WHERE id = ?", now)
        came = (last.after if last is not None else row["parent"]) if row is not None else None
        if now is not None and row is not None and came not in (None, now):
            writer.delete("edit", "undone", 1)
            _add(writer, row["label"], came, now, undone=True)
            _stand(session, writer, came)
            return str(row["label"])
        if last is None or last.before is None:
            return None
        writer.update("edit", last.id, {"undone": 1})
        _stand(session, writer, last.before)
        return last.label


def redo(session: Session) -> str | None:
    """Do the step again that was undone last; what was done, or None when there is nothing."""
    with session.write() as writer:
        step = next((step for step in steps(session) if step.undone), None)
        if step is None or step.before != _current(session):
            return None
        writer.update("edit", step.id, {"undone": 0})
        _stand(session, writer, step.after)
        return step.label


def _current(session: Session) -> int | None:
    row = session.row("SELECT current_plan FROM state WHERE id = 1")
    return int(row[0]) if row is not None and row[0] is not None else None


def _stand(session: Session, writer: Writer, number: int) -> None:
    """Let the session stand on a plan; chip and float type are the plan's."""
    row = session.row("SELECT body FROM plan WHERE id = ?", number)
    if row is None:
        raise QuantdeckError(f"the session {visible(str(session.path))} has no plan {number}")
    plan = plan_of(session, row["body"])
    writer.update("state", 1, {"current_plan": number, "chip": plan.chip, "fp_type": plan.fp_type})


def _add(writer: Writer, label: str, before: int | None, after: int, *, undone: bool = False) -> None:
    row = {"created": time.time(), "label": label, "before": before, "after": after, "undone": int(undone)}
    writer.add("edit", row)
