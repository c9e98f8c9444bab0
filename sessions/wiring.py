"""Which layers lie before, behind and between others: on a session's rows, without the engine.

The regions are those of the engine's fp_forward (spec A.13); a test holds the two together.
"""

import json
from collections.abc import Iterable, Sequence
from functools import cached_property


class Wiring:
    """Layers with the tensors that they read and make, as the session's rows have them (JSON lists)."""

    def __init__(
        self,
        names: Sequence[str],
        inputs: Sequence[str],
        outputs: Sequence[str],
        carriers: Iterable[str] = (),
    ) -> None:
        """All in graph order; the texts are read when something is asked for.

        *carriers*: layers that only move or map values, so that a threshold travels on through them.
        """
        self.names = tuple(names)
        self._inputs, self._outputs = inputs, outputs
        self._carriers = frozenset(carriers)

    @cached_property
    def reads(self) -> dict[str, tuple[str, ...]]:
        """Tensors that each layer reads."""
        return {name: tuple(json.loads(text)) for name, text in zip(self.names, self._inputs, strict=True)}

    @cached_property
    def makes(self) -> dict[str, tuple[str, ...]]:
        """Tensors that each layer makes."""
        return {
            name: tuple(filter(None, json.loads(text)))
            for name, text in zip(self.names, self._outputs, strict=True)
        }

    @cached_property
    def _maker(self) -> dict[str, str]:
        return {tensor: name for name in self.names for tensor in self.makes[name]}

    @cached_property
    def _readers(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name in self.names:
            for tensor in self.reads[name]:
                found.setdefault(tensor, []).append(name)
        return found

    def parents(self, name: str) -> list[str]:
        """Layers whose outputs a layer reads."""
        return [self._maker[tensor] for tensor in self.reads[name] if tensor in self._maker]

    def children(self, name: str) -> list[str]:
        """Layers that read a layer's outputs."""
        return [reader for tensor in self.makes[name] for reader in self._readers.get(tensor, ())]

    def before(self, layers: Iterable[str]) -> set[str]:
        """The layers and all their ancestors."""
        chosen = set(layers)
        for name in reversed(self.names):
            if name in chosen:
                chosen.update(self.parents(name))
        return chosen

    def behind(self, layers: Iterable[str]) -> set[str]:
        """The layers and all their descendants."""
        chosen = set(layers)
        for name in self.names:
            if name in chosen:
                chosen.update(self.children(name))
        return chosen

    def between(self, layers: Iterable[str]) -> set[str]:
        """What lies on a way from one of the layers to another, these included."""
        chosen = set(layers)
        return self.before(chosen) & self.behind(chosen)

    def touched(self, layers: Iterable[str]) -> set[str]:
        """The layers and those whose own arithmetic may change with them.

        Neighbours read and write the same tensors, and thresholds travel on through carriers.
        """
        found = set(layers)
        waiting = list(found)
        while waiting:
            name = waiting.pop()
            for other in (*self.parents(name), *self.children(name)):
                if other not in found:
                    found.add(other)
                    if other in self._carriers:
                        waiting.append(other)
        return found
