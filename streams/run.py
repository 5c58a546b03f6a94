"""`figwatch run`: one worker until a signal, again after a crash.

After a crash the process replaces itself by a fresh one with the same command line: no thread or
socket of the crashed worker can go on writing, and a service that hangs cannot keep it alive.
`figwatch.streams.app` is the worker.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

from aiokafka.errors import KafkaError

from figwatch.connectors.config.root import Config
from figwatch.connectors.kafka.cluster import Cluster
from figwatch.connectors.kafka.settings import aiokafka_settings
from figwatch.streams.app import Worker
from figwatch.streams.decode_agent import Decoder
from figwatch.streams.judge_agent import Judge
from figwatch.streams.plan import plan
from figwatch.streams.topics import prepare
from figwatch.validators.errors import ConfigurationError, ExitCode, FigwatchError

CRASHES_MAX = 30
"""Crashes in a row after which a worker gives up; being well for a while forgives them all."""
WELL_SECONDS = 60.0
"""Time without a crash that forgives earlier ones."""
PAUSE_SECONDS_MAX = 15.0
"""Longest pause before a restart; the first is half a second, each doubles."""
CRASHES_VARIABLE = "FIGWATCH_CRASHES"
"""Environment variable in which a worker tells its successor how often it crashed."""
STOP_SECONDS = 12.0
"""Longest wait for an orderly stop."""
CRASHED_STOP_SECONDS = 2.0
"""The same after a crash, when parts of the worker no longer answer."""
OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""Containers made, and not freed, until Python looks for cycles among the newest."""

log = logging.getLogger("figwatch")

Parts = Callable[[Config], tuple[Decoder, Callable[[int], Judge]]]


def production_parts(config: Config) -> tuple[Decoder, Callable[[int], Judge]]:
    """Return the decoder of everything and the design's judge."""
    from figwatch.connectors.config.pair_rules import pair_rules, two_way
    from figwatch.connectors.outbox_definitions import definitions as outbox_definitions
    from figwatch.connectors.saga_definitions import definitions
    from figwatch.connectors.writes_decoder import WritesDecoder
    from figwatch.validators.partition import PartitionJudge

    listed_max = -(-config.limits.findings_listed_max // config.worker.internal_partitions)
    rules = pair_rules(config, listed_max=listed_max)
    sagas, both, outboxes = definitions(config), two_way(config), outbox_definitions(config)
    return WritesDecoder(config), lambda partition: PartitionJudge(
        rules, sagas, partition, both, outboxes
    )


def run_worker(
    config: Config,
    parts: Parts = production_parts,
    explain: tuple[str, ...] | None = None,
) -> int:
    """Run a worker until SIGTERM or SIGINT. Returns the exit code; 0 after a signal.

    With `explain`, the command that explains a key, it serves the console.

    After a crash it does not return: the process starts itself again.

    Raises:
        ConfigurationError: topics or the group are missing, or do not fit.
        FigwatchError: at the first start no broker answers, or the port is taken; later, it
            crashed too often.
    """
    logging.getLogger("figwatch.streams").setLevel(logging.WARNING)  # Faust's services
    crashes = int(os.environ.get(CRASHES_VARIABLE, "0"))
    if crashes:
        _pause(crashes)
    with contextlib.suppress(ImportError):  # not on Windows
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    _spare_collections()
    try:
        asyncio.run(_serve(config, parts, crashes, explain))
    except ConfigurationError:
        raise
    except FigwatchError as error:
        if not crashes:
            raise
        _restart(error, crashes)  # it worked before: the cluster may come back
    return ExitCode.OK


def _spare_collections() -> None:
    """Batches are tens of thousands of short-lived objects without a cycle: searching them for
    cycles every few hundred, as Python does, took a twelfth of a worker's time.
    """
    gc.collect()
    gc.freeze()  # modules and configuration stay
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, *gc.get_threshold()[1:])


async def _serve(
    config: Config, parts: Parts, crashes: int, explain: tuple[str, ...] | None
) -> None:
    """Run one worker until a signal. Leaves by way of a new process when it crashed.

    Raises:
        FigwatchError: it cannot start.
    """
    began, stop = time.monotonic(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    cluster = Cluster(aiokafka_settings(config.kafka), config.limits.kafka_timeout_seconds)
    await cluster.start()
    try:
        worker = await _prepare(config, parts, cluster, explain)
    except BaseException:
        await cluster.stop()
        raise
    failed = await _until_the_end(worker, stop)
    seconds = STOP_SECONDS if failed is None else CRASHED_STOP_SECONDS
    _, hanging = await asyncio.wait({asyncio.create_task(worker.stop())}, timeout=seconds)
    if isinstance(failed, FigwatchError):
        raise failed
    if failed is not None:
        _restart(failed, 0 if time.monotonic() - began > WELL_SECONDS else crashes)
    if hanging:
        log.warning("the worker did not stop in order; what was not committed comes again")
        _leave(os._exit, ExitCode.OK)


async def _prepare(
    config: Config, parts: Parts, cluster: Cluster, explain: tuple[str, ...] | None
) -> Worker:
    """Check the cluster, make topics, take samples of both sides."""
    layout = plan(config)
    decoder, new_judge = parts(config)
    try:
        await prepare(cluster, layout, config)
        samples = await cluster.samples(layout.data_topics)
    except KafkaError as error:
        raise FigwatchError(
            "kafka.refused",
            f"Kafka does not answer figwatch's questions: {error!r}",
            "kafka",
            "see docs/permissions.md for what figwatch must be allowed, and the broker's log",
        ) from error
    return Worker(config, layout, cluster, decoder, new_judge, explain, samples)


async def _until_the_end(worker: Worker, stop: asyncio.Event) -> BaseException | None:
    """Start the worker and wait; returns what went wrong, None after a signal."""
    starting = asyncio.create_task(worker.start())
    crashed = asyncio.create_task(worker.app._crashed.wait())  # noqa: SLF001
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({starting, crashed, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if starting.done() and starting.exception() is None:
        log.info("worker %s is ready, http port %d", worker.name, worker.endpoint.port)
        await asyncio.wait({crashed, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if crashed.done():
        return worker.app.crash_reason or RuntimeError("crashed without a reason")
    if starting.done():
        return starting.exception()
    starting.cancel()
    return None


def _pause(crashes: int) -> None:
    """Wait before a restart: longer, the more crashes came in a row. A signal ends the process."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(ExitCode.OK))
    time.sleep(min(PAUSE_SECONDS_MAX, 0.25 * 2**crashes))


def _restart(error: BaseException, crashes: int) -> NoReturn:
    """Replace this process by a fresh one with the same command line.

    Raises:
        FigwatchError: it crashed too often.
    """
    crashes += 1
    if crashes > CRASHES_MAX:
        raise FigwatchError(
            "worker.crashes",
            f"the worker crashed {crashes} times in a row, the last time by {error!r}",
            "",
            "the log above has the first cause; nothing was lost, start it again once mended",
        ) from error
    log.error("the worker crashed and starts again: %r", error)
    os.environ[CRASHES_VARIABLE] = str(crashes)
    _leave(os.execv, sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _leave(how: Callable[..., NoReturn], *arguments: Any) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    how(*arguments)
