"""Write the lock files: `python -m figwatch.demo.sandbox.lock`, after a change of `ROOTS`.

A plugin's bundle leaves out what the platform has: Connect loads plugins child first, and a
second copy of jackson or of Connect's own API in a plugin's folder clashes with the first.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

from figwatch.demo.sandbox.jars import PLATFORM

ROOTS: dict[str, tuple[str, ...]] = {
    PLATFORM: (
        (
            "org.apache.kafka:kafka_2.13:4.3.0+org.apache.kafka:connect-runtime:4.3.0"
            "+org.apache.kafka:connect-json:4.3.0"
        ),
        # Kafka logs through slf4j 1.7: without a binding its logs are empty. Resolved apart,
        # because jgo lets every root manage versions, and log4j's manages kafka-clients to 3.9.
        "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",
    ),
    "debezium-postgres": ("io.debezium:debezium-connector-postgres:3.6.3.Final",),
}
"""Bundle of the sandbox itself (`jars.lock`) to jgo endpoints; where two endpoints bring one
project, the earlier one's version."""


ON_DEMAND: dict[str, dict[str, tuple[str, ...]]] = {
    "mariadb.lock": {
        "debezium-mariadb": ("io.debezium:debezium-connector-mariadb:3.5.0.Final",),
    },
    "jdbc.lock": {
        "debezium-jdbc": ("io.debezium:debezium-connector-jdbc:3.5.0.Final",),
    },
}
"""Lock file to the bundles of a part that is fetched when it is first asked for."""
LEFT_OUT = frozenset(
    {
        "com.microsoft.sqlserver:mssql-jdbc",
        "com.mysql:mysql-connector-j",
        "com.oracle.database.jdbc:ojdbc11",
    }
)
"""Drivers of databases that the sandbox does not have."""


def lock_text(roots_of: dict[str, tuple[str, ...]]) -> str:
    """Resolve, download and hash the bundles; without what the platform has."""
    blocks = [
        "# Written by `python -m figwatch.demo.sandbox.lock`. Each jar: name, SHA-256, bytes."
    ]
    platform = _resolve(ROOTS[PLATFORM])
    for name, roots in roots_of.items():
        jars = platform if name == PLATFORM else _resolve(roots)
        if name != PLATFORM:
            left_out = LEFT_OUT.union(platform)
            jars = {project: jar for project, jar in jars.items() if project not in left_out}
        lines = []
        for project, jar in sorted(jars.items()):
            content = Path(jar.resolve()).read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            lines.append(f'  "{project}:{jar.version} {digest} {len(content)}",\n')
        quoted = "".join(f'  "{root}",\n' for root in roots)
        blocks.append(
            f'[[bundle]]\nname = "{name}"\nroots = [\n{quoted}]\njars = [\n{"".join(lines)}]'
        )
    return "\n\n".join(blocks) + "\n"


def _resolve(roots: tuple[str, ...]) -> dict[str, Any]:
    """`group:artifact` to jgo's Artifact."""
    import jgo

    jars: dict[str, Any] = {}
    for root in roots:
        for artifact in jgo.resolve(root):
            if artifact.classifier or artifact.packaging != "jar":
                raise ValueError(f"{artifact}: the lock file holds plain jars only")
            jars.setdefault(f"{artifact.groupId}:{artifact.artifactId}", artifact)
    return jars


if __name__ == "__main__":
    for file, bundles in ({"jars.lock": ROOTS} | ON_DEMAND).items():
        Path(__file__).with_name(file).write_text(lock_text(bundles), "utf-8")
        sys.stdout.write(f"{file} written\n")
