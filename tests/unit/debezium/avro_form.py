"""The Avro twin of a Connect schema, as Confluent's AvroData writes it, and records in it."""

import io
import itertools
import json

import fastavro

_NAMES = itertools.count()
_PRIMITIVE = {"int8": "int", "int16": "int", "int32": "int", "int64": "long", "boolean": "boolean",
              "float": "float", "double": "double",
              "string": "string", "bytes": "bytes"}  # fmt: skip


def avro_type(schema):
    kind, name = schema["type"], schema.get("name")
    if kind == "array":
        return {"type": "array", "items": _optional(schema["items"])}
    if kind == "map":
        return {"type": "map", "values": ["null", "string"]}
    if kind == "struct":
        fields = [{"name": f["field"], "type": _optional(f)} for f in schema["fields"]]
        made = {"type": "record", "name": f"R{next(_NAMES)}", "fields": fields}
    else:
        made = {"type": _PRIMITIVE[kind]}
    if name is not None:
        made |= {"connect.name": name, "connect.version": 1}
        made["connect.parameters"] = schema.get("parameters", {})
    return made


def _optional(schema):
    made = avro_type(schema)
    return ["null", made] if schema.get("optional") else made


def envelope_schema(fields):
    row = {
        "type": "record",
        "name": "Value",
        "fields": [
            {"name": f["field"], "type": ["null", avro_type(f)], "default": None} for f in fields
        ],
    }
    source = {
        "type": "record",
        "name": "Source",
        "namespace": "io.debezium.connector.postgresql",
        "fields": [
            {"name": "version", "type": "string"},
            {"name": "ts_ms", "type": "long"},
            {"name": "snapshot", "type": [{"type": "string"}, "null"], "default": "false"},
            {"name": "ts_us", "type": ["null", "long"], "default": None},
            {"name": "txId", "type": ["null", "long"], "default": None},
            {"name": "lsn", "type": ["null", "long"], "default": None},
        ],
    }
    return {"type": "record", "name": "Envelope", "namespace": "mono.public.items", "fields": [
        {"name": "before", "type": ["null", row], "default": None},
        {"name": "after", "type": ["null", "Value"], "default": None},
        {"name": "source", "type": source},
        {"name": "transaction", "type": ["null", "string"], "default": None},
        {"name": "op", "type": "string"},
        {"name": "ts_ms", "type": ["null", "long"], "default": None}]}  # fmt: skip


def binary(schema, value):
    parsed = fastavro.parse_schema(json.loads(json.dumps(schema)))
    out = io.BytesIO()
    fastavro.schemaless_writer(out, parsed, value)
    return out.getvalue()
