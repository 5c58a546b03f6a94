"""The frame of what decodes a topic of routed writes: a record in, its facts or a `Malformed` out.

`figwatch.connectors.saga_decoder` and `...outbox_decoder` say what stands within.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from figwatch.connectors.debezium.avro import AvroReader, Role
from figwatch.connectors.debezium.malformed import MalformedError, Reason
from figwatch.connectors.debezium.shapes import Event, UnknownShapeError, event_of
from figwatch.connectors.record_fields import Headers, RecordView
from figwatch.validators.change import Malformed, Side

Facts: TypeAlias = Sequence[Any]
Decode: TypeAlias = Callable[[int, int, int, Headers, bytes | None, bytes | None], Facts]
"""(partition, offset, append time in microseconds, headers, key, value) to facts."""


class Where(NamedTuple):
    """Where a record stands, and which side's it is."""

    role: Side
    topic: str
    partition: int
    offset: int
    append_us: int

    def malformed(self, reason: str, detail: str) -> tuple[Malformed]:
        """What is said of a record that cannot be read."""
        return (Malformed(None, self.role, None, reason, detail, *self[1:]),)


Read: TypeAlias = Callable[[RecordView, Where], Facts]
ReadRow: TypeAlias = Callable[[Event, RecordView, Where], Facts]


def decoder(
    topic: str, role: Side, avro: AvroReader, read: Read, *, told_elsewhere: bool = False
) -> Decode:
    """What decodes a topic with `read`; nothing for a tombstone. `told_elsewhere`: another decoder
    says what is wrong with its records.
    """

    def decode(
        partition: int,
        offset: int,
        append_us: int,
        headers: Headers,
        key: bytes | None,
        value: bytes | None,
    ) -> Facts:
        if value is None:
            return ()
        where = Where(role, topic, partition, offset, append_us)
        try:
            return read(RecordView(headers, key, value, avro), where)
        except (MalformedError, UnknownShapeError) as error:
            if told_elsewhere:
                return ()
            reason = getattr(error, "reason", Reason.UNKNOWN_SHAPE)
            return where.malformed(reason, str(error))

    return decode


def of_rows(read: ReadRow) -> Read:
    """Reads row events; nothing for what is none."""

    def read_event(view: RecordView, where: Where) -> Facts:
        event = event_of(view.document(Role.VALUE), view.headers)
        return read(event, view, where) if isinstance(event, Event) else ()

    return read_event
