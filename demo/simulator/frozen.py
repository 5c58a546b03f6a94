"""A world and its judge as a value: everything that can decide a verdict, with times as ranks.

The exhaustive search keeps a state once, however its times came about: with no objective to wait
for, only their order matters. `figwatch.demo.simulator.exhaustive` searches.
"""

import re

import msgspec

from figwatch.demo.simulator.small_world import EPOCH_US, KEY, PAIR, TICK_US, TOPICS, World
from figwatch.validators.change import Barrier, Reading
from figwatch.validators.judge import Judge
from figwatch.validators.key_table import table_key
from figwatch.validators.outcome import Verdict
from figwatch.validators.pair import PairRules
from figwatch.validators.state import KeyState, OpenFinding
from figwatch.validators.stream import Coverage

RULES = PairRules(
    PAIR, TOPICS[:1], TOPICS[1:], ("value",), objective_us=0, fenced=True, disorder_us=0
)
_FOUND = OpenFinding(0, (), 0, 0, 0, incomplete_history=False, reading_us=0, committed=0)
_TIME = re.compile(rb"(?<=[\[,])1\d{9}(?=[\],])")
"""A time in the encoded value: ten digits from EPOCH_US on. No other number gets that far."""


class _StreamValue(msgspec.Struct, array_like=True):
    kept: Coverage
    latest: Reading | None
    rewound_us: int
    covered_us: int
    asked: bool
    waiting: list[Reading]
    covered: list[Reading]
    barriers: list[Barrier]


class _Value(msgspec.Struct, array_like=True):
    world: World
    state: KeyState | None
    streams: list[_StreamValue]
    demoted: bool
    spread: bool


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(_Value)


def freeze(world: World, judge: Judge) -> bytes:
    """Return the value; times of different histories with the same order become the same."""
    state = judge.state_of(PAIR, KEY)
    if state is not None:
        state.since_us, state.finding = 0, state.finding and _FOUND
    streams = [
        _StreamValue(
            _bare(s.kept), s.latest, s.rewound_us, s.covered_us, s.asked,
            list(s._waiting), s._covered, list(s._barriers),  # noqa: SLF001 - the value of a judge
        )
        for s in judge.streams
    ]  # fmt: skip
    pair = judge.pairs[PAIR]
    return _ranked(_ENCODER.encode(_Value(world, state, streams, pair.demoted, pair.spread)))


def _bare(kept: Coverage) -> Coverage:
    """What cannot decide a verdict here is left out: fewer states, the same answers."""
    watermark_us = kept.watermark_us if kept.topic == TOPICS[1] else 0
    return msgspec.structs.replace(kept, watermark_us=watermark_us, latest_us=0, log_append_us=0)


def _ranked(value: bytes) -> bytes:
    times = sorted(set(_TIME.findall(value)))
    ranks = {us: b"%d" % (EPOCH_US + TICK_US * i) for i, us in enumerate(times)}
    return _TIME.sub(lambda match: ranks[match[0]], value)


def after(value: bytes) -> int:
    """Return the first instant after all of a value's times."""
    return max(map(int, _TIME.findall(value)), default=EPOCH_US) + TICK_US


def world_of(value: bytes) -> World:
    """Return the world of a value."""
    return _DECODER.decode(value).world


def with_world(value: bytes, world: World) -> bytes:
    """Return the value after a step that figwatch has not seen anything of."""
    frozen = _DECODER.decode(value)
    frozen.world = world
    return _ranked(_ENCODER.encode(frozen))


def said(value: bytes) -> Verdict | None:
    """What the judge says of the key; None when it was never seen."""
    state = _DECODER.decode(value).state
    return Verdict(state.verdict) if state is not None and state.verdict >= 0 else None


def thaw(value: bytes) -> Judge:
    """Make a judge from a value."""
    frozen = _DECODER.decode(value)
    judge = Judge((RULES,))
    judge.around.expected = dict.fromkeys(TOPICS, 1)
    for one in frozen.streams:
        judge.around.add(one.kept)
        stream = judge.streams[-1]
        stream.latest, stream.rewound_us = one.latest, one.rewound_us
        stream.covered_us, stream.asked = one.covered_us, one.asked
        stream._waiting.extend(one.waiting)  # noqa: SLF001 - the value of a judge
        stream._covered.extend(one.covered)  # noqa: SLF001
        stream._answers.extend(r.answered_us for r in one.covered)  # noqa: SLF001
        stream._barriers.extend(one.barriers)  # noqa: SLF001
    pair = judge.pairs[PAIR]
    pair.demoted, pair.spread = frozen.demoted, frozen.spread
    if frozen.state is not None:
        judge.table.hold(table_key(PAIR, KEY), frozen.state, changed=True)
        judge.ledger.restored(pair, frozen.state)
    return judge
