"""What the assessing process is asked: the newest plan counts, and the newest layer that is looked at."""

import json
import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """A plan to predict and score, or with *layer* that layer's close-up under the plan."""

    plan: int
    layer: str | None = None

    def to_line(self) -> str:
        """As it goes to the process."""
        return json.dumps([self.plan, self.layer]) + "\n"

    @classmethod
    def from_line(cls, line: str) -> "Question":
        """What ``to_line`` wrote."""
        plan, layer = json.loads(line)
        return cls(int(plan), layer)


class Asked:
    """A letter box with one place for a plan and one for a layer: what is newer takes the place of what was there."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._plan: Question | None = None
        self._layer: Question | None = None
        self._over = False

    def put(self, question: Question) -> None:
        """Ask something."""
        with self._changed:
            if question.layer is None:
                self._plan = question
            else:
                self._layer = question
            self._changed.notify()

    def close(self) -> None:
        """Nothing more will be asked."""
        with self._changed:
            self._over = True
            self._changed.notify()

    def take(self) -> Question | None:
        """The next question, plans first; waits for one. None when nothing more comes."""
        with self._changed:
            self._changed.wait_for(lambda: self.waiting)
            if self._over:
                return None
            found, self._plan = self._plan, None
            if found is None:
                found, self._layer = self._layer, None
            return found

    @property
    def newer(self) -> bool:
        """Whether a plan waits, so that work on another one is in vain."""
        return self._over or self._plan is not None

    @property
    def waiting(self) -> bool:
        """Whether anything waits."""
        return self.newer or self._layer is not None
