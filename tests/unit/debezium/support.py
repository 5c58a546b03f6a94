"""Records as Debezium writes them, and a decoder of one pair to read them."""

import json

from figwatch.connectors.config.root import Config
from figwatch.connectors.debezium.decoder import Decoder

MONO, INV = "mono.public.items", "inv.public.copies"
TS = 1_700_000_000_123_456
SOURCE = {
    "version": "3.6.3.Final", "connector": "postgresql", "name": "mono", "ts_ms": TS // 1000,
    "snapshot": "false", "db": "monolith", "sequence": '["33466632","33466968"]', "ts_us": TS,
    "ts_ns": TS * 1000, "schema": "public", "table": "items", "txId": 776, "lsn": 33466632,
    "xmin": None,
}  # fmt: skip
MYSQL = {
    "version": "3.6.1.Final", "connector": "mysql", "name": "mono", "ts_ms": 1_700_000_000_000,
    "snapshot": "false", "db": "shop", "ts_us": 1_700_000_000_000_000, "table": "items",
    "server_id": 223344, "gtid": None, "file": "mysql-bin.000003", "pos": 484, "row": 0,
    "thread": 7, "query": None,
}  # fmt: skip


def config(columns=None, key=None, **options):
    sides = {
        "monolith": {"topic_prefix": "mono", "heartbeat_topic": "__debezium-heartbeat.mono",
                     "heartbeat_table": "public.beats"},
        "service": {"topic_prefix": "inv"},
    }  # fmt: skip
    for name, side in options.pop("sides", {}).items():
        sides[name] |= side
    pair = {
        "name": "items", "source": "public.items", "target": "public.copies",
        "key": key or {"id": "id"}, "columns": {"v": "v"} if columns is None else columns,
    }  # fmt: skip
    return Config.model_validate(
        {
            "migration": "m", "kafka": {"bootstrap_servers": "x:1"}, "sides": sides,
            "authority": "monolith", "pairs": [pair | options.pop("pair", {})], **options,
        }
    )  # fmt: skip


def decoder(columns=None, key=None, registries=None, types=None, **options):
    return Decoder(config(columns, key, **options), registries, types)


def dump(value):
    return None if value is None else json.dumps(value, separators=(",", ":")).encode()


def envelope(op="c", after=None, before=None, source=None, **more):
    return {
        "before": before, "after": after, "source": SOURCE | (source or {}), "transaction": None,
        "op": op, "ts_ms": TS // 1000 + 200, **more,
    }  # fmt: skip


def together(decoder, records, topic=MONO):
    """What a decoder makes of records of one topic that come at once: a list for each."""
    decode = decoder.for_batch(topic, records)
    return [list(decode(0, r.offset, TS, r.headers, r.key, r.value)) for r in records]


class Stream:
    """Feeds records to a decoder, with offsets counted."""

    def __init__(self, made, topic=MONO):
        self.decoder, self.topic, self.offset = made, topic, -1

    def raw(self, key, value, headers=(), partition=0):
        self.offset += 1
        return list(
            self.decoder.decode(
                self.topic, partition, self.offset, TS + 500_000, headers, key, value
            )
        )

    def send(self, op, after=None, key=None, before=None, headers=(), **source):
        key = key or {"id": (after or before or {}).get("id")}
        return self.raw(dump(key), dump(envelope(op, after, before, source)), headers)

    def one(self, *args, **kwargs):
        (found,) = self.send(*args, **kwargs)
        return found


def field(name, schema, *, optional=True, default=None):
    """A Connect field schema from a primitive's name or a schema."""
    made = dict(schema) if isinstance(schema, dict) else {"type": schema}
    made |= {"field": name, "optional": optional}
    return made if default is None else made | {"default": default}


def struct(fields, name="mono.public.items.Value"):
    return {"type": "struct", "optional": True, "name": name, "fields": fields}


def with_schema(value, fields):
    """An envelope as JsonConverter writes it with schemas.enable=true."""
    row = struct(fields)
    whole = {
        "type": "struct", "optional": False, "name": "mono.public.items.Envelope", "version": 2,
        "fields": [row | {"field": "before"}, row | {"field": "after"},
                   {"type": "struct", "fields": [field("ts_us", "int64")], "field": "source"},
                   field("op", "string", optional=False)],
    }  # fmt: skip
    return dump({"schema": whole, "payload": value})
