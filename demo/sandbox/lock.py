"""Write `jars.lock`: `python -m figwatch.demo.sandbox.lock`, after a change of `ROOTS`.

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
"""Bundle to jgo endpoints; where two endpoints bring one project, the earlier one's version."""


def lock_text() -> str:
    """Resolve, download and hash every bundle; the platform is first in `ROOTS`."""
    blocks = [
        "# Written by `python -m figwatch.demo.sandbox.lock`. Each jar: name, SHA-256, bytes."
    ]
    platform: dict[str, Any] = {}
    for name, roots in ROOTS.items():
        jars = _resolve(roots)
        if name == PLATFORM:
            platform = jars
        else:
            jars = {project: jar for project, jar in jars.items() if project not in platform}
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
    Path(__file__).with_name("jars.lock").write_text(lock_text(), "utf-8")
    sys.stdout.write("jars.lock written\n")
