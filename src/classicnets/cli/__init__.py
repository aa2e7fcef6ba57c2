"""The command line: `classicnets`."""

import os
import sys

import typer

# typer carries its own copy of click, and makes the base of that copy's errors public nowhere else.
from typer._click.exceptions import ClickException

from classicnets.cli.output import EXIT_INTERRUPTED, EXIT_USAGE
from classicnets.errors import UsageError



def main() -> None:
    """Run the command that the arguments name.

    A user's mistake ends with one line on standard error and exit code 2; Ctrl-C with exit code 130.
    """
    from classicnets.cli.commands import app

    try:
        code = app(standalone_mode=False, prog_name="classicnets")
    except ClickException as error:
        _say(error.format_message())
        code = EXIT_USAGE
    except UsageError as error:
        _say(str(error))
        code = EXIT_USAGE
    except (typer.Abort, KeyboardInterrupt):
        _say("interrupted")
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone; without this the interpreter would complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


def _say(message: str) -> None:
    print("error: " + " ".join(message.split()), file=sys.stderr)
