"""The stages in which traffic moves: reads, writes, decommission. `run` is the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from figwatch.demo import sink
from figwatch.demo.connectors import SOURCE_CONNECTOR
from figwatch.demo.orders.participants import OrderFault
from figwatch.demo.orders.running import Orders
from figwatch.demo.sandbox import connect
from figwatch.demo.stages import measures, workshop
from figwatch.demo.stages.acts_early import sweep
from figwatch.demo.stages.scene import now
from figwatch.demo.watcher import Exit

if TYPE_CHECKING:
    from figwatch.demo.stages.scene import Scene
    from figwatch.demo.stages.telling import Teller

READS, WRITES = 1300, 1000
SPOILT_READS = 600
LAST_READS = 500
ORDERS = 310
"""Of each kind of saga."""
FIRST = 5
"""Requests before the counting begins, so that the counters exist."""
SCRAPED_SECONDS = 2.5
SHORT_HOURS = "0.01"
FLUSHED_SECONDS = 11.0
"""PostgreSQL may keep an idle session's counters to itself for ten seconds."""
FENCED = ("--quiet-seconds", "1")
ROUTE = 'http_request_method="GET",http_route="/api/inventory/{itemId}"'
LEGACY = ["public.inventory", "public.adjustments"]
SLOT = f"figwatch_{SOURCE_CONNECTOR}".replace("-", "_")


def reads(scene: Scene, teller: Teller) -> None:
    """No baseline; a service that answers every third read with an error."""
    teller.chapter("reads", "as fast and as right as the monolith was")
    load = scene.migration.start_load()
    section = measures.section("reads") | {
        "traffic": _requests_in_prometheus(),
        "shadow": _shadow(scene),
    }
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
    """Writes that still go to the monolith; an order left in the middle; a change that the way back
    lost.
    """
    teller.chapter("writes", "the service leads, the monolith follows")
    section = measures.section("writes") | {
        "traffic": {
            "facade": "nginx-log",
            "log": "access-service.log",
            "baseline_log": "access-monolith.log",
            "path_pattern": "^/api/inventory/adjust$",
            "methods": ["POST"],
        }
    }
    scene.adjust(WRITES)
    scene.configure(writes=section)
    teller.run("baseline", "--stage", "writes", "--hours", SHORT_HOURS)
    later = "writes still go to the monolith"
    teller.refuses("writes", later, Exit.INCONCLUSIVE, "reverse_replication")
    _turn(scene, teller)
    with Orders(scene.sandbox.endpoints) as orders:
        scene.configure(writes=section | {"since": now()})
        for _ in range(ORDERS):
            orders.place(orchestrated=False)
            orders.place(orchestrated=True)
        orders.place(orchestrated=True, fault=OrderFault.CRASH)
        scene.adjust(WRITES)
        teller.refuses("writes", "the orchestrator crashed in an order", Exit.FAIL, "sagas_now")
        orders.start_orchestrator()
        lost = scene.lose_on_the_way_back()
        teller.refuses("writes", "the way back lost a change", Exit.FAIL, "reverse_replication")
        scene.adjust_one(lost)  # its next change brings the item back
        sweep(teller)
        teller.passes("writes", "the order ended, the item changed again, the tables swept")
        orders.check()
    scene.stop_worker()


def _turn(scene: Scene, teller: Teller) -> None:
    """In the safe order: writes have stopped, all is followed, the way forth is shut, the way back
    is open, the turn is on record, and only then do writes go to the service.
    """
    teller.until(lambda found: bool(found.get("switch")), "cutover", "check", *FENCED)
    scene.migration.replicator.stop()
    scene.open_way_back()
    teller.run("cutover", "record", *FENCED)
    scene.route(writes="service")
    teller.until(lambda found: bool(found.get("switched")), "cutover", "check")


def decommission(scene: Scene, teller: Teller) -> None:
    """A forgotten report reads the table; then it is quiet, but not for long enough."""
    teller.chapter("decommission", "the monolith works without the legacy code")
    workshop.make_repository(scene.place / "monolith")
    program = 'program="postgres-monolith"'
    scene.configure(
        decommission=measures.section("decommission")
        | {
            "side": "monolith",
            "tables": LEGACY,
            "connectors": [SOURCE_CONNECTOR, sink.NAME],
            "slots": [SLOT],
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
    teller.passes("decommission", "quiet for half a minute")


def _shut_down(scene: Scene) -> None:
    """The pipeline, and what in the catalogue still holds on to the table."""
    url = scene.sandbox.endpoints.connect_url
    for name in (sink.NAME, SOURCE_CONNECTOR):
        connect.stop(url, name)
        connect.delete(url, name)
    scene.drop_slot(SLOT)
    with scene.monolith() as connection:
        connection.execute(f"DROP PUBLICATION IF EXISTS {SLOT}")
        connection.execute(
            "ALTER TABLE public.order_lines DROP CONSTRAINT order_lines_item_id_fkey"
        )
