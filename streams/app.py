"""The worker, put together: Faust app, agents, table, readings, metrics.

Read it from `Worker.__init__`, which wires what the other modules of `figwatch.streams` define.
`figwatch.streams.run` starts it, stops it and starts it again after a crash.
"""

import asyncio
import contextlib
import importlib.metadata
import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from faust.types import TP
from prometheus_client import CollectorRegistry

from figwatch.connectors.config.root import Config
from figwatch.connectors.kafka.cluster import Cluster
from figwatch.streams.agreement import SharedAgreement
from figwatch.streams.decode_agent import DecodeAgent, Decoder
from figwatch.streams.faust_app import new_app
from figwatch.streams.gates import Gates
from figwatch.streams.heartbeats import Heartbeats
from figwatch.streams.http import Endpoint
from figwatch.streams.judge_agent import Desk, Judge, JudgeAgent
from figwatch.streams.metrics import About, Books, WorkerMetrics
from figwatch.streams.overseer import Overseer
from figwatch.streams.plan import Plan
from figwatch.streams.readings import Readings
from figwatch.streams.sender import KeyValue, Lanes, send_ordered
from figwatch.streams.store import Store, Stores
from figwatch.streams.sweeper import Sweeper
from figwatch.streams.table import JoinTable
from figwatch.streams.tidy import Tidy
from figwatch.streams.tracing import from_environment
from figwatch.streams.upkeep import Upkeep
from figwatch.validators.summary import Summary

DAY_US = 86_400_000_000

log = logging.getLogger("figwatch")


class Clock:
    """Figwatch's own clock in microseconds: the machine's, and never back."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self) -> int:
        self._last = max(self._last + 1, time.time_ns() // 1000)
        return self._last


class Worker:
    """One worker process: everything that runs on its event loop. `explain` is the command that
    explains a key, for the console; None: no console. `samples` are records of both sides from
    which the decoder learns the schemas.
    """

    def __init__(
        self,
        config: Config,
        plan: Plan,
        cluster: Cluster,
        decoder: Decoder,
        new_judge: Callable[[int], Judge],
        explain: tuple[str, ...] | None = None,
        samples: Sequence[Any] = (),
    ) -> None:
        self._config, self._plan, self._cluster = config, plan, cluster
        self._decoder, self._samples = decoder, samples
        settings, clock = config.worker, Clock()
        self.ready = False
        self.name = f"{socket.gethostname()}-{os.getpid()}"
        self.app = app = new_app(config)
        self._spans = from_environment(os.environ, self.name, config.migration)
        self._changes = self._lanes(plan.changes, settings.internal_partitions)
        self._letters = self._lanes(plan.dead_letters, cluster.partitions[plan.dead_letters])
        self._heartbeats = Heartbeats(plan, self._changes, cluster.end_offsets)
        self._agreement = SharedAgreement(
            decoder,
            read=lambda offset: cluster.records(plan.schemas, 0, offset),
            write=lambda record: self._write(plan.schemas, 0, [record]),
            distrust=self._distrust,
        )
        self._decode = DecodeAgent(
            plan,
            decoder,
            changes=self._changes,
            letters=self._letters,
            heartbeats=self._heartbeats,
            agreement=self._agreement,
            crash=app.crash,
            spans=self._spans,
        )
        self._sweeper = Sweeper(config, lambda: self.ready and 0 in self._judges.seats)
        self._judges = JudgeAgent(self._desk(clock), new_judge)
        self._tidy = self._new_tidy(clock)
        self._books = Books()
        self._readings = self._new_readings(clock, plan.topics_of[plan.source_side], plan.group)
        topics = [plan.back_topics] if plan.back_topics else []
        self._back = [self._new_readings(clock, t, plan.back_group) for t in topics]
        self._table = self._new_table()
        self._agent("decode", sorted(plan.raw_topics - plan.saga_topics), self._decode.run)
        if plan.saga_topics:
            self._agent("sagas", sorted(plan.saga_topics), self._decode.run)
        self._agent("judge", [plan.changes], self._judges.run)
        self._overseer = Overseer(config, plan, lambda: self._judges.seats, explain)
        self.endpoint = Endpoint(
            settings.http_host,
            settings.http_port,
            self._registry(),
            lambda: self.ready,
            Gates(config),
        )
        self._upkeep = Upkeep(
            app,
            plan,
            cluster,
            decode=self._decode,
            agreement=self._agreement,
            heartbeats=self._heartbeats,
            applied=self._applied,
        )
        self._side_tasks: list[asyncio.Task[None]] = []

    # -- wiring ----------------------------------------------------------------------------------

    def _lanes(self, topic: str, partitions: int) -> Lanes:
        return Lanes(topic, partitions, self._producer, self.app.crash)

    def _producer(self) -> Any:
        return self.app.producer._ensure_producer()  # noqa: SLF001

    def _agent(self, name: str, topics: list[str], run: Callable[[Any], Awaitable[None]]) -> None:
        raw = {"key_type": bytes, "value_type": bytes}
        codec = {"key_serializer": "raw", "value_serializer": "raw"}

        async def agent(stream: Any) -> None:
            await run(stream)

        self.app.agent(self.app.topic(*topics, **raw, **codec), name=name)(agent)

    def _desk(self, clock: Clock) -> Desk:
        """What the judges write with, and to where."""
        plan, settings = self._plan, self._config.worker
        return Desk(
            changes=plan.changes,
            findings=plan.findings,
            summaries=plan.summaries,
            sweeps=plan.sweeps,
            partitions=settings.internal_partitions,
            write=self._write,
            write_state=self._write_state,
            crash=self.app.crash,
            clock_us=clock,
            worker=self.name,
            evaluate_seconds=settings.reading_interval_seconds,
            summary_seconds=settings.summary_interval_seconds,
            touched=self._sweeper.touched,
            spans=self._spans,
            raw_ends=self._raw_ends,
        )

    def _new_tidy(self, clock: Clock) -> Tidy:
        """Who forgets findings that were resolved long ago; the limit is the whole fleet's."""
        plan, limits = self._plan, self._config.limits
        partitions = self._config.worker.internal_partitions
        return Tidy(
            held=lambda: self._judges.seats,
            read=lambda partition: self._cluster.records(plan.findings, partition),
            write=lambda partition, gone: self._write(plan.findings, partition, gone),
            clock_us=clock,
            resolved_us=round(limits.findings_resolved_days * DAY_US),
            resolved_max=-(-limits.findings_resolved_max // partitions),
        )

    def _new_table(self) -> JoinTable:
        """The keys' states, restored from their changelog."""
        settings = self._config.worker
        table = JoinTable(
            self.app,
            partitions=settings.internal_partitions,
            new_store=Stores(settings).new,
            on_restored=self._restored,
            on_lost=self._lost,
            on_ready=self._recovered,
        )
        self.app.tables.add(table)
        return table

    def _new_readings(self, clock: Clock, topics: frozenset[str], group: str | None) -> Readings:
        """Readings of the replicator that reads these topics."""
        cluster = self._cluster

        async def committed() -> Mapping[tuple[str, int], int]:
            return await cluster.committed(group or "", topics)

        async def ends() -> Mapping[tuple[str, int], int]:
            return await cluster.end_offsets(topics)

        return Readings(
            committed if group is not None else None,
            ends,
            self._judges.read,
            clock,
            self._config.worker.reading_interval_seconds,
        )

    def _registry(self) -> CollectorRegistry:
        config, registry = self._config, CollectorRegistry()
        version = importlib.metadata.version("figwatch")
        registry.register(
            WorkerMetrics(
                self._plan,
                self._books,
                self._summaries,
                decode=self._decode,
                heartbeats=self._heartbeats,
                readings=self._readings,
                spans=self._spans,
                about=About(version, config.migration, config.objective.convergence_seconds),
            )
        )
        self._overseer.show(registry)
        return registry

    async def _write(self, topic: str, partition: int, records: Iterable[KeyValue]) -> object:
        return await send_ordered(self._producer(), topic, partition, records)

    async def _raw_ends(self) -> Mapping[tuple[str, int], int]:
        return await self._cluster.end_offsets(self._plan.data_topics)

    async def _distrust(self) -> None:
        await self._decode.distrust(await self._raw_ends())

    async def _write_state(self, partition: int, changed: Mapping[bytes, bytes | None]) -> None:
        await self._table.write(partition, changed)

    # -- partitions ------------------------------------------------------------------------------

    def _restored(self, partition: int, state: Store) -> None:
        seat = self._judges.restored(partition, state)
        self._books.opened(partition, seat.summary)

    def _lost(self, partition: int) -> None:
        seat = self._judges.seats[partition]
        self._books.grown(partition, seat.summary)
        self._books.closed(partition)
        self._judges.lost(partition)

    def _recovered(self) -> None:
        self._judges.resume()
        self.ready = True

    async def quiet(self) -> None:
        """Stop every judge between two steps: partitions are about to be given away."""
        self.ready = False
        await self._judges.pause()

    def revoked(self) -> None:
        """Forget where raw partitions stood."""
        self.ready = False
        self._decode.revoked()

    def assigned(self, partitions: set[TP]) -> None:
        """Take note of topics that grew, and tell every internal partition."""
        known = self._cluster.partitions
        for topic in self._plan.raw_topics:
            counted = self.app.consumer.topic_partitions(topic) or 0
            seen = max((tp.partition + 1 for tp in partitions if tp.topic == topic), default=0)
            known[topic] = max(counted, seen, known.get(topic, 0))
        self._decode.assigned({t: known[t] for t in self._plan.data_topics})

    def _applied(self) -> dict[tuple[str, int], int]:
        streams = (s for seat in self._judges.seats.values() for s in seat.summary.streams)
        return {(s.topic, s.partition): s.next_offset for s in streams}

    def _summaries(self) -> list[Summary]:
        """Newest summaries of the partitions held; also brings the counters up to date."""
        held = {partition: seat.summary for partition, seat in self._judges.seats.items()}
        for partition, summary in held.items():
            self._books.grown(partition, summary)
        return list(held.values())

    # -- life ------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start everything; returns when partitions are assigned and their state is restored.

        Raises:
            FigwatchError: the port of the endpoint is taken.
        """
        await self.endpoint.start()
        self.app.consumer.listener = self
        self._changes.start()
        self._letters.start()
        self._side_tasks = [
            asyncio.create_task(self._upkeep.tell(), name="tell"),
            asyncio.create_task(self._upkeep.watch_ends(), name="ends"),
            asyncio.create_task(self._readings.run(), name="readings"),
            *(asyncio.create_task(back.run(), name="back") for back in self._back),
            asyncio.create_task(self._sweeper.run(), name="sweeper"),
            *await self._overseer.start(),
        ]
        await self._agreement.load(self._learn)
        await self.app.start()
        self._side_tasks += [
            asyncio.create_task(self._upkeep.agree(), name="agree"),
            asyncio.create_task(self._tidy.run(), name="tidy"),
        ]

    def _learn(self) -> None:
        """Where no type is configured, what both sides' schemas have in common must be known
        before the first comparison.
        """
        for record in self._samples:
            self._decoder.learn(record.topic, record.headers, record.key, record.value)
        self._samples = ()

    async def stop(self) -> None:
        """Finish what is in hand, commit it, leave the group."""
        for task in self._side_tasks:
            task.cancel()
        for task in self._side_tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self.ready and self.app.crash_reason is None:
            with contextlib.suppress(Exception):  # what was not committed comes again
                await self.app.consumer.settle()
        self.ready = False
        await self._judges.stop()
        await self._changes.stop()
        await self._letters.stop()
        await self.app.stop()
        await self._cluster.stop()
        await self._overseer.stop()
        if self._spans is not None:
            await asyncio.to_thread(self._spans.stop)
        await self.endpoint.stop()
