"""From the bytes of a key or value to a parsed document and the schema that came with it.

`connectors.debezium.shapes` says what a document means, `connectors.debezium.avro` reads Avro.
"""

import binascii
import contextlib
import dataclasses
from typing import Any

import msgspec

from figwatch.connectors.debezium.avro import AvroReader, Role
from figwatch.connectors.debezium.avro_schema import AvroSchema
from figwatch.connectors.debezium.framing import Headers
from figwatch.connectors.debezium.malformed import MalformedError, Reason
from figwatch.connectors.debezium.schema import ConnectSchema, RecordSchema
from figwatch.validators.canonical.json import parse_json

RECORD_BYTES_MAX = 64 * 1024 * 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """A parsed value; `prefix` is what stands before the payload of a record with embedded schema,
    where the next record is likely to start with the same bytes.
    """

    value: Any
    schema: RecordSchema | None = None
    prefix: bytes | None = None
    avro: AvroSchema | None = None
    """The schema, where the value is Avro."""
    data_schema: RecordSchema | None = None
    """Of the data of a CloudEvent, where they are Avro of their own (`data.serializer.type`)."""


class _Schemaful(msgspec.Struct, forbid_unknown_fields=True):
    payload: msgspec.Raw
    schema: msgspec.Raw


_FIRST_LETTERS = b"sp\\"
"""Of `schema` and `payload`, one of which comes first, or of a name that is written in escapes."""
_SCHEMAFUL = msgspec.json.Decoder(_Schemaful)


def document_of(data: bytes, headers: Headers, role: Role, avro: AvroReader) -> Document:
    """Parse a key or value; Avro in a CloudEvent is read, too.

    Raises:
        MalformedError: it is neither JSON nor readable Avro.
        RegistryUnavailable: its Avro schema cannot be had now.
    """
    if len(data) > RECORD_BYTES_MAX:
        raise MalformedError(Reason.TOO_LARGE, f"a record of more than {RECORD_BYTES_MAX} bytes")
    document = _document(data, headers, role, avro)
    inner = _inner(document.value)
    if inner is None:
        return document
    found = _document(inner, (), role, avro)
    value = document.value | {"data": found.value}
    return dataclasses.replace(document, value=value, avro=None, data_schema=found.schema)


def _inner(event: Any) -> bytes | None:
    """The Avro that CloudEventsConverter put into an event: bytes in Avro, base64 in JSON."""
    if event.__class__ is not dict or "specversion" not in event:
        return None
    data = event.get("data")
    if data.__class__ is str and data.startswith("A"):  # no JSON starts so
        with contextlib.suppress(ValueError):
            data = binascii.a2b_base64(data, strict_mode=True)
    return data if data.__class__ is bytes and data[:1] == b"\0" else None


def _document(data: bytes, headers: Headers, role: Role, avro: AvroReader) -> Document:
    found = avro.read(data, headers, role)
    if found is not None:
        document, schema = found
        return Document(document, schema, avro=schema)
    if data[:1] == b"{":
        schemaful = _embedded(data)
        if schemaful is not None:
            return schemaful
    return Document(_json(data))


def _embedded(data: bytes) -> Document | None:
    if data[1:2] == b'"' and data[2:3] not in _FIRST_LETTERS:
        return None
    try:
        both = _SCHEMAFUL.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    schema, payload = bytes(both.schema), bytes(both.payload)
    if schema == b"null":
        return Document(_json(payload))
    prefix = data[: len(data) - 1 - len(payload)]
    usual = prefix.endswith(b'"payload":') and prefix + payload + b"}" == data
    return Document(_json(payload), ConnectSchema(_json(schema), schema), prefix if usual else None)


def _json(data: bytes) -> Any:
    try:
        return parse_json(data)
    except (ValueError, ArithmeticError) as error:
        raise MalformedError(Reason.BAD_JSON, str(error)) from None
