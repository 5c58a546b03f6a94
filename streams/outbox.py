"""Findings that may not have been published yet, kept in the changelog beside the state.

A worker may die between writing its state and publishing the findings that the state implies; the
next one knows from here what to publish again. Written before the state, published after it; what
the restored state does not bear out is dropped, because it will be found again.
"""

import logging
from collections.abc import Sequence
from typing import Any

import msgspec

from figwatch.streams.store import Store
from figwatch.validators.finding import Finding

log = logging.getLogger("figwatch")

PREFIX = b"\0outbox-"
"""Keys of the outbox in the join table; pair names start with a letter."""
CHUNK_FINDINGS_MAX = 500
"""Findings in one record, so that none outgrows Kafka's message size."""

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[Finding])


def put(findings: Sequence[Finding], chunks_before: int) -> tuple[dict[bytes, bytes | None], int]:
    """Records that replace the outbox, and how many chunks they are now."""
    chunks = [
        findings[i : i + CHUNK_FINDINGS_MAX] for i in range(0, len(findings), CHUNK_FINDINGS_MAX)
    ]
    records: dict[bytes, bytes | None] = {
        _key(number): _ENCODER.encode(chunk) for number, chunk in enumerate(chunks)
    }
    for number in range(len(chunks), chunks_before):
        records[_key(number)] = None
    return records, len(chunks)


def take(restored: Store) -> tuple[list[Finding], int]:
    """Remove the outbox from a restored state; returns its findings and number of chunks.

    Chunks of another version of figwatch are left out, and it is said: what they hold was most
    likely published before the upgrade.
    """
    keys = sorted(key for key in restored if key.startswith(PREFIX))
    found: list[Finding] = []
    for key in keys:
        try:
            found += _DECODER.decode(restored.pop(key))
        except msgspec.DecodeError as error:
            log.warning("findings of another version were not published again: %s", error)
    return found, len(keys)


def holds(finding: Finding, state: Any) -> bool:
    """Whether the restored state of the finding's key bears it out.

    `state` is a `figwatch.validators.state.KeyState`, or None when the key is not known.
    """
    stands = state.finding if state is not None else None
    same = stands is not None and stands.detected_us == finding.detected_us
    return same is (finding.resolved_us is None)


def _key(number: int) -> bytes:
    return PREFIX + str(number).encode()
