"""What the doctor looks at: plain values fetched by `figwatch.connectors.doctor`, judged by the
pure `assess_*` functions of `figwatch.validators.doctor.connectors`, `doctor.kafka` and
`doctor.databases`.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar


class Outcome(enum.Enum):
    """What a check came to."""

    OK = "ok"
    """Looked at, nothing to mend."""
    NOTE = "note"
    """Worth knowing; verdicts are right as things are, or only a person can say."""
    WEAK = "weak"
    """Verdicts will be late, unknown, or less well proved."""
    WRONG = "wrong"
    """Verdicts may be wrong, or say nothing about what they seem to cover."""
    COULD_NOT_CHECK = "could_not_check"
    """It could not be looked at, so nothing is known of it."""


@dataclass(frozen=True)
class Check:
    """One thing looked at. `subject` is what it is about (a side, a table, a topic); `remedy` is
    exact, and empty where nothing is to be done.
    """

    name: str
    subject: str
    outcome: Outcome
    cause: str
    remedy: str = ""


@dataclass(frozen=True)
class CouldNot:
    """Facts that could not be fetched, why, and what would help."""

    reason: str
    remedy: str


Facts = TypeVar("Facts")


def could_not(name: str, subject: str, facts: CouldNot) -> Check:
    """The check of something that could not be looked at."""
    return Check(name, subject, Outcome.COULD_NOT_CHECK, facts.reason, facts.remedy)


@dataclass(frozen=True)
class ConnectorFacts:
    """A connector as Kafka Connect's REST interface shows it. Without its secrets."""

    name: str
    state: str
    tasks: tuple[str, ...]
    """State of each task."""
    config: Mapping[str, str]


@dataclass(frozen=True)
class TopicFacts:
    """A raw topic. `keyless` of `sampled` newest records have no key."""

    name: str
    cleanup_policy: str
    retention_hours: float | None
    """None: for ever."""
    bytes_bound: bool
    """Retention by size is set too."""
    ends: Mapping[int, int]
    """End offset of each partition."""
    begun_late: tuple[int, ...]
    """Partitions whose first offsets are gone."""
    sampled: int = 0
    keyless: int = 0
    newest_us: int = 0
    """Time of the newest sampled record, 0 for none."""


@dataclass(frozen=True)
class GroupFacts:
    """The replicator's consumer group; `committed` by topic and partition."""

    name: str
    state: str
    members: int
    committed: Mapping[tuple[str, int], int]


@dataclass(frozen=True)
class ColumnFacts:
    """A column. `toastable`: a value that an update leaves alone may be left out of its event."""

    name: str
    type: str
    nullable: bool
    has_default: bool
    toastable: bool
    fraction_digits: int | None = None
    """Of seconds, for times; None for other types."""


@dataclass(frozen=True)
class TableFacts:
    """A table. `identity` is PostgreSQL's letter: d(efault), f(ull), i(ndex), n(othing).
    What MariaDB and MySQL write is a matter of the server (`BinlogFacts`): full.
    """

    name: str
    identity: str
    identity_columns: tuple[str, ...]
    """Columns of the index, for identity i."""
    primary_key: tuple[str, ...]
    columns: tuple[ColumnFacts, ...]

    def column(self, name: str) -> ColumnFacts | None:
        """The column of that name."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True)
class SlotFacts:
    """A replication slot. `held_bytes` of write-ahead log wait for it."""

    name: str
    active: bool
    wal_status: str
    held_bytes: int


@dataclass(frozen=True)
class PublicationFacts:
    """A publication and the tables in it."""

    name: str
    all_tables: bool
    tables: frozenset[str]
    operations: frozenset[str]
    """Of insert, update, delete, truncate."""


@dataclass(frozen=True)
class BinlogFacts:
    """How MariaDB or MySQL writes its log; names and values are those of its variables."""

    enabled: bool
    format: str
    row_image: str
    retention_hours: float | None
    """None: for ever."""
    partial_json: bool = False
    """MySQL's `binlog_row_value_options`: updates of JSON carry the difference alone."""
    exact_times: bool = False
    """Commit times are known to the microsecond: MySQL with GTIDs."""


@dataclass(frozen=True)
class DatabaseFacts:
    """One side's database. `wal_level`, slots and publications are PostgreSQL's, `binlog` is
    MariaDB's and MySQL's. The clock difference is its clock minus ours, known to within the
    uncertainty (half of the question's round trip); all in microseconds.
    """

    version: str
    wal_level: str
    clock_difference_us: int
    clock_uncertainty_us: int
    tables: Mapping[str, TableFacts]
    """Those of the pairs that exist."""
    slots: Mapping[str, SlotFacts] = field(default_factory=dict)
    publications: Mapping[str, PublicationFacts] = field(default_factory=dict)
    binlog: BinlogFacts | None = None


@dataclass(frozen=True)
class Expected:
    """What the configuration says about one side and its part in the pairs."""

    side: str
    follows: bool
    """It is the side that must follow (the target)."""
    topic_prefix: str
    heartbeat_topic: str | None
    heartbeat_table: str | None
    clock_skew_us: int
    topics: tuple[str, ...]
    tables: Mapping[str, "ExpectedTable"]
    allowed_disorder_us: int = 10_000


@dataclass(frozen=True)
class ExpectedTable:
    """A table of the pairs: the columns that figwatch needs of it."""

    key: frozenset[str]
    mapped: frozenset[str]
    """Key columns included."""
    ignored: frozenset[str]
    """Left out on purpose."""


@dataclass(frozen=True)
class Limits:
    """From where on something is called a problem; see DoctorConfig."""

    clock_difference_max_us: int = 1_000_000
    slot_held_max_bytes: int = 1 << 30
    retention_min_hours: float = 24.0
    heartbeat_age_max_us: int = 60_000_000
