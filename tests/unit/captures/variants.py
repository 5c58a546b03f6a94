"""The connector settings under which the same rows were recorded, and what a configuration has to
say of a record that carries no schema.
"""

import dataclasses

from tests.unit.captures.workload import COLUMNS

JSON = "org.apache.kafka.connect.json.JsonConverter"
AVRO = "io.apicurio.registry.utils.converter.AvroConverter"
FLATTEN = {
    "transforms": "flatten",
    "transforms.flatten.type": "io.debezium.transforms.ExtractNewRecordState",
    # Otherwise it writes the DEFAULT in place of a null.
    "transforms.flatten.replace.null.with.default": "false",
}


def json(*, schemas: bool, default_nulls: bool = False) -> dict[str, str]:
    return {
        setting: value
        for part in ("key", "value")
        for setting, value in (
            (f"{part}.converter", JSON),
            (f"{part}.converter.schemas.enable", str(schemas).lower()),
            (f"{part}.converter.replace.null.with.default", str(default_nulls).lower()),
        )
    }


def avro(**more: str) -> dict[str, str]:
    """The registry's address is added while recording."""
    return {
        setting: value
        for part in ("key", "value")
        for setting, value in (
            (f"{part}.converter", AVRO),
            (f"{part}.converter.apicurio.registry.auto-register", "true"),
            (f"{part}.converter.apicurio.registry.find-latest", "true"),
            *((f"{part}.converter.{name}", text) for name, text in more.items()),
        )
    }


@dataclasses.dataclass(frozen=True)
class Variant:
    """One connector. `encodings`: by family of types, where the records carry no schema."""

    settings: dict[str, str]
    encodings: dict[str, str] | None = None
    nulls_lost: bool = False
    """Writes the DEFAULT where a null is: then the two cannot be told apart."""
    data: str = "everything"
    """What stands behind the prefix in the topic's name."""

    @property
    def schemaless(self) -> bool:
        return self.encodings is not None

    @property
    def doubts_nulls(self) -> bool:
        """Its DEFAULTs may stand for nulls, and its schema tells that there are DEFAULTs. (A
        CloudEvent leaves out what would tell that they do not.)"""
        return self.nulls_lost or self.is_avro or "CloudEvents" in str(self.settings)

    @property
    def is_avro(self) -> bool:
        return AVRO in self.settings.values()


def modes(  # the settings' names, and Debezium's own defaults
    decimal: str = "precise",
    time: str = "adaptive",
    binary: str = "bytes",
    hstore: str = "json",
    interval: str = "numeric",
) -> dict[str, str]:
    return {
        "decimal.handling.mode": decimal,
        "time.precision.mode": time,
        "binary.handling.mode": binary,
        "hstore.handling.mode": hstore,
        "interval.handling.mode": interval,
    }


VARIANTS = {
    "plain": Variant(
        json(schemas=False) | modes(interval="string"),
        {"decimal": "base64", "bytes": "base64", "date": "days", "time3": "ms", "time": "us",
         "interval": "iso"},
    ),
    "schemas": Variant(json(schemas=True) | modes(interval="string")),
    "defaults": Variant(
        json(schemas=True, default_nulls=True) | modes(interval="string"), nulls_lost=True
    ),
    "strings": Variant(
        json(schemas=True) | modes("string", "isostring", "hex", "map", "string")
    ),
    "strings_plain": Variant(
        json(schemas=False) | modes("string", "isostring", "hex", "map", "string"),
        {"decimal": "string", "bytes": "hex", "date": "iso", "time3": "iso", "time": "iso",
         "interval": "iso"},
    ),
    "doubles": Variant(json(schemas=True) | modes("double", "connect", "base64")),
    "doubles_plain": Variant(
        json(schemas=False) | modes("double", "connect", "base64"),
        {"decimal": "number", "bytes": "base64", "date": "days", "time3": "ms", "time": "ms",
         "interval": "us"},
    ),
    "nanos": Variant(
        json(schemas=True) | modes("precise", "nanoseconds", "base64-url-safe", "map", "string")
    ),
    "micros": Variant(json(schemas=True) | modes(time="microseconds", interval="string")),
    "numbers": Variant(
        json(schemas=False) | modes(interval="string")
        | {"value.converter.decimal.format": "NUMERIC"},
        {"decimal": "number", "bytes": "base64", "date": "days", "time3": "ms", "time": "us",
         "interval": "iso"},
    ),
    "avro": Variant(avro(**{"apicurio.registry.as-confluent": "true"}) | modes(interval="string")),
    "avro_long": Variant(avro() | modes("string", "isostring", interval="string")),
    "avro_headers": Variant(
        avro(**{"apicurio.registry.headers.enabled": "true"}) | modes(interval="string")
    ),
    "flat": Variant(
        json(schemas=True) | modes(interval="string") | FLATTEN
        | {"transforms.flatten.delete.tombstone.handling.mode": "rewrite",
           "transforms.flatten.add.fields": "op,source.ts_us,source.ts_ms,lsn,source.txId,"
           "source.snapshot"},
    ),
    "flat_plain": Variant(
        json(schemas=False) | modes(interval="string") | FLATTEN
        | {"transforms.flatten.delete.tombstone.handling.mode": "tombstone",
           "transforms.flatten.add.headers": "op,source.ts_us,lsn,source.snapshot"},
        {"decimal": "base64", "bytes": "base64", "date": "days", "time3": "ms", "time": "us",
         "interval": "iso"},
    ),
    "cloud": Variant(
        json(schemas=False) | modes(interval="string")
        | {"value.converter": "io.debezium.converters.CloudEventsConverter",
           "value.converter.serializer.type": "json",
           "value.converter.data.serializer.type": "json"},
    ),
    "partitioned": Variant(
        json(schemas=True) | modes(interval="string")
        | {"transforms": "partition",
           "transforms.partition.type": "io.debezium.transforms.partitions.PartitionRouting",
           "transforms.partition.partition.payload.fields": "change.id",
           "transforms.partition.partition.topic.num": "2"},
    ),
    "routed": Variant(
        json(schemas=True) | modes(interval="string")
        | {"transforms": "route",
           "transforms.route.type": "io.debezium.transforms.ByLogicalTableRouter",
           "transforms.route.topic.regex": r"(.*)\.public\.every(.*)",
           "transforms.route.topic.replacement": "$1.all"},
        data="all",
    ),
}  # fmt: skip

_FAMILIES = {
    "numeric(12,4)": "decimal", "numeric(10,0)": "decimal", "numeric": "decimal",
    "money": "decimal", "numeric(6,2)[]": "decimal", "bytea": "bytes", "date": "date",
    "date[]": "date", "time(3)": "time3", "time": "time", "timestamp(3)": "time3",
    "timestamp": "time", "interval": "interval",
}  # fmt: skip
_ALWAYS = {"bit(10)": "base64", "bit varying(20)": "base64"}


def type_of(column: str) -> str:
    """The column's type as the catalogue names it; one of the database's own is text."""
    declared = COLUMNS[column].partition(" DEFAULT")[0]
    return "text" if declared == "mood" else declared


def record_type(column: str, variant: Variant) -> str:
    """What the record holds, where that is less than the column does."""
    declared = type_of(column)
    doubles = variant.schemaless and "double" in variant.settings.values()
    if not doubles or _FAMILIES.get(declared) != "decimal":
        return declared
    return "float64[]" if declared.endswith("[]") else "float64"


def encoding_of(column: str, variant: Variant) -> str | None:
    """What a configuration says of a column, for records without schema."""
    declared = type_of(column)
    if variant.encodings is None:
        # Text with a schema says that it is text, and no more.
        mode = variant.settings.get("binary.handling.mode", "bytes").partition("-")[0]
        return mode if declared == "bytea" and mode != "bytes" else None
    if declared in _ALWAYS:
        return _ALWAYS[declared]
    family = _FAMILIES.get(declared)
    if family == "decimal" and "double" in variant.settings.values():
        return None  # a float64, says `record_type`
    # An unconstrained numeric comes as {scale, value}: no encoding has to be named.
    if family is None or (declared == "numeric" and variant.encodings[family] == "base64"):
        return None
    return variant.encodings[family]
