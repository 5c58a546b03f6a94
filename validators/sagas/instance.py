"""One saga instance and how an event changes it.

`apply` only adds to what was seen, so that late, repeated and reordered events end in the same
state; what they mean is said by `figwatch.validators.sagas.rules`.
"""

import enum

import msgspec

from figwatch.validators.sagas.definition import Definition
from figwatch.validators.writes.records import Report, SagaEvent

_DONE, _UNDONE, _FAILED, _START = 0, 64, 128, 255
"""Where the bits of each kind begin in `Instance.ids` and `Early.bit`."""


class Outcome(enum.IntEnum):
    """What became of a saga; `name.lower()` is its public spelling."""

    OPEN = 0
    """Within its time."""
    COMPLETED = 1
    """Every step is done."""
    COMPENSATED = 2
    """It failed, and every step that was done was undone."""
    INCOMPLETELY_COMPENSATED = 3
    """It failed, and a step that was done was not undone in time."""
    STUCK = 4
    """Neither done nor failed in time."""
    UNKNOWN_START = 5
    """Events without the one that starts it."""
    UNKNOWN = 6
    """Not over in time as far as can be told, but records that may have ended it were unreadable,
    lost or not declared."""


class Flag(enum.IntFlag):
    """What was noticed of an instance."""

    OUT_OF_ORDER = 1
    """A step happened before one that must come first."""
    REPEATED = 2
    """A step was done twice, by two different events: not a second delivery of one."""
    CLOCKS = 4
    """Its times contradict the order of the log: no duration is taken."""
    UNDECLARED = 8
    """An event came that the definition does not have."""
    SAMPLED = 16
    """Its duration was taken."""
    UNTIMED = 32
    """Its start was read by a snapshot: no duration is taken."""
    LATE = 64
    """Its first event is older than what was forgotten: it may be a second delivery."""


class Early(msgspec.Struct, array_like=True, gc=False):
    """An event that was read before one that must come first."""

    bit: int
    place: int
    """Its raw partition, as a number."""
    at_us: int


class Instance(msgspec.Struct, array_like=True, gc=False):
    """What was seen of one saga. `place` values stand for raw partitions."""

    first_us: int
    """Earliest time of its events; of the start alone once that was seen."""
    last_us: int
    started: bool = False
    done: int = 0
    failed: int = 0
    undone: int = 0
    report: Report = Report.NONE
    flags: int = 0
    outcome: int = 0
    settled_us: int = 0
    """Watermark at which it was closed."""
    sequence: int = 0
    """Number of its last settlement in this judge's books (0: none)."""
    counted: int = 0
    """Outcome under which it was counted before that settlement."""
    detected_us: int = 0
    """Clock time at which it was found wrong."""
    ids: dict[int, int] = {}
    early: list[Early] = []


class Noticed(msgspec.Struct, gc=False):
    """What applying an event brought to light."""

    duplicate: bool = False
    new_flags: int = 0


def new_instance(event: SagaEvent) -> Instance:
    """An instance of which this is the first event seen."""
    return Instance(event.at_us, event.at_us)


def apply(instance: Instance, event: SagaEvent, definition: Definition, place: int) -> Noticed:
    """Add an event; `place` stands for its raw partition."""
    before = instance.flags
    if event.undeclared:
        instance.flags |= Flag.UNDECLARED
        instance.last_us = max(instance.last_us, event.at_us)
        return Noticed(new_flags=instance.flags & ~before)
    duplicate = _seen_before(instance, event)
    if not duplicate:
        _mind_order(instance, event, definition, place)
        _mind_clocks(instance, event, definition)
    _take(instance, event)
    return Noticed(duplicate, instance.flags & ~before)


def _bits(event: SagaEvent) -> list[int]:
    found = [_START] if event.start else []
    for first, mask in ((_DONE, event.done), (_UNDONE, event.undone), (_FAILED, event.failed)):
        found += [first + n for n in range(mask.bit_length()) if mask >> n & 1]
    return found


def _known(instance: Instance, bit: int) -> bool:
    if bit == _START:
        return instance.started
    first = bit & ~63
    mask = {_DONE: instance.done, _UNDONE: instance.undone, _FAILED: instance.failed}[first]
    return bool(mask >> (bit - first) & 1)


def _seen_before(instance: Instance, event: SagaEvent) -> bool:
    """Whether the event says nothing new. Two events with ids of their own are no repetition of
    one: a step was done twice. A step may fail several times: those are attempts.
    """
    bits = _bits(event)
    if event.report:
        new = event.report is not instance.report and event.report > Report.NONE
        return not new and all(_known(instance, bit) for bit in bits)
    if not bits or not all(_known(instance, bit) for bit in bits):
        return False
    for bit in bits:
        other = instance.ids.get(bit, 0)
        if event.event_id and other and other != event.event_id:
            if bit < _FAILED or bit == _START:
                instance.flags |= Flag.REPEATED
            return False
    return True


def _before(bit: int, definition: Definition) -> list[int]:
    """Bits that must be seen before this one."""
    if bit == _START:
        return []
    if bit >= _FAILED:
        return [_START]
    if bit >= _UNDONE:
        return [_DONE + bit - _UNDONE]
    mask = definition.before[bit]
    return [_DONE + n for n in range(len(definition.steps)) if mask >> n & 1] or [_START]


def _mind_order(instance: Instance, event: SagaEvent, definition: Definition, place: int) -> None:
    """Notice a step that happened before what must come first: by the log's own order within one
    raw partition, by time beyond the clocks' difference across them.
    """
    if event.report:
        return  # a state table tells states, not events
    mine = _bits(event)
    for early in list(instance.early):
        missing = [b for b in _before(early.bit, definition) if not _known(instance, b)]
        if not set(missing) & set(mine):
            continue
        if early.place == place or early.at_us + definition.skew_us < event.at_us:
            instance.flags |= Flag.OUT_OF_ORDER
        if set(missing) <= set(mine):
            instance.early = [e for e in instance.early if e is not early]
    for bit in mine:
        waits = [b for b in _before(bit, definition) if not _known(instance, b) and b not in mine]
        if waits and not _known(instance, bit):
            instance.early = [*instance.early, Early(bit, place, event.at_us)]


def _mind_clocks(instance: Instance, event: SagaEvent, definition: Definition) -> None:
    """A later event of a started saga from before its start: the clocks disagree."""
    if instance.started and event.at_us + definition.skew_us < instance.first_us:
        instance.flags |= Flag.CLOCKS


def _take(instance: Instance, event: SagaEvent) -> None:
    if event.start and not instance.started:
        instance.first_us, instance.started = event.at_us, True
        if event.report and not event.committed:
            instance.flags |= Flag.UNTIMED
    elif not instance.started:
        instance.first_us = min(instance.first_us, event.at_us)
    instance.last_us = max(instance.last_us, event.at_us)
    if event.event_id:
        fresh = {bit: event.event_id for bit in _bits(event) if bit not in instance.ids}
        if fresh:
            instance.ids = instance.ids | fresh
    instance.done |= event.done
    instance.failed |= event.failed
    instance.undone |= event.undone
    if event.report is Report.GONE:
        ended = instance.report in (Report.COMPLETED, Report.COMPENSATED, Report.FAILED)
        if not ended:
            undoing = instance.report is Report.COMPENSATING
            instance.report = Report.COMPENSATED if undoing else Report.COMPLETED
    elif event.report:
        instance.report = max(instance.report, event.report)


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Instance)

pack = _ENCODER.encode
unpack = _DECODER.decode
