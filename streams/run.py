"""`figwatch run`: one worker until a signal, again after a crash.

After a crash the process replaces itself by a fresh one with the same command line: no thread or
socket of the crashed worker can go on writing. `figwatch.streams.app` is the worker.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from figwatch.connectors.config import Config
from figwatch.connectors.kafka_settings import confluent_settings
from figwatch.streams.app import STOP_SECONDS, Worker
from figwatch.streams.cluster import Cluster
from figwatch.streams.decode_agent import Decoder
from figwatch.streams.judge_agent import Judge
from figwatch.streams.plan import plan
from figwatch.streams.topics import prepare
from figwatch.validators.errors import ConfigurationError, ExitCode, FigwatchError

RESTARTS_MAX = 30
"""Crashes in a row after which a worker gives up; being well for a while forgives them all."""
WELL_SECONDS = 60.0
"""Time without a crash that forgives earlier ones."""
RESTART_SECONDS_MAX = 15.0
"""Longest pause before a restart; the first is half a second, each doubles."""
RESTARTS_VARIABLE = "FIGWATCH_RESTARTS"
"""Environment variable in which a worker tells its successor how often it crashed."""

log = logging.getLogger("figwatch")

Parts = Callable[[Config], tuple[Decoder, Callable[[int], Judge]]]


def production_parts(config: Config) -> tuple[Decoder, Callable[[int], Judge]]:
    """Return Debezium's decoder and the judge of the design."""
    from figwatch.connectors.debezium.decoder import Decoder as DebeziumDecoder
    from figwatch.connectors.pair_rules import pair_rules
    from figwatch.streams.samples import samples
    from figwatch.validators.judge import Judge as DesignJudge

    decoder, rules = DebeziumDecoder(config), pair_rules(config)
    for record in samples(config):
        decoder.learn(record.topic, record.headers, record.key, record.value)
    return decoder, lambda partition: DesignJudge(rules, partition)


def run_worker(config: Config, parts: Parts = production_parts) -> int:
    """Run a worker until SIGTERM or SIGINT. Returns the exit code; 0 after a signal.

    After a crash it does not return: the process starts itself again.

    Raises:
        ConfigurationError: topics or the group are missing, or do not fit.
        FigwatchError: at the first start no broker answers, or the port is taken; later, it
            crashed too often.
    """
    crashes = int(os.environ.get(RESTARTS_VARIABLE, "0"))
    _quick_loop()
    logging.getLogger("figwatch.streams").setLevel(logging.WARNING)  # Faust's services
    began = time.monotonic()
    try:
        error = asyncio.run(_serve(config, parts))
    except ConfigurationError:
        raise
    except FigwatchError as failed:
        if not crashes:
            raise
        error = failed  # it worked before: the cluster may come back
    if error is None:
        return ExitCode.OK
    if time.monotonic() - began > WELL_SECONDS:
        crashes = 0
    return _restart(crashes + 1, error)


def _quick_loop() -> None:
    with contextlib.suppress(ImportError):  # not on Windows
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


async def _serve(config: Config, parts: Parts) -> BaseException | None:
    """Run one worker; returns what crashed it, None after a signal."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    layout = plan(config)
    cluster = Cluster(confluent_settings(config.kafka), config.limits.kafka_timeout_seconds)
    await prepare(cluster, layout, config)
    decoder, new_judge = await asyncio.to_thread(parts, config)
    worker = Worker(config, layout, cluster, decoder, new_judge)
    starting = asyncio.ensure_future(_start(worker))
    crashed = asyncio.ensure_future(worker.app._crashed.wait())  # noqa: SLF001
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({starting, crashed, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            await asyncio.wait({crashed, stopped}, return_when=asyncio.FIRST_COMPLETED)
    except FigwatchError:
        raise
    except Exception as error:  # noqa: BLE001  a start that failed is a crash like any other
        return error
    else:
        if not crashed.done():
            return None
        return worker.app.crash_reason or RuntimeError("crashed without a reason")
    finally:
        for task in (starting, crashed, stopped):
            task.cancel()
        await _stop(worker)


async def _start(worker: Worker) -> None:
    await worker.start()
    log.info("worker %s is ready, http port %d", worker.name, worker.endpoint.port)


async def _stop(worker: Worker) -> None:
    try:
        await asyncio.wait_for(worker.stop(), STOP_SECONDS)
    except Exception as error:  # noqa: BLE001  the process ends or is replaced in any case
        log.warning("the worker did not stop in order: %r", error)


def _restart(crashes: int, error: BaseException) -> NoReturn:
    """Replace this process by a fresh one with the same command line.

    Raises:
        FigwatchError: it crashed too often.
    """
    if crashes > RESTARTS_MAX:
        raise FigwatchError(
            "worker.crashes",
            f"the worker crashed {crashes} times in a row, the last time by {error!r}",
            "",
            "the log above has the first cause; nothing was lost, start it again once mended",
        ) from error
    pause = min(RESTART_SECONDS_MAX, 0.25 * 2**crashes)
    log.error("the worker crashed (%r), starting again in %.1f s", error, pause)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(ExitCode.OK))
    time.sleep(pause)
    os.environ[RESTARTS_VARIABLE] = str(crashes)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606
