"""How soon a session of very many layers and trials stands there. Figures, no judgement.

For benchmarks/workbench_open.py and the tests of the time budgets.
"""

import itertools
import select
import sqlite3
import time
from pathlib import Path

import psutil
from pty_terminal import Terminal
from sample_session import CREATED, add_search, make_session

LAYERS, TRIALS = 2000, 100_000


def large_session(path: Path) -> Path:
    """A session with a running search of very many trials."""
    make_session(path, layers=LAYERS)
    job = add_search(path)
    connection = sqlite3.connect(path)
    with connection:
        connection.executemany(
            "INSERT INTO trial VALUES(?,?,?,?,?,?,20.0,?,NULL)",
            (
                (
                    f"{place:064x}",
                    job,
                    place + 100,
                    CREATED,
                    place % 1500,
                    0.9 + place * 7919 % 99991 / 1e6,
                    b"x" * 200,
                )
                for place in range(TRIALS)
            ),
        )
    connection.close()
    return path


def shown(terminal: Terminal, text: str) -> tuple[float, float]:
    """Seconds until *text* stands there, and the processor time that the program has used by then."""
    start = time.perf_counter()
    while text not in terminal.text:
        terminal.read(quiet=0.01, limit=0.05)
    spent = time.perf_counter() - start
    used = psutil.Process(terminal.pid).cpu_times()
    return spent, used.user + used.system


def meanwhile(path: Path, keys: tuple[str, ...], runs: int) -> list[float]:
    """Milliseconds from each key to the first byte of its answer while the search screen reads its trials.

    Escape is typed, but not counted: a terminal program waits 100 ms for what else may follow it.
    """
    found: list[float] = []
    for _ in range(runs):
        with Terminal(path, (160, 48)) as terminal:
            shown(terminal, f"of {LAYERS}")
            terminal.send("3")
            shown(terminal, "reading its trials")
            for place in itertools.count():
                terminal.read(quiet=0.12, limit=0.4)
                if f"{TRIALS + 14} trials" in terminal.text:
                    break
                start = time.perf_counter()
                terminal.send(keys[place % len(keys)])
                if select.select([terminal.fd], [], [], 1.0)[0] and keys[place % len(keys)] != "\x1b":
                    found.append((time.perf_counter() - start) * 1000)
            terminal.send("\x11")
            terminal.wait()
    return sorted(found)
