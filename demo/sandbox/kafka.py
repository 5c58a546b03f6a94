"""The Kafka node: its settings, its storage, whether it answers. `programs.py` calls it."""

from __future__ import annotations

import shutil
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

from figwatch.demo.sandbox import java
from figwatch.demo.sandbox.model import Service

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from figwatch.demo.sandbox.folder import Folder, Remembered
    from figwatch.demo.sandbox.keeper_client import KeeperClient, ProgramSpec

PARTITIONS = 4
FORMAT_SECONDS = 60
PROBE_SECONDS = 1.0


def prepare(folder: Folder, remembered: Remembered, libs: str, keeper: KeeperClient) -> None:
    """Write the broker's settings; format its storage the first time.

    Raises:
        SandboxError: START_FAILED when the storage cannot be formatted.
    """
    data, ports = folder.kafka / "data", remembered.ports
    java.write_properties(folder.kafka / "server.properties", broker_settings(data, ports))
    java.prepare(folder, Service.KAFKA)
    if data.exists():
        return
    # Formatted beside its place and moved in whole, as PostgreSQL's clusters are.
    draft = folder.kafka / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    settings = folder.kafka / "format.properties"
    java.write_properties(settings, broker_settings(draft, ports))
    tool = ("kafka.tools.StorageTool", "format", "-t", remembered.cluster_id, "-c", str(settings))
    program = java.spec(folder, Service.KAFKA, libs, tool, wave=0)
    keeper.run(replace(program, name="kafka-format"), FORMAT_SECONDS)
    settings.unlink()
    draft.rename(data)


def broker_settings(data: Path, ports: Mapping[str, int]) -> dict[str, str]:
    """server.properties: one node, broker and controller in one, everything kept for ever."""
    broker, controller = (
        f"127.0.0.1:{ports[name]}" for name in (Service.KAFKA.value, "kafka-controller")
    )
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{broker}",
        "log.dirs": str(data),
        "num.partitions": str(PARTITIONS),
        "default.replication.factor": "1",
        "min.insync.replicas": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "offsets.retention.minutes": str(365 * 24 * 60),
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.num.partitions": "4",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        # After a kill, the node may register again only when its old session is over.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "log.retention.ms": "-1",
        "log.segment.bytes": str(64 << 20),
        "log.index.size.max.bytes": str(1 << 20),
        # The cleaner takes its buffer from the heap at start; the default is a third of it.
        "log.cleaner.dedupe.buffer.size": str(16 << 20),
        "auto.create.topics.enable": "true",
    }


def spec(folder: Folder, libs: str) -> ProgramSpec:
    """How the keeper starts the broker."""
    settings = str(folder.kafka / "server.properties")
    return java.spec(folder, Service.KAFKA, libs, ("kafka.Kafka", settings), wave=0)


def answers(port: int) -> bool:
    """Whether the broker lists itself, which it does once it may serve clients."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    if not _listens(port):  # librdkafka is noisy and slow about closed ports
        return False
    admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0})
    try:
        return bool(admin.list_topics(timeout=PROBE_SECONDS).brokers)
    except KafkaException:
        return False


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PROBE_SECONDS).close()
    except OSError:
        return False
    return True
