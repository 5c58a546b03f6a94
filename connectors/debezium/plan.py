"""What is compiled once for each schema of a topic: Structs for its row and key, and the functions
that turn them into fingerprints and canonical keys for every pair that the topic feeds.

`connectors.debezium.route` keeps one plan per schema and drops them when an agreement changes.
"""

import dataclasses
import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from figwatch.connectors.debezium.source import LogSource, Source
from figwatch.validators.canonical import rows as canonical
from figwatch.validators.canonical.atoms import finisher
from figwatch.validators.canonical.kinds import NATURAL, Kind
from figwatch.validators.canonical.numbers import BadValueError
from figwatch.validators.canonical.rows import Placeholder
from figwatch.validators.canonical.values import reader
from figwatch.validators.canonical.wire import PLAIN, Wire
from figwatch.validators.change import Side
from figwatch.validators.mapping.agreement import Agreement
from figwatch.validators.mapping.atoms import atom_reader
from figwatch.validators.mapping.compile import (
    Half,
    KeyFunction,
    RowFunction,
    compile_key,
    compile_row,
)
from figwatch.validators.mapping.rules import Literal, NullDefault, PairRule
from figwatch.validators.mapping.transforms import literal


@dataclasses.dataclass(frozen=True)
class Feed:
    """One pair that a topic feeds, from one side."""

    rule: PairRule
    side: Side
    key: tuple[Agreement, ...]
    columns: tuple[Agreement, ...]

    @property
    def key_columns(self) -> tuple[str, ...]:
        return tuple(c for a in self.key for c in a.rule.columns(self.side))

    @property
    def names(self) -> tuple[str, ...]:
        """Every raw column that is needed."""
        compared = (c for a in self.columns for c in a.rule.columns(self.side))
        filters = (c for c, _ in self.rule.filter(self.side))
        return (*self.key_columns, *compared, *filters)

    def learn(self, wires: Mapping[str, Wire], placeholder: Placeholder) -> bool:
        """Tell the agreements what a schema says; True when one of them changed."""
        changed = False
        for agreement in (*self.key, *self.columns):
            columns = agreement.rule.columns(self.side)
            wire = wires.get(columns[0]) if len(columns) == 1 else None
            if wire is None:
                continue
            path = agreement.rule.path(self.side)
            changed |= not path and agreement.learn(self.side, wire)
            if not wire.nullable_default or agreement not in self.columns:
                continue
            if agreement.rule.null_default is NullDefault.SAME:
                changed |= _fold(agreement, self.side, wire, placeholder)
        return changed


def _fold(agreement: Agreement, side: Side, wire: Wire, placeholder: Placeholder) -> bool:
    plain = dataclasses.replace(wire, nullable_default=False)
    folds, agreement.folds = agreement.folds, set()
    try:
        atom = atom_reader(agreement, side, plain, placeholder)(wire.default, 0)
    except ValueError:  # a default that the type cannot have: no value will equal it
        return False
    finally:
        agreement.folds = folds
    return agreement.fold(canonical.encode(atom))


Raws = Callable[[Any], Any]


@dataclasses.dataclass(frozen=True, slots=True)
class FeedPlan:
    """The compiled functions of a feed for one schema of the value."""

    feed: Feed
    pair: str
    side: Side
    fingerprint: RowFunction
    key: KeyFunction
    raw_key: Raws
    passes: Callable[[Any], bool] | None


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class RowPlan:
    """One schema of a topic's rows. `json` decodes any envelope, `log_json` one whose source holds
    PostgreSQL's numbers.
    """

    fields: Mapping[str, int]
    wires: Mapping[str, Wire]
    row: type[Any]
    json: msgspec.json.Decoder[Any]
    log_json: msgspec.json.Decoder[Any]
    feeds: tuple[FeedPlan, ...]

    def row_of(self, values: Mapping[str, Any]) -> Any:
        """The row Struct of a row that was decoded as a mapping."""
        return self.row(*[values.get(name, msgspec.UNSET) for name in self.fields])


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class KeyPlan:
    """One schema of a topic's keys."""

    fields: Mapping[str, int]
    wires: Mapping[str, Wire]
    row: type[Any]
    json: msgspec.json.Decoder[Any]
    feeds: tuple[tuple[KeyFunction, Raws], ...]

    def row_of(self, values: Mapping[str, Any]) -> Any:
        return self.row(*[values.get(name, msgspec.UNSET) for name in self.fields])


def row_plan(
    feeds: Sequence[Feed],
    wires: Mapping[str, Wire],
    placeholder: Placeholder,
    *,
    quick: bool = True,
) -> RowPlan:
    """Compile the plan of one schema; `wires` is empty where records carry none."""
    fields = _fields(name for feed in feeds for name in feed.names)
    row = _struct("Row", fields)
    plans = tuple(
        FeedPlan(
            feed,
            feed.rule.name,
            feed.side,
            compile_row(Half(feed.columns, feed.side, fields, wires, placeholder, quick)),
            compile_key(Half(feed.key, feed.side, fields, wires, placeholder, quick)),
            _raw_key(feed, fields),
            _filter(feed.rule.filter(feed.side), fields, wires),
        )
        for feed in feeds
    )
    return RowPlan(fields, wires, row, _envelope(row), _log_envelope(row), plans)


def _envelope(row: type[Any]) -> "msgspec.json.Decoder[Any]":
    fields: list[tuple[str, Any, Any]] = [
        ("op", Any, None),
        ("after", row | None | msgspec.UnsetType, msgspec.UNSET),
        ("source", Source | None, None),
        ("transaction", Any, None),
    ]
    return msgspec.json.Decoder(msgspec.defstruct("Envelope", fields, gc=False), float_hook=Decimal)


def _log_envelope(row: type[Any]) -> "msgspec.json.Decoder[Any]":
    fields: list[tuple[str, Any]] = [("after", row | None), ("source", LogSource), ("op", str)]
    return msgspec.json.Decoder(
        msgspec.defstruct("LogEnvelope", fields, gc=False), float_hook=Decimal
    )


def key_plan(
    feeds: Sequence[Feed],
    wires: Mapping[str, Wire],
    placeholder: Placeholder,
    *,
    quick: bool = True,
) -> KeyPlan:
    """Compile the plan of one key schema."""
    fields = _fields(name for feed in feeds for name in feed.key_columns)
    row = _struct("Key", fields)
    functions = tuple(
        (
            compile_key(Half(feed.key, feed.side, fields, wires, placeholder, quick)),
            _raw_key(feed, fields),
        )
        for feed in feeds
    )
    decoder = msgspec.json.Decoder(row, float_hook=Decimal)
    return KeyPlan(fields, wires, row, decoder, functions)


def _fields(names: Any) -> dict[str, int]:
    return {name: index for index, name in enumerate(dict.fromkeys(names))}


def _struct(name: str, fields: Mapping[str, int]) -> type[Any]:
    return msgspec.defstruct(
        name,
        [(f"f{index}", Any, msgspec.UNSET) for index in fields.values()],
        rename={f"f{index}": column for column, index in fields.items()},
        gc=False,
    )


def _raw_key(feed: Feed, fields: Mapping[str, int]) -> Raws:
    """The raw key values, to compare record key and row without converting them."""
    return operator.attrgetter(*[f"f{fields[column]}" for column in feed.key_columns])


def _filter(
    conditions: Sequence[tuple[str, tuple[Literal, ...]]],
    fields: Mapping[str, int],
    wires: Mapping[str, Wire],
) -> Callable[[Any], bool] | None:
    """Whether a row takes part; None without a filter."""
    if not conditions:
        return None
    tests = []
    for column, values in conditions:
        wire = wires.get(column, PLAIN)
        kind = wire.kind or NATURAL
        allowed = [_filter_atom(value, kind) for value in values]
        tests.append((f"f{fields[column]}", column, reader(kind, wire), finisher(kind), allowed))

    def passes(row: Any) -> bool:
        for attribute, column, read, finish, allowed in tests:
            raw = getattr(row, attribute)
            if raw is msgspec.UNSET:
                raise canonical.MissingColumnError(f"filter column `{column}` is not in the record")
            if finish(None if raw is None else read(raw)) not in allowed:
                return False
        return True

    return passes


def _filter_atom(value: Literal, kind: Kind) -> Any:
    try:
        return finisher(kind)(literal(value, kind))
    except BadValueError:  # no row has it
        return object()
