"""The demo's registry keeps to the rule BACKWARD, in Confluent's words."""

import json

import httpx
import pytest

from figwatch.demo.stages.registry import create_app, incompatible

FIELDS = [{"name": "sku", "type": "string"}, {"name": "delta", "type": "int"}]


def record(*fields, name="StockAdjusted"):
    return {"type": "record", "name": name, "fields": list(fields)}


OLD = record(*FIELDS)


@pytest.mark.parametrize(
    ("new", "faults"),
    [
        (OLD, []),
        (record(*FIELDS, {"name": "reason", "type": "string", "default": ""}), []),
        (record(FIELDS[0]), []),  # what was written is passed over
        (record(FIELDS[0], {"name": "delta", "type": "long"}), []),
        (record(FIELDS[0], {"name": "delta", "type": ["null", "int"]}), []),
        (record(*FIELDS, {"name": "reason", "type": "string"}),
         ["READER_FIELD_MISSING_DEFAULT_VALUE: reason"]),
        (record(FIELDS[0], {"name": "delta", "type": "string"}), ["TYPE_MISMATCH: delta"]),
        (record(*FIELDS, name="Other"), ["NAME_MISMATCH: StockAdjusted became Other"]),
    ],
)  # fmt: skip
def test_a_new_schema_must_read_what_was_written(new, faults):
    assert faults == incompatible(new, OLD)


async def test_it_answers_as_confluents_does():
    body = {"schema": json.dumps(OLD)}
    broken = {"schema": json.dumps(record(*FIELDS, {"name": "x", "type": "int"}))}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app()), base_url="http://registry"
    ) as client:
        check, register = "/compatibility/subjects/s/versions", "/subjects/s/versions"
        unknown = await client.post(check, json=body)
        assert (404, 40401) == (unknown.status_code, unknown.json()["error_code"])
        assert 200 == (await client.post(register, json=body)).status_code
        assert (await client.post(check, json=body)).json()["is_compatible"]
        refused = (await client.post(check, json=broken)).json()
        assert [False, ["READER_FIELD_MISSING_DEFAULT_VALUE: x"]] == list(refused.values())
        assert 409 == (await client.post(register, json=broken)).status_code
