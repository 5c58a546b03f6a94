"""A canonical row as bytes: its fingerprint, its column sketch, its key.

Two rows that mean the same have the same fingerprint in every process and release. It is the hash
of the short columns together plus one digest for each long one, so that a column which is unknown
in one event (unchanged TOAST) can be added from an earlier one; see `figwatch.validators.change`.
`mapping.compile` generates the function that fills these in.
"""

import base64
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import xxhash

from figwatch.validators.canonical import times
from figwatch.validators.canonical.atoms import Atom
from figwatch.validators.canonical.kinds import NATURAL, TIMES, Base, Kind

LONG_BYTES_MIN = 32
"""A canonical encoding from this length on is hashed on its own (PostgreSQL moves no value of
fewer than 24 bytes out of line)."""
PLACEHOLDER = "__debezium_unavailable_value"
LONG_MARK = True
"""Stands in the row for a long or unknown column: one byte that no atom encodes to."""
NULL_SKETCH = 0xFFFF
UNKNOWN_SKETCH = 0
SKETCH_PRIME = 65_521  # the largest below 2**16: neighbouring numbers differ
OLD = 2
"""Event flag: read by a snapshot, which writes dates before 1582-10-15 differently."""
SILENT = 1
"""Event flag: a null may be an unchanged value that Debezium could not read (op `u`)."""
KEPT = 4
"""Event flag: its converter writes null as null, not as the column's DEFAULT."""

encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode
_MODULUS = 1 << 128

Special = list[tuple[int, bytes | None]]
"""Columns of one row that are long (with their digest) or unknown (None).

An unknown column has the sketch 0; one that is either null or a certain value has that value's, so
that others refute it (`columns.compare`), or NULL_SKETCH where nothing does.
"""


class MissingColumnError(ValueError):
    """A mapped column is not in the record; the message names it."""


class UnknownValueError(ValueError):
    """A value was needed that the record does not hold (unchanged TOAST)."""


class Placeholder:
    """The forms in which Debezium says that it does not know an unchanged value."""

    def __init__(self, *texts: str) -> None:
        datas = [text.encode() for text in texts or (PLACEHOLDER,)]
        self._datas = datas
        self._texts = {
            spelled
            for data in datas
            for spelled in (
                data.decode(),
                base64.b64encode(data).decode(),
                base64.urlsafe_b64encode(data).decode(),
            )
        }
        self._lengths = {len(t) for t in self._texts}
        self._text_min = min(self._lengths)
        uuids = (str(uuid.UUID(bytes=_name_uuid(data))) for data in datas)
        self._items: tuple[Any, ...] = (*self._texts, *datas, *uuids)
        self._codes = [list(data) for data in datas]

    @property
    def text_min(self) -> int:
        """Texts shorter than this are never a placeholder."""
        return self._text_min

    def stands_for(self, value: Any) -> bool:
        """Whether this raw value means "unchanged"."""
        kind = value.__class__
        if kind is str:
            return len(value) in self._lengths and value in self._texts
        if kind is bytes:
            return value in self._datas
        if kind is list:
            return value in self._codes or (len(value) == 1 and value[0] in self._items)
        if kind is dict and len(value) == 1:
            name, item = next(iter(value.items()))
            return name in self._texts and item.__class__ is str and item in self._texts
        return False


def _name_uuid(data: bytes) -> bytes:
    """Java's UUID.nameUUIDFromBytes: MD5, version 3 (an identifier, no security)."""
    import hashlib

    digest = bytearray(hashlib.md5(data, usedforsecurity=False).digest())
    digest[6] = digest[6] & 0x0F | 0x30
    digest[8] = digest[8] & 0x3F | 0x80
    return bytes(digest)


def sketch_of(atom: Atom) -> int:
    """16 bits of one column, never 0: equal atoms agree, others differ but once in 65,000."""
    if atom is None:
        return NULL_SKETCH
    if atom.__class__ is int:
        return atom % SKETCH_PRIME or SKETCH_PRIME
    data = atom.encode() if atom.__class__ is str else encode(atom)
    return xxhash.xxh32_intdigest(data) & 0xFFFF or 1


def digest_of(index: int, encoded: bytes) -> bytes:
    """Digest of one long column; its index keeps two swapped columns apart."""
    return xxhash.xxh3_128_digest(index.to_bytes(2, "big") + encoded)


Cell = Callable[[Any, int], tuple[Any, int]]
"""(raw value, event flags) → (what stands in the row, sketch)."""


def cell(index: int, atom_of: Callable[[Any, int], Atom], special: Special) -> Cell:
    """The slow path of a column, for every value: `atom_of` may raise UnknownValueError."""

    def convert(value: Any, flags: int) -> tuple[Any, int]:
        try:
            atom = atom_of(value, flags)
        except UnknownValueError:
            special.append((index, None))
            return LONG_MARK, UNKNOWN_SKETCH
        if atom is None:
            return None, NULL_SKETCH
        if atom.__class__ is int:
            return atom, sketch_of(atom)
        encoded = encode(atom)
        if len(encoded) < LONG_BYTES_MIN:
            return atom, sketch_of(atom)
        digest = digest_of(index, encoded)
        special.append((index, digest))
        return LONG_MARK, (digest[0] << 8 | digest[1]) or 1

    return convert


def doubting(
    index: int,
    convert: Cell,
    doubt: Callable[[Any, int], int],
    special: Special,
    seen: Callable[[], None],
) -> Cell:
    """A cell that makes some values unknown. `doubt` gives the sketch of a raw value that may stand
    for null (or null for it), 0 for all others; `seen` is told of it.
    """

    def cell_of(value: Any, flags: int) -> tuple[Any, int]:
        if sketch := doubt(value, flags):
            seen()
            special.append((index, None))
            return LONG_MARK, sketch
        return convert(value, flags)

    return cell_of


def completed(
    short: bytes, special: Special
) -> tuple[bytes, tuple[int, ...], tuple[tuple[int, bytes], ...]]:
    """Fingerprint, unknown columns and carried digests of a row with long or unknown columns."""
    total = int.from_bytes(short, "big")
    unknown: list[int] = []
    carried: list[tuple[int, bytes]] = []
    for index, digest in special:
        if digest is None:
            unknown.append(index)
        else:
            carried.append((index, digest))
            total += int.from_bytes(digest, "big")
    return (total % _MODULUS).to_bytes(16, "big"), tuple(unknown), tuple(carried)


def key_atom(atom: Atom, kind: Kind) -> Atom:
    """An atom in a key: times, UUIDs and bytes as people write them, so that a key explains itself
    to a reader that has seen no schema.
    """
    if kind.base in _SHOWN_IN_KEYS:
        return shown(atom, kind)
    return atom


_SHOWN_IN_KEYS = {*TIMES, Base.DATE, Base.UUID, Base.BYTES}


def decode_key(key: bytes, names: Sequence[str]) -> dict[str, Any]:
    """The key columns of a canonical key, as people and JSON write them.

    Raises:
        ValueError: these are no key bytes of this pair.
    """
    try:
        atoms = _decode(key)
    except msgspec.MsgspecError as error:
        raise ValueError("no canonical key") from error
    if not isinstance(atoms, list) or len(atoms) != len(names):
        raise ValueError("a canonical key of another pair")
    return {name: shown(atom, NATURAL) for name, atom in zip(names, atoms, strict=True)}


def shown(atom: Atom, kind: Kind) -> Any:  # noqa: PLR0911  # one for each kind of atom
    """An atom as a JSON value for people: decimals as text, times in ISO, bytes in hex."""
    if atom.__class__ is bytes:
        if kind.base is Base.UUID:
            return str(uuid.UUID(bytes=atom))
        return atom.hex() if kind.base is Base.BYTES else atom.decode("ascii", "replace")
    if kind.base is Base.ARRAY and isinstance(atom, list):
        item = kind.item or kind
        return [shown(element, item) for element in atom]
    if kind.base is Base.BOOL and atom.__class__ is int:
        return bool(atom)
    if isinstance(atom, list | tuple) and len(atom) == 2:  # noqa: PLR2004
        sign = "-" if atom[0] < 0 else ""
        digits = str(abs(atom[0])).rjust(atom[1] + 1, "0")
        return f"{sign}{digits[: -atom[1]]}.{digits[-atom[1] :]}"
    if atom.__class__ is int and (kind.base is Base.DATE or kind.base in TIMES):
        return times.iso(atom, kind.base)
    return atom
