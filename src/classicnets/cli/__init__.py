"""The command line: `classicnets`."""

import errno
import io
import os
import sys
from pathlib import Path

import typer

# typer carries its own copy of click, and makes the base of that copy's errors public nowhere else.
from typer._click.exceptions import ClickException

from classicnets.cli.output import EXIT_INTERRUPTED, EXIT_USAGE
from classicnets.errors import UsageError


def main() -> None:
    """Run the command that the arguments name, and end the process.

    A user's mistake ends with one line on standard error and exit code 2, Ctrl-C with exit code 130. A reader of our
    output that has seen enough (``| head``) ends the command without a word.
    """
    _prepare_streams()
    try:
        code = _run(sys.argv[1:])
    except (ClickException, UsageError) as error:
        _say(error)
        code = EXIT_USAGE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        # Without this the interpreter would complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _say(f"cannot write: {error.strerror}")
        code = EXIT_USAGE
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    from classicnets.cli.commands import app

    # Not `app()`: that would turn Ctrl-C and a closed pipe into exit codes before they can be told apart here.
    command = typer.main.get_command(app)
    try:
        with command.make_context("classicnets", arguments) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    return 0


def _say(error: Exception | str) -> None:
    message = error.format_message() if isinstance(error, ClickException) else str(error)
    if message:  # a command without arguments has shown its help instead
        print("error: " + " ".join(message.split()), file=sys.stderr)


def _prepare_streams() -> None:
    """Have a stream that was closed swallow what comes, and one that lacks a letter show it as an escape.

    File names need not be text, and not every terminal has every letter of the authors' names.
    """
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115  # open until the process ends
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and (stream.errors == "strict" or stream.encoding != "utf-8"):
            stream.reconfigure(errors="backslashreplace")
