"""A calibration from samples to thresholds: one pass, the rows of every method, tuning of the chosen one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from ..errors import QuantdeckError
from ..graph.model import Graph
from ..plan import Threshold
from ..run.float_runner import FloatRunner, layer_runner
from ..text import visible
from .methods import KNOWN, resolve_method
from .methods.rules import rows
from .sample import FLOOR
from .statistics import TensorStatistics, collect, find_tops
from .table import rounded
from .tune import USUAL, TuneRule, tune

Progress = Callable[[int, int], None]

EXACT_CHANGES = (
    "exact: a first pass finds every tensor's range, so kl no longer depends on the order of samples (one "
    "histogram over the final range) and percentile9999 no longer on the position of the layer (99.99 % "
    "everywhere, plain linear interpolation); tables then differ from TPU-MLIR's, and the float network runs "
    "twice as often"
)
"""What the exact variant changes, for help texts."""


class SampleSource(Protocol):
    """The part of Samples that a calibration needs."""

    @property
    def formed(self) -> int:
        """Number of samples after batching."""
        ...

    def batches(self) -> Any:
        """One feed a sample."""
        ...

    def label(self, index: int) -> str:
        """Files of a sample."""
        ...


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a calibration found; thresholds are rounded to the 7 decimals that a table keeps.

    thresholds: the rows of the chosen method, tuned where tuning ran, in table order. by_method: the rows
    of every method asked for; the tuned rows are there as ``kl_tune`` and so on. statistics: by tensor.
    warnings: one sentence per degenerate tensor. method, samples, bins, tune_num (samples that tuning used,
    0 for none), exact: how it was made.
    """

    thresholds: Mapping[str, Threshold]
    by_method: Mapping[str, Mapping[str, Threshold]]
    statistics: Mapping[str, TensorStatistics]
    warnings: tuple[str, ...]
    method: str
    samples: int
    bins: int
    tune_num: int
    exact: bool


def calibrate(
    graph: Graph,
    samples: SampleSource,
    *,
    method: str,
    methods: Sequence[str] = (),
    bins: int = 2048,
    tune_num: int = 5,
    tune_samples: SampleSource | None = None,
    exact: bool = False,
    tuning: TuneRule = USUAL,
    progress: Progress | None = None,
) -> Calibration:
    """Thresholds of every calibrated tensor of *graph*.

    method: the chosen one, in either spelling. methods: further ones whose rows are wanted too; they come
    from the same pass. bins: histogram bins of kl and observer. tune_num: tuning samples (0: no tuning),
    the first of *tune_samples* or of *samples*. exact: see ``EXACT_CHANGES``. progress: (steps done, steps
    in all). Errors: QuantdeckError for an unknown method, no samples, too few bins, a NaN or infinity in a
    tensor.
    """
    chosen = resolve_method(method)
    names = tuple(dict.fromkeys((chosen, *(resolve_method(word) for word in methods))))
    _check(samples, bins, tune_num)
    steps = _Steps(progress, samples.formed, passes=2 if exact else 1)
    statistics = _statistics(graph, samples, names, bins, exact, steps)
    by_method = {name: _rounded(rows(graph, statistics, name)) for name in names}
    used = 0
    if tune_num > 0 and KNOWN[chosen].tunable:
        source = samples if tune_samples is None else tune_samples
        used = min(tune_num, source.formed)
        by_method[f"{chosen}_tune"] = _tuned(
            graph, source, used, by_method[chosen], statistics, tuning, steps
        )
    thresholds = by_method.get(f"{chosen}_tune", by_method[chosen])
    steps.finish()
    return Calibration(
        thresholds=MappingProxyType(thresholds),
        by_method=MappingProxyType({name: MappingProxyType(found) for name, found in by_method.items()}),
        statistics=MappingProxyType(statistics),
        warnings=_warnings(statistics, thresholds),
        method=chosen,
        samples=samples.formed,
        bins=bins,
        tune_num=used,
        exact=exact,
    )


def _check(samples: SampleSource, bins: int, tune_num: int) -> None:
    if samples.formed < 1:
        raise QuantdeckError("There is no sample to calibrate with; give a folder or a list that holds some.")
    if not 128 <= bins <= 1_000_000:
        raise QuantdeckError(f"histogram_bin_num is {bins}; it must lie between 128 and 1000000.")
    if tune_num < 0:
        raise QuantdeckError(f"tune_num is {tune_num}; it must be 0 (no tuning) or more.")


def _statistics(
    graph: Graph, samples: SampleSource, names: Sequence[str], bins: int, exact: bool, steps: "_Steps"
) -> dict[str, TensorStatistics]:
    runner = FloatRunner(graph, graph.calibrated)
    tops = None
    if exact:
        tops = find_tops(
            graph,
            samples.batches(),
            runner,
            count=samples.formed,
            label=samples.label,
            progress=steps.stage(samples.formed),
        )
    return collect(
        graph,
        samples.batches(),
        runner,
        methods=names,
        bins=bins,
        count=samples.formed,
        label=samples.label,
        tops=tops,
        progress=steps.stage(samples.formed),
    )


def _tuned(
    graph: Graph,
    source: SampleSource,
    used: int,
    found: Mapping[str, Threshold],
    statistics: Mapping[str, TensorStatistics],
    tuning: TuneRule,
    steps: "_Steps",
) -> dict[str, Threshold]:
    """The rows with tuned thresholds; masked and dead tensors stay as they are."""
    movable = {
        name: row.value
        for name, row in found.items()
        if not statistics[name].masked and statistics[name].largest > FLOOR
    }
    limits = {name: statistics[name].largest for name in movable}
    feeds = (feed for _, feed in zip(range(used), source.batches(), strict=False))
    moved = tune(
        graph,
        feeds,
        movable,
        limits,
        layer_runner,
        rule=tuning,
        progress=steps.share(len(graph.layers)),
    )
    return _rounded(
        {
            name: Threshold(moved.get(name, row.value), row.min, row.max, f"{row.method}_tune")
            for name, row in found.items()
        }
    )


def _rounded(found: Mapping[str, Threshold]) -> dict[str, Threshold]:
    return {name: rounded(row) for name, row in found.items()}


def _warnings(statistics: Mapping[str, TensorStatistics], found: Mapping[str, Threshold]) -> tuple[str, ...]:
    return tuple(
        f"{visible(name)}: {item.warning}; its threshold is {found[name].value:.7g}."
        for name, item in statistics.items()
        if item.warning is not None
    )


class _Steps:
    """One running count over the passes and the tuning."""

    def __init__(self, progress: Progress | None, samples: int, passes: int) -> None:
        self._progress = progress
        self._before = 0
        self._total = samples * passes

    def stage(self, length: int) -> Progress | None:
        """Progress of a stage whose steps are part of the total already."""
        if self._progress is None:
            return None
        start, tell = self._before, self._progress
        self._before += length

        def report(done: int, _: int) -> None:
            tell(min(start + done, self._total), self._total)

        return report

    def share(self, length: int) -> Progress | None:
        """Progress of a stage that adds *length* steps; it may count in other units."""
        if self._progress is None:
            return None
        start, tell = self._before, self._progress
        self._before += length
        self._total += length

        def report(done: int, total: int) -> None:
            tell(start + done * length // max(total, 1), self._total)

        return report

    def finish(self) -> None:
        """All is done."""
        if self._progress is not None:
            self._progress(self._total, self._total)


__all__ = ["EXACT_CHANGES", "Calibration", "calibrate"]
