"""Which version of the source the target shows: the question behind every verdict.

`figwatch.validators.rules` asks it to judge, `figwatch.validators.history` to know which version a
full ring must keep.
"""

from figwatch.validators.columns import Equal, compare
from figwatch.validators.state import Entry, Source, Target

PREFIX_BYTES = 8
"""Of a fingerprint: enough to recognise a version that the ring has no room for."""


def match(entry: Entry | None, target: Target | None) -> Equal:
    """Compare a version (None: an absent row) with what the target shows."""
    fingerprint, sketch, unknown = (
        (entry.fingerprint, entry.sketch, entry.unknown) if entry else (None, b"", ())
    )
    if target is None:
        return Equal.YES if fingerprint is None else Equal.NO
    return compare(fingerprint, sketch, unknown, target.fingerprint, target.sketch, target.unknown)


def last_match(source: Source, target: Target | None, before: int) -> int | None:
    """Index of the last version before index `before` that the target shows: -1 for the absence
    before the key's first version, None when it shows none. A version that cannot be refuted
    (unknown columns) counts: that asks for a later proof, never an earlier one.
    """
    for i in range(before - 1, -1, -1):
        if match(source.ring[i], target) is not Equal.NO:
            return i
    return -1 if source.born and (target is None or target.fingerprint is None) else None


def prefix(fingerprint: bytes | None) -> bytes:
    """Return what `Source.dropped` keeps of a fingerprint; empty for an absent row."""
    return fingerprint[:PREFIX_BYTES] if fingerprint is not None else b""
