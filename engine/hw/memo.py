"""What lowerings of one graph have in common: quantized weights, multipliers and tables, each made once."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

Value = TypeVar("Value")

LIMIT = 1 << 16
"""Entries; they hold a few bytes a channel each, since weights are shared between them."""


@dataclass(slots=True)
class Memo:
    """Results by what they depend on, for one graph. Not for several threads at once."""

    _values: dict[Hashable, Any] = field(default_factory=dict[Hashable, Any])

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The result that is known by *key*, made where it is new."""
        if key not in self._values:
            if len(self._values) >= LIMIT:
                self._values.clear()
            self._values[key] = make()
        return self._values[key]
