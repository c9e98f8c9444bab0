"""Scores sets of trials: what they share is computed once, and each score is that of a run from scratch."""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import psutil
from numpy.typing import NDArray

from ...errors import QuantdeckError
from ...graph.model import Graph
from ...hw.chip import get_chip
from ...hw.memo import Memo
from ...ops_c.memory import reuse_memory
from ...plan import Mode, Plan
from ...text import visible
from ..score import Excess, Score
from ..trial import Failure, Result, Source, Trial
from .comparison import Comparison, PostProcess
from .content import ArrayDigests, Digest
from .network import Network
from .prepared import PreparedSteps
from .sources import SourceRuns
from .spill import Spill
from .states import Feeds, States
from .store import ValueStore

Array = NDArray[Any]
Values = Mapping[str, Array]
Key = tuple[object, ...]

NETWORKS, SCORES = 16, 4096
"""Lowered plans and scores that are remembered."""

GROUP = 8
"""Samples that run together where memory allows."""


Rows = list[tuple[Values, Values]]
"""Values of the reference and of the trial, one entry a sample."""


@dataclass(slots=True)
class _Job:
    """One set of samples to be compared for one distinct trial."""

    key: Key
    names: tuple[str, ...]
    samples: Sequence[int]
    network: Network
    reference: Network | None
    source: Source | None
    comparison: Comparison | None = None
    error: BaseException | None = None
    score: Result | None = field(default=None)


Unit = tuple[_Job, Sequence[int]]


class TrialEvaluator:
    """Callable: trials to results, in order.

    reference: what a plan is compared with; "chip": the network lowered wholly to the chip's own float type,
    as the original's searches do (spec B.1); "float32": the float pass. Sources of noise are always compared
    with the float pass. memory: bytes for values that several trials share (default: a quarter of the
    machine's); spill_folder: where a file takes what is beyond that; without it such values are computed
    again. threads: trials and samples that run at the same time. post_process: spec A.8.

    A score depends on graph, plan and samples only: not on the budget, the threads, or what was scored
    before (design section 5).
    """

    def __init__(
        self,
        graph: Graph,
        samples: Feeds,
        *,
        reference: Literal["chip", "float32"] = "chip",
        memory: int | None = None,
        spill_folder: Path | None = None,
        threads: int = 1,
        post_process: PostProcess | None = None,
    ) -> None:
        reuse_memory()
        self.graph = graph
        self._count = len(samples.groups)
        self._by_chip = reference == "chip"
        self._post_process = post_process
        budget = psutil.virtual_memory().total // 4 if memory is None else memory
        self._store = ValueStore(budget * 3 // 4, Spill(spill_folder) if spill_folder is not None else None)
        self._prepared = PreparedSteps(graph, budget // 4)
        self._states = States(graph, samples, self._store, self._prepared)
        self._sources = SourceRuns(self._states)
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._threads = threads
        largest = max((4 * tensor.size for tensor in graph.tensors.values()), default=1)
        self._group = max(1, min(GROUP, budget // (16 * largest + 1)))
        self._memo, self._arrays = Memo(), ArrayDigests()
        self._networks: OrderedDict[str, Network] = OrderedDict()
        self._references: dict[str, Network] = {}
        self._scores: OrderedDict[Key, Score] = OrderedDict()
        self._seen: OrderedDict[str, None] = OrderedDict()

    # ---------------------------------------------------------------- life

    def close(self) -> None:
        """Give back memory, threads and the file."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---------------------------------------------------------------- trials

    def __call__(self, trials: Sequence[Trial]) -> list[Result]:
        """The result of each trial. One that raises becomes a Failure; the others go on."""
        jobs: dict[Key, _Job] = {}
        found: list[Result | _Job] = []
        for trial in trials:
            try:
                job = self._job(trial)
            except Exception as error:  # whatever a plan makes go wrong concerns this trial alone
                found.append(Failure(_sentence(error)))
                continue
            found.append(jobs.setdefault(job.key, job))
        self._run([job for job in jobs.values() if self._known(job) is None])
        return [item if not isinstance(item, _Job) else self._result(item) for item in found]

    def pin(self, plan: Plan) -> None:
        """Keep the values of a plan: others that differ little from it start from them."""
        network = self._network(plan)
        self._store.keep_group(plan.digest, network.held())

    def _known(self, job: _Job) -> Score | None:
        score = self._scores.get(job.key)
        if score is not None:
            self._scores.move_to_end(job.key)
            job.score = score
        return score

    def _result(self, job: _Job) -> Result:
        assert job.score is not None
        return job.score

    # ---------------------------------------------------------------- one trial

    def _job(self, trial: Trial) -> _Job:
        network = self._network(trial.plan)
        names = trial.at or self.graph.output_tensors
        for name in names:
            if name not in network.digests:
                raise QuantdeckError(
                    f"tensor {visible(name)}: the lowered network has no such tensor; name another one"
                )
        samples = self._chosen(trial)
        which = trial.only or len(samples)
        if trial.source is not None:
            self._sources.hold()
            content: Key = (trial.plan.digest, trial.source)
            return _Job((content, trial.at, which), names, samples, network, None, trial.source)
        reference = self._reference(trial.plan.chip) if self._by_chip else None
        self._hold(trial.plan, network)
        digests: tuple[Digest, ...] = tuple(network.digests[name] for name in names)
        chip = trial.plan.chip if self._by_chip else ""
        scales = tuple(network.program.types[name] for name in names)
        return _Job((digests, scales, chip, trial.at, which), names, samples, network, reference, None)

    def _chosen(self, trial: Trial) -> Sequence[int]:
        """Positions of the samples that a trial wants."""
        if not all(0 <= position < self._count for position in trial.only):
            raise QuantdeckError(
                f"a trial wants sample {max(trial.only)} of {self._count}; give positions that there are"
            )
        return trial.only or range(min(trial.samples, self._count) if trial.samples > 0 else self._count)

    def _network(self, plan: Plan) -> Network:
        found = self._networks.get(plan.digest)
        if found is None:
            found = Network(self.graph, get_chip(plan.chip).lower(self.graph, plan, self._memo), self._arrays)
            self._networks[plan.digest] = found
            if len(self._networks) > NETWORKS:
                self._networks.popitem(last=False)
        self._networks.move_to_end(plan.digest)
        return found

    def _reference(self, chip_name: str) -> Network:
        found = self._references.get(chip_name)
        if found is None:
            chip = get_chip(chip_name)
            modes = dict.fromkeys(self.graph.by_name, Mode(chip.auto_float))
            plan = Plan(chip=chip_name, fp_type=chip.auto_float, modes=modes)
            found = self._references[chip_name] = Network(
                self.graph, chip.lower(self.graph, plan), self._arrays
            )
            self._store.keep(found.held())
        return found

    def _hold(self, plan: Plan, network: Network) -> None:
        """Keep the values of a plan that comes again: the walk of run_qtable, or a start plan."""
        if plan.digest in self._seen:
            self._store.keep_group(plan.digest, network.held())
        self._seen[plan.digest] = None
        self._seen.move_to_end(plan.digest)
        if len(self._seen) > NETWORKS:
            self._seen.popitem(last=False)

    # ---------------------------------------------------------------- running

    def _run(self, jobs: Sequence[_Job]) -> None:
        units = [(job, samples) for job in jobs for samples in self._groups(job.samples)]
        for (job, _), rows in zip(units, self._map(units), strict=True):
            for values in rows:
                if job.error is None:
                    self._compare(job, *values)
        for job in jobs:
            if job.error is not None:
                job.score = Failure(_sentence(job.error))
                continue
            comparison = job.comparison or Comparison(self._labels(job))
            job.score = score = replace(comparison.result(len(job.samples)), excesses=self._excesses(job))
            self._scores[job.key] = score
            if len(self._scores) > SCORES:
                self._scores.popitem(last=False)

    def _excesses(self, job: _Job) -> tuple[Excess, ...]:
        if job.source is not None:
            return ()
        counts, names = self._states.excess, job.names
        found = counts.result(job.network, names, job.samples)
        if job.reference is not None:
            found += counts.result(job.reference, names, job.samples, reference=True)
        return found

    def _groups(self, samples: Sequence[int]) -> list[Sequence[int]]:
        """The samples in groups that run together, about as many for each thread."""
        count = len(samples)
        groups = -(-count // self._group)
        groups = min(count, -(-groups // self._threads) * self._threads)
        edges = [count * index // groups for index in range(groups + 1)] if groups else [0]
        return [samples[first:last] for first, last in pairwise(edges)]

    def _map(self, units: Iterable[Unit]) -> Iterator[Rows]:
        """The values of each unit, in order; a few are ahead of the one that is asked for."""
        if self._pool is None:
            for unit in units:
                yield self._values(*unit)
            return
        waiting: deque[Future[Rows]] = deque()
        for unit in units:
            waiting.append(self._pool.submit(self._values, *unit))
            if len(waiting) > 2 * self._threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _values(self, job: _Job, samples: Sequence[int]) -> Rows:
        """The reference's and the trial's values of each sample; none when the trial has failed."""
        if job.error is not None:
            return []
        try:
            if job.source is not None:
                return self._sources.run(job.network, job.source, samples, job.names)
            original = self._original(job, samples)
            found = self._states.real(job.network, samples, job.names)
            return list(zip(original, found, strict=True))
        except Exception as error:
            job.error = error
            return []

    def _original(self, job: _Job, samples: Sequence[int]) -> Sequence[Values]:
        if job.reference is None:
            return [self._states.floats(sample, job.names) for sample in samples]
        return self._states.reference(job.reference, samples, job.names)

    # ---------------------------------------------------------------- comparing

    def _labels(self, job: _Job) -> Mapping[str, str]:
        """What each compared tensor is called in the score, in order."""
        if job.names == self.graph.output_tensors:
            return {output.name: output.tensor for output in self.graph.outputs}
        return {name: name for name in job.names}

    def _compare(self, job: _Job, reference: Values, got: Values) -> None:
        if job.comparison is None:
            job.comparison = Comparison(self._labels(job), self._post_process)
        try:
            job.comparison.add(reference, got)
        except (Exception, SystemExit) as error:  # the user's post_process may do anything
            job.error = error


def _sentence(error: BaseException) -> str:
    if isinstance(error, QuantdeckError):
        return str(error)
    lines = str(error).strip().splitlines()
    detail = f": {visible(lines[0])}" if lines else ""
    return f"{type(error).__name__}{detail}"
