"""Free ports on loopback, below the range from which the kernel hands out client ports.

A port that was free a moment ago may be taken when the server binds it; `stack.py` then starts
the server again on another. Outside the ephemeral range that is rare.
"""

from __future__ import annotations

import random
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from figwatch.demo.sandbox.model import ErrorCode, SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LOWEST = 20_000
HIGHEST = 32_000
TRIES = 200


def choose(names: Iterable[str], preferred: Mapping[str, int]) -> dict[str, int]:
    """One free port a name: the preferred one where it is free, so that addresses last.

    Raises:
        SandboxError: START_FAILED when no free port is found.
    """
    chosen: dict[str, int] = {}
    for name in names:
        port = preferred.get(name)
        if port is None or port in chosen.values() or not is_free(port):
            port = _any_free(set(chosen.values()) | set(preferred.values()))
        chosen[name] = port
    return chosen


def is_free(port: int) -> bool:
    """Whether a server could bind it now, as servers do: with SO_REUSEADDR."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def _any_free(taken: set[int]) -> int:
    highest = min(HIGHEST, _ephemeral_lowest() - 1)
    source = random.SystemRandom()  # sandboxes started together must not walk the same ports
    for _ in range(TRIES):
        port = source.randint(LOWEST, max(highest, LOWEST + 1000))
        if port not in taken and is_free(port):
            return port
    raise SandboxError(
        ErrorCode.START_FAILED,
        f"No free port was found on 127.0.0.1 between {LOWEST} and {highest}.",
        "Stop programs that listen there.",
    )


def _ephemeral_lowest() -> int:
    try:
        text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii")
        return int(text.split()[0])
    except (OSError, ValueError, IndexError):
        return HIGHEST
