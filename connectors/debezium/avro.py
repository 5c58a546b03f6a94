"""Avro (next)."""

import enum
from typing import Any

from figwatch.connectors.debezium.schema import RecordSchema
from figwatch.connectors.debezium.shapes import Headers


class Role(enum.StrEnum):
    KEY = "key"
    VALUE = "value"


class AvroReader:
    def read(self, data: bytes, headers: Headers, role: Role) -> tuple[Any, RecordSchema] | None:
        return None
