"""What a pareto search is asked, and what it answers."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ...errors import QuantdeckError
from ...graph.model import Graph
from ...plan import Mode, Plan, Threshold
from ..confirming import Figure
from ..cost_forwards import Budget
from ..front import Cost, count_layers
from ..ledger import Ledger
from ..ledger_measure import Measuring
from ..trial import Objective, Outcome, Point


@dataclass(frozen=True, slots=True)
class Setting:
    """What pareto is asked.

    start: thresholds and chip; its modes do not matter. mode: the float type. samples: how many are searched on;
    total: how many there are, those beyond ``samples`` confirm. methods: other thresholds by method, from which the
    best whole set is taken and then, with ``join``, the best rows of each group of additions (joining.py).
    measuring: of the ledger; None measures on a part of the searched samples (state.py).
    cost: of a plan by its float layers. watch: called with every plan that is the best so far.
    """

    graph: Graph
    start: Plan
    mode: Mode
    objective: Objective
    samples: int
    total: int
    methods: Mapping[str, Mapping[str, Threshold]] = field(default_factory=dict[str, Mapping[str, Threshold]])
    measuring: Measuring | None = None
    join: bool = True
    cost: Cost = count_layers
    budget: Budget = field(default_factory=Budget)
    watch: Callable[[Point], None] | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.samples <= self.total:
            raise QuantdeckError(
                f"the search has {self.total} samples and was told to use {self.samples}; give 1 to {self.total}"
            )


@dataclass(frozen=True, slots=True)
class ParetoOutcome(Outcome):
    """An outcome with what pareto knows besides.

    ``searched`` and ``fresh``: the plan on the samples that were searched on and on the others (None without
    others, or before the confirmation). ``cost`` and ``int8_cost`` in the chosen cost's unit. ``forwards``:
    layer-forwards; ``trials``: trials that were asked for.
    """

    searched: Figure | None = None
    fresh: Figure | None = None
    cost: float = math.nan
    int8_cost: float = math.nan
    forwards: int = 0
    trials: int = 0
    ledger: Ledger | None = None
