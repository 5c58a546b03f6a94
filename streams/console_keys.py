"""The console's key explorer: asks `figwatch explain`, in a process of its own.

So it says what the command says, and its reading back of topics takes neither the worker's memory
nor its event loop. Few at a time, each with a time limit.
"""

import asyncio
import contextlib
import os

import msgspec

from figwatch.connectors.config.root import Config

AT_ONCE_MAX = 2
SECONDS_MAX = 60.0
KEY_CHARS_MAX = 2000
BODY_BYTES_MAX = 8 << 20
FOUND = {0, 3}
"""Exit codes with a document: explained, and not found."""


class KeyExplorer:
    """`command` ends where pair and key are to follow."""

    def __init__(self, config: Config, command: tuple[str, ...]) -> None:
        self._pairs = {pair.name for pair in config.pairs}
        self._values = config.console.values
        self._command = command
        self._turn = asyncio.Semaphore(AT_ONCE_MAX)

    async def explain(self, pair: str, key: str) -> tuple[int, bytes]:
        """HTTP status and JSON body: the document of `explain --json`, or an `error`."""
        if pair not in self._pairs:
            return 404, _error("there is no such pair")
        if not key.strip() or len(key) > KEY_CHARS_MAX or "\0" in key:
            return 400, _error("a key is wanted: 7, or item_id=7,site=north, or a JSON object")
        if not self._command:
            return 404, _error("this worker cannot explain keys")
        async with self._turn:
            return await self._ask(pair, key)

    async def _ask(self, pair: str, key: str) -> tuple[int, bytes]:
        options = ["--json", *(["--values"] if self._values else [])]
        process = await asyncio.create_subprocess_exec(
            *self._command,
            *options,
            "--",  # a key may begin with a hyphen
            pair,
            key,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | {"NO_COLOR": "1"},
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), SECONDS_MAX)
        except TimeoutError:
            return 504, _error(f"no answer within {SECONDS_MAX:.0f} s")
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode in FOUND and len(out) <= BODY_BYTES_MAX:
            return 200, out
        said = err.decode("utf-8", "replace").strip().splitlines()
        return 422, _error(said[0] if said else "the key cannot be explained")


def _error(text: str) -> bytes:
    return msgspec.json.encode({"error": text})
