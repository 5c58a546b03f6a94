"""A monolith on MySQL or MariaDB beside a service on PostgreSQL: every MySQL type in the modes of
its connector against the column that a migration makes of it. Equal rows are equal; the neighbour
of each value is not.
"""

import base64
import functools

import pytest

from tests.unit.debezium.support import (
    INV,
    MONO,
    MYSQL,
    Stream,
    decoder,
    dump,
    envelope,
    field,
    with_schema,
)

WARM = 3
"""Times that a record is sent: the last ones go the quick way."""


def of(kind, name=None, **parameters):
    return {"type": kind} | ({"name": name} if name else {}) | {"parameters": parameters}


def b64(data):
    return base64.b64encode(data).decode()


def whole(number):
    return b64(number.to_bytes(9, "big", signed=True))


@functools.cache
def decimal(scale):
    return ("bytes", "org.apache.kafka.connect.data.Decimal", scale)


def schema(kind):
    if isinstance(kind, dict):
        return kind
    if isinstance(kind, tuple):
        return of(kind[0], kind[1], scale=str(kind[2]))
    word = {"Json": "data.Json", "Enum": "data.Enum", "EnumSet": "data.EnumSet",
            "Bits": "data.Bits", "Uuid": "data.Uuid"}.get(kind, f"time.{kind}")  # fmt: skip
    types = {"Timestamp": "int64", "MicroTimestamp": "int64", "MicroTime": "int64",
             "NanoTimestamp": "int64", "Date": "int32", "Year": "int32",
             "Bits": "bytes"}  # fmt: skip
    if not kind[0].isupper():
        return of(kind)
    return of(types.get(kind, "string"), f"io.debezium.{word}", length="8", allowed="a,b")


FREE = of("struct", "io.debezium.data.VariableScaleDecimal") | {"fields": []}
GREAT = 2**64 - 1
NOON = 1_709_208_000_000
ID = "0b3d0c1e-8f0a-4c8b-9c6d-1a2b3c4d5e6f"
UNSIGNED = {"source_type": "uint64", "target_type": "numeric(20,0)"}
# name: MySQL's schema, value, neighbour; PostgreSQL's schema, value; what the configuration says
ROWS = {
    "bigint unsigned, precise": (decimal(0), whole(GREAT), whole(GREAT - 1),
                                 decimal(0), whole(GREAT), None),
    "bigint unsigned, precise, unconstrained": (decimal(0), whole(GREAT), whole(GREAT - 1), FREE,
                                                {"scale": 0, "value": whole(GREAT)}, None),
    "bigint unsigned, long": ("int64", -1, -2, decimal(0), whole(GREAT), UNSIGNED),
    "bigint unsigned, long, small": ("int64", 5, -5, "int64", 5, {"source_type": "uint64"}),
    "decimal as double": ("double", 1.1, 1.2, decimal(2), b64(b"\x6e"), None),
    "decimal zerofill as string": ("string", "0001.50", "0001.51", decimal(2), b64(b"\0\x96"),
                                   None),
    "float": ("double", 0.10000000149011612, 0.1000001, "float", 0.1, None),
    "year": ("Year", 2024, 2023, "int32", 2024, None),
    "year 0000": ("Year", 0, 1, "int32", 0, None),
    "year as text": ("Year", 2024, 2023, "string", "2024", None),
    "enum": ("Enum", "a", "b", "Enum", "a", None),
    "enum, invalid, against null": ("Enum", "", "a", "string", None, {"null_as": ""}),
    "set": ("EnumSet", "a,b", "a", "string", "a,b", None),
    "bit(1)": ("boolean", True, False, "boolean", True, None),
    "bit(1) as smallint": ("boolean", True, False, "int16", 1, None),
    "bit(8)": ("Bits", b64(b"\x03"), b64(b"\x02"), "Bits", b64(b"\x03"), {"type": "bits(8)"}),
    "bit(8) as smallint": ("Bits", b64(b"\x03"), b64(b"\x02"), "int16", 3, None),
    "tinyint(1)": ("int16", 1, 0, "boolean", True, None),
    "tinyint(1), false": ("int16", 0, 1, "boolean", False, None),
    "tinyint(1) of 2, a boolean by type": ("int16", 2, 0, "boolean", True, {"type": "bool"}),
    "tinyint(1), boolean in the stream": ("boolean", True, False, "boolean", True, None),
    "binary": ("bytes", b64(b"\xfb\xff\0"), b64(b"\xfb\xff"), "bytes", b64(b"\xfb\xff\0"), None),
    "binary as hex": ("string", "fbff00", "fbff", "bytes", b64(b"\xfb\xff\0"),
                      {"type": "bytes", "source_encoding": "hex"}),
    "binary as base64": ("string", "+/8A", "+/8=", "bytes", b64(b"\xfb\xff\0"),
                         {"type": "bytes", "source_encoding": "base64"}),
    "binary as base64-url-safe": ("string", "-_8A", "-_8=", "bytes", b64(b"\xfb\xff\0"),
                                  {"type": "bytes", "source_encoding": "base64"}),
    "binary(16) as uuid": ("bytes", b64(bytes.fromhex(ID.replace("-", ""))), b64(b"\1" * 16),
                           "Uuid", ID, {"type": "uuid"}),
    "char(36) as uuid": ("string", ID.upper(), ID.replace("0", "1"), "Uuid", ID, None),
    "json": ("Json", '{"a":2,"b":[1.0,"x"]}', '{"a":3}', "Json", '{"b": [1, "x"], "a": 2.0}', None),
    "MariaDB's json, a longtext": ("string", '{"a":2}', '{"a":3}', "Json", '{"a": 2}', None),
    "datetime(3)": ("Timestamp", NOON + 123, NOON, "MicroTimestamp", NOON * 1_000 + 123_000, None),
    "datetime(6), nanoseconds": ("NanoTimestamp", NOON * 10**6 + 1_000, NOON * 10**6,
                                 "MicroTimestamp", NOON * 1_000 + 1, None),
    "timestamp": ("ZonedTimestamp", "2024-02-29T12:00:00Z", "2024-02-29T12:00:01Z",
                  "ZonedTimestamp", "2024-02-29T12:00:00.000000Z", None),
    "timestamp without zone": ("ZonedTimestamp", "2024-02-29T12:00:00Z", "2024-02-29T12:00:01Z",
                               "MicroTimestamp", NOON * 1_000, None),
    "datetime as timestamptz": ("Timestamp", NOON, NOON + 1, "ZonedTimestamp",
                                "2024-02-29T12:00:00.000000Z", None),
    "zero date": ("Date", None, 0, "Date", None, None),
    "zero datetime, not null": ("Timestamp", 0, 1, "MicroTimestamp", 0, None),
    "date as text": ("IsoDate", "2024-02-29Z", "2024-02-28Z", "Date", 19782, None),
    "time": ("MicroTime", -3_600_000_000, 0, "string", "-01:00:00", {"type": "time"}),
}  # fmt: skip


def change(made, topic, kind, value, source=None):
    stream = Stream(made, topic)
    fields = [field("id", "int32"), field("v", schema(kind))]
    record = with_schema(envelope("c", {"id": 1, "v": value}, source=source), fields)
    *_, found = [stream.raw(dump({"id": 1}), record)[0] for _ in range(WARM)]
    return found


@pytest.mark.parametrize("name", ROWS)
def test_a_mysql_value_equals_what_postgresql_holds_and_its_neighbour_does_not(name):
    kind, value, neighbour, target_kind, target, rule = ROWS[name]
    made = decoder({"v": rule or "v"})
    for kinds in ((MONO, kind, neighbour, MYSQL), (INV, target_kind, target)):
        change(made, *kinds)  # both schemas are known, as `learn` makes them
    mysql = change(made, MONO, kind, value, MYSQL)
    postgres = change(made, INV, target_kind, target)
    other = change(made, MONO, kind, neighbour, MYSQL)
    assert (postgres.key, postgres.fingerprint, ()) == (mysql.key, mysql.fingerprint, mysql.unknown)
    assert postgres.fingerprint != other.fingerprint
