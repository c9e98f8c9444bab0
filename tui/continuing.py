"""Being stopped and going on: a workbench that was stopped paints itself again, one that ends goes on ending.

Textual's driver starts its application mode at every SIGCONT, stopped before or not, in the midst of whatever runs. The
kernel sends one beside the SIGHUP of a terminal that is gone: a workbench that was quitting began anew, with an input
thread that read the end of that terminal for ever. Here both signals wait for the event loop's turn.
"""

import asyncio
import signal
import termios
from typing import Any


def hear_stop_and_continue(driver: Any, loop: asyncio.AbstractEventLoop) -> None:
    """Take both signals from a driver of a terminal; other drivers hear none."""
    if hasattr(driver, "_sigcont_application"):
        loop.add_signal_handler(signal.SIGTSTP, driver._sigtstp_application)
        loop.add_signal_handler(signal.SIGCONT, _continue, driver)


def _continue(driver: Any) -> None:
    if not driver._app.is_running or not _is_there(driver.fileno):
        return
    if not driver._must_signal_resume:  # SIGSTOP, which nobody hears: the shell may have set modes of its own
        driver.suspend_application_mode()
        driver._must_signal_resume = True
    driver.resume_application_mode()


def _is_there(terminal: int) -> bool:
    try:
        termios.tcgetattr(terminal)
    except termios.error:
        return False
    return True
