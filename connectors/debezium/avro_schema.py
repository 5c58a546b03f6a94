"""What an Avro schema says about a record's columns: the same as its Connect form, in Avro's words.

AvroData (Confluent, Apicurio) keeps Connect's semantic names in `connect.name`; Avro's own
logical types are understood where other writers use them.
"""

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any

from figwatch.connectors.debezium.schema import (
    DECIMAL,
    SCHEMA_DEPTH_MAX,
    BadSchemaError,
    array_wire,
    semantic,
)
from figwatch.validators.canonical.kinds import Base, Kind
from figwatch.validators.canonical.wire import Encoding, Wire

_PRIMITIVE = {
    "boolean": Base.BOOL,
    "int": Base.INT,
    "long": Base.INT,
    "float": Base.FLOAT32,
    "double": Base.FLOAT64,
    "string": Base.TEXT,
    "enum": Base.TEXT,
    "bytes": Base.BYTES,
    "fixed": Base.BYTES,
    "map": Base.JSON,
    "record": Base.JSON,
}
_LOGICAL: dict[str, Wire] = {
    "date": Wire(Kind(Base.DATE), Encoding.DAYS),
    "time-millis": Wire(Kind(Base.TIME, digits=3), Encoding.MS),
    "time-micros": Wire(Kind(Base.TIME, digits=6), Encoding.US),
    "timestamp-millis": Wire(Kind(Base.TIMESTAMPTZ, digits=3), Encoding.MS),
    "timestamp-micros": Wire(Kind(Base.TIMESTAMPTZ, digits=6), Encoding.US),
    "timestamp-nanos": Wire(Kind(Base.TIMESTAMPTZ, digits=9), Encoding.NS),
    "local-timestamp-millis": Wire(Kind(Base.TIMESTAMP, digits=3), Encoding.MS),
    "local-timestamp-micros": Wire(Kind(Base.TIMESTAMP, digits=6), Encoding.US),
    "local-timestamp-nanos": Wire(Kind(Base.TIMESTAMP, digits=9), Encoding.NS),
    "uuid": Wire(Kind(Base.UUID)),
}


class AvroSchema:
    """A parsed Avro schema as a RecordSchema."""

    def __init__(self, schema: Any, identity: Hashable, known: Sequence[Any] = ()) -> None:
        self.schema = schema
        self.identity = identity
        self.known = known

    def wires(self, member: str | None) -> dict[str, Wire]:
        """See `schema.RecordSchema`."""
        names: dict[str, Any] = {}
        fields = self._fields(member, names)
        return {field["name"]: _field(field, names) for field in fields}

    def types(self, member: str) -> dict[str, Any]:
        """Column → its Avro type, as it stands in the schema.

        Raises:
            BadSchemaError: it has no such columns.
        """
        return {field["name"]: field.get("type") for field in self._fields(member, {})}

    def _fields(self, member: str | None, names: dict[str, Any]) -> list[dict[str, Any]]:
        for schema in (*self.known, self.schema):
            _collect(schema, names, 0)
        record = _record(self.schema, names)
        if member is not None:
            found = next((f for f in record["fields"] if f.get("name") == member), None)
            if found is None:
                raise BadSchemaError(f"an Avro schema without `{member}`")
            record = _record(found.get("type"), names)
        fields: list[dict[str, Any]] = record["fields"]
        return fields


def _collect(schema: Any, names: dict[str, Any], depth: int) -> None:
    """Every named type by its short and full name."""
    if depth > SCHEMA_DEPTH_MAX:
        raise BadSchemaError(f"an Avro schema is nested deeper than {SCHEMA_DEPTH_MAX}")
    if isinstance(schema, list):
        for branch in schema:
            _collect(branch, names, depth + 1)
    elif isinstance(schema, dict):
        if isinstance(schema.get("name"), str) and schema.get("type") in {
            "record", "enum", "fixed",
        }:  # fmt: skip
            names[schema["name"]] = schema
            names[f"{schema.get('namespace', '')}.{schema['name']}"] = schema
        for field in schema.get("fields") or ():
            _collect(field.get("type"), names, depth + 1)
        for inner in ("items", "values", "type"):
            if isinstance(schema.get(inner), dict | list):
                _collect(schema[inner], names, depth + 1)


def _resolved(schema: Any, names: dict[str, Any]) -> Any:
    if isinstance(schema, str):
        return names.get(schema) or names.get(schema.rpartition(".")[2]) or {"type": schema}
    if isinstance(schema, dict) and isinstance(schema.get("type"), dict | list):
        return _resolved(schema["type"], names)
    return schema


def _record(schema: Any, names: dict[str, Any]) -> dict[str, Any]:
    schema = _resolved(schema, names)
    if isinstance(schema, list):
        records = [_resolved(branch, names) for branch in schema]
        schema = next((r for r in records if isinstance(r, dict) and r.get("fields")), None)
    if not isinstance(schema, dict) or not isinstance(schema.get("fields"), list):
        raise BadSchemaError("an Avro schema that is no record")
    return schema


def _field(field: dict[str, Any], names: dict[str, Any]) -> Wire:
    schema, nullable = _resolved(field.get("type"), names), False
    if isinstance(schema, list):
        branches = [b for b in schema if b != "null"]
        nullable = len(branches) < len(schema)
        schema = _resolved(branches[0], names) if len(branches) == 1 else {"type": "record"}
    wire = _wire(schema, names, 0)
    default = field.get("default")
    if isinstance(default, str) and schema.get("type") in {"bytes", "fixed"}:
        default = default.encode("latin-1", "replace")
    return dataclasses.replace(
        wire,
        text=schema.get("type") == "string",
        nullable_default=nullable and default is not None,
        default=default,
    )


def _wire(schema: Any, names: dict[str, Any], depth: int) -> Wire:
    if depth > SCHEMA_DEPTH_MAX:
        raise BadSchemaError(f"an Avro schema is nested deeper than {SCHEMA_DEPTH_MAX}")
    if isinstance(schema, list):
        branches = [b for b in schema if b != "null"]
        schema = branches[0] if len(branches) == 1 else {"type": "record"}
    schema = _resolved(schema, names)
    if not isinstance(schema, dict):
        raise BadSchemaError("an Avro field without a type")
    logical, name = schema.get("logicalType"), schema.get("connect.name")
    if logical == "decimal":
        return semantic(DECIMAL, {"scale": schema.get("scale", 0)}) or Wire()
    if isinstance(name, str):
        found = semantic(name, schema.get("connect.parameters") or {})
        if found is not None:
            return found
    if logical in _LOGICAL:
        return _LOGICAL[logical]
    if schema.get("type") == "array":
        return array_wire(_wire(schema.get("items"), names, depth + 1))
    base = _PRIMITIVE.get(str(schema.get("type")))
    if base is None:
        raise BadSchemaError("an Avro field of unknown type")
    return Wire(Kind(base))
