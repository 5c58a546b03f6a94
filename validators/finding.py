"""Findings: what is or was divergent, for `<app>-findings`, `figwatch findings` and the replay."""

import msgspec

FINDING_VERSION = 1


class Finding(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One divergence of one key. `opened_us` with pair and key names it for good: later records
    of the same finding (changed, resolved) replace it. Holds no row values but the key's.
    """

    pair: str
    key: bytes
    """Canonical key bytes; the decoder turns them into source column names and values."""
    detected_us: int
    kind: str
    """`missing`, `extra`, `stale` or `value_mismatch`."""
    columns: tuple[str, ...]
    since_us: int
    resolved_us: int | None
    evidence: str
    """`fence`, `history`, `timeout` or `sweep`."""
    incomplete_history: bool = False
    changed_us: int = 0
    """Last time that kind or columns changed (0: never)."""
    void: bool = False
    """Withdrawn: what it rested on was found not to hold. `resolved_us` says when."""
    version: int = FINDING_VERSION
    reopened: int = 0
    """How many findings this key had before, all resolved. Each is a record of its own."""
    first_detected_us: int = 0
    """When the first of them was detected (0: there was none)."""
    first_evidence: str = ""
    """What the first of them was proved with."""
    last_resolved_us: int = 0
    """When the one before this resolved."""


_ENCODER = msgspec.msgpack.Encoder()

encode_finding = _ENCODER.encode
decode_finding = msgspec.msgpack.Decoder(Finding).decode


def finding_id(finding: Finding) -> bytes:
    """Key of the compacted findings topic."""
    return b"\0".join((finding.pair.encode(), str(finding.detected_us).encode(), finding.key))
