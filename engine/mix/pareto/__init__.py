"""pareto: the cheapest mixed plan that meets a target, by the noise ledger and few real trials.

The ledger proposes (front.py), real trials decide: the crossing with the target is closed in from both sides, every
trial teaches the ledger, then single layers go back to int8 by real trials, and the end is confirmed on samples that
the search has not seen. Deterministic; a driver that replays the results gets the same trials.
"""

from .search import pareto
from .setting import ParetoOutcome, Setting

__all__ = ["ParetoOutcome", "Setting", "pareto"]
