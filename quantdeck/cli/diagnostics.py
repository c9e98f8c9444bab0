"""Exit statuses and error sentences: the one place that decides them, the same for every command."""

import errno
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import click

from ..engine.errors import QuantdeckError
from ..engine.text import visible

DONE, FAULT, MENDABLE, MISSED, INTERRUPTED, NO_READER = 0, 1, 2, 3, 130, 141

LONGEST_NAME = 300  # signs of a path that are shown
_REFUSALS = frozenset({
    errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.EINVAL, errno.EIO, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG,
    errno.ENODEV, errno.ENOENT, errno.ENOSPC, errno.ENOTDIR, errno.ENXIO, errno.EPERM, errno.EROFS, errno.ETXTBSY,
})  # fmt: skip

EXIT_STATUS = """\b
Exit status:
  0  done
  1  a fault of the program; the traceback is in the log that stderr names
  2  you can mend it; one sentence on stderr says how
  3  finished, but the target was not reached; the best result is written
  130 and 141: stopped by Ctrl-C, or nobody reads the output any more
"""


def prepare_streams() -> None:
    """Let nothing fail on a character: UTF-8 into pipes and files, escapes on terminals that lack a sign."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # warnings of libraries are not the user's business
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started the program
            stream = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
            setattr(sys, name, stream)
        if hasattr(stream, "reconfigure"):
            encoding = None if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


def run(group: click.Group, arguments: Sequence[str]) -> int:
    """Run the command line; the exit status. Nothing else prints an error."""
    prepare_streams()
    try:
        with group.make_context("quantdeck", list(arguments)) as context:
            value = group.invoke(context)
        sys.stdout.flush()
        return value if isinstance(value, int) else DONE
    except click.exceptions.Exit as ended:
        return _flushed(ended.exit_code)
    except SystemExit as ended:
        return _flushed(ended.code if isinstance(ended.code, int) else FAULT if ended.code else DONE)
    except (KeyboardInterrupt, click.Abort):
        _say("stopped")
        return INTERRUPTED
    except click.ClickException as error:
        return _mendable(_usage(error))
    except QuantdeckError as error:
        return _mendable(str(error))
    except OSError as error:
        return _output_failed(error) or _named(error) or _fault(error)
    except MemoryError:
        return _mendable(
            "there is not enough memory for this; give smaller inputs or fewer samples at a time"
        )
    except Exception as error:
        return _fault(error)


def _flushed(status: int) -> int:
    try:
        sys.stdout.flush()
    except OSError as error:
        return _output_failed(error) or FAULT
    return status


def _usage(error: click.ClickException) -> str:
    """What click found wrong, in one line of visible signs."""
    text = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    path = context.command_path if isinstance(context, click.Context) else "quantdeck"
    return f"{text}; see {path} --help"


def _mendable(sentence: str) -> int:
    _say(sentence)
    return MENDABLE


def _say(sentence: str) -> None:
    """A line on stderr; a terminal that is gone is nobody's error."""
    try:
        print(f"quantdeck: {visible(sentence)}", file=sys.stderr, flush=True)
    except OSError:
        _silence(sys.stderr.fileno())


def _output_failed(error: OSError) -> int:
    """Status for standard output that cannot be written; 0 when the error is another one."""
    if error.errno == errno.EPIPE:
        _silence(1)
        return NO_READER
    if error.errno in (errno.ENOSPC, errno.EIO, errno.EBADF) and error.filename is None:
        _silence(1)
        return _mendable(f"standard output cannot be written ({error.strerror})")
    return 0


def _named(error: OSError) -> int:
    """Status for a file that the system refuses, whatever it was wanted for; 0 when no file is to blame."""
    if error.errno == errno.ENOENT and error.filename is None and _homeless():
        return _mendable("the working folder was removed; change into one that exists")
    if error.errno not in _REFUSALS or not isinstance(error.filename, str | bytes):
        return 0
    name = os.fsdecode(error.filename)
    shown = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}..."
    return _mendable(f"{visible(shown)}: {error.strerror}; name another file or mend this one")


def _homeless() -> bool:
    """Whether the working folder is gone."""
    try:
        os.getcwd()
    except OSError:
        return True
    return False


def _silence(descriptor: int) -> None:
    """Let what is still buffered go nowhere, so that the interpreter's last flush does not fail."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)


def _fault(error: Exception) -> int:
    from ..sessions.diagnosis import fault_text

    chatter = getattr(error, "quantdeck_chatter", "")
    text = fault_text(error) + str(chatter)
    try:
        where = f"the traceback is in {visible(str(_write_log(text)))}"
    except OSError as failure:
        where = f"and no log could be written ({failure.strerror})"
    _say(f"a fault of the program ({type(error).__name__}); {where}")
    return FAULT


def _write_log(text: str) -> Path:
    """The log's path; beside the sessions, or in the folder for temporary files."""
    from ..sessions.locations import log_folder

    name = f"fault-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    try:
        folder = log_folder()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / name
        path.write_text(text, "utf-8", "backslashreplace")
    except (OSError, QuantdeckError):
        descriptor, temporary = tempfile.mkstemp(prefix="quantdeck-", suffix=".log")
        path = Path(temporary)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    return path
