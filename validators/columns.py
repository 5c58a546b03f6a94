"""Rows as fingerprints: comparing them, completing them, naming the columns that differ."""

import enum

from figwatch.validators.state import Carried

_MODULUS = 1 << 128


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
    skip = {*left_unknown, *right_unknown}
    return Equal.NO if _differing(left_sketch, right_sketch, skip) else Equal.MAYBE


def differing_columns(
    left_sketch: bytes, right_sketch: bytes, unknown: tuple[int, ...] = ()
) -> tuple[int, ...]:
    """Indices of the mapped columns whose two-byte sketches differ; empty when a row is absent."""
    if not left_sketch or not right_sketch:
        return ()
    return _differing(left_sketch, right_sketch, set(unknown))


def _differing(left: bytes, right: bytes, skip: set[int]) -> tuple[int, ...]:
    return tuple(
        i
        for i in range(min(len(left), len(right)) // 2)
        if i not in skip and left[2 * i : 2 * i + 2] != right[2 * i : 2 * i + 2]
    )


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
        if digest is None or not old_sketch:
            left.append(column)
            continue
        total += int.from_bytes(digest, "big")
        filled[2 * column : 2 * column + 2] = old_sketch[2 * column : 2 * column + 2]
        used.append((column, digest))
    return (total % _MODULUS).to_bytes(16, "big"), bytes(filled), tuple(left), tuple(used)
