"""The Kafka Connect worker: its settings, its plugins, whether it answers. See `programs.py`.

Its REST interface is in `connect.py`.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import httpx

from figwatch.demo.sandbox import java
from figwatch.demo.sandbox.jars import PLATFORM, Bundle
from figwatch.demo.sandbox.model import Service

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from figwatch.demo.sandbox.folder import Folder
    from figwatch.demo.sandbox.keeper_client import ProgramSpec

PROBE_SECONDS = 1.0


def prepare(
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
    java.write_properties(folder.connect / "worker.properties", worker_settings(plugins, ports))
    java.prepare(folder, Service.CONNECT)


def worker_settings(plugins: Path, ports: Mapping[str, int]) -> dict[str, str]:
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


def spec(folder: Folder, libs: str) -> ProgramSpec:
    """How the keeper starts the Connect worker; it is stopped before the others."""
    main = "org.apache.kafka.connect.cli.ConnectDistributed"
    settings = str(folder.connect / "worker.properties")
    return java.spec(folder, Service.CONNECT, libs, (main, settings), wave=1)


def answers(port: int) -> bool:
    """Whether the worker has joined its group and read its topics."""
    try:
        reply = httpx.get(f"http://127.0.0.1:{port}/health", timeout=PROBE_SECONDS)
    except httpx.HTTPError:
        return False
    return reply.status_code == httpx.codes.OK
