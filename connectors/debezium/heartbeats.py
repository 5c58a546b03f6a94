"""A connector's signs of life: plain heartbeats, and rows of a heartbeat table.

`streams` turns them into barriers; what each kind proves is said at `validators.change.Heartbeat`.
"""

from collections import Counter
from collections.abc import Sequence

from figwatch.connectors.debezium import source as sources
from figwatch.connectors.debezium.avro import AvroReader, Role
from figwatch.connectors.debezium.documents import document_of
from figwatch.connectors.debezium.framing import Headers
from figwatch.connectors.debezium.malformed import MalformedError, Reason
from figwatch.connectors.debezium.shapes import Event, Ignored, event_of
from figwatch.validators.change import Heartbeat, Malformed, Op, Side, Snapshot

MILLIS_MAX = 9_223_372_036_854_775  # microseconds of it still fit 64 bits
Beats = Sequence[Heartbeat | Malformed]


class Heartbeats:
    """Plain heartbeats: the connector's clock."""

    def __init__(
        self, topic: str, name: str, side: Side, avro: AvroReader, ignored: Counter[str]
    ) -> None:
        self._topic, self._name, self._side, self._avro = topic, name, side, avro
        self._ignored = ignored

    def decode(
        self,
        partition: int,
        offset: int,
        append_us: int,
        headers: Headers,
        _key: bytes | None,
        value: bytes | None,
    ) -> Beats:
        """A Heartbeat, or a Malformed.

        Raises:
            RegistryUnavailable: its Avro schema cannot be had now.
        """
        where = (self._topic, partition, offset, append_us)
        if value is None:  # what a CloudEventsConverter makes of a heartbeat
            self._ignored[Ignored.NULL_RECORD] += 1
            return ()
        try:
            document = document_of(value, headers, Role.VALUE, self._avro).value
        except MalformedError as error:
            return (Malformed(None, self._side, None, error.reason, str(error), *where),)
        millis = sources.integer(document.get("ts_ms")) if isinstance(document, dict) else None
        if millis is None or abs(millis) > MILLIS_MAX:
            detail = "a heartbeat without ts_ms"
            return (Malformed(None, self._side, None, Reason.NO_TIME, detail, *where),)
        return (Heartbeat(self._name, millis * 1_000, False, *where),)  # noqa: FBT003


class HeartbeatRows:
    """Rows that `heartbeat.action.query` wrote: the database's own commit time."""

    def __init__(
        self, topic: str, name: str, side: Side, avro: AvroReader, ignored: Counter[str]
    ) -> None:
        self._topic, self._name, self._side, self._avro = topic, name, side, avro
        self._ignored = ignored

    def decode(
        self,
        partition: int,
        offset: int,
        append_us: int,
        headers: Headers,
        _key: bytes | None,
        value: bytes | None,
    ) -> Beats:
        """A Heartbeat for every change of the table that the log shows; a snapshot's row proves
        nothing.

        Raises:
            RegistryUnavailable: its Avro schema cannot be had now.
        """
        where = (self._topic, partition, offset, append_us)
        if value is None:
            return ()
        try:
            commit_us = self._commit_us(value, headers)
        except MalformedError as error:
            return (Malformed(None, self._side, None, error.reason, str(error), *where),)
        if commit_us is None:
            self._ignored[Ignored.HEARTBEAT_SNAPSHOT] += 1
            return ()
        return (Heartbeat(self._name, commit_us, True, *where),)  # noqa: FBT003

    def _commit_us(self, value: bytes, headers: Headers) -> int | None:
        document = document_of(value, headers, Role.VALUE, self._avro).value
        try:
            event = event_of(document, headers)
        except ValueError as error:
            raise MalformedError(Reason.UNKNOWN_SHAPE, str(error)) from None
        if not isinstance(event, Event) or event.op not in "cud":
            return None
        if sources.snapshot_of(event.source, Op.UPDATE) is not Snapshot.NONE:
            return None
        found = sources.commit_us(event.source)
        if found is None:
            raise MalformedError(Reason.NO_TIME, "a heartbeat row without a commit time")
        return found
