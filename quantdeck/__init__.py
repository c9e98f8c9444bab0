"""quantdeck as a library: calibrate, simulate and score int8 networks.

Everything below is imported when it is first used, so that ``import quantdeck`` costs nothing.
See docs/api.md for an example in ten lines.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .engine.calib.calibrate import Calibration, calibrate
    from .engine.calib.qtable import read_qtable, write_qtable
    from .engine.calib.table import CalibrationTable, read_table, write_table
    from .engine.data.preprocess import Preprocess
    from .engine.data.samples import Samples, select_samples
    from .engine.errors import QuantdeckError
    from .engine.graph.model import Graph
    from .engine.graph.onnx_reader import read_onnx
    from .engine.hw.chip import get_chip
    from .engine.plan import Mode, Plan, Threshold
    from .engine.run.evaluator import Evaluator
    from .engine.run.score import LayerScore, Score

__all__ = [
    "Calibration",
    "CalibrationTable",
    "Evaluator",
    "Graph",
    "LayerScore",
    "Mode",
    "Plan",
    "Preprocess",
    "QuantdeckError",
    "Samples",
    "Score",
    "Threshold",
    "calibrate",
    "get_chip",
    "read_onnx",
    "read_qtable",
    "read_table",
    "select_samples",
    "write_qtable",
    "write_table",
]

_HOMES = {
    "Calibration": ".engine.calib.calibrate",
    "CalibrationTable": ".engine.calib.table",
    "Evaluator": ".engine.run.evaluator",
    "Graph": ".engine.graph.model",
    "LayerScore": ".engine.run.score",
    "Mode": ".engine.plan",
    "Plan": ".engine.plan",
    "Preprocess": ".engine.data.preprocess",
    "QuantdeckError": ".engine.errors",
    "Samples": ".engine.data.samples",
    "Score": ".engine.run.score",
    "Threshold": ".engine.plan",
    "calibrate": ".engine.calib.calibrate",
    "get_chip": ".engine.hw.chip",
    "read_onnx": ".engine.graph.onnx_reader",
    "read_qtable": ".engine.calib.qtable",
    "read_table": ".engine.calib.table",
    "select_samples": ".engine.data.samples",
    "write_qtable": ".engine.calib.qtable",
    "write_table": ".engine.calib.table",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'quantdeck' has no attribute {name!r}")
    value: object = getattr(import_module(home, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
