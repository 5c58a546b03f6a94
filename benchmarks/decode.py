"""Decoding speed: one 700-byte envelope of 12 mapped columns to a Change, on one core.

Forms: JSON, JSON with schema, Avro in each framing. CPU time of this process, best round. The gate:
all rows have the same fingerprint in each form, and no two have the same one. Run:
`python -m benchmarks.decode [--records N]`.
"""

import argparse
import base64
import dataclasses
import io
import json
import time
from typing import Any

import fastavro

from figwatch.connectors.config.root import Config
from figwatch.connectors.debezium.avro import Registered
from figwatch.connectors.debezium.decoder import Decoder
from figwatch.connectors.debezium.framing import SchemaRef
from figwatch.validators.change import Change

TS = 1_700_000_000_123_456
TOPIC = "mono.public.inventory"
BATCH = 500
"""Records of a fetch."""
ROUNDS = 30
PRICES = [(100 + 7 * n).to_bytes(2, "big") for n in range(500)]
COLUMNS = {
    "sku": "string", "name": "string", "category": "string", "status": "string",
    "location": "string", "supplier": "string", "quantity": "int32", "reserved": "int32",
    "unit_price": "decimal", "weight": "int64", "created_at": "stamp", "updated_at": "stamp",
}  # fmt: skip
SCHEMAS = {
    "decimal": {"type": "bytes", "name": "org.apache.kafka.connect.data.Decimal",
                "parameters": {"scale": "2"}},
    "stamp": {"type": "int64", "name": "io.debezium.time.MicroTimestamp"},
}  # fmt: skip


def config() -> Config:
    typed: dict[str, Any] = {"unit_price": {"type": "decimal(2)", "source_encoding": "base64"}}
    stamp = {"type": "timestamp", "source_encoding": "us"}
    typed |= {"created_at": stamp, "updated_at": stamp}
    return Config.model_validate({
        "migration": "bench", "kafka": {"bootstrap_servers": "x:1"}, "authority": "monolith",
        "sides": {"monolith": {"topic_prefix": "mono"}, "service": {"topic_prefix": "inv"}},
        "pairs": [{"name": "stock", "source": "public.inventory", "target": "public.stock",
                   "key": {"item_id": "item_id"}, "columns": {c: c for c in COLUMNS} | typed}],
    })  # fmt: skip


def row(n: int) -> dict[str, Any]:
    return {
        "item_id": n, "sku": f"SKU-{n:08}", "name": f"Widget number {n}", "category": "hardware",
        "status": "active", "location": f"A-{n % 100:02}-{n % 10}", "supplier": "ACME Corp",
        "quantity": n % 1000, "reserved": n % 7, "weight": 1250 + n,
        "unit_price": base64.b64encode(PRICES[n % 500]).decode(),
        "created_at": TS + n, "updated_at": TS + 2 * n,
    }  # fmt: skip


def envelope(n: int) -> dict[str, Any]:
    return {
        "before": None, "after": row(n),
        "source": {
            "version": "3.6.3.Final", "connector": "postgresql", "name": "mono",
            "ts_ms": TS // 1000, "snapshot": "false", "db": "monolith",
            "sequence": '["33466632","33466968"]', "ts_us": TS, "ts_ns": TS * 1000,
            "schema": "public", "table": "inventory", "txId": 776, "lsn": 33466632 + n,
            "xmin": None,
        },
        "transaction": None, "op": "u", "ts_ms": TS // 1000 + 200, "ts_us": TS + 200_000,
        "ts_ns": TS * 1000 + 200_000_000,
    }  # fmt: skip


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def connect_schema() -> dict[str, Any]:
    fields = [{"type": "int64", "optional": False, "field": "item_id"}]
    fields += [SCHEMAS.get(kind, {"type": kind}) | {"optional": True, "field": c}
               for c, kind in COLUMNS.items()]  # fmt: skip
    value = {"type": "struct", "fields": fields, "optional": True}
    return {"type": "struct", "name": "mono.public.inventory.Envelope", "fields": [
        value | {"field": "before"}, value | {"field": "after"},
        {"type": "string", "field": "op"}]}  # fmt: skip


def avro_schema() -> dict[str, Any]:
    kinds = {"string": "string", "int32": "int", "int64": "long",
             "stamp": {"type": "long", "connect.name": "io.debezium.time.MicroTimestamp"},
             "decimal": {"type": "bytes", "connect.name": SCHEMAS["decimal"]["name"],
                         "connect.parameters": {"scale": "2"}}}  # fmt: skip
    fields = [{"name": "item_id", "type": "long"}]
    fields += [{"name": c, "type": ["null", kinds[kind]]} for c, kind in COLUMNS.items()]
    value = {"type": "record", "name": "Value", "fields": fields}
    example = envelope(0)
    longs = {"ts_ms", "ts_us", "ts_ns", "txId", "lsn", "xmin"}
    source = {"type": "record", "name": "Source", "fields": [
        {"name": name, "type": ["null", "long" if name in longs else "string"]}
        for name in example["source"]]}  # fmt: skip
    return {"type": "record", "name": "Envelope", "namespace": "mono.public.inventory", "fields": [
        {"name": "before", "type": ["null", value]}, {"name": "after", "type": ["null", "Value"]},
        {"name": "source", "type": source}, {"name": "transaction", "type": ["null", "string"]},
        {"name": "op", "type": "string"}, {"name": "ts_ms", "type": ["null", "long"]},
        {"name": "ts_us", "type": ["null", "long"]}, {"name": "ts_ns", "type": ["null", "long"]},
    ]}  # fmt: skip


FRAMES = {
    "avro": (b"\0\0\0\0\x01", b"\0\0\0\0\x02"),
    "avro, long ids": (b"\0" + (1).to_bytes(8, "big"), b"\0" + (2).to_bytes(8, "big")),
    "avro, ids in headers": (b"", b""),
}
"""What stands before a key and a value."""
IN_HEADERS = [(f"apicurio.{role}.globalId", number.to_bytes(8, "big"))
              for number, role in enumerate(("key", "value"), 1)]  # fmt: skip
KEY_SCHEMA = {"type": "record", "name": "Key", "fields": [{"name": "item_id", "type": "long"}]}


class Shelf:
    def schema(self, ref: SchemaRef) -> Registered:
        return Registered(compact([KEY_SCHEMA, avro_schema()][int(ref.value) - 1]).decode())


def records(form: str, count: int) -> tuple[list[bytes], list[bytes]]:
    keys = [compact({"item_id": n}) for n in range(count)]
    if form == "json":
        return keys, [compact(envelope(n)) for n in range(count)]
    if form == "json with schema":
        prefix = b'{"schema":' + compact(connect_schema()) + b',"payload":'
        return keys, [prefix + compact(envelope(n)) + b"}" for n in range(count)]
    key_frame, frame = FRAMES[form]
    return (
        [key_frame + binary(KEY_SCHEMA, {"item_id": n}) for n in range(count)],
        [frame + binary(avro_schema(), avro(n)) for n in range(count)],
    )


def avro(n: int) -> dict[str, Any]:
    value = envelope(n)
    value["after"]["unit_price"] = PRICES[n % 500]
    return value


def binary(schema: Any, value: Any, cache: dict[str, Any] = {}) -> bytes:  # noqa: B006  # parsed once
    key = schema["name"]
    parsed = cache.setdefault(key, fastavro.parse_schema(schema))
    out = io.BytesIO()
    fastavro.schemaless_writer(out, parsed, value)
    return out.getvalue()


@dataclasses.dataclass(slots=True)
class Record:
    """What the worker's consumer hands over."""

    offset: int
    headers: list[tuple[str, bytes]]
    key: bytes
    value: bytes


def measure(form: str, count: int) -> tuple[list[bytes | None], float, float]:
    keys, values = records(form, count)
    headers = [("__debezium.context.taskId", b"0"), ("__debezium.context.connectorName", b"m")]
    headers += IN_HEADERS * form.endswith("headers")
    consumed = [Record(n, list(headers), keys[n], values[n]) for n in range(count)]
    batches = [consumed[n : n + BATCH] for n in range(0, count, BATCH)]
    decoder = Decoder(config(), {"monolith": Shelf()})
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for batch in batches:
            decoded(decoder, batch)
        best = min(best, time.process_time() - began)
    changes = [change for batch in batches for change in decoded(decoder, batch)]
    assert all(isinstance(change, Change) for change in changes)
    return [change.fingerprint for change in changes], count / best, sum(map(len, values)) / count


def decoded(decoder: Decoder, batch: list[Record]) -> list[Any]:
    """As the worker does it."""
    found: list[Any] = []
    decode = decoder.for_batch(TOPIC, batch)
    for r in batch:
        found += decode(0, r.offset, TS, r.headers, r.key, r.value)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=5_000)
    count = parser.parse_args().records
    prints = []
    for form in ("json", "json with schema", *FRAMES):
        fingerprints, rate, size = measure(form, count)
        prints.append(fingerprints)
        print(f"{form:20} {size:6.0f} bytes {rate:10,.0f} records per CPU-second")
    assert all(prints[0] == each for each in prints), "the forms do not mean the same rows"
    assert len(set(prints[0])) == count, "rows that differ have one fingerprint"


if __name__ == "__main__":
    main()
