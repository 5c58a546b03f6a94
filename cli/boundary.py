"""The one place where exceptions become messages and exit codes.

Expected errors (`figwatch.validators.errors.FigwatchError`) say what is wrong, where, and the fix.
Anything else is a bug: a short message and a file with the details. `FIGWATCH_DEBUG=1` shows the
traceback of either.
"""

import os
import sys
import tempfile
import traceback
from collections.abc import Callable

from figwatch.cli.console import note, print_problem
from figwatch.validators.errors import ExitCode, FigwatchError, Problem

INTERRUPTED = 130  # 128 + SIGINT, as shells expect


def exit_code_of(command: Callable[[], object]) -> int:
    """Run a command; tell on stderr what went wrong, if anything, and return the exit code."""
    try:
        command()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.OK
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `figwatch findings | head`
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  # Python flushes it at exit
        return ExitCode.OK
    except FigwatchError as error:
        _debug()
        for problem in error.problems:
            print_problem(problem, "error")
        return error.exit_code
    except Exception as error:  # noqa: BLE001  # the boundary: nothing may pass as a traceback
        _debug()
        print_problem(_unexpected(error), "error")
        return ExitCode.ERROR
    return ExitCode.OK


def _debug() -> None:
    if os.environ.get("FIGWATCH_DEBUG"):
        note(traceback.format_exc())


def _unexpected(error: Exception) -> Problem:
    cause = f"figwatch failed in a way that it should not: {type(error).__name__}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="figwatch-error-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(traceback.format_exc())
    except OSError:
        return Problem("internal", cause, fix="run it again with FIGWATCH_DEBUG=1 for the details")
    return Problem("internal", cause, fix=f"the details are in {file.name}; please report them")
