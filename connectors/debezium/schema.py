"""What a record's own schema says about its fields: Kafka Connect's JSON form.

`connect_wires` gives each column of a row its `Wire`; `connectors.debezium.avro_schema` does the
same for Avro, through the same table of semantic names.
"""

import dataclasses
from collections.abc import Hashable, Mapping
from typing import Any, Protocol

from figwatch.validators.canonical.kinds import Base, Kind
from figwatch.validators.canonical.wire import Encoding, Wire

SCHEMA_DEPTH_MAX = 32
VARBIT_BITS_MIN = 192
"""Bit strings this long may be stored out of line, and then Debezium shows null for unchanged."""


class BadSchemaError(ValueError):
    """A schema that cannot be understood."""


def _wire(base: Base, encoding: Encoding | None = None, digits: int | None = None) -> Wire:
    return Wire(Kind(base, digits=digits), encoding)


_MS, _US, _NS = Encoding.MS, Encoding.US, Encoding.NS
SEMANTIC: dict[str, Wire] = {
    "org.apache.kafka.connect.data.Date": _wire(Base.DATE, Encoding.DAYS),
    "org.apache.kafka.connect.data.Time": _wire(Base.TIME, _MS, 3),
    "org.apache.kafka.connect.data.Timestamp": _wire(Base.TIMESTAMP, _MS, 3),
    "io.debezium.time.Date": _wire(Base.DATE, Encoding.DAYS),
    "io.debezium.time.IsoDate": _wire(Base.DATE, Encoding.ISO),
    "io.debezium.time.Time": _wire(Base.TIME, _MS, 3),
    "io.debezium.time.MicroTime": _wire(Base.TIME, _US, 6),
    "io.debezium.time.NanoTime": _wire(Base.TIME, _NS, 9),
    "io.debezium.time.IsoTime": _wire(Base.TIME, Encoding.ISO),
    "io.debezium.time.ZonedTime": _wire(Base.TIMETZ, Encoding.ISO),
    "io.debezium.time.Timestamp": _wire(Base.TIMESTAMP, _MS, 3),
    "io.debezium.time.MicroTimestamp": _wire(Base.TIMESTAMP, _US, 6),
    "io.debezium.time.NanoTimestamp": _wire(Base.TIMESTAMP, _NS, 9),
    "io.debezium.time.IsoTimestamp": _wire(Base.TIMESTAMP, Encoding.ISO),
    "io.debezium.time.ZonedTimestamp": _wire(Base.TIMESTAMPTZ, Encoding.ISO),
    "io.debezium.time.Year": _wire(Base.INT),
    "io.debezium.time.MicroDuration": _wire(Base.INTERVAL, _US),
    "io.debezium.time.NanoDuration": _wire(Base.INTERVAL, _NS),
    "io.debezium.time.Interval": _wire(Base.INTERVAL, Encoding.ISO),
    "io.debezium.data.Json": _wire(Base.JSON),
    "io.debezium.data.Uuid": _wire(Base.UUID),
    "io.debezium.data.Bits": _wire(Base.BITS, Encoding.BASE64),
    "io.debezium.data.VariableScaleDecimal": Wire(Kind(Base.DECIMAL), silent_null=True),
    "io.debezium.data.Enum": _wire(Base.TEXT),
    "io.debezium.data.EnumSet": _wire(Base.TEXT),
    "io.debezium.data.Xml": _wire(Base.TEXT),
    "io.debezium.data.Ltree": _wire(Base.TEXT),
    "io.debezium.data.geometry.Point": _wire(Base.JSON),
    "io.debezium.data.geometry.Geometry": _wire(Base.JSON),
    "io.debezium.data.geometry.Geography": _wire(Base.JSON),
}
DECIMAL = "org.apache.kafka.connect.data.Decimal"
_PRIMITIVE: dict[str, Base] = {
    "boolean": Base.BOOL,
    "int8": Base.INT,
    "int16": Base.INT,
    "int32": Base.INT,
    "int64": Base.INT,
    "float": Base.FLOAT32,
    "float32": Base.FLOAT32,
    "double": Base.FLOAT64,
    "float64": Base.FLOAT64,
    "string": Base.TEXT,
    "bytes": Base.BYTES,
    "map": Base.JSON,
    "struct": Base.JSON,
}
_SILENT_ITEMS = {Base.TIMESTAMPTZ, Base.DECIMAL, Base.FLOAT64, Base.BOOL}
"""Arrays of these show an unchanged value as null."""


def semantic(name: str, parameters: Mapping[str, Any]) -> Wire | None:
    """The Wire of a Connect semantic name, None for a name without one here."""
    if name == DECIMAL:
        scale = _integer(parameters.get("scale"))
        return Wire(Kind(Base.DECIMAL, scale=scale), Encoding.BASE64, scale)
    wire = SEMANTIC.get(name)
    if wire is not None and name == "io.debezium.data.Bits":
        length = _integer(parameters.get("length"))
        silent = length is None or length > VARBIT_BITS_MIN
        return dataclasses.replace(wire, silent_null=silent)
    return wire


def _integer(value: Any) -> int | None:
    try:
        return None if value is None else int(str(value)[:12])
    except ValueError:
        raise BadSchemaError("a schema parameter is no integer") from None


def connect_wire(schema: Any, depth: int = 0) -> Wire:
    """The Wire of one Connect field schema.

    Raises:
        BadSchemaError: no schema, or nested too deeply.
    """
    if not isinstance(schema, dict) or not isinstance(schema.get("type"), str):
        raise BadSchemaError("a field's schema has no type")
    if depth > SCHEMA_DEPTH_MAX:
        raise BadSchemaError(f"a schema is nested deeper than {SCHEMA_DEPTH_MAX}")
    name, kind = schema.get("name"), schema["type"]
    wire = None
    if isinstance(name, str):
        wire = semantic(name, schema.get("parameters") or {})
    if wire is None and kind == "array":
        item = connect_wire(schema.get("items"), depth + 1)
        wire = array_wire(item)
    if wire is None:
        base = _PRIMITIVE.get(kind)
        if base is None:
            raise BadSchemaError("a field's type is unknown")
        encoding = Encoding.BASE64 if base is Base.BYTES else None
        wire = Wire(Kind(base), encoding)
    return dataclasses.replace(
        wire,
        text=kind == "string",
        nullable_default=bool(schema.get("optional")) and schema.get("default") is not None,
        default=schema.get("default"),
    )


def array_wire(item: Wire) -> Wire:
    """The Wire of an array of `item`."""
    base = item.kind.base if item.kind is not None else Base.NATURAL
    return Wire(Kind(Base.ARRAY, item=item.kind), item=item, silent_null=base in _SILENT_ITEMS)


def struct_fields(schema: Any) -> dict[str, Any]:
    """Field name → field schema of a Connect struct.

    Raises:
        BadSchemaError: no struct.
    """
    fields = schema.get("fields") if isinstance(schema, dict) else None
    if not isinstance(fields, list):
        raise BadSchemaError("a struct's schema has no fields")
    found = {}
    for field in fields:
        if not isinstance(field, dict) or not isinstance(field.get("field"), str):
            raise BadSchemaError("a field of a struct's schema has no name")
        found[field["field"]] = field
    return found


def connect_wires(schema: Any) -> dict[str, Wire]:
    """Column → Wire of a row's (or key's) Connect struct."""
    return {name: connect_wire(field) for name, field in struct_fields(schema).items()}


class RecordSchema(Protocol):
    """A schema that came with a record, in either notation."""

    @property
    def identity(self) -> Hashable:
        """Equal for equal schemas."""

    def wires(self, member: str | None) -> dict[str, Wire]:
        """Column → Wire of the whole record, or of its member (`after`).

        Raises:
            BadSchemaError: it has no such columns.
        """


class ConnectSchema:
    """The schema that JsonConverter embeds."""

    def __init__(self, schema: Any, identity: Hashable) -> None:
        self._schema = schema
        self.identity = identity

    def wires(self, member: str | None) -> dict[str, Wire]:
        """See RecordSchema."""
        schema = self._schema
        if member is not None:
            schema = struct_fields(schema).get(member)
        return connect_wires(schema)
