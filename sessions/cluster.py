"""Trials on a Dask cluster (``--scheduler``): the session sends them, waits, and commits them in order.

Nothing but the scoring goes out: the search, the thresholds, the journal and the files stay here. A lost worker's
trials are run elsewhere by the scheduler; a worker that refuses is left out.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..engine.errors import QuantdeckError
from ..engine.run.trial import Result, Trial
from ..engine.text import visible
from . import records
from .cluster_worker import Answer, Digests, Recipe, floats_digest, plain, score, trial_text, versions
from .locations import path_text
from .report import Report
from .search_spec import SearchSpec

if TYPE_CHECKING:
    from distributed import Future

    from ..engine.graph.model import Graph
    from .search_inputs import Inputs

PATIENCE = 5  # seconds for an answer of the scheduler
TICK = 0.5  # seconds between looks at whether the job shall stop and at the workers
AHEAD = 2  # trials that are sent for each thread of the cluster, so that none waits for the session


def check_scheduler(address: str) -> None:
    """See that a Dask scheduler answers.

    Errors: QuantdeckError when Dask is not installed, or no scheduler answers within PATIENCE.
    """
    try:
        from distributed.comm.core import connect
        from distributed.core import send_recv
        from distributed.security import Security
    except ImportError as error:
        raise QuantdeckError(
            f"--scheduler {visible(address)} needs Dask, which is not installed; "
            "install it with: pip install 'quantdeck[cluster]'"
        ) from error

    async def ask() -> Any:
        arguments = Security().get_connection_args("client")
        comm = await connect(address, timeout=PATIENCE - 1, deserialize=False, **arguments)
        try:
            return await send_recv(comm, op="identity", reply=True)
        finally:
            comm.abort()

    async def in_time() -> Any:
        return await asyncio.wait_for(ask(), PATIENCE)

    try:
        kind = asyncio.run(in_time())["type"]
    except Exception as error:  # an address may be wrong in many ways, and anything may listen there
        detail = visible(str(error).splitlines()[0]) if str(error) else "something else listens there"
        raise QuantdeckError(
            f"--scheduler {visible(address)}: no Dask scheduler answers ({detail}); give the address that "
            "dask scheduler prints when it starts, such as tcp://192.168.1.10:8786, or leave the option out"
        ) from error
    if kind != "Scheduler":
        raise QuantdeckError(
            f"--scheduler {visible(address)} is the address of a Dask {visible(str(kind)).lower()}; "
            "give its scheduler's"
        )


def cluster_evaluator(
    spec: SearchSpec, inputs: "Inputs", graph: "Graph", report: Report
) -> "ClusterEvaluator":
    """The evaluator of a search whose trials go to a cluster.

    graph: what is scored, equalized where that was asked for. Errors: QuantdeckError as ``check_scheduler``.
    """
    found = records.model_path(inputs.session)
    assert found is not None  # the graph was read from it
    path, model = found
    samples = inputs.scored
    digests = Digests(model, graph.digest, samples.digest, floats_digest(graph, samples))
    recipe = Recipe(plain(spec), path_text(path), samples.requested, digests, versions())
    check_scheduler(spec.scheduler)
    return ClusterEvaluator(spec.scheduler, recipe, report)


@dataclass(frozen=True, slots=True)
class _Sent:
    """A trial on its way. only: the workers that may take it; none for any."""

    future: "Future[Answer]"
    only: frozenset[str]


class ClusterEvaluator:
    """Callable: trials to results, in order, as the local evaluator's to the last bit; a context manager.

    The next trials that ``expect`` was told are sent ahead, a few for each thread of the cluster: they are what a
    session that dies loses.
    """

    def __init__(self, address: str, recipe: Recipe, report: Report) -> None:
        from distributed import Client

        self._address = visible(address)
        self._recipe = recipe
        self._report = report
        self._client: Client = Client(address, timeout=PATIENCE, set_as_default=False, name="quantdeck")
        self._expected: deque[Trial] = deque()
        self._sent: dict[Trial, _Sent] = {}
        self._refused: dict[str, str] = {}
        self._threads: dict[str, int] = {}
        self._looked = 0.0
        self._waiting = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sent.clear()
        self._client.close(timeout=PATIENCE)

    def expect(self, trials: Sequence[Trial]) -> None:
        """These will be asked for next, in this order."""
        self._expected = deque(dict.fromkeys(trials))

    def __call__(self, trials: Sequence[Trial]) -> list[Result]:
        """The result of each trial.

        Errors: QuantdeckError when the scheduler is gone, every worker refuses, or a trial ends its workers;
        whatever the report's ``check`` raises when the job shall stop.
        """
        return [self._result(trial) for trial in trials]

    def _result(self, trial: Trial) -> Result:
        self._look()
        self._send(trial)
        while self._expected and len(self._sent) < AHEAD * sum(self._threads.values()):
            self._send(self._expected.popleft())
        while True:
            answer = self._answer(self._sent[trial].future)
            if answer is not None and answer.result is not None:
                del self._sent[trial]
                return answer.result
            if answer is not None:
                self._leave_out(answer)
                self._send(trial, again=True)
            elif self._stranded(self._sent[trial]):
                self._send(trial, again=True)

    def _send(self, trial: Trial, *, again: bool = False) -> None:
        if trial in self._sent and not again:
            return
        only = sorted(self._threads.keys() - self._refused.keys()) if self._refused else []
        future = self._client.submit(score, self._recipe, trial_text(trial), workers=only or None, pure=False)
        self._sent[trial] = _Sent(future, frozenset(only))

    def _answer(self, future: "Future[Answer]") -> Answer | None:
        """The answer; None when it has not come within a tick."""
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        try:
            return future.result(timeout=TICK)
        except TimeoutError:
            self._report.check()
            self._look(now=True)
            return None
        except KilledWorker as error:
            raise QuantdeckError(
                "a trial ended every worker that took it; give the workers more memory, or less to the trials "
                "with --memory, and resume the job"
            ) from error
        except (FutureCancelledError, OSError) as error:
            raise self._gone() from error
        except (ImportError, RuntimeError) as error:
            if not isinstance(error, ImportError) and "deserializ" not in str(error):
                raise
            raise QuantdeckError(
                f"the cluster {self._address} cannot read a trial ({visible(str(error).splitlines()[0])}); "
                "install this version of quantdeck for its scheduler and workers, and resume the job"
            ) from error

    def _gone(self) -> QuantdeckError:
        return QuantdeckError(
            f"the Dask scheduler {self._address} is gone; start it again and resume the job, or give the command "
            "again without --scheduler: what was scored is kept"
        )

    def _look(self, *, now: bool = False) -> None:
        """See which workers there are, now and then.

        Errors: QuantdeckError when the scheduler is gone or all of them refuse.
        """
        if not now and self._threads and time.monotonic() - self._looked < TICK:
            return
        try:
            found: Any = self._client.nthreads()
        except (OSError, TimeoutError) as error:
            raise self._gone() from error
        self._threads = {str(name): int(count) for name, count in found.items()}
        self._looked = time.monotonic()
        if not self._threads and not self._waiting:
            self._report.say(f"the cluster {self._address} has no worker; trials wait until one comes")
        self._waiting = not self._threads
        if self._threads and not self._threads.keys() - self._refused.keys():
            reason = self._refused[next(iter(self._threads))]
            raise QuantdeckError(f"{reason}; let the workers see what the session sees, and resume the job")

    def _leave_out(self, answer: Answer) -> None:
        """Send nothing more to a worker that refused."""
        sentence = f"the Dask worker {visible(answer.worker)} is left out: {answer.refusal}"
        if answer.worker not in self._refused:
            self._report.say(sentence)
        self._refused[answer.worker] = sentence
        self._look(now=True)

    def _stranded(self, sent: _Sent) -> bool:
        """Whether a trial waits for workers that are not there any more while others are."""
        return bool(sent.only and not sent.only & self._threads.keys() and self._threads)
