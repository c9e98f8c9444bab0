"""The files of a finished search, written where the user said and nowhere else."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..engine.calib.qtable import write_qtable
from ..engine.calib.table import CalibrationTable, table_header, write_table
from ..engine.calib.textfile import write_text
from ..engine.plan import Mode, Threshold
from .locations import path_of, path_text
from .search_spec import SearchSpec

NEW_TABLE = "new_cali_table.txt"
Written = list[tuple[str, str]]


class Files:
    """Writes the outputs of a spec; ``written`` names them. No file holds a time: equal runs, equal bytes."""

    def __init__(self, spec: SearchSpec, version: str) -> None:
        self._spec = spec
        self._version = version
        self.written: Written = []

    def path(self, option: str) -> Path | None:
        """Where an output goes; None when it is not wanted."""
        found = self._spec.outputs.get(option)
        return path_of(found[0]) if found else None

    def table(self, option: str, rows: Mapping[str, Threshold], samples: int, notes: Sequence[str]) -> str:
        """A calibration table; the sentence about names that its text cannot hold, or nothing."""
        path = self.path(option)
        if path is None:
            return ""
        header = table_header(
            self._spec.model_name,
            version=self._version,
            bins=self._spec.bins,
            samples=samples,
            tune_num=self._spec.tune_num,
            notes=notes,
            dated=False,
        )
        table = CalibrationTable(rows=rows, header=header)
        write_table(path, table)
        self._note(option, path)
        return table.notice or ""

    def qtable(self, modes: Mapping[str, Mode], samples: int) -> None:
        """The quantize table; one without rows is valid."""
        path = self.path("quantize_table")
        if path is None:
            return
        spec = self._spec
        write_qtable(path, modes, chip=spec.chip, fp_type=spec.fp_type, samples=samples, dated=False)
        self._note("quantize_table", path)

    def text(self, option: str, text: str, what: str) -> None:
        """Another text file."""
        path = self.path(option)
        if path is not None:
            write_text(path, text, what)
            self._note(option, path)

    def _note(self, option: str, path: Path) -> None:
        self.written.append((option, path_text(path)))
