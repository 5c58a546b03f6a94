"""The row in a raw record, for `explain --values`. The values are shown as the record has them."""

from typing import Any

from figwatch.connectors.capture import RawRecord
from figwatch.connectors.debezium.avro import AvroReader, Role
from figwatch.connectors.debezium.documents import document_of
from figwatch.connectors.debezium.malformed import MalformedError
from figwatch.connectors.debezium.shapes import Event, UnknownShapeError, event_of


def raw_row(raw: RawRecord, avro: AvroReader | None = None) -> dict[str, Any] | None:
    """The row after the event; None where there is none, or it cannot be read."""
    if raw.value is None:
        return None
    try:
        document = document_of(raw.value, raw.headers, Role.VALUE, avro or AvroReader())
        event = event_of(document.value, raw.headers)
    except (MalformedError, UnknownShapeError):
        return None
    return dict(event.after) if isinstance(event, Event) and event.after is not None else None
