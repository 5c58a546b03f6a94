"""What the sweep must know of a table before it plans: columns, key index, the order of its keys.

`figwatch.connectors.sweep.prepare` fetches them, `figwatch.validators.sweep.plan` decides.
"""

import dataclasses
import enum

from figwatch.validators.canonical.kinds import Base, Kind, kind_of


class Family(enum.StrEnum):
    """How a column's values are written, sorted and hashed by the server."""

    INT = "int"
    NUMERIC = "numeric"
    FLOAT4 = "float4"
    FLOAT8 = "float8"
    BOOL = "bool"
    TEXT = "text"
    """text, varchar, name."""
    ENUM = "enum"
    """Sorted by its own order; written as text."""
    CHAR = "char"
    """Blank-padded."""
    UUID = "uuid"
    BYTES = "bytes"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    JSONB = "jsonb"
    ARRAY = "array"
    BITS = "bits"
    OTHER = "other"


@dataclasses.dataclass(frozen=True, slots=True)
class ColumnFacts:
    """One column. `type` is the catalogue's text with its modifiers: `numeric(10,2)`."""

    name: str
    type: str
    family: Family
    not_null: bool = False
    collation: str = ""
    """Identity of the order of its texts; "C" where that is the order of the bytes."""

    @property
    def kind(self) -> Kind:
        """The canonical kind; text where the type is none that is known."""
        try:
            return kind_of(self.type)
        except ValueError:
            return Kind(Base.TEXT)


@dataclasses.dataclass(frozen=True, slots=True)
class TableFacts:
    """One table as it stands. `identity` changes when it is dropped and made anew, or a partition
    comes or goes; all together changes with any DDL that matters here.
    """

    name: str
    identity: str
    columns: tuple[ColumnFacts, ...]
    unique_indexes: tuple[tuple[str, ...], ...]
    """Columns of each complete, valid, unique index, in its order."""
    rows_estimate: int = 0
    inherited: bool = False
    """Other tables inherit from it: reading it reads theirs, its indexes do not cover them."""

    def column(self, name: str) -> ColumnFacts | None:
        return next((c for c in self.columns if c.name == name), None)

    @property
    def shape(self) -> tuple[str, tuple[ColumnFacts, ...]]:
        """What must be the same at the end of a sweep as at its beginning."""
        return self.identity, self.columns


@dataclasses.dataclass(frozen=True, slots=True)
class ServerFacts:
    """One server. Hashes are comparable where engine and probe agree."""

    engine: str
    """postgresql or mariadb."""
    version: int
    """Major version."""
    encoding: str = "UTF8"
    probe: tuple[str, ...] = ()
    """Hashes of known values, to be compared with the other server's."""
