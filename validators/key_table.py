"""The keys of one partition: packed, but for a bounded number of open ones.

A consistent key is packed. One that waits for nothing but its own next event *rests*
(`figwatch.validators.resting`). The others are *open*, looked at with every evaluation: those that
were touched last are objects, and where they are many (a replicator stands still, a burst of
divergences) the others are packed too, and looked at by and by. What packed keys add to the sums
of their pair is kept here, so that only objects are summed up one by one.
`figwatch.validators.packing` makes the bytes, `figwatch.validators.settling` decides who rests.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from itertools import islice

from figwatch.validators.outcome import Verdict
from figwatch.validators.packing import pack, unpack
from figwatch.validators.pair import Pair
from figwatch.validators.resting import Resting, may_rest, share
from figwatch.validators.state import KeyState

OBJECTS_MAX = 4_096
"""Open keys that are held as objects, of some 3 kB each; when a batch has made so many, all of them
are packed.
"""
LOOK_MAX = 10_000
"""Packed open keys that are looked at in one evaluation, the others in the next ones: so long
nothing else is done.
"""


class KeyTable:
    """The join table of one partition, by `table_key`."""

    def __init__(self, pairs: Mapping[str, Pair]) -> None:
        self._pairs = pairs
        self._packed: MutableMapping[bytes, bytes] = {}
        """Every key; empty where the state in `_objects` is newer than any packed form."""
        self._objects: dict[bytes, KeyState] = {}
        """Open keys."""
        self._waiting: dict[bytes, None] = {}
        """Open keys that are packed, in the order in which they came."""
        self._round = iter([*self._waiting])
        """Those of them that are still to be looked at, until all were."""
        self._resting: set[bytes] = set()
        """Packed keys that are neither consistent nor open."""
        self._sums = {name: Resting() for name in pairs}
        """What those that wait or rest add to the sums of their pair."""
        self._dirty: set[bytes] = set()

    def __contains__(self, key: bytes) -> bool:
        """Whether an event of the key was seen."""
        return key in self._packed

    def pair_of(self, key: bytes) -> Pair:
        """The pair that a key belongs to."""
        return self._pairs[key[: key.index(b"\0")].decode()]

    def keys_of(self, pair: str) -> list[bytes]:
        """Every key that was seen of a pair."""
        prefix = table_key(pair, b"")
        return [key for key in self._packed if key.startswith(prefix)]

    def inconsistent(self) -> list[bytes]:
        """Every key that is not consistent."""
        return [*self._objects, *self._waiting, *self._resting]

    def objects(self) -> list[tuple[bytes, KeyState]]:
        """Open keys that are not packed, as they stood at the call: they are in no sums."""
        return list(self._objects.items())

    def next_waiting(self) -> list[bytes]:
        """The next `LOOK_MAX` packed open keys, round and round."""
        keys = list(islice(self._round, LOOK_MAX))
        if not keys:
            if not self._waiting:
                self._waiting = {}  # a dict that was large stays large
            self._round = iter([*self._waiting])
            keys = list(islice(self._round, LOOK_MAX))
        return [key for key in keys if key in self._waiting]

    # -- one key ------------------------------------------------------------------------------

    def peek(self, key: bytes) -> KeyState:
        """State of a key, to look at."""
        state = self._objects.get(key)
        if state is None:
            packed = self._packed.get(key)
            state = unpack(packed) if packed else KeyState()
        return state

    def get(self, key: bytes) -> KeyState:
        """State of a key, to change: one that waits or rests becomes an object."""
        state = self.peek(key)
        if self._leave(key, state):
            self._objects[key] = state
        return state

    def hold(self, key: bytes, state: KeyState, *, changed: bool) -> None:
        """Keep a key open; `changed`: unlike the changelog has it from now on."""
        if key in self._waiting and not changed:
            return
        self._leave(key)
        if len(self._objects) - (key in self._objects) < OBJECTS_MAX:
            if changed:
                self.touch(key)
            self._objects[key] = state
        else:
            self._put(key, pack(state))
            self._wait(key, state)

    def touch(self, key: bytes) -> None:
        """Its state is unlike the changelog's from now on. For keys that are objects."""
        self._packed[key] = b""
        self._dirty.add(key)

    def rest(self, key: bytes, state: KeyState) -> None:
        """Pack a key that only its own next event, or a look at the whole pair, can change."""
        self._leave(key)
        self._put(key, pack(state))
        if state.verdict != Verdict.CONSISTENT:
            self._resting.add(key)
            self._sums[self.pair_of(key).rules.name].add(share(state))

    def _put(self, key: bytes, packed: bytes) -> None:
        self._objects.pop(key, None)
        # Judged again and still the same: the changelog has it already.
        if packed != self._packed.get(key):
            self._packed[key] = packed
            self._dirty.add(key)

    def _wait(self, key: bytes, state: KeyState) -> None:
        self._waiting[key] = None
        self._sums[self.pair_of(key).rules.name].add(share(state))

    def _leave(self, key: bytes, state: KeyState | None = None) -> bool:
        """Take a key from those that wait or rest, its share from the sums. Returns whether it was
        one. `state` is what its packed form says, where that is known.
        """
        if key in self._waiting:
            del self._waiting[key]
        elif key in self._resting:
            self._resting.discard(key)
        else:
            return False
        one = share(state if state is not None else unpack(self._packed[key]))
        self._sums[self.pair_of(key).rules.name].add(one, -1)
        return True

    # -- all of them --------------------------------------------------------------------------

    def sums(self) -> Mapping[str, Resting]:
        """What the keys that wait or rest add to the sums of each pair."""
        return self._sums

    def load(self, states: MutableMapping[bytes, bytes]) -> Iterator[tuple[Pair, KeyState]]:
        """Go on with the keys as the changelog has them, and yield each. `states`, a dict or a
        store on disk, is taken over: a second one of a million keys would cost a quarter more
        memory, just when a rebalance brings partitions.
        """
        for key in [k for k, packed in states.items() if not (packed and self._is_known(k))]:
            del states[key]
        self._packed = states
        for key, packed in states.items():
            state, pair = unpack(packed), self.pair_of(key)
            if may_rest(state, pair):
                self._resting.add(key)
                self._sums[pair.rules.name].add(share(state))
            elif state.verdict != Verdict.CONSISTENT:
                if len(self._objects) < OBJECTS_MAX:
                    self._objects[key] = state
                else:
                    self._wait(key, state)
            yield pair, state

    def _is_known(self, key: bytes) -> bool:
        """Whether it is a key of a pair that the configuration (still) has."""
        return key[: key.find(b"\0")].decode() in self._pairs

    def take_dirty(self) -> Iterator[tuple[bytes, bytes]]:
        """Packed state of every key that changed since the last call."""
        if len(self._objects) >= OBJECTS_MAX:
            self._pack_all()
        dirty, self._dirty = self._dirty, set()
        for key in dirty:
            state = self._objects.get(key)
            yield key, pack(state) if state is not None else self._packed[key]

    def _pack_all(self) -> None:
        """Make room for those that are touched next."""
        objects, self._objects = self._objects, {}
        for key, state in objects.items():
            self._packed[key] = pack(state)
            self._wait(key, state)


def table_key(pair: str, key: bytes) -> bytes:
    """Key of the join table: pair names hold no zero byte."""
    return b"%b\0%b" % (pair.encode(), key)
