"""Rows as fingerprints: comparing them, completing them, naming the columns that differ."""

import enum

from figwatch.validators.state import Carried

_MODULUS = 1 << 128
_NOTHING, _NULL = b"\0\0", b"\xff\xff"
"""Sketches of an unknown column and of null (`canonical.rows`, little-endian)."""


class Equal(enum.Enum):
    """Outcome of comparing two rows of which some columns may be unknown."""

    YES = enum.auto()
    NO = enum.auto()
    MAYBE = enum.auto()
    """The known columns agree, or nothing is left to compare."""


def compare(
    left: bytes | None,
    left_sketch: bytes,
    left_unknown: tuple[int, ...],
    right: bytes | None,
    right_sketch: bytes,
    right_unknown: tuple[int, ...],
) -> Equal:
    """Compare two versions. A missing sketch of an existing row can refute nothing."""
    if not left_unknown and not right_unknown:
        return Equal.YES if left == right else Equal.NO
    if left is None or right is None:
        return Equal.NO  # one exists, the other does not
    if not left_sketch or not right_sketch:
        return Equal.MAYBE
    found = differing_columns(left_sketch, right_sketch, left_unknown, right_unknown)
    return Equal.NO if found else Equal.MAYBE


def differing_columns(
    left_sketch: bytes,
    right_sketch: bytes,
    left_unknown: tuple[int, ...] = (),
    right_unknown: tuple[int, ...] = (),
) -> tuple[int, ...]:
    """Indices of the mapped columns whose two-byte sketches differ; empty when a row is absent.

    A column that is unknown on one side differs only where it is known to be null or a DEFAULT
    there, and is neither on the other side.
    """
    if not left_sketch or not right_sketch:
        return ()
    found = []
    for i in range(min(len(left_sketch), len(right_sketch)) // 2):
        left, right = left_sketch[2 * i : 2 * i + 2], right_sketch[2 * i : 2 * i + 2]
        if left == right or (i in left_unknown and i in right_unknown):
            continue
        if i in left_unknown:
            left, right = right, left
        doubtful = i in left_unknown or i in right_unknown  # then it is `right`
        if doubtful and (right in (_NOTHING, _NULL) or left == _NULL):
            continue
        found.append(i)
    return tuple(found)


def null_or_default(sketch: bytes, unknown: tuple[int, ...]) -> bool:
    """Whether each unknown column is so because it is either null or the column's DEFAULT."""
    return bool(unknown) and all(sketch[2 * i : 2 * i + 2] not in (_NOTHING, b"") for i in unknown)


def complete(
    partial: bytes, sketch: bytes, unknown: tuple[int, ...], carried: Carried, old_sketch: bytes
) -> tuple[bytes, bytes, tuple[int, ...], Carried]:
    """Fill unknown columns from the digests of the earlier version.

    Returns fingerprint, sketch, the columns that stay unknown, and the digests that were used.
    A column whose earlier value was short left no digest and stays unknown.
    """
    known = dict(carried)
    total = int.from_bytes(partial, "big")
    filled = bytearray(sketch)
    used: list[tuple[int, bytes]] = []
    left: list[int] = []
    for column in unknown:
        digest = known.get(column)
        unchanged = sketch[2 * column : 2 * column + 2] in (_NOTHING, b"")
        if digest is None or not old_sketch or not unchanged:
            left.append(column)
            continue
        total += int.from_bytes(digest, "big")
        filled[2 * column : 2 * column + 2] = old_sketch[2 * column : 2 * column + 2]
        used.append((column, digest))
    return (total % _MODULUS).to_bytes(16, "big"), bytes(filled), tuple(left), tuple(used)
