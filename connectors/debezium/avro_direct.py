"""Readers of Avro schemas that have been met, found by how a record names its schema.

They make what is wanted of a record, without a document between, and that of many records at once
where the machine can (`connectors.debezium.machine`). The callers are `connectors.debezium.route`
and `connectors.debezium.keys`.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from figwatch.connectors.debezium.avro import UNFIT, Role
from figwatch.connectors.debezium.avro_compile import Make, compile_reader
from figwatch.connectors.debezium.avro_schema import AvroSchema
from figwatch.connectors.debezium.framing import Headers, SchemaRef, frame_of, named_in, prefix_of
from figwatch.connectors.debezium.machine.avro import module
from figwatch.connectors.debezium.machine.transcoder import Transcoder

SCHEMAS_MAX = 256
"""Schemas of one topic that are kept compiled; beyond it all are compiled anew when seen."""
Plan = TypeVar("Plan")


class Batch:
    """Reads many values of one schema at once."""

    def __init__(self, schema: AvroSchema, keep: Make, prefix: bytes) -> None:
        self._wanted = schema, keep, prefix
        self._transcoder: Transcoder | None = None
        self._unsupported = False

    def read(self, values: Sequence[bytes]) -> list[Any] | None:
        """What is kept of each value, None for one that does not fit or is of another schema; None
        where only `compile_reader` knows the schema.
        """
        if self._transcoder is None:
            if self._unsupported:
                return None
            try:
                schema, keep, prefix = self._wanted
                made = module(schema.schema, keep, schema.known, prefix)
                self._transcoder = Transcoder(*made)
            except UNFIT:
                self._unsupported = True
                return None
        return self._transcoder.read(values)


@dataclasses.dataclass(slots=True)
class Ready:
    """Reads many rows whose columns of `runs`, by their numbers, come in canonical form."""

    batch: Batch
    runs: tuple[range, ...]
    misses: int = 0
    """Batches, one after the other, of which it read too little."""


class Direct(Generic[Plan]):
    """Reads the records of one schema straight into what is wanted; `prefix` stands before each.

    Raises:
        ValueError: the schema cannot be read.
    """

    def __init__(
        self, plan: Plan, schema: AvroSchema, keep: Make, prefix: bytes, many: Make | None = None
    ) -> None:
        self.plan = plan
        self.start = len(prefix)
        """Where the value begins; 0: the headers name the schema."""
        self.read = compile_reader(schema.schema, keep, schema.known)
        """(data, start) → (what is kept, end)."""
        self.many = Batch(schema, many or keep, prefix).read
        self.log = many is not None
        """`many` keeps of the source what a LogEntry holds."""
        self.ready: Ready | None = None
        """Reads the simple ones among many sooner; None where few are simple."""


class Directs(Generic[Plan]):
    """The readers of one topic's keys or values."""

    def __init__(self, role: Role) -> None:
        self._role = role
        self._by_prefix: dict[bytes, Direct[Plan]] = {}
        self._by_header: dict[SchemaRef, Direct[Plan]] = {}

    def __len__(self) -> int:
        return len(self._by_prefix) + len(self._by_header)

    def find(self, data: bytes, headers: Headers) -> Direct[Plan] | None:
        """The reader of a record's schema; None where it has not been met."""
        if self._by_header and headers:
            named = named_in(headers, self._role)
            if named is not None:
                return self._by_header.get(named)
        return self._by_prefix.get(prefix_of(data))

    def learn(self, data: bytes, headers: Headers, make: Callable[[bytes], Direct[Plan]]) -> None:
        """Keep the reader of a record's schema, which `make` makes of its prefix, unless there is
        one.
        """
        frame = frame_of(data, headers, self._role)
        if frame is None or self.find(data, headers) is not None:
            return
        if len(self) >= SCHEMAS_MAX:
            self._by_prefix.clear()
            self._by_header.clear()
        direct = make(data[: frame.start])
        if frame.start:
            self._by_prefix[data[: frame.start]] = direct
        else:
            self._by_header[frame.ref] = direct
