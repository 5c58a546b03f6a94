"""Errors that people read: what is wrong, where it stands, how to mend it.

Every layer raises these for what can be expected to go wrong (a wrong setting, an unreachable
server, a missing topic); `figwatch.cli.boundary` prints them without a traceback and turns them
into exit codes. Any other exception is a bug.
"""

import dataclasses
import enum


class ExitCode(enum.IntEnum):
    """What a command tells the shell, and with it a deployment pipeline."""

    OK = 0
    """Passed, or did what was asked."""
    FAIL = 1
    """Evaluated, and the answer is no."""
    USAGE = 2
    """The command line or the configuration is wrong."""
    INCONCLUSIVE = 3
    """Too little, stale or incomplete evidence: neither yes nor no."""
    ERROR = 4
    """Could not evaluate: a server away, a file unreadable, a bug."""


@dataclasses.dataclass(frozen=True)
class Problem:
    """One thing that is wrong. `code` is stable (`config.unknown-field`), the rest is for people.

    None of the texts may hold a secret or a row's value.
    """

    code: str
    cause: str
    where: str = ""
    fix: str = ""

    def __str__(self) -> str:
        """One line, for logs."""
        where = f" ({self.where})" if self.where else ""
        fix = f"; {self.fix}" if self.fix else ""
        return f"{self.cause}{where}{fix}"


class FigwatchError(Exception):
    """Something expected that went wrong while evaluating: exit code 4."""

    exit_code = ExitCode.ERROR

    def __init__(self, code: str, cause: str, where: str = "", fix: str = "") -> None:
        self.problems: tuple[Problem, ...] = (Problem(code, cause, where, fix),)
        super().__init__(str(self.problems[0]))


class ConfigurationError(FigwatchError):
    """The configuration or the command line cannot be used: exit code 2."""

    exit_code = ExitCode.USAGE

    @classmethod
    def of(cls, problems: "tuple[Problem, ...]") -> "ConfigurationError":
        """One error for everything that is wrong, so that it can be mended in one go."""
        first = problems[0]
        error = cls(first.code, first.cause, first.where, first.fix)
        error.problems = problems
        return error
