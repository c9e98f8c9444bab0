"""A job's pulse: heartbeat, progress at most four times a second, the wish to stop, a file that moved."""

import sqlite3
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

from ..engine.text import visible
from .diagnosis import Log
from .lease import boot_name, stored
from .report import Advance, Cancelled, Meter, Paused, Replaced
from .session import Session

BEAT = 2.0  # seconds between heartbeats
_AT_ONCE = 0.01  # seconds; steps told so soon are not this run's
STEP = 0.25  # seconds between commits of progress


class JobReport:
    """Tells a job's row where the work is; raises Cancelled in the work once that is wanted."""

    def __init__(self, session: Session, job: int, log: Log | None = None) -> None:
        self._session = session
        self._job = job
        self._log = log
        self._stop = threading.Event()
        self._pause = threading.Event()
        self._replaced = threading.Event()
        self._written = 0.0
        self._mine = self._holder()

    def stage(self, name: str) -> Advance:
        """Begin a stage."""
        self._commit(stage=name, done=0, total=0, rate=None, eta=None)
        meter, began, before = Meter(), time.monotonic(), None

        def advance(done: int, total: int) -> None:
            nonlocal before
            self.check()
            if before is None:  # a search that is resumed tells at once what was done before
                before = done if time.monotonic() - began < _AT_ONCE else 0
            rate, eta = meter.measure(done - before, total - before)
            if done < total and time.monotonic() - self._written < STEP:
                return
            self._commit(done=done, total=total, rate=rate, eta=eta)
            self._heed()  # a wish is seen within a quarter of a second while steps are short

        return advance

    def say(self, sentence: str) -> None:
        """Write a line of the log."""
        if self._log is not None:
            self._log.write(visible(sentence) + "\n")
            self._log.flush()

    def check(self) -> None:
        """Raise Cancelled or Paused when somebody wants the job to stop, Replaced when it is another's."""
        if self._replaced.is_set():
            raise Replaced
        if self._stop.is_set():
            raise Cancelled
        if self._pause.is_set():
            raise Paused

    def stop(self) -> None:
        """Let the work stop at its next step."""
        self._stop.set()

    def pause(self) -> None:
        """Let the work stop at its next step, to go on later."""
        self._pause.set()

    def beat(self) -> None:
        """One pulse: heartbeat, the wanted state, the file's place."""
        self.follow()
        self._heed()
        with suppress(Replaced):
            self._commit()

    @property
    def held(self) -> bool:
        """Whether the job still is this process's; one that stood still may have been closed or given to another."""
        return not self._replaced.is_set() and self._holder() == self._mine

    def _holder(self) -> tuple[object, ...]:
        row = self._session.row("SELECT state, pid, pid_started FROM job WHERE id = ?", self._job)
        return tuple(row) if row is not None else ()

    def follow(self) -> None:
        """Go on where the session's file is, and say so."""
        moved = self._session.follow(self._adopt)
        if moved is not None:
            self.say(moved)

    def _adopt(self, connection: sqlite3.Connection, file: str) -> None:
        """Hold the file that the session was saved as; a copy that nobody holds would count as left alone."""
        connection.execute("UPDATE job SET boot = ? WHERE id = ?", (stored(boot_name(), file), self._job))

    def _heed(self) -> None:
        """Note what is wanted of the job."""
        row = self._session.row("SELECT wanted FROM job WHERE id = ?", self._job)
        if row is not None and row["wanted"] == "cancel":
            self.stop()
        if row is not None and row["wanted"] == "pause":
            self.pause()

    def _commit(self, **values: object) -> None:
        with self._session.write() as writer:
            if not self.held:
                self._replaced.set()
                raise Replaced
            writer.update("job", self._job, {**values, "heartbeat": time.time(), "rev": writer.rev})
        self._written = time.monotonic()


@contextmanager
def beating(report: JobReport, failed: Callable[[BaseException], None]) -> Generator[None]:
    """Let the pulse go on in a thread while the body works; *failed* hears of a pulse that could not be."""
    over = threading.Event()

    def loop() -> None:
        while not over.wait(BEAT):
            try:
                report.beat()
            except Exception as error:
                failed(error)

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
