"""A schema registry on loopback, as far as stage `prepare` asks one: Confluent's interface.

    POST /subjects/{subject}/versions                  {"schema"}    registers, 409 if incompatible
    POST /compatibility/subjects/{subject}/versions    {"schema"}    {"is_compatible", "messages"}

Avro records by the rule BACKWARD: the new schema reads what the newest registered one wrote (Avro
1.11, "Schema Resolution", for records of plain fields).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

PROMOTED = {
    "int": {"int", "long", "float", "double"},
    "long": {"long", "float", "double"},
    "float": {"float", "double"},
    "string": {"string", "bytes"},
    "bytes": {"bytes", "string"},
}
"""What may read each written type."""


class _Body(msgspec.Struct, frozen=True):
    schema: str


def incompatible(reader: dict[str, Any], writer: dict[str, Any]) -> list[str]:
    """Why records of the writer's schema cannot be read by the reader's; empty when they can."""
    if reader.get("name") != writer.get("name"):
        return [f"NAME_MISMATCH: {writer.get('name')} became {reader.get('name')}"]
    written = {field["name"]: field for field in writer["fields"]}
    found = []
    for field in reader["fields"]:
        before = written.get(field["name"])
        if before is None:
            if "default" not in field:
                found.append(f"READER_FIELD_MISSING_DEFAULT_VALUE: {field['name']}")
        elif not _reads(field["type"], before["type"]):
            found.append(f"TYPE_MISMATCH: {field['name']}")
    return found


def _reads(reader: Any, writer: Any) -> bool:
    if reader == writer:
        return True
    if isinstance(reader, list):
        return any(_reads(each, writer) for each in reader)
    return isinstance(writer, str) and reader in PROMOTED.get(writer, set())


def create_app() -> Starlette:
    """The registry, empty; its memory is its own."""
    versions: dict[str, list[dict[str, Any]]] = {}

    async def faults(request: Request) -> tuple[dict[str, Any], list[dict[str, Any]], list[str]]:
        body = msgspec.json.decode(await request.body(), type=_Body)
        schema: dict[str, Any] = msgspec.json.decode(body.schema)
        known = versions.setdefault(request.path_params["subject"], [])
        return schema, known, incompatible(schema, known[-1]) if known else []

    async def register(request: Request) -> JSONResponse:
        schema, known, found = await faults(request)
        if found:
            return JSONResponse({"error_code": 409, "message": "; ".join(found)}, 409)
        known.append(schema)
        return JSONResponse({"id": sum(map(len, versions.values()))})

    async def check(request: Request) -> JSONResponse:
        _, known, found = await faults(request)
        if not known:
            return JSONResponse({"error_code": 40401, "message": "Subject not found."}, 404)
        return JSONResponse({"is_compatible": not found, "messages": found})

    return Starlette(
        routes=[
            Route("/subjects/{subject:path}/versions", register, methods=["POST"]),
            Route("/compatibility/subjects/{subject:path}/versions", check, methods=["POST"]),
        ]
    )
