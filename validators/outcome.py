"""The judge's answers: verdict, kind, evidence, and the reason when it cannot tell.

Used by `figwatch.validators.rules` (which gives them) and everything that reports them.
"""

import enum

import msgspec


class Verdict(enum.IntEnum):
    """What is known of one key; `name.lower()` is its public spelling."""

    CONSISTENT = 0
    """Both sides mean the same row (both absent counts)."""
    IN_FLIGHT = 1
    """Different, and the replicator may still be on its way."""
    OVERDUE = 2
    """Different for longer than the objective; not proved lost."""
    DIVERGENT = 3
    """Different, and nothing under way can mend it."""
    UNKNOWN = 4
    """Cannot be told; the reason says why."""


class Kind(enum.IntEnum):
    """How a divergent key differs."""

    MISSING = 0
    """The source has the row, the target does not."""
    EXTRA = 1
    """The target has a row that the source does not."""
    STALE = 2
    """The target shows an earlier version."""
    VALUE_MISMATCH = 3
    """The target shows a value that the source, as far as known, never had."""


class Evidence(enum.IntEnum):
    """What a divergence was proved with."""

    FENCE = 0
    """The replicator's committed offset is past the change (condition F)."""
    HISTORY = 1
    """The whole history is known and the value is not in it (condition J)."""
    TIMEOUT = 2
    """No fence configured: it has lasted beyond the give-up age. Weaker."""
    SWEEP = 3
    """An independent comparison of the tables, settled against the streams."""


class Reason(enum.IntEnum):
    """Why a key is unknown; `remedy` says what would resolve it."""

    NONE = 0
    MALFORMED = 1
    """An event of this key could not be decoded."""
    MALFORMED_PARTITION = 2
    """A record of its partition could not be decoded, not even its key."""
    GAP = 3
    """Records of its partition were gone before they were read."""
    NOT_REREAD = 4
    """A new snapshot (after a lost slot, say) did not show this row."""
    SNAPSHOT_RUNNING = 5
    """The side's snapshot has not finished, so absence means nothing yet."""
    NOT_FROM_BEGINNING = 6
    """The side's topic was not read from its beginning and no snapshot followed."""
    UNKNOWN_COLUMNS = 7
    """The known columns agree; others were never seen (unchanged TOAST)."""
    INCOMPLETE_HISTORY = 8
    """The target's value may be a version from before the known history."""
    DEMOTED_FENCE = 9
    """The replicator was seen to break what the fence rests on."""
    NULL_OR_DEFAULT = 10
    """The known columns agree; in another one null and the DEFAULT (or null and NaN) cannot be told
    apart."""
    SCHEMA_CHANGED = 11
    """Last seen before a new schema changed how columns are compared."""
    COPY_OR_NEW = 12
    """An event at a lower position in the same second: emitted again, or new after a restore."""


REMEDIES = {
    Reason.NONE: "",
    Reason.MALFORMED: "the key's next good event, or a sweep; the record is in the dead letters",
    Reason.MALFORMED_PARTITION: "each key's next good event, or a sweep",
    Reason.GAP: "each key's next event, a new snapshot, or a sweep",
    Reason.NOT_REREAD: "the key's next event, or a sweep",
    Reason.SNAPSHOT_RUNNING: "the end of the connector's snapshot",
    Reason.NOT_FROM_BEGINNING: "a new snapshot by the connector, or a sweep",
    Reason.UNKNOWN_COLUMNS: "REPLICA IDENTITY FULL, a change of those columns, or a sweep",
    Reason.INCOMPLETE_HISTORY: "the fence (consumer_group of the target side) or a sweep",
    Reason.NULL_OR_DEFAULT: "replace.null.with.default=false on the converter (and the flatten "
    "transform), decimal.handling.mode=string for NaN, null_default on the column, or a sweep",
    Reason.SCHEMA_CHANGED: "each key's next event, or a sweep; configure the columns' types",
    Reason.COPY_OR_NEW: "the key's last event, emitted again too; its next one in a later second; "
    "or a sweep",
    Reason.DEMOTED_FENCE: "a replicator that commits offsets after its write, or a sweep",
}


class Judgement(msgspec.Struct, frozen=True, gc=False):
    """One evaluation of one key."""

    verdict: Verdict
    rule: str
    """Name of the rule that decided, for `explain`."""
    reason: Reason = Reason.NONE
    kind: Kind | None = None
    evidence: Evidence | None = None
    since_us: int = 0
    """Commit time from which the sides differ (0 when they do not)."""
    incomplete_history: bool = False
    reading_us: int = 0
    """Answer time of the reading that proved it (0: none)."""
    committed: int = 0
    """What the replicator had committed by that reading."""
