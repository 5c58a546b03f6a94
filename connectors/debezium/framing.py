"""Where the bytes of an Avro record name their schema: Confluent's and Apicurio's framings.

Formats: Confluent "Wire format" (00 and a 4-byte id; since Platform 8 a GUID in a header), Apicurio
serdes (00 and a 4-byte content id in 3.x, an 8-byte global id in 2.x, or headers).
`connectors.debezium.avro` reads what stands behind.
"""

import dataclasses
import enum
import uuid
from collections.abc import Sequence

Headers = Sequence[tuple[str, bytes | None]]
MAGIC = 0
NO_ID = bytes(4)
"""In place of an id: an id of eight bytes stands there, of which these are the upper ones."""
SHORT, LONG = 5, 9
"""Lengths of the prefixes that name a schema."""


class RefKind(enum.StrEnum):
    """What number a record names its schema by."""

    ID = "id"
    """Confluent's id, or the content id of Apicurio 3: the registry's URL says which."""
    GUID = "guid"
    GLOBAL_ID = "global_id"
    CONTENT_ID = "content_id"


@dataclasses.dataclass(frozen=True, slots=True)
class SchemaRef:
    """A schema in a registry."""

    kind: RefKind
    value: str


@dataclasses.dataclass(frozen=True, slots=True)
class Frame:
    """The schema of a record and where its payload starts."""

    ref: SchemaRef
    start: int


def frame_of(data: bytes, headers: Headers, role: str) -> Frame | None:
    """The frame of a key or value (`role`), None where it has none that is known."""
    if headers:
        named = named_in(headers, role)
        if named is not None:
            return Frame(named, 0)
    prefix = prefix_of(data)
    if not prefix or prefix[0] != MAGIC:
        return None
    kind = RefKind.GLOBAL_ID if len(prefix) == LONG else RefKind.ID
    return Frame(SchemaRef(kind, str(int.from_bytes(prefix[1:], "big"))), len(prefix))


def prefix_of(data: bytes) -> bytes:
    """The bytes that name a record's schema where it has a frame; none where it is too short."""
    if data[1:SHORT] == NO_ID and len(data) >= LONG:  # no registry has an id 0
        return data[:LONG]
    return data[:SHORT] if len(data) >= SHORT else b""


def named_in(headers: Headers, role: str) -> SchemaRef | None:
    """The schema that a record's headers name, None where they name none."""
    names = _HEADERS[role]
    found = {name: value for name, value in headers if name in names and value is not None}
    if not found:
        return None
    for name, kind in names.items():
        value = found.get(name)
        if value is None:
            continue
        if kind is not None and len(value) in {4, 8}:
            return SchemaRef(kind, str(int.from_bytes(value, "big")))
        if kind is None and len(value) == 17 and value[0] == 1:  # noqa: PLR2004
            return SchemaRef(RefKind.GUID, str(uuid.UUID(bytes=value[1:])))
        if kind is None and len(value) == 5 and value[0] == MAGIC:  # noqa: PLR2004
            return SchemaRef(RefKind.ID, str(int.from_bytes(value[1:], "big")))
    return None


_HEADERS = {
    role: {
        f"__{role}_schema_id": None,
        f"apicurio.{role}.contentId": RefKind.CONTENT_ID,
        f"apicurio.{role}.globalId": RefKind.GLOBAL_ID,
    }
    for role in ("key", "value")
}
