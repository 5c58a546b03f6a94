"""Avro records: their schema from the registry, their bytes through generated code.

`read` gives None for what is no Avro, so that JSON is tried next (`format: auto`). Framings are in
`connectors.debezium.framing`, the registry in `connectors.registry`; schemas that have been
met are read by `connectors.debezium.avro_direct`.
"""

import dataclasses
import enum
import struct
from typing import Any, Protocol

from figwatch.connectors.debezium.avro_compile import Reader, compile_reader
from figwatch.connectors.debezium.avro_schema import AvroSchema
from figwatch.connectors.debezium.framing import Headers, SchemaRef, frame_of
from figwatch.connectors.debezium.malformed import MalformedError, Reason
from figwatch.validators.canonical.json import parse_json

SCHEMAS_MAX = 10_000
UNFIT = (ValueError, IndexError, struct.error, RecursionError, TypeError, MemoryError)


class Role(enum.StrEnum):
    """Which half of a record."""

    KEY = "key"
    VALUE = "value"


@dataclasses.dataclass(frozen=True, slots=True)
class Registered:
    """A schema as the registry gave it; `kind` is its notation (AVRO, JSON, PROTOBUF)."""

    text: str
    kind: str = "AVRO"
    references: tuple[str, ...] = ()
    """Texts of the schemas that define names used in it."""


class UnknownSchemaError(ValueError):
    """The registry answered that it has no such schema."""


class SchemaSource(Protocol):
    """What the reader needs of a registry."""

    def schema(self, ref: SchemaRef) -> Registered:
        """The schema that a record names.

        Raises:
            UnknownSchemaError: there is none.
            RegistryUnavailable: it cannot be had now.
        """


@dataclasses.dataclass(frozen=True, slots=True)
class Compiled:
    """A schema and the function that reads its bytes; JSON Schema has no function."""

    schema: AvroSchema
    read: Reader | None


class AvroReader:
    """Reads the Avro records of one side. `form` is the configured format."""

    def __init__(self, source: SchemaSource | None = None, form: str = "auto") -> None:
        self._source = source
        self._form = form
        self.takes_json = form != "avro"
        self._compiled: dict[SchemaRef, Compiled] = {}

    def read(self, data: bytes, headers: Headers, role: Role) -> tuple[Any, Any] | None:
        """The document and its schema (a RecordSchema or None); None where it is no Avro.

        Raises:
            MalformedError: it is Avro, but cannot be read.
            RegistryUnavailable: its schema cannot be had now.
        """
        if self._form == "json":
            return None
        frame = frame_of(data, headers, role)
        if frame is None:
            if data[:1] == b"\0" or (not self.takes_json and role is Role.VALUE):
                raise MalformedError(Reason.UNKNOWN_FRAMING, f"the {role} is in no known framing")
            return None
        found = self._compiled.get(frame.ref) or self._compile(frame.ref, role)
        if found.read is None:
            return self._json(data[frame.start :]), None
        try:
            document, end = found.read(data, frame.start)
        except UNFIT:
            document, end = None, -1
        if end != len(data):
            raise MalformedError(
                Reason.BAD_AVRO, f"the {role}'s bytes do not fit schema {frame.ref.value}"
            )
        return document, found.schema

    def _compile(self, ref: SchemaRef, role: Role) -> Compiled:
        if self._source is None:
            raise MalformedError(
                Reason.UNKNOWN_FRAMING,
                f"the {role} is Avro, but the side has no schema_registry",
            )
        try:
            registered = self._source.schema(ref)
        except UnknownSchemaError as error:
            raise MalformedError(Reason.BAD_SCHEMA, str(error)) from None
        if len(self._compiled) >= SCHEMAS_MAX:
            self._compiled.clear()
        try:
            found = self._compiled[ref] = compiled(registered)
        except (*UNFIT, KeyError, AttributeError):
            detail = f"schema {ref.value} is no Avro schema that can be read"
            raise MalformedError(Reason.BAD_SCHEMA, detail) from None
        return found

    def _json(self, data: bytes) -> Any:
        try:
            return parse_json(data)
        except ValueError as error:
            raise MalformedError(Reason.BAD_JSON, str(error)) from None


def compiled(registered: Registered) -> Compiled:
    """Compile a schema of the registry.

    Raises:
        ValueError, KeyError, TypeError: it is no schema that can be read.
    """
    identity = (registered.text, registered.references)
    if registered.kind == "JSON":
        return Compiled(AvroSchema(None, identity), None)
    if registered.kind != "AVRO":
        raise ValueError("neither Avro nor JSON Schema")
    schema = parse_json(registered.text)
    known = [parse_json(text) for text in registered.references]
    return Compiled(AvroSchema(schema, identity, known), compile_reader(schema, known=known))
