"""The version of what a partition keeps besides its rows' keys: its own record, sagas, turns.

A key's state carries its version in its first byte (`figwatch.validators.packing`). All else has
one for the partition together, in a record of its own, so that a figwatch that goes back to before
an upgrade says so instead of reading fields that it does not know. Fields are only ever appended,
with a default: so every older layout is read, and written anew as it changes. (Once one was put in
between; `mended` takes such a record to today's form.)
`figwatch.validators.partition` asks before it reads anything else.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

KEY = b"\0layout"
"""Key in the join table; pair names start with a letter."""

VERSION = 1
"""Raise it when older figwatches must not read what this one writes."""

_LENGTH_BYTES = 2
RECORD = VERSION.to_bytes(_LENGTH_BYTES, "big")
"""What this figwatch writes."""


def check(states: Mapping[bytes, bytes]) -> bool:
    """Return whether the changelog says this version already; it says none from before there
    were any.

    Raises:
        msgspec.DecodeError: a newer figwatch wrote it.
    """
    record = states.get(KEY)
    if record is None:
        return False
    version = int.from_bytes(record, "big")
    if version > VERSION:
        raise msgspec.DecodeError(f"state layout {version}, this figwatch reads up to {VERSION}")
    return version == VERSION


_STREAMING, _LOG_APPEND_US, _FIELDS = 7, 14, 15
"""Of a `Coverage` without `log_append_us`: where one stands, where the other will, how many."""


def mended(meta: Any) -> Any:
    """The partition's own record, decoded without types, in today's form: `Coverage` once had no
    `log_append_us` before its last field. Where log events were seen, they were seen long ago.
    """
    streams = meta[0] if isinstance(meta, list) and meta and isinstance(meta[0], list) else []
    for coverage in streams:
        if isinstance(coverage, list) and len(coverage) == _FIELDS:
            coverage.insert(_LOG_APPEND_US, int(coverage[_STREAMING]))
    return meta
