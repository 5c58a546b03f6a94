"""CloudEvents whose data are Avro of their own, in an envelope of JSON or Avro: the change is the
same as of the plain envelope (Debezium's CloudEventsConverter, `data.serializer.type=avro`).
"""

import base64

import pytest

from tests.unit.debezium.avro_form import avro_type, binary
from tests.unit.debezium.support import TS, Stream, decoder, dump, envelope, field, with_schema
from tests.unit.debezium.test_cases_values import Shelf

FIELDS = [
    field("id", "int32"),
    field("v", {"type": "bytes", "name": "org.apache.kafka.connect.data.Decimal",
                "parameters": {"scale": "2"}}),
    field("at", {"type": "int64", "name": "io.debezium.time.MicroTimestamp"}),
]  # fmt: skip
COLUMNS = {"v": "v", "at": "at"}
ROW = {"id": 1, "v": b"\0\x96", "at": TS}
VALUE = {"type": "record", "name": "Value", "namespace": "mono.public.items", "fields": [
    {"name": f["field"], "type": ["null", avro_type(f)], "default": None} for f in FIELDS
]}  # fmt: skip
DATA = {"type": "record", "name": "Data", "namespace": "io.debezium.connector.postgresql",
        "fields": [{"name": "before", "type": ["null", VALUE], "default": None},
                   {"name": "after", "type": ["null", "mono.public.items.Value"],
                    "default": None}]}  # fmt: skip
EVENT = {
    "id": "name:mono;lsn:33466632;txId:776", "source": "/debezium/postgresql/mono",
    "specversion": "1.0", "type": "io.debezium.connector.postgresql.DataChangeEvent",
    "datacontenttype": "application/avro", "dataschema": "http://registry/schemas/ids/1",
    "iodebeziumop": "u", "iodebeziumtsms": str(TS // 1000), "iodebeziumtsus": str(TS),
    "iodebeziumsnapshot": "false", "iodebeziumtxId": "776", "iodebeziumlsn": "33466632",
}  # fmt: skip
CLOUD = {"type": "record", "name": "CloudEvents", "namespace": "mono.public.items", "fields": [
    *({"name": name, "type": ["null", "string"], "default": None} for name in EVENT),
    {"name": "data", "type": "bytes"},
]}  # fmt: skip
KEY = dump({"id": 1})


@pytest.fixture(params=["json", "avro"])
def cloud(request):
    """The stream, and what writes an event of it."""
    shelf = Shelf()
    data, whole = shelf.put(DATA), shelf.put(CLOUD)

    def written(after=None, before=None, op="u", flat=None):
        inner = b"\0" + data + binary(DATA, {"before": before, "after": after})
        event = EVENT | {"iodebeziumop": op}
        if request.param == "json":
            return dump(event | {"data": base64.b64encode(flat or inner).decode()})
        return b"\0" + whole + binary(CLOUD, event | {"data": flat or inner})

    return Stream(decoder(COLUMNS, registries={"monolith": shelf})), written


def plain(op="u"):
    row = ROW | {"v": base64.b64encode(ROW["v"]).decode()}
    return Stream(decoder(COLUMNS)).raw(KEY, with_schema(envelope(op, row), FIELDS))[0]


def said(change):
    return (change.key, change.op, change.fingerprint, change.position, change.tx,
            change.commit_us, change.snapshot)  # fmt: skip


def test_avro_in_a_cloud_event_is_the_row_of_its_envelope(cloud):
    stream, written = cloud
    for _ in range(4):  # what is remembered of the first does no harm to the next
        (found,) = stream.raw(KEY, written(ROW))
        assert said(plain()) == said(found)


def test_another_value_in_it_is_another_row(cloud):
    stream, written = cloud
    (found,) = stream.raw(KEY, written(ROW | {"v": b"\0\x97"}))
    assert plain().fingerprint != found.fingerprint
    assert plain().key == found.key


def test_a_delete_in_it_is_a_delete(cloud):
    stream, written = cloud
    (found,) = stream.raw(KEY, written(before=ROW, op="d"))
    assert (plain().key, None) == (found.key, found.fingerprint)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\0\0\0\0\x09\0\0", "bad_schema"),
        (b"\0\0\0\0\x01\x02\x02", "bad_avro"),
        (b"\0\0", "unknown_framing"),
    ],
)
def test_what_cannot_be_read_of_it_is_malformed_with_its_key(cloud, data, reason):
    stream, written = cloud
    (found,) = stream.raw(KEY, written(flat=data))
    assert (plain().key, reason) == (found.key, found.reason)
