"""Trials on a Dask cluster (``--scheduler``): the session sends them, waits, and commits them in order.

Nothing but the scoring goes out: the search, the thresholds, the journal and the files stay here. A lost worker's
trials are run elsewhere by the scheduler; a worker that refuses is left out.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from operator import is_not
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
    """A trial on its way. only: the workers that may take it."""

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
        self._asked: dict[str, Future[bool]] = {}
        self._able: set[str] = set()
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
        self._asked.clear()
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
        while True:
            self._send(trial)
            while self._expected and len(self._sent) < AHEAD * sum(self._usable().values()):
                self._send(self._expected.popleft())
            sent = self._sent.get(trial)
            if sent is None:  # no worker yet
                self._wait()
                continue
            answer = self._answer(sent.future)
            if answer is not None and answer.result is not None:
                del self._sent[trial]
                return answer.result
            if answer is not None:
                self._leave_out(answer.worker, answer.refusal)
            if answer is not None or self._stranded(sent):
                del self._sent[trial]

    def _send(self, trial: Trial) -> None:
        """Send a trial to the workers that can score, unless it is on its way or there is none."""
        only = sorted(self._usable())
        if trial not in self._sent and only:
            future = self._client.submit(score, self._recipe, trial_text(trial), workers=only, pure=False)
            self._sent[trial] = _Sent(future, frozenset(only))

    def _usable(self) -> dict[str, int]:
        """Workers that have quantdeck and have not refused, with their threads."""
        return {
            name: count
            for name, count in self._threads.items()
            if name in self._able and name not in self._refused
        }

    def _wait(self) -> None:
        """Let a tick pass, or less where a worker answers whether it has quantdeck."""
        self._report.check()
        pending = [
            one for name, one in self._asked.items() if name in self._threads and one.status == "pending"
        ]
        if pending:
            with suppress(Exception):  # looked at where the answers are read
                pending[0].result(timeout=TICK)
        else:
            time.sleep(TICK)
        self._look(now=True)

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
        self._ask()
        if not self._threads and not self._waiting:
            self._report.say(f"the cluster {self._address} has no worker; trials wait until one comes")
        self._waiting = not self._threads
        if self._threads and not self._threads.keys() - self._refused.keys():
            reason = self._refused[next(iter(self._threads))]
            raise QuantdeckError(f"{reason}; let the workers see what the session sees, and resume the job")

    def _ask(self) -> None:
        """Ask workers that are new whether they have quantdeck: one without it would die of its first trial."""
        for name in self._threads.keys() - self._asked.keys():
            found = self._client.submit(find_spec, "quantdeck", workers=[name], pure=False)
            self._asked[name] = self._client.submit(is_not, found, None, workers=[name], pure=False)
        for name in self._threads.keys() - self._able - self._refused.keys():
            future = self._asked[name]
            if future.status not in ("finished", "error"):
                continue
            try:
                able = future.status == "finished" and future.result(timeout=PATIENCE)
            except (OSError, TimeoutError):  # the worker has gone meanwhile
                continue
            if able:
                self._able.add(name)
            else:
                self._refuse(name, "quantdeck is not installed there; install the session's version of it")

    def _leave_out(self, worker: str, reason: str) -> None:
        """Send nothing more to a worker that refused a trial."""
        self._refuse(worker, reason)
        self._look(now=True)

    def _refuse(self, worker: str, reason: str) -> None:
        sentence = f"the Dask worker {visible(worker)} is left out: {reason}"
        if worker not in self._refused:
            self._report.say(sentence)
        self._refused[worker] = sentence

    def _stranded(self, sent: _Sent) -> bool:
        """Whether a trial waits for workers that are not there any more while others are."""
        return bool(not sent.only & self._threads.keys() and self._threads)
