"""Every type of the Debezium reference, section 2, in every converter mode: the table from which
the tests and docs/types.md are made.

A group holds forms of ONE value; all must have the same fingerprint, its `others` a different one.
"""

import base64
import dataclasses
from decimal import Decimal
from typing import Any

NOTHING = object()


@dataclasses.dataclass(frozen=True)
class Form:
    """How a value arrives. `schema`: Connect's; without one, `encoding` is configured."""

    mode: str
    raw: Any
    schema: dict[str, Any] | None = None
    encoding: str | None = None
    avro: Any = NOTHING
    """The value as Avro holds it, where that differs from `raw`; None: not written in Avro."""


@dataclasses.dataclass(frozen=True)
class Group:
    cases: str
    type: str
    canonical: str
    forms: tuple[Form, ...]
    others: tuple[Any, ...] = ()
    """Raw values of the first form's kind that must differ."""


def connect(kind: str, name: str | None = None, **parameters: Any) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": kind}
    if name is not None:
        schema |= {"name": name, "version": 1}
    if parameters:
        schema["parameters"] = {key: str(value) for key, value in parameters.items()}
    return schema


def decimal(scale: int) -> dict[str, Any]:
    return connect("bytes", "org.apache.kafka.connect.data.Decimal", scale=scale)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 8) // 8, "big", signed=True))


def variable(value: int, scale: int) -> Form:
    schema = connect("struct", "io.debezium.data.VariableScaleDecimal") | {
        "fields": [{"type": "int32", "field": "scale"}, {"type": "bytes", "field": "value"}]
    }
    return Form("precise, unconstrained", {"scale": scale, "value": number(value)}, schema,
                avro={"scale": scale, "value": base64.b64decode(number(value))})  # fmt: skip


def fixed(value: int, scale: int, mode: str = "precise") -> Form:
    data = number(value)
    return Form(mode, data, decimal(scale), avro=base64.b64decode(data))


DEBEZIUM = "io.debezium.time."
CONNECT = "org.apache.kafka.connect.data."
STAMP = 1_709_208_000_123_000  # 2024-02-29T12:00:00.123Z
HUGE = 10**4_999 + 7
TEXT = connect("string")


def _times() -> tuple[Group, ...]:
    def stamps(micros: int, iso: str) -> tuple[Form, ...]:
        whole = micros % 1000 == 0
        return (
            *((Form("adaptive, p<=3", micros // 1000, connect("int64", DEBEZIUM + "Timestamp")),
               Form("connect", micros // 1000, connect("int64", CONNECT + "Timestamp")),
               Form("ms, no schema", micros // 1000, encoding="ms")) if whole else ()),
            Form("adaptive, microseconds", micros, connect("int64", DEBEZIUM + "MicroTimestamp")),
            Form("nanoseconds", micros * 1000, connect("int64", DEBEZIUM + "NanoTimestamp")),
            Form("isostring", iso, connect("string", DEBEZIUM + "IsoTimestamp")),
            Form("us, no schema", micros, encoding="us"),
            Form("ns, no schema", micros * 1000, encoding="ns"),
            Form("iso, no schema", iso, encoding="iso"),
        )  # fmt: skip

    return (
        Group("26", "timestamp", "2024-02-29T12:00:00.123",
              stamps(STAMP, "2024-02-29T12:00:00.123Z"), (STAMP // 1000 + 1,)),
        Group("27", "timestamp", "1969-12-31T23:59:59.999999",
              stamps(-1, "1969-12-31T23:59:59.999999Z"), (0, -2)),
        Group("29", "timestamp", "infinity", (
            Form("adaptive, microseconds", 9223372036825200000,
                 connect("int64", DEBEZIUM + "MicroTimestamp")),
            Form("connect", 9223372036825200, connect("int64", CONNECT + "Timestamp")),
            Form("nanoseconds", 2**63 - 1, connect("int64", DEBEZIUM + "NanoTimestamp")),
            Form("string", "infinity", connect("string", DEBEZIUM + "IsoTimestamp")),
            Form("isostring", "+294247-01-10T04:00:25.2Z",
                 connect("string", DEBEZIUM + "IsoTimestamp"))),
            (-9223372036832400000, 0)),
        Group("29", "timestamp", "-infinity", (
            Form("adaptive, microseconds", -9223372036832400000,
                 connect("int64", DEBEZIUM + "MicroTimestamp")),
            Form("connect", -9223372036832400, connect("int64", CONNECT + "Timestamp")),
            Form("nanoseconds", -(2**63), connect("int64", DEBEZIUM + "NanoTimestamp")),
            Form("string", "-infinity", connect("string", DEBEZIUM + "IsoTimestamp")),
            Form("isostring", "-290308-12-21T19:59:27.6Z",
                 connect("string", DEBEZIUM + "IsoTimestamp"))), (0,)),
        Group("30", "timestamptz", "12024-01-01T00:00:00Z", (
            Form("any", "+12024-01-01T00:00:00Z", connect("string", DEBEZIUM + "ZonedTimestamp")),
            Form("us, no schema", 317273587200000000, encoding="us")),
            ("+12025-01-01T00:00:00Z",)),
        Group("30", "timestamptz", "-043-03-15T00:00:00Z", (
            Form("any", "-0043-03-15T00:00:00Z", connect("string", DEBEZIUM + "ZonedTimestamp")),
            Form("us, no schema", -63517824000000000, encoding="us")),
            ("0043-03-15T00:00:00Z",)),
        Group("31", "timestamptz", "2024-02-29T12:00:00.5Z", (
            Form("any", "2024-02-29T12:00:00.500000Z",
                 connect("string", DEBEZIUM + "ZonedTimestamp")),
            Form("offset", "2024-02-29T14:00:00.5+02:00",
                 connect("string", DEBEZIUM + "ZonedTimestamp")),
            Form("offset, no schema", "2024-02-29T06:30:00.5-05:30", encoding="iso")),
            ("2024-02-29T12:00:00.500001Z",)),
        Group("31", "timetz", "04:05:06.789", (
            Form("any", "04:05:06.789Z", connect("string", DEBEZIUM + "ZonedTime")),
            Form("offset", "06:05:06.789+02:00", connect("string", DEBEZIUM + "ZonedTime"))),
            ("04:05:06.788Z",)),
        Group("26", "time", "04:05:06.789", (
            Form("adaptive, p<=3", 14_706_789, connect("int32", DEBEZIUM + "Time")),
            Form("connect", 14_706_789, connect("int32", CONNECT + "Time")),
            Form("adaptive, microseconds", 14_706_789_000,
                 connect("int64", DEBEZIUM + "MicroTime")),
            Form("nanoseconds", 14_706_789_000_000, connect("int64", DEBEZIUM + "NanoTime")),
            Form("isostring", "04:05:06.789Z", connect("string", DEBEZIUM + "IsoTime")),
            Form("us, no schema", 14_706_789_000, encoding="us")), (14_706_788,)),
        Group("42", "time", "-1:00:00 (MySQL)", (
            Form("adaptive_time_microseconds", -3_600_000_000,
                 connect("int64", DEBEZIUM + "MicroTime")),
            Form("text, no schema", "-01:00:00", encoding="iso")), (3_600_000_000,)),
        Group("42", "time", "838:59:59 (MySQL)", (
            Form("adaptive_time_microseconds", 3_020_399_000_000,
                 connect("int64", DEBEZIUM + "MicroTime")),
            Form("text, no schema", "838:59:59", encoding="us")), (3_020_398_000_000,)),
        Group("26", "date", "2024-02-29", (
            Form("adaptive", 19_782, connect("int32", DEBEZIUM + "Date")),
            Form("connect", 19_782, connect("int32", CONNECT + "Date")),
            Form("isostring", "2024-02-29Z", connect("string", DEBEZIUM + "IsoDate")),
            Form("days, no schema", 19_782, encoding="days"),
            Form("iso, no schema", "2024-02-29", encoding="iso")), (19_783,)),
        Group("29", "date", "infinity", (
            Form("stream", -2147472692, connect("int32", DEBEZIUM + "Date")),
            Form("snapshot", -622191234, connect("int32", DEBEZIUM + "Date")),
            Form("isostring", "infinity", connect("string", DEBEZIUM + "IsoDate")),
            Form("isostring, stream", "-5877611-06-21Z", connect("string", DEBEZIUM + "IsoDate")),
            Form("isostring, snapshot", "+292278994-08-16Z",
                 connect("string", DEBEZIUM + "IsoDate"))),
            (-2147472691, -625821272)),
        Group("29", "date", "-infinity", (
            Form("stream", -2147472691, connect("int32", DEBEZIUM + "Date")),
            Form("snapshot", -625821272, connect("int32", DEBEZIUM + "Date")),
            Form("isostring, stream", "-5877611-06-22Z", connect("string", DEBEZIUM + "IsoDate")),
            Form("isostring, snapshot", "+292269055-12-02Z",
                 connect("string", DEBEZIUM + "IsoDate"))), (0,)),
        Group("32", "interval", "P1Y2M3DT4H5M6.78S", (
            Form("string", "P1Y2M3DT4H5M6.78S", connect("string", DEBEZIUM + "Interval")),
            Form("iso, no schema", "P14M3DT4H5M6.780000S", encoding="iso")),
            ("P1Y2M3DT4H5M6.79S", "P1Y2M4DT4H5M6.78S")),
        Group("32", "interval", "37,091,106.78 s (lossy)", (
            Form("numeric", 37_091_106_780_000, connect("int64", DEBEZIUM + "MicroDuration")),
            Form("string", "P1Y2M3DT4H5M6.78S", connect("string", DEBEZIUM + "Interval"))),
            (37_091_106_780_001,)),
    )  # fmt: skip


def _numbers() -> tuple[Group, ...]:
    nan = (
        Form("string", "NAN", TEXT),
        Form("double", "NaN", connect("double"), avro=float("nan")),
        Form("string, no schema", "NaN", encoding="string"),
    )
    return (
        Group("21, 23", "decimal(2)", "1.5", (
            fixed(150, 2), variable(15, 1), Form("string", "1.50", TEXT),
            Form("double", 1.5, connect("double")),
            Form("precise as JSON number", Decimal("1.50"), decimal(2), avro=None),
            Form("base64, no schema", "AJY=", encoding="base64"),
            Form("string, no schema", "1.5000", encoding="string"),
            Form("number, no schema", Decimal("1.50"), encoding="number")), ("AJc=",)),
        Group("22", "decimal(2)", "-0.01", (
            Form("precise", "/w==", decimal(2), avro=b"\xff"), variable(-1, 2),
            Form("string", "-0.01", TEXT)), ("AQ==",)),
        Group("25", "decimal", "12300 (numeric(5,-2))", (
            fixed(12300 * 10**2046, 2046), fixed(123, 2046, "precise, not padded"),
            Form("string", "12300." + "0" * 2046, TEXT), fixed(12300, 0)), ()),
        Group("24", "decimal", "NaN", nan, (Decimal(1),)),
        Group("48", "decimal", "10^4999 + 7 (5,000 digits)", (
            variable(HUGE, 0), Form("string", f"{Decimal(HUGE)}", TEXT),
            Form("number, no schema", Decimal(HUGE), encoding="number")),
            ({"scale": 0, "value": number(HUGE + 1)},)),
        Group("", "decimal", "-3.7 (money)", (
            fixed(-370, 2), Form("string", "-3.70", TEXT)), (number(-371),)),
        Group("39", "uint64", "18446744073709551615", (
            Form("long", -1, connect("int64")), fixed(2**64 - 1, 0),
            Form("number, no schema", 2**64 - 1)), (1,)),
        Group("", "int", "7", (
            Form("any", 7, connect("int64")), Form("text", "7", TEXT),
            Form("number, no schema", 7)), (8,)),
        Group("40", "bool", "true", (
            Form("boolean", raw=True, schema=connect("boolean")),
            Form("tinyint(1)", 1, connect("int16")),
            Form("text", "t", TEXT), Form("number, no schema", 1)), (False,)),
        Group("47", "float64", "NaN", (
            Form("any", "NaN", connect("double"), avro=float("nan")),
            Form("no schema", "NaN")), (1.5, "Infinity")),
        Group("47", "float64", "-Infinity", (
            Form("any", "-Infinity", connect("double"), avro=float("-inf")),
            Form("no schema", "-Infinity")), ("Infinity",)),
        Group("", "float64", "0.1", (
            Form("any", 0.1, connect("double")), Form("no schema", Decimal("0.10"))), (0.2,)),
        Group("", "float32", "0.1", (
            Form("any", Decimal("0.1"), connect("float"), avro=0.1),
            Form("double column", Decimal("0.10000000149011612"), connect("double"),
                 avro=0.10000000149011612)), (Decimal("0.2"),)),
        Group("33", "bits(10)", "1100000001", (
            Form("any", "AQM=", connect("bytes", "io.debezium.data.Bits", length=10),
                 avro=b"\x01\x03"),
            Form("text, no schema", "1100000001", encoding="string"),
            Form("base64, no schema", "AQM=", encoding="base64")), ("AQI=",)),
        Group("33", "bool", "true (bit(1))", (
            Form("any", raw=True, schema=connect("boolean")),), (False,)),
    )  # fmt: skip


def _texts() -> tuple[Group, ...]:
    data = b"\x00\xffbytes?>"
    jsons = connect("string", "io.debezium.data.Json")
    enum = connect("string", "io.debezium.data.Enum", allowed="a,b")
    return (
        Group("", "bytes", data.hex(), (
            Form("bytes", b64(data), connect("bytes"), avro=data),
            Form("base64-url-safe", base64.urlsafe_b64encode(data).decode(), TEXT,
                 encoding="base64"),
            Form("hex", data.hex(), TEXT, encoding="hex"),
            Form("hex, no schema", data.hex(), encoding="hex"),
            Form("base64, no schema", b64(data), encoding="base64")), (b64(b"x"),)),
        Group("37", "json", '{"a":[1,2.5],"b":null}', (
            Form("any", '{"a": [1, 2.50], "b": null}', jsons),
            Form("key order", '{"b":null,"a":[1.0,2.5]}', jsons),
            Form("duplicate keys", '{"a":0,"b":null,"a":[1,2.5]}', jsons),
            Form("no schema", '{"a":[1,25e-1],"b":null}')),
            ('{"a":[1,2.5]}', '{"a":[2.5,1],"b":null}', '{"a":["1",2.5],"b":null}')),
        Group("38", "json", '{"k":"v","n":null} (hstore)', (
            Form("json", '{"k":"v","n":null}', jsons),
            Form("map", {"n": None, "k": "v"},
                 {"type": "map", "keys": TEXT, "values": TEXT | {"optional": True}}),
            Form("map, no schema", {"k": "v", "n": None})), ('{"k":"v"}',)),
        Group("46", "char", "ab", (
            Form("char(5)", "ab   ", TEXT), Form("varchar", "ab", TEXT),
            Form("no schema", "ab ")), ("abc", " ab")),
        Group("46", "text", "ab (trailing space kept)", (
            Form("varchar", "ab ", TEXT), Form("no schema", "ab ")), ("ab",)),
        Group("", "uuid", "9f86d081-884c-4d65-9a2f-eaa0c55ad015", (
            Form("any", "9f86d081-884c-4d65-9a2f-eaa0c55ad015",
                 connect("string", "io.debezium.data.Uuid")),
            Form("upper case", "9F86D081-884C-4D65-9A2F-EAA0C55AD015", TEXT)),
            ("9f86d081-884c-4d65-9a2f-eaa0c55ad016",)),
        Group("", "text", "a (enum)", (
            Form("any", "a", enum), Form("text", "a", TEXT)), ("b",)),
        Group("", "text", "[1,5) (range)", (
            Form("any", "[1,5)", TEXT), Form("no schema", "[1,5)")), ("empty",)),
        Group("", "array<int>", "[1, null, 3]", (
            Form("any", [1, None, 3],
                 {"type": "array", "items": connect("int32") | {"optional": True}}),
            Form("no schema", [1, None, 3]), Form("json text", "[1,null,3]", TEXT)), ([1, 3],)),
        Group("", "array<decimal(2)>", "[1.5]", (
            Form("precise", ["AJY="], {"type": "array", "items": decimal(2)},
                 avro=[b"\x00\x96"]),
            Form("string", ["1.50"], {"type": "array", "items": TEXT})), (["AJc="],)),
        Group("", "json", "point (1, 2)", (
            Form("any", {"x": 1.0, "y": 2.0, "wkb": "AQ==", "srid": None},
                 connect("struct", "io.debezium.data.geometry.Point") | {"fields": [
                     {"type": "double", "field": "x"}, {"type": "double", "field": "y"},
                     {"type": "bytes", "field": "wkb"},
                     {"type": "int32", "field": "srid", "optional": True}]},
                 avro={"x": 1.0, "y": 2.0, "wkb": b"\x01", "srid": None}),
            Form("no schema", {"x": 1, "y": 2, "wkb": None, "srid": None})),
            ({"x": 1, "y": 3, "wkb": "AQ==", "srid": None},)),
    )  # fmt: skip


GROUPS = (*_numbers(), *_texts(), *_times())
