"""The same stack in containers: the sandbox's own settings and jars in stock images.

On the host's network, so that every address is the same inside and outside; Linux only.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from testcontainers.core.container import DockerContainer

from figwatch.demo.sandbox import Endpoints, Service, jars, postgres, worker
from figwatch.demo.sandbox import kafka as broker
from figwatch.demo.sandbox.folder import Folder, Remembered
from figwatch.demo.sandbox.model import SIDES
from figwatch.demo.sandbox.ports import choose
from figwatch.demo.sandbox.programs import Programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KAFKA = "apache/kafka:4.3.0"
POSTGRES = "postgres:18"
READY_SECONDS = 120.0


@contextmanager
def running(root: Path) -> Iterator[Endpoints]:
    """Kafka, Connect and two PostgreSQL, answering."""
    folder, bundles, cache = Folder(root), jars.read_lock(), jars.cache_folder()
    folder.make()
    jars.ensure(bundles, cache, lambda _progress: None)
    ports = choose((*(s.value for s in Service), "kafka-controller"), {})
    remembered = Remembered(ports=ports)
    worker.prepare(folder, ports, bundles, cache)
    settings = broker.broker_settings(Path("/tmp/kafka-data"), ports)
    properties = folder.kafka / "server.properties"
    properties.write_text("".join(f"{k}={v}\n" for k, v in settings.items()), "utf-8")
    programs = Programs(folder, remembered)
    kafka = (
        f"/opt/kafka/bin/kafka-storage.sh format -t {remembered.cluster_id} -c {properties}"
        f" && exec /opt/kafka/bin/kafka-server-start.sh {properties}"
    )
    connect = f"exec /opt/kafka/bin/connect-distributed.sh {folder.connect}/worker.properties"
    with ExitStack() as stack:
        for command in (kafka, connect):
            container = DockerContainer(KAFKA, network_mode="host")
            container.with_volume_mapping(root, str(root), "rw")
            container.with_volume_mapping(cache, str(cache), "ro")
            stack.enter_context(container.with_command(["bash", "-c", command]))
        for side in SIDES:
            server = DockerContainer(POSTGRES, network_mode="host")
            server.with_env("POSTGRES_PASSWORD", remembered.password)
            port = ports[f"postgres-{side}"]
            options = [f"-c{name}={value}" for name, value in postgres.SETTINGS.items()]
            stack.enter_context(server.with_command(["postgres", f"-p{port}", *options]))
        for service in Service:
            _wait(lambda service=service: programs.answers(service), service)
        yield programs.endpoints


def _wait(answers: Callable[[], bool], service: Service) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not answers():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{service.value} does not answer in its container")
        time.sleep(0.5)
