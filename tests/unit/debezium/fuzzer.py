"""A coverage-guided fuzzer of the decoder: whatever a record's bytes are, the outcome is a change
or a Malformed, the same on the quick and on the plain way, in bounded time.

An input that reaches a line no earlier one reached is kept and changed further. By hand, longer:
`python -m tests.unit.debezium.fuzzer --seconds 600 --seed 7`; what it finds can be repeated with
the seed. `test_guided_fuzz` runs it for some seconds.
"""

import argparse
import base64
import json
import random
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

from figwatch.connectors.config.root import Config
from figwatch.connectors.debezium.decoder import Decoder
from figwatch.connectors.debezium.heartbeats import Heartbeat
from figwatch.validators.change import Change, Malformed, Truncate, decode_record, encode
from tests.unit.debezium.avro_form import binary, envelope_schema
from tests.unit.debezium.forms import GROUPS
from tests.unit.debezium.support import INV, MONO, MYSQL, TS, config, dump, envelope, field
from tests.unit.debezium.test_cases_values import Shelf, as_json

CPU_SECONDS_MAX = 1.0
"""For one record, on each way; records have at most BYTES_MAX bytes."""
BYTES_MAX = 200_000
CORPUS_MAX = 2_000
FRESH_EVERY = 400
"""Records after which the decoders are made anew."""
TRACED = ("/debezium/", "/validators/", "<figwatch ")
TOPICS = (MONO, INV, "__debezium-heartbeat.mono", "mono.public.beats", "mono.transaction")


class Record(NamedTuple):
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


class FoundError(AssertionError):
    """An input with another outcome than allowed."""


# -- what is sent first

TYPES = sorted({group.type for group in GROUPS} | {"timestamptz(3)", "array<timestamptz>", "text"})


def made_config() -> Config:
    columns: dict[str, Any] = {f"v{n}": {"type": kind} for n, kind in enumerate(TYPES)}
    columns |= {
        "n": "n", "t": {"trim": True}, "p": {"source_path": "a.b"}, "s": {"scale": 2},
        "z": {"source_time_zone": "Europe/Vienna", "type": "timestamp"}, "m": {"values": {"a": 1}},
    }  # fmt: skip
    return config(columns, {"id": "id"})


def whole_row(n: int) -> dict[str, Any]:
    """A row of all columns, each in some form of its type."""
    row: dict[str, Any] = {"id": n, "n": "x", "t": " a ", "p": {"a": {"b": 1}}, "s": "1.005",
                           "z": "2024-02-29T12:00:00Z", "m": "a"}  # fmt: skip
    forms = {kind: [f for g in GROUPS if g.type == kind for f in g.forms] for kind in TYPES}
    for number, kind in enumerate(TYPES):
        found = [form.raw for form in forms[kind] if form.schema is None] or [None]
        row[f"v{number}"] = found[n % len(found)]
    return row


def schemas(shelf: Shelf) -> tuple[list[Any], list[bytes]]:
    fields = [field("id", "int32"), field("n", "string"), field("s", "double"), field("m", "bytes")]
    nested = {"type": "array", "items": {"type": "map", "keys": {"type": "string"},
                                         "values": {"type": "string"}}}  # fmt: skip
    kinds = [envelope_schema(fields), envelope_schema([*fields, field("p", nested)])]
    kinds.append({"type": "record", "name": "Key", "fields": [{"name": "id", "type": "int"}]})
    return kinds, [b"\0" + shelf.put(kind) for kind in kinds]


def seeds(shelf: Shelf) -> list[Record]:
    found = []
    key = dump({"id": 1})
    for n in range(6):
        row = whole_row(n)
        found += [
            Record(dump({"id": n}), _json(envelope("cur"[n % 3], row, None, source)))
            for source in ({}, MYSQL)
        ]
        found.append(Record(dump({"id": n}), _json(row | {"__op": "u", "__source_ts_ms": 5})))
    found += [
        Record(key, _json(envelope("d", None, whole_row(1)))), Record(key, None),
        Record(key, _json(envelope("t"))), Record(None, None), Record(b"", b""),
        Record(key, _json({"ts_ms": 5})), Record(key, _json({"status": "BEGIN", "id": "1:2"})),
        Record(dump({"serverName": "x"}), _json({"ts_ms": TS // 1000})),
        Record(key, _json({"specversion": "1.0", "iodebeziumop": "c", "iodebeziumtsms": "5",
                           "data": {"payload": {"after": whole_row(1)}}})),
        Record(key, _json(_json(whole_row(2)).decode()), (("id", b"1"),)),
        Record(key, None, (("__debezium.newkey", b'{"id":2}'),)),
        Record(dump({"schema": {"type": "struct", "fields": []}, "payload": {"id": 1}}),
               _json(envelope("c", whole_row(3))), (("__debezium.oldkey", b'{"id":9}'),)),
    ]  # fmt: skip
    for group in GROUPS:
        for form in group.forms:
            if form.schema is not None:
                value = as_json(form, form.raw).replace(b'"v"', b'"n"')
                found.append(Record(key, value))
    kinds, frames = schemas(shelf)
    for n, op in enumerate("cudr"):
        row = {"id": n, "n": "x" * n, "s": 1.5, "m": b"\x01", "p": [{"k": "v"}]}
        made = envelope(op, None if op == "d" else row, row if op == "d" else None)
        whole = frames[n % 2] + binary(kinds[n % 2], made)
        found.append(Record(frames[2] + binary(kinds[2], {"id": n}), whole))
        guid = (("__value_schema_id", frames[n % 2]),)
        found.append(Record(key, whole[5:], guid))
        found.append(Record(key, b"\0\0\0\0" + whole[:5].rjust(5) + whole[5:]))
    return found


def _json(value: Any) -> bytes:
    return json.dumps(value, default=str).encode()


# -- how it is changed

WORDS: list[Any] = [
    None, True, False, 0, 1, -1, 1 << 31, 1 << 63, -(1 << 63), 1 << 64, 1.5, 1e308, "", "NaN",
    "-Infinity", "1e999999999", "-1E-999999999", "9" * 5_000, "0." + "0" * 5_000 + "1", "AQ==",
    "2024-02-29T12:00:00Z", "+999999999-01-01T00:00:00Z", "0000-00-00", "infinity", "P1Y2M3DT4H",
    "P" + "9" * 300 + "Y", "__debezium_unavailable_value", "\ud800", "é" * 40, "[" * 3_000, "{",
    [], {}, [None], [[]], {"scale": 1 << 31, "value": "AQ=="}, {"scale": 2, "value": "AQ=="},
    {"schema": None, "payload": {}}, 9223372036825200000, -622191234, "0x1p3", "1_000", "9" * 400,
    int("7" * 4_000),
]  # fmt: skip
TOKENS = [
    b'"op":"u"', b'"after":null', b'"before":{}', b'"source":{}', b',"v1":1,"v1":2', b"\xff\xfe",
    b"\xed\xa0\x80", b"[" * 2_000, b"]" * 2_000, b'{"a":' * 1_000, b"1" * 5_000,
    b"1e999999",
    b"-1e-999999", b"\xff" * 9 + b"\x01", b"\x01", b"\x80" * 12, b"\x00" * 20,
    b"\xfe" * 4 + b"\x0f",
    b"\\u0000", b"\\ud800", b"NaN", b"Infinity", b" ", b"\n", b"\x00\x00\x00\x00\x01",
]  # fmt: skip


class Mutator:
    """Changes records, by chance."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def change(self, record: Record, corpus: list[Record]) -> Record:
        key, value, headers = record
        pick = self.chance.random()
        if pick < 0.45:
            value = self.structure(value) if self.chance.random() < 0.9 else value
        elif pick < 0.75:
            value = self.data(value, corpus)
        elif pick < 0.85:
            key = self.data(key, corpus)
        elif pick < 0.9:
            key = self.structure(key)
        elif pick < 0.95:
            key = self.chance.choice(corpus).key
        else:
            headers = self.headers(headers, corpus)
        return Record(_cut(key), _cut(value), headers)

    def headers(self, headers: Any, corpus: list[Record]) -> Any:
        names = ["__debezium.newkey", "__debezium.oldkey", "__value_schema_id", "__key_schema_id",
                 "apicurio.value.globalId", "apicurio.key.contentId", "__op", "id"]  # fmt: skip
        value = self.data(self.chance.choice(corpus).key, corpus)
        return (*headers[-2:], (self.chance.choice(names), value))

    def structure(self, data: bytes | None) -> bytes | None:
        """Another value somewhere in a document."""
        try:
            document = json.loads(data or b"")
        except (ValueError, RecursionError):
            return self.data(data, [])
        for _ in range(self.chance.randint(1, 3)):
            document = self.node(document, self.chance.randint(0, 4))
        try:
            return json.dumps(document).encode()
        except (ValueError, RecursionError):
            return data

    def node(self, value: Any, depth: int) -> Any:
        if depth and isinstance(value, dict) and value:
            inner = [name for name in value if isinstance(value[name], dict)]
            name = self.chance.choice(inner if inner and self.chance.random() < 0.6 else [*value])
            if self.chance.random() < 0.08:
                value.pop(name)
            else:
                value[name] = self.node(value[name], depth - 1)
            return value
        if depth and isinstance(value, list) and value:
            place = self.chance.randrange(len(value))
            value[place] = self.node(value[place], depth - 1)
            return value
        if isinstance(value, str) and value and self.chance.random() < 0.5:
            place = self.chance.randrange(len(value))
            return value[:place] + self.chance.choice("0159-+.:eTZ P=A[{") + value[place + 1 :]
        return self.chance.choice(WORDS)

    def data(self, data: bytes | None, corpus: list[Record]) -> bytes | None:
        chance = self.chance
        if data is None or chance.random() < 0.02:
            return chance.choice([None, b"", b"{}", b"\0"])
        made = bytearray(data)
        for _ in range(chance.randint(1, 3)):
            at, end = sorted(chance.randint(0, len(made)) for _ in range(2))
            pick = chance.randrange(6)
            if pick == 0 and made:
                made[min(at, len(made) - 1)] = chance.randrange(256)
            elif pick == 1:
                del made[at : min(end, at + chance.choice([1, 2, 9, 500]))]
            elif pick == 2:
                made[at:at] = chance.choice(TOKENS)
            elif pick == 3:
                made[at:at] = made[at : min(end, at + 300)]
            elif pick == 4:
                del made[at:]
            elif corpus:
                other = chance.choice(corpus).value or b""
                made[at:at] = other[chance.randint(0, len(other)) :][:300]
        return bytes(made)


def _cut(data: bytes | None) -> bytes | None:
    return data if data is None else data[:BYTES_MAX]


# -- what is seen of it


class Lines:
    """The lines that were run, of the modules that decode and of the code they generate."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, int]] = set()

    def _call(self, frame: Any, _event: str, _argument: Any) -> Any:
        name = frame.f_code.co_filename
        return self._line if any(part in name for part in TRACED) else None

    def _line(self, frame: Any, event: str, _argument: Any) -> Any:
        if event == "line":
            self.seen.add((frame.f_code.co_filename, frame.f_lineno))
        return self._line

    def __enter__(self) -> None:
        self._before = sys.gettrace()
        sys.settrace(self._call)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)


class Fuzzer:
    """One run; `corpus` holds what reached something new."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.mutator = Mutator(self.chance)
        self.lines = Lines()
        self.tried = 0
        self.shelf = Shelf()
        self.corpus = seeds(self.shelf)
        self.config = made_config()
        self._ways: list[Decoder] = []

    def run(self, seconds: float) -> None:
        """Try records until the time is over.

        Raises:
            FoundError: one had an outcome that is not allowed.
        """
        until = time.monotonic() + seconds
        for record in self._records():
            topic = self.chance.choice(TOPICS) if self.chance.random() < 0.2 else MONO
            if self._new(topic, record) and len(self.corpus) < CORPUS_MAX:
                self.corpus.append(record)
            if time.monotonic() > until:
                return

    def _records(self) -> Iterator[Record]:
        yield from list(self.corpus)
        while True:
            # the last ones reached something new: they are changed more often
            recent = self.corpus[-50:] if self.chance.random() < 0.5 else self.corpus
            yield self.mutator.change(self.chance.choice(recent), self.corpus)

    def _new(self, topic: str, record: Record) -> bool:
        """Try a record on both ways; whether it reached a line for the first time."""
        if self.tried % FRESH_EVERY == 0:
            self._ways = [
                Decoder(self.config, {"monolith": self.shelf}, quick=quick)
                for quick in (True, False)
            ]
        self.tried += 1
        before = len(self.lines.seen)
        quick, plain = (self._outcome(way, topic, record) for way in self._ways)
        if quick != plain:
            raise FoundError(f"the two ways differ: {self._shown(topic, record)}")
        return len(self.lines.seen) > before

    def _outcome(self, way: Decoder, topic: str, record: Record) -> list[Any]:
        began = time.process_time()
        at = (0, self.tried, TS, record.headers, record.key, record.value)
        try:
            with self.lines:
                consumed = [SimpleNamespace(offset=n, headers=record.headers, key=record.key,
                                            value=record.value)
                            for n in range(self.tried, self.tried + 16)]  # fmt: skip
                found = list(way.for_batch(topic, consumed)(*at))
                for change in found:
                    _judge(change)
        except FoundError:
            raise
        except BaseException as error:
            raise FoundError(f"{error!r}: {self._shown(topic, record)}") from error
        used = time.process_time() - began
        if used > CPU_SECONDS_MAX:
            raise FoundError(f"{used:.1f} s of CPU: {self._shown(topic, record)}")
        return found

    def _shown(self, topic: str, record: Record) -> str:
        parts = [base64.b64encode(part or b"").decode() for part in record[:2]]
        return f"record {self.tried} to {topic}, key and value {parts}, headers {record.headers}"


def _judge(found: Any) -> None:
    """All that may come out, and all of it can travel."""
    if isinstance(found, Heartbeat):
        return
    if not isinstance(found, Change | Malformed | Truncate):
        raise FoundError(f"{type(found).__name__} is no outcome")
    if decode_record(encode(found)) != found:
        raise FoundError("an outcome that does not survive its way")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    fuzzer = Fuzzer(options.seed)
    fuzzer.run(options.seconds)
    seen = f"{len(fuzzer.lines.seen)} lines, {len(fuzzer.corpus)} kept"
    sys.stdout.write(f"{fuzzer.tried} records, {seen}\n")


if __name__ == "__main__":
    main()
