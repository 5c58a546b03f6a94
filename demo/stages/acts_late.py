"""The stages in which traffic moves: reads, writes, decommission. `run` is the caller.

Thresholds are those of a small machine and a short story; each says what a real one would take.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from figwatch.demo.connectors import SOURCE_CONNECTOR
from figwatch.demo.reverse import ReverseReplicator
from figwatch.demo.sandbox import connect
from figwatch.demo.stages import workshop
from figwatch.demo.stages.acts_early import sweep
from figwatch.demo.stages.scene import now
from figwatch.demo.watcher import Exit, WatcherError

if TYPE_CHECKING:
    from figwatch.demo.stages.scene import Scene
    from figwatch.demo.stages.telling import Teller

READS, WRITES = 700, 700
SPOILT_READS = 300
LAST_READS = 500
FIRST = 5
"""Requests before the counting begins, so that the counters exist."""
SCRAPED_SECONDS = 2.5
SHORT_HOURS = "0.01"
QUIET_SECONDS = 30.0
FLUSHED_SECONDS = 11.0
"""PostgreSQL may keep an idle session's counters to itself for ten seconds."""
SMALL: dict[str, Any] = {
    # 50 ms, 99 %, 0.01 % by default: the last takes 45,137 requests without an error.
    "latency_seconds": 1.0,
    "latency_share": 0.95,
    "error_share_max": 0.01,
    "latency_margin": 0.05,
    "error_margin": 0.02,
    "mismatch_share_max": 0.03,
    "samples_min": 100,
}
ROUTE = 'http_request_method="GET",http_route="/api/inventory/{itemId}"'
LEGACY = ["public.inventory", "public.adjustments"]
SLOT = f"figwatch_{SOURCE_CONNECTOR}".replace("-", "_")


def reads(scene: Scene, teller: Teller) -> None:
    """No baseline; a service that answers every third read with an error."""
    teller.chapter("Stage reads: as fast and as right as the monolith was")
    load = scene.migration.start_load()
    section = SMALL | {"traffic": _requests_in_prometheus(), "shadow": _shadow(scene)}
    scene.configure(reads=section)
    teller.refuses("reads", "no baseline", Exit.INCONCLUSIVE, "latency_against_monolith")
    scene.read(FIRST)
    scene.pause(SCRAPED_SECONDS)
    scene.read(READS)
    scene.pause(SCRAPED_SECONDS)
    teller.run("baseline", "--stage", "reads", "--hours", SHORT_HOURS)
    scene.route(reads="service")
    scene.read(FIRST)
    scene.pause(SCRAPED_SECONDS)
    scene.spoil(abort_share=0.33)
    scene.configure(reads=section | {"since": now()})
    scene.read(SPOILT_READS)
    teller.refuses("reads", "every third read an error", Exit.FAIL, "errors")
    scene.spoil()
    scene.pause(SCRAPED_SECONDS)
    scene.configure(reads=section | {"since": now()})
    scene.read(READS)
    teller.run("shadow")
    teller.passes("reads", "mended, counted anew, shadow reads compared")
    scene.finish(load)


def _requests_in_prometheus() -> dict[str, str]:
    return {
        "facade": "opentelemetry",
        "selector": f'{ROUTE},upstream="service"',
        "baseline_selector": f'{ROUTE},upstream="monolith"',
    }


def _shadow(scene: Scene) -> dict[str, Any]:
    paths = scene.place / "shadow-paths.txt"
    paths.write_text("".join(f"/api/inventory/{item}\n" for item in scene.items()), "utf-8")
    return {
        **scene.migration.servers.urls,
        "requests": paths.name,
        "fields": {
            "quantity": "quantity",
            "reserved": "reserved",
            "unitPrice": {"to": "unitPrice", "type": "decimal(2)"},
        },
        "per_second_max": 100,
    }


def writes(scene: Scene, teller: Teller) -> None:
    """Nothing known of the new direction; a change that the way back lost."""
    teller.chapter("Stage writes: the service leads, the monolith follows")
    section = SMALL | {
        "traffic": {
            "facade": "nginx-log",
            "log": "access-service.log",
            "baseline_log": "access-monolith.log",
            "path_pattern": "^/api/inventory/adjust$",
            "methods": ["POST"],
        },
        # No saga in this story; the way back is what the turned pair shows; the way forth is shut.
        "without": ["sagas", "reverse_replication", "no_loops"],
    }
    scene.adjust(WRITES)
    scene.configure(writes=section)
    teller.run("baseline", "--stage", "writes", "--hours", SHORT_HOURS)
    back = _turn(scene)
    try:
        scene.configure(writes=section | {"since": now()})
        teller.refuses("writes", "turned round, nothing seen yet", Exit.INCONCLUSIVE, "latency")
        scene.start_worker()
        scene.adjust(WRITES)
        lost = scene.lose_on_the_way_back(back)
        teller.refuses("writes", "the way back lost a change", Exit.FAIL, "still_in_sync")
        scene.pause(SCRAPED_SECONDS)
        scene.adjust_one(lost)  # its next change brings the item back
        sweep(teller)
        teller.passes("writes", "the item changed again, the table swept")
    finally:
        back.stop()
    if back.failure is not None:
        raise WatcherError(f"the reverse replicator ended: {back.failure}")
    scene.stop_worker()


def _turn(scene: Scene) -> ReverseReplicator:
    """In the safe order: writes have stopped, all is followed, the way forth is shut, the way back
    is open, and only then do writes go to the service.
    """
    scene.drained()
    scene.stop_worker()
    scene.migration.replicator.stop()
    scene.forget_streams()
    back = ReverseReplicator(
        scene.sandbox.endpoints.bootstrap_servers, scene.migration.monolith_dsn
    )
    back.wait()
    scene.turned = True
    scene.route(writes="service")
    return back


def decommission(scene: Scene, teller: Teller) -> None:
    """A forgotten report reads the table; then it is quiet, but not for long enough."""
    teller.chapter("Stage decommission: the monolith works without the legacy code")
    workshop.make_repository(scene.place / "monolith")
    program = 'program="postgres-monolith"'
    scene.configure(
        decommission={
            "side": "monolith",
            "tables": LEGACY,
            "connectors": [SOURCE_CONNECTOR],
            "slots": [SLOT],
            "quiet_hours": QUIET_SECONDS / 3600,
            "repository": "monolith",
            "resources": {
                "cpu": f"sum(rate(program_cpu_seconds_total{{{program}}}[45s]))",
                "memory": f"sum(program_resident_bytes{{{program}}})",
            },
        }
    )
    teller.run("baseline", "--stage", "decommission")
    with scene.monolith() as connection:
        connection.execute("SELECT sum(quantity) FROM public.inventory")  # a forgotten report
    teller.refuses("decommission", "a report still reads the table", Exit.FAIL, "unused")
    scene.route(reads="monolith")  # as it was: the baseline is of a monolith at work
    scene.read(LAST_READS)
    scene.route(reads="service")
    scene.pause(FLUSHED_SECONDS)
    teller.run("baseline", "--stage", "decommission")
    workshop.remove_inventory(scene.place / "monolith")
    _shut_down(scene)
    teller.refuses("decommission", "all gone, quiet for seconds", Exit.INCONCLUSIVE, "unused")
    teller.passes("decommission", f"quiet for {QUIET_SECONDS:.0f} s")


def _shut_down(scene: Scene) -> None:
    """The pipeline, and what in the catalogue still holds on to the table."""
    url = scene.sandbox.endpoints.connect_url
    connect.stop(url, SOURCE_CONNECTOR)
    connect.delete(url, SOURCE_CONNECTOR)
    scene.drop_slot(SLOT)
    with scene.monolith() as connection:
        connection.execute(f"DROP PUBLICATION IF EXISTS {SLOT}")
        connection.execute(
            "ALTER TABLE public.order_lines DROP CONSTRAINT order_lines_item_id_fkey"
        )
