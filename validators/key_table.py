"""The keys of one partition: packed where nothing is open, as objects where something is.

A consistent key is packed, and so is one that waits for nothing but its own next event
(`figwatch.validators.resting`); the others are *unsettled*, looked at with every evaluation.
`figwatch.validators.packing` makes the bytes, `figwatch.validators.settling` decides who rests.
"""

from collections.abc import Iterator, Mapping, MutableMapping

from figwatch.validators.outcome import Verdict
from figwatch.validators.packing import pack, unpack
from figwatch.validators.pair import Pair
from figwatch.validators.resting import Resting, may_rest, share
from figwatch.validators.state import KeyState


class KeyTable:
    """The join table of one partition, by `table_key`."""

    def __init__(self, pairs: Mapping[str, Pair]) -> None:
        self._pairs = pairs
        self._packed: MutableMapping[bytes, bytes] = {}
        """Every key; empty where the state in `_unsettled` is newer than any packed form."""
        self._unsettled: dict[bytes, KeyState] = {}
        self._resting: set[bytes] = set()
        """Those of the packed keys that are not consistent."""
        self._sums = {name: Resting() for name in pairs}
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
        return [*self._unsettled, *self._resting]

    def unsettled(self) -> Iterator[tuple[bytes, KeyState]]:
        """Keys that time, marks or readings can settle, as they stood at the call."""
        return iter(list(self._unsettled.items()))

    # -- one key ------------------------------------------------------------------------------

    def peek(self, key: bytes) -> KeyState:
        """State of a key, to look at."""
        state = self._unsettled.get(key)
        if state is None:
            packed = self._packed.get(key)
            state = unpack(packed) if packed else KeyState()
        return state

    def get(self, key: bytes) -> KeyState:
        """State of a key, to change: one that rests wakes."""
        state = self.peek(key)
        if key in self._resting:
            self._resting.discard(key)
            self._sums[self.pair_of(key).rules.name].add(share(state), -1)
            self._unsettled[key] = state
        return state

    def hold(self, key: bytes, state: KeyState, *, changed: bool) -> None:
        """Keep a key unsettled; `changed`: unlike the changelog has it from now on."""
        if changed or key not in self._unsettled:
            self.touch(key)
        self._unsettled[key] = state

    def touch(self, key: bytes) -> None:
        """Its state is unlike the changelog's from now on."""
        self._packed[key] = b""
        self._dirty.add(key)

    def rest(self, key: bytes, pair: Pair, state: KeyState) -> None:
        """Pack a key that only its own next event, or a look at the whole pair, can change."""
        packed = pack(state)
        self._unsettled.pop(key, None)
        # Judged again and still the same: the changelog has it already.
        if packed != self._packed.get(key):
            self._packed[key] = packed
            self._dirty.add(key)
        if state.verdict != Verdict.CONSISTENT:
            self._resting.add(key)
            self._sums[pair.rules.name].add(share(state))

    # -- all of them --------------------------------------------------------------------------

    def sums(self) -> Mapping[str, Resting]:
        """What the resting keys add to the sums of each pair."""
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
                self._unsettled[key] = state
            yield pair, state

    def _is_known(self, key: bytes) -> bool:
        """Whether it is a key of a pair that the configuration (still) has."""
        return key[: key.find(b"\0")].decode() in self._pairs

    def take_dirty(self) -> Iterator[tuple[bytes, bytes]]:
        """Packed state of every key that changed since the last call."""
        dirty, self._dirty = self._dirty, set()
        for key in dirty:
            state = self._unsettled.get(key)
            yield key, pack(state) if state is not None else self._packed[key]


def table_key(pair: str, key: bytes) -> bytes:
    """Key of the join table: pair names hold no zero byte."""
    return b"%b\0%b" % (pair.encode(), key)
