"""The command group: commands are imported when they run, so that ``quantdeck --help`` costs next to nothing."""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, NoReturn

import click

from .. import __version__
from . import diagnostics
from .diagnostics import EXIT_STATUS


class Entry(NamedTuple):
    """A command: its module beside this one (which holds it under the command's name) and its line of help."""

    module: str
    help: str


COMMANDS = {
    "run_calibration": Entry("run_calibration", "Calibration table of a model from samples."),
    "run_qtable": Entry("run_qtable", "Float layers by a walk through the network; loss table."),
    "run_sensitive_layer": Entry("run_sensitive_layer", "Float layers by what their int8 form costs."),
    "fp_forward": Entry("fp_forward", "Quantize table of float regions by name."),
    "evaluate": Entry("evaluate", "Score a calibration table: similarity to float, accuracy."),
    "layers": Entry("layers", "The table of layers of a model or a session."),
    "export": Entry("export", "Tables and figures of a session as files."),
    "demo": Entry("demo", "Calibrate the embedded example and show it."),
    "conformance": Entry("conformance", "Compare the simulation with dumps of the original tool."),
    "sessions": Entry("sessions", "List the stored sessions."),
    "jobs": Entry("jobs", "List the jobs of a session."),
    "attach": Entry("control", "Stay with a job of a session."),
    "pause": Entry("control", "Let a job rest."),
    "resume": Entry("control", "Go on with a job that rests or was killed."),
    "cancel": Entry("control", "Stop a job."),
    "serve": Entry("serve", "The workbench in a browser."),
    "backup": Entry("backup", "Copy a session at any moment."),
    "doctor": Entry("doctor", "What is installed, and whether it works."),
}
OPEN = Entry("open", "Open the workbench.")


def command_name(word: str) -> str:
    """A command's name as COMMANDS has it."""
    return word.removesuffix(".py").replace("-", "_")


def refuse_misspelled(word: str) -> None:
    """Say which command *word* nearly is: as one to open, its options would be refused for what they are not.

    Errors: click.UsageError.
    """
    name = command_name(word)
    if not name.isidentifier() or name == OPEN.module:
        return
    from difflib import get_close_matches

    from ..sessions.locations import find_session

    near = get_close_matches(name, COMMANDS, n=1, cutoff=0.75)
    if near and not find_session(Path(word)).exists():
        raise click.UsageError(f"there is no command {word}; the nearest is {near[0]}")


class Deck(click.Group):
    """Anything that is no command is a session or a model to open in the workbench."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; also by its name with dashes, or with .py behind as the original's tools are called."""
        name = command_name(cmd_name)
        entry = OPEN if cmd_name == OPEN.module else COMMANDS.get(name)
        if entry is None:
            return None
        command: object = getattr(import_module(f".{entry.module}", __package__), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{entry.module} is no command")
        command.epilog = command.epilog or EXIT_STATUS
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Open the workbench unless the first word is a command or asks for help."""
        first = args[0] if args else ""
        known = command_name(first) in COMMANDS or first == OPEN.module
        if not known and first not in ("-h", "--help", "--version"):
            refuse_misspelled(first)
            args = [OPEN.module, *args]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


@click.group(
    cls=Deck,
    epilog=EXIT_STATUS,
    options_metavar="[OPTIONS]",
    subcommand_metavar="[SESSION | MODEL | COMMAND [ARGS]...]",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="quantdeck", message="%(prog)s %(version)s")
def group() -> None:
    """An int8 quantization workbench.

    quantdeck SESSION or quantdeck MODEL opens the workbench on it, quantdeck alone on the list of sessions
    (quantdeck open --help lists its options; a file that is called like a command is given as ./layers).
    Results go to standard output, everything else to standard error. Into a pipe or a file both are UTF-8 in
    every locale; JSON is plain ASCII with escapes.
    """


def cli(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its status."""
    sys.exit(diagnostics.run(group, sys.argv[1:] if arguments is None else arguments))
