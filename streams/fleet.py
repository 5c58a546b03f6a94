"""The state of all workers, as they publish it: summaries and findings, followed as they come.

Read without a consumer group on the worker's own event loop, by those that need it: the worker that
holds internal partition 0 (`figwatch.streams.fleet_metrics`) and one that serves the console
(`figwatch.streams.console`). Nobody else pays for it.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from figwatch.streams.plan import Plan
from figwatch.validators.finding import Finding, decode_finding
from figwatch.validators.overview import Overview, overview
from figwatch.validators.summary import Summary, decode_summary

RESOLVED_MAX = 500
"""Resolved findings that are remembered, the newest; the topic has all of them."""
BATCH_RECORDS = 500
"""Records that are decoded in one go, so that the event loop is never held up for long."""
POLL_MS = 500
IDLE_SECONDS = 1.0
PAUSE_SECONDS = 5.0
"""Wait after an error of the cluster."""

log = logging.getLogger("figwatch")


class Fleet:
    """Newest summary of each internal partition, open findings, newest resolved ones."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        plan: Plan,
        partitions: int,
        fresh_us: int,
        wanted: Callable[[], bool],
    ) -> None:
        self._settings, self._plan = dict(settings), plan
        self._partitions, self._fresh_us = partitions, fresh_us
        self._wanted = wanted
        self._forget()

    def _forget(self) -> None:
        self.summaries: dict[int, Summary] = {}
        self.open: dict[bytes, Finding] = {}
        self.resolved: dict[bytes, Finding] = {}
        self.unreadable = 0
        self.current = False
        """Everything that was there at the start has been read."""

    def view(self, now_us: int) -> Overview:
        """The whole at `now_us`: complete only where every partition has a fresh summary."""
        return overview(self.summaries, self._partitions, now_us, self._fresh_us, self.unreadable)

    async def run(self) -> None:
        """Follow both topics for as long as it is wanted; an error of the cluster costs a pause."""
        while True:
            if not self._wanted():
                await asyncio.sleep(IDLE_SECONDS)
                continue
            try:
                await self._follow()
            except (KafkaError, OSError) as error:
                log.warning("the fleet's summaries cannot be read: %r", error)
                await asyncio.sleep(PAUSE_SECONDS)
            finally:
                self._forget()

    async def _follow(self) -> None:
        parts = [
            TopicPartition(topic, number)
            for topic in (self._plan.summaries, self._plan.findings)
            for number in range(self._partitions)
        ]
        async with AIOKafkaConsumer(
            **self._settings, enable_auto_commit=False, auto_offset_reset="earliest"
        ) as reader:
            reader.assign(parts)
            await reader.seek_to_beginning(*parts)
            ends = await reader.end_offsets(parts)
            while self._wanted():
                batches = await reader.getmany(timeout_ms=POLL_MS, max_records=BATCH_RECORDS)
                for tp, records in batches.items():
                    for record in records:
                        self.take(tp.topic, record.key, record.value)
                if not self.current:
                    at = [await reader.position(tp) >= end for tp, end in ends.items()]
                    self.current = all(at)
                await asyncio.sleep(0)

    def take(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        """One record of either topic."""
        if value is None or key is None:
            return
        try:
            if topic == self._plan.summaries:
                self._summary(decode_summary(value))
            else:
                self._finding(key, decode_finding(value))
        except msgspec.DecodeError:
            self.unreadable += 1

    def _summary(self, summary: Summary) -> None:
        # After a rebalance two workers may have written one partition: the newer look counts.
        before = self.summaries.get(summary.partition)
        if before is None or summary.as_of_us >= before.as_of_us:
            self.summaries[summary.partition] = summary

    def _finding(self, name: bytes, finding: Finding) -> None:
        if finding.resolved_us is None:
            self.open[name] = finding
            return
        self.open.pop(name, None)
        self.resolved.pop(name, None)
        self.resolved[name] = finding
        if len(self.resolved) > RESOLVED_MAX:
            del self.resolved[next(iter(self.resolved))]
