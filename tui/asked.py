"""What the assessing process is asked: the newest plan counts, and the newest layer that is looked at."""

import json
import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """A plan to predict and score; or *about* "layer" its close-up under the plan, "proposals" starting qtables.

    "ready": the cost is told, and the ledger is measured while nothing else is asked, so that the first edit finds it.
    """

    plan: int
    layer: str | None = None
    about: str = ""

    def to_line(self) -> str:
        """As it goes to the process."""
        return json.dumps([self.plan, self.layer, self.about]) + "\n"

    @classmethod
    def from_line(cls, line: str) -> "Question":
        """What ``to_line`` wrote."""
        plan, layer, about = json.loads(line)
        return cls(int(plan), layer, about)


class Asked:
    """A letter box with one place for each kind of question: what is newer takes the place of what was there."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._plan: Question | None = None
        self._others: dict[str, Question] = {}
        self._over = False

    def put(self, question: Question) -> None:
        """Ask something."""
        with self._changed:
            if question.about:
                self._others[question.about] = question
            else:
                self._plan = question
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing more will be asked."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def take(self) -> Question | None:
        """The next question, plans first; waits for one. None when nothing more comes."""
        with self._changed:
            self._changed.wait_for(lambda: self.waiting)
            if self._over:
                return None
            found, self._plan = self._plan, None
            return found or self._others.pop(next(iter(self._others)))

    @property
    def newer(self) -> bool:
        """Whether a plan waits, so that work on another one is in vain."""
        return self._over or self._plan is not None

    @property
    def waiting(self) -> bool:
        """Whether anything waits."""
        return self.newer or bool(self._others)
