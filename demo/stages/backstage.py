"""Small servers of the all-stages demo on an event loop in a thread of their own, and Prometheus,
which scrapes them. Used by `run`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Self

import httpx
import msgspec

from figwatch.demo.sandbox import tools
from figwatch.demo.sandbox.keeper_client import ProgramSpec
from figwatch.demo.sandbox.model import ErrorCode, SandboxError
from figwatch.demo.sandbox.ports import choose
from figwatch.demo.serving import serving

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.applications import Starlette

    from figwatch.demo.sandbox import Sandbox

START_SECONDS_MAX = 90.0
PROMETHEUS = "prometheus"
PROMETHEUS_WAVE = 9
SCRAPE_SECONDS = 1


class Backstage:
    """Serves one application until the block ends; `url` is where."""

    def __init__(self, app: Starlette) -> None:
        self.url = ""
        self._app = app
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready: Future[str] = Future()
        self._thread = threading.Thread(target=self._run, name="demo-backstage", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.url = self._ready.result(START_SECONDS_MAX)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_SECONDS_MAX)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for the start
            if not self._ready.done():
                self._ready.set_exception(error)
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        async with serving(self._app) as url:
            self._ready.set_result(url)
            await self._stop.wait()


def start_prometheus(sandbox: Sandbox, targets: Mapping[str, str]) -> str:
    """Debian's Prometheus beside the stack, scraping `targets` (job to URL); returns its URL.

    Raises:
        SandboxError: it cannot be had, or does not come up.
    """
    unpacked = tools.ensure(tools.PROMETHEUS)
    folder = sandbox.folder.root / PROMETHEUS
    folder.mkdir(exist_ok=True)
    addresses = {job: httpx.URL(url).netloc.decode() for job, url in targets.items()}
    jobs = [
        {"job_name": job, "static_configs": [{"targets": [address]}]}
        for job, address in addresses.items()
    ]
    settings = {"global": {"scrape_interval": f"{SCRAPE_SECONDS}s"}, "scrape_configs": jobs}
    config = folder / "prometheus.yml"
    config.write_bytes(msgspec.json.encode(settings))  # JSON is YAML
    port = choose([PROMETHEUS], {})[PROMETHEUS]
    log = sandbox.folder.logs / f"{PROMETHEUS}.log"
    sandbox.keeper.start(
        ProgramSpec(
            name=PROMETHEUS,
            argv=(
                str(unpacked.program("prometheus")),
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ),
            log=str(log),
            cwd=str(folder),
            wave=PROMETHEUS_WAVE,
            env=unpacked.environment,
        )
    )
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/-/ready", timeout=2).is_success:
                return url
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise SandboxError(ErrorCode.START_FAILED, "Prometheus did not come up.", f"Its log is {log}.")
