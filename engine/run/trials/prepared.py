"""Prepared steps (weights packed, sessions built) that programs share."""

from collections import OrderedDict
from threading import Lock

from ...graph.model import Graph
from ...hw.program import Step
from ..executor import Run, prepare_step
from .content import Digest, size_of


class PreparedSteps:
    """Prepared steps by content; the ones unused for longest leave when their weights fill the limit."""

    def __init__(self, graph: Graph, limit: int) -> None:
        self._graph = graph
        self._limit = limit
        self._used = 0
        self._known: OrderedDict[Digest, tuple[Run, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, content: Digest, step: Step) -> Run:
        """The step, ready to run."""
        with self._lock:
            found = self._known.get(content)
            if found is not None:
                self._known.move_to_end(content)
                return found[0]
        run = prepare_step(self._graph, step)
        with self._lock:
            self._add(content, run, self._size(step))
        return run

    def _size(self, step: Step) -> int:
        if step.kernel != "float":
            return 1024 + 2 * size_of(step)
        layer = self._graph.by_name[step.layer]
        weights = (self._graph.weights[name] for name in layer.inputs if name in self._graph.weights)
        return 1024 + 2 * sum(weight.nbytes for weight in weights)

    def _add(self, content: Digest, run: Run, size: int) -> None:
        if content in self._known:
            return
        self._known[content] = (run, size)
        self._used += size
        while self._used > self._limit and len(self._known) > 1:
            _, (_, freed) = self._known.popitem(last=False)
            self._used -= freed
