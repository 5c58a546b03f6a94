"""Connectors that the sandbox fetches when they are first asked for: a bundle of a lock file of its
own becomes a folder on Connect's plugin path. Used by `mariadb` and by the demo's way back.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from figwatch.demo.sandbox import jars
from figwatch.demo.sandbox.model import Service

if TYPE_CHECKING:
    from figwatch.demo.sandbox.jars import Report
    from figwatch.demo.sandbox.stack import Sandbox

JDBC_SINK = "jdbc.lock"
"""Debezium's JDBC sink connector."""


def add(sandbox: Sandbox, lock: str, report: Report = lambda _progress: None) -> None:
    """Give the running Connect worker the bundles of a lock file; new ones are seen after a
    restart, which this makes.

    Raises:
        SandboxError: JARS_MISSING, JAR_MISMATCH or START_FAILED.
    """
    text = resources.files(__package__).joinpath(lock).read_text("utf-8")
    bundles, cache = jars.read_lock(text), jars.cache_folder()
    jars.ensure(bundles, cache, report)
    new = False
    for bundle in bundles:
        place = sandbox.folder.connect / "plugins" / bundle.name
        if place.exists():
            continue
        new = True
        place.mkdir()
        for jar in bundle.jars:
            (place / jar.path.name).symlink_to(cache / jar.path)
    if new:
        sandbox.stop_service(Service.CONNECT)
        sandbox.start_service(Service.CONNECT)
