"""Copies text out of the terminal: OSC 52, the buffer of tmux, or a file; says which."""

import base64
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from ..engine.text import visible

LONGEST = 74_994  # bytes; terminals drop a longer OSC 52
PASSED = 700  # characters that GNU screen passes on at once; it drops a longer sequence
NO_CLIPBOARD = ("linux", "vt100", "vt220", "cons25")
"""Values of TERM whose terminals have no clipboard that OSC 52 could reach, as the console of Linux."""


def copy_out(
    text: str,
    write: Callable[[str], None],
    folder: Path,
    environment: Mapping[str, str] = os.environ,
    send: Callable[[str], None] | None = None,
) -> str:
    """Copy *text*; the way in words. *write* sends an OSC 52, which no terminal confirms; *send* any sequence.

    Within tmux its own buffer is certain, and it passes the text on where ``set-clipboard`` allows it. A text too
    long for OSC 52 goes into a file in *folder*, and any text of a terminal that is known to have no clipboard.
    """
    if environment.get("TMUX") and _to_tmux(text):
        return "to the tmux buffer (prefix ] pastes)"
    reachable = environment.get("TERM", "") not in NO_CLIPBOARD
    if reachable and len(text.encode("utf-8", "replace")) <= LONGEST:
        if send is None or not environment.get("STY"):
            write(text)
            return "(OSC 52)"
        send(through_screen(text))
        return "(OSC 52 through screen)"
    target = folder / "copied.txt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8", errors="replace")
    except OSError as error:
        return f"nowhere: {visible(str(target))} cannot be written ({error.strerror})"
    return f"to {visible(str(target))}"


def through_screen(text: str) -> str:
    """An OSC 52 in pieces that GNU screen passes on to its terminal (as DCS strings); one of its own it drops."""
    packed = base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
    whole = f"\x1b]52;c;{packed}\x07"
    return "".join(f"\x1bP{whole[at : at + PASSED]}\x1b\\" for at in range(0, len(whole), PASSED))


def _to_tmux(text: str) -> bool:
    program = shutil.which("tmux")
    if program is None:
        return False
    command = [program, "load-buffer", "-w", "-"]
    try:
        done = subprocess.run(
            command,
            input=text,
            encoding="utf-8",
            errors="replace",
            capture_output=True,
            timeout=2,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
