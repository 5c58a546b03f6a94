"""`figwatch demo --all-stages`: builds the scene, lets the acts play, clears away."""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import msgspec
import psycopg
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from figwatch.demo.configuration import environment
from figwatch.demo.faults import FaultError
from figwatch.demo.migration import Migration, MigrationError, MigrationSettings
from figwatch.demo.narration import RichNarrator
from figwatch.demo.orders.running import make_topics
from figwatch.demo.run import sandbox_of
from figwatch.demo.sandbox import SandboxError, Service, plugins
from figwatch.demo.stages import acts_early, acts_late, registry, resources
from figwatch.demo.stages.backstage import Backstage, start_prometheus
from figwatch.demo.stages.scene import Scene
from figwatch.demo.stages.telling import Teller, Walk
from figwatch.demo.story import WRONG
from figwatch.demo.watcher import Exit, WatcherError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from figwatch.demo.sandbox import Sandbox

ACTS = (
    acts_early.prepare,
    acts_early.build,
    acts_early.sync,
    acts_late.reads,
    acts_late.writes,
    acts_late.decommission,
)
ITEMS = 500
"""So many that enough are left for shadow reads when the load has deleted some."""
LOGS = ("monolith", "service")


def run_all_stages(*, folder: Path | None = None, as_json: bool = False) -> int:
    """Tell it; returns the exit code: 0 passed, 1 failed, 4 could not be told.

    Args:
        folder: where data, reports and approvals go, fresh or empty; it is kept. Without one, a
            temporary folder, which is kept only when the story does not pass.
        as_json: the record as JSON on stdout, the narration on stderr.
    """
    narrator = RichNarrator(stderr=as_json)
    place = (folder or Path(tempfile.mkdtemp(prefix="figwatch-stages-"))).absolute()
    code = Exit.ERROR
    try:
        walk = _tell(place, narrator)
        verdict = "Passed: each gate refused for what was planted, then passed."
        narrator.say(verdict if walk.passed else f"Failed: {'; '.join(walk.failures)}")
        if as_json:
            sys.stdout.write(msgspec.json.encode(walk).decode() + "\n")
        code = Exit.PASS if walk.passed else Exit.FAIL
    except (
        FaultError,
        MigrationError,
        SandboxError,
        WatcherError,
        httpx.HTTPError,
        psycopg.Error,
    ) as error:
        narrator.say(f"{WRONG}: {error}")
    except KeyboardInterrupt:
        narrator.say("stopped")
    if folder is None and code is Exit.PASS:
        shutil.rmtree(place, ignore_errors=True)
    elif code is not Exit.PASS:
        narrator.say(f"data and logs are kept in {place}")
    return code


def _tell(place: Path, narrator: RichNarrator) -> Walk:
    with sandbox_of(place, narrator) as sandbox, ExitStack() as stack:
        narrator.chapter("A migration, Prometheus and a schema registry beside it")
        logs = {name: place / f"access-{name}.log" for name in LOGS}
        plugins.add(sandbox, plugins.JDBC_SINK, narrator.progress)
        make_topics(sandbox.endpoints.bootstrap_servers)
        settings = MigrationSettings(items=ITEMS, schemas=True, access_logs=logs)  # for the sink
        migration = stack.enter_context(Migration(sandbox.endpoints, settings))
        schemas = stack.enter_context(Backstage(registry.create_app()))
        used = stack.enter_context(Backstage(resources.create_app(lambda: _pids(sandbox))))
        targets = {"facade": migration.facade_url, "programs": used.url}
        scene = Scene(place, sandbox, migration, start_prometheus(sandbox, targets), schemas.url)
        _make_keys(place)
        teller = Teller(place, environment(sandbox.endpoints), narrator)
        for act in ACTS:
            act(scene, teller)
        return teller.close()


def _pids(sandbox: Sandbox) -> Mapping[str, int]:
    name = Service.POSTGRES_MONOLITH.value
    return {name: sandbox.keeper.programs()[name].pid}


def _make_keys(place: Path) -> None:
    """With which the reports are signed, and verified."""
    key = Ed25519PrivateKey.generate()
    private = place / "report-key.pem"
    private.touch(mode=0o600)
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    (place / "report-key.pub.pem").write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
