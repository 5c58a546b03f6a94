"""What the sweep asks of a database, whichever it is, and how a database's troubles are told apart.

`figwatch.connectors.sweep.postgres` and `...mysql` are the two there are; `...prepare` chooses.
"""

import contextlib
import enum
from collections.abc import Iterator
from typing import Any, Protocol

from figwatch.connectors.sweep.rows import MakeStatements
from figwatch.validators.errors import FigwatchError
from figwatch.validators.sweep.facts import ServerFacts, TableFacts


class Trouble(enum.Enum):
    """What is to be done about an error of a database."""

    TOO_LONG = enum.auto()
    """A statement was cancelled: try smaller ranges."""
    PASSING = enum.auto()
    """A lock, a lost connection, a server that starts: try again."""
    CHANGED = enum.auto()
    """The table is not what it was."""
    DENIED = enum.auto()
    """The user may not."""
    OTHER = enum.auto()
    """Nothing that trying again would mend."""


class DatabaseError(Exception):
    """An error of a database. Its text is what the server said, without values of rows."""

    def __init__(self, trouble: Trouble, reason: str) -> None:
        super().__init__(reason)
        self.trouble = trouble


class Session(Protocol):
    """One read-only connection to one database, opened again after it was lost. Statements are
    what the matching `Statements` makes.
    """

    side: str
    statements: MakeStatements
    """What makes statements for it."""

    def close(self) -> None:
        """Give the connection up; the next question opens another."""

    def rows(self, query: Any) -> list[tuple[Any, ...]]:
        """All rows of a small result.

        Raises:
            DatabaseError: the server refuses.
            FigwatchError: it cannot be reached.
        """

    def rows_of_all(self, query: Any) -> list[tuple[Any, ...]]:
        """The same of a whole table, in the order of its pages. Raises likewise."""

    def lines(self, query: Any) -> list[bytes]:
        """Rows in the form of PostgreSQL's COPY text lines, without their ends. Raises likewise."""

    def still(self, seconds: float) -> bool:
        """Nobody has written on the server for so long, as far as can be told."""

    def burden(self) -> tuple[float, int]:
        """Seconds that a replica is behind (0 on a primary), and sessions at work. Raises
        likewise.
        """

    def table_facts(self, name: str) -> TableFacts | None:
        """What the catalogue says of a table; None when there is none. Raises likewise."""

    def server_facts(self) -> ServerFacts:
        """Engine, version, encoding, and what it makes of known values. Raises likewise."""


@contextlib.contextmanager
def described(side: str) -> Iterator[None]:
    """Turn what the server refuses into an error for people.

    Raises:
        FigwatchError: in place of a DatabaseError.
    """
    try:
        yield
    except DatabaseError as error:
        if error.trouble is Trouble.DENIED:
            raise FigwatchError(
                "sweep.permission",
                f"side `{side}`: {error}",
                fix="GRANT SELECT on the table to figwatch's user (and, on PostgreSQL, BYPASSRLS "
                "where it has row security)",
            ) from None
        raise FigwatchError(
            "sweep.database", f"side `{side}`: {error}", fix="see the server's log"
        ) from None


def check_readable(session: Session, query: Any) -> None:
    """Raise FigwatchError where the user may not read what `query` reads; anything else that is
    wrong shows, and is tried again, when ranges are read.
    """
    with described(session.side):
        try:
            session.rows(query)
        except DatabaseError as error:
            if error.trouble not in {Trouble.PASSING, Trouble.TOO_LONG}:
                raise
