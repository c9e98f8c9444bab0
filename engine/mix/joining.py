"""Additions under one threshold: a repair that costs nothing at run time.

An int8 addition rescales each input to the output's scale and rounds it (spec C): where all scales are equal it is
exact, so that a residual stream under one threshold is rounded once a block instead of three times. The price is the
coarser step of the tensors whose own threshold was lower; which wins is measured at the outputs, group by group.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..graph.model import Graph
from ..graph.vocabulary import Add, Sub
from ..hw.program import Program
from ..plan import Plan, Threshold

Rows = Mapping[str, Threshold]

LEVELS = (1.0, 0.9)
"""Shares of a group's largest threshold that are tried for the whole group."""
ALIKE = 0.03
"""Values that differ by less than this share are one."""


def groups(graph: Graph, program: Program, plan: Plan) -> list[tuple[str, ...]]:
    """Tensors that int8 additions connect, of one storage type, each group in model order.

    Additions with coefficients are left out: equal scales do not make them exact.
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for layer in graph.layers:
        attributes = layer.attributes
        if not isinstance(attributes, Add | Sub) or program.modes.get(layer.name) != "INT8":
            continue
        if isinstance(attributes, Add) and any(factor != 1 for factor in attributes.coeff):
            continue
        storage = _storage(program, layer.name)
        for tensor in graph.activations(layer):
            if (
                tensor in plan.thresholds
                and _storage(program, tensor) == storage
                and layer.name in plan.thresholds
            ):
                parent[root(tensor)] = root(layer.name)
    found: dict[str, list[str]] = {}
    for tensor in plan.thresholds:
        if tensor in parent:
            found.setdefault(root(tensor), []).append(tensor)
    return [tuple(names) for names in found.values() if len(names) > 1]


def _storage(program: Program, tensor: str) -> str:
    kind = program.types.get(tensor)
    return kind.storage if kind is not None else ""


def variants(group: Sequence[str], plan: Plan, methods: Mapping[str, Rows]) -> list[Rows]:
    """Rows to try for a group: those that the plan has (first), those of the other methods, and joined ones."""
    present = {name: plan.thresholds[name] for name in group}
    found: list[Rows] = [present]
    tables = [table for table in methods.values() if all(name in table for name in group)]
    found += [rows for table in tables if (rows := {name: table[name] for name in group}) not in found]
    values: list[float] = []
    for value in _levels([present, *({name: table[name] for name in group} for table in tables)]):
        if value > 0 and all(abs(value - other) > ALIKE * other for other in values):
            values.append(value)
    found += [_joined(present, value) for value in values]
    return found


def _levels(tables: Sequence[Rows]) -> Iterator[float]:
    """The largest threshold of the present rows at every level, then those of the other tables."""
    for index, rows in enumerate(tables):
        top = max(row.value for row in rows.values())
        yield from (top * level for level in (LEVELS if index == 0 else LEVELS[:1]))


def _joined(rows: Rows, value: float) -> Rows:
    return {name: replace(row, value=value, method="joined") for name, row in rows.items()}
