"""Values that are kept for several plans, sample by sample: in memory, then in a file, else not at all."""

from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .content import Digest
from .spill import Spill, Spilled

Array = NDArray[Any]
Place = tuple[int, Digest]


class ValueStore:
    """Values by (sample, digest) within a memory budget.

    Only digests that a group names are taken; groups beyond ``groups`` leave, the one unused for longest first,
    and their values with them. ``always`` values (what is compared) are kept whatever the budget says.
    """

    def __init__(self, budget: int, spill: Spill | None, groups: int = 3) -> None:
        self._budget = budget
        self._spill = spill
        self._limit = groups
        self._used = 0
        self._values: dict[Place, Array | Spilled] = {}
        self._always: dict[Place, Array] = {}
        self._fixed: set[Digest] = set()
        self._groups: OrderedDict[str, frozenset[Digest]] = OrderedDict()
        self._wanted: set[Digest] = set()
        self._lock = Lock()

    @property
    def used(self) -> int:
        """Bytes in memory, without the values that are always kept."""
        return self._used

    def keep(self, digests: Iterable[Digest]) -> None:
        """Take these values for good."""
        with self._lock:
            self._fixed.update(digests)
            self._wanted.update(self._fixed)

    def keep_group(self, name: str, digests: frozenset[Digest]) -> None:
        """Take these values until other groups push this one out; naming it again renews it."""
        with self._lock:
            if name in self._groups:
                self._groups.move_to_end(name)
                return
            self._groups[name] = digests
            if len(self._groups) > self._limit:
                self._groups.popitem(last=False)
            self._wanted = self._fixed.union(*self._groups.values())
            for place in [place for place in self._values if place[1] not in self._wanted]:
                self._drop(place)

    def _drop(self, place: Place) -> None:
        value = self._values.pop(place)
        if isinstance(value, Spilled):
            if self._spill is not None:
                self._spill.free(value)
        else:
            self._used -= value.nbytes

    def wants(self, digest: Digest) -> bool:
        """Whether a value of that digest is held or would be taken."""
        return digest in self._wanted

    def get(self, sample: int, digest: Digest) -> Array | None:
        """The value, or None. It must not be changed."""
        place = (sample, digest)
        found = self._always.get(place)
        if found is None:
            with self._lock:
                value = self._values.get(place)
                found = self._spill.read(value) if self._spill and isinstance(value, Spilled) else value
        return found if isinstance(found, np.ndarray) else None

    def put(self, sample: int, digest: Digest, value: Array, *, always: bool = False) -> None:
        """Keep a value if it is wanted and there is room for it."""
        place = (sample, digest)
        if always:
            self._always[place] = value
            return
        with self._lock:
            if digest not in self._wanted or place in self._values:
                return
            if self._used + value.nbytes <= self._budget:
                self._values[place] = value
                self._used += value.nbytes
            elif self._spill is not None:
                spilled = self._spill.write(value)
                if spilled is not None:
                    self._values[place] = spilled

    def close(self) -> None:
        """Forget everything and remove the file."""
        with self._lock:
            self._values.clear()
            self._always.clear()
            self._used = 0
            if self._spill is not None:
                self._spill.close()
