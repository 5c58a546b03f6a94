"""The stages before any traffic moves: prepare, build, sync. Next: `acts_late`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from figwatch.demo.stages import workshop
from figwatch.demo.truth import Fault
from figwatch.demo.watcher import Exit

if TYPE_CHECKING:
    from figwatch.demo.stages.scene import Scene
    from figwatch.demo.stages.telling import Teller

MODEL, EVENT = "domain.md", "stock-adjusted.avsc"
SUBJECT = "inventory.StockAdjusted-value"
NOWHERE = "http://127.0.0.1:9"
REPAIR_PAUSE_SECONDS = 3.0
SWEEPS_MAX = 3


def prepare(scene: Scene, teller: Teller) -> None:
    """A registry that is away; an event that breaks its history, and was not approved so."""
    teller.chapter("prepare", "signed-off domain model and event schemas")
    documents = [
        {"path": MODEL, "kind": "domain_model"},
        {"path": EVENT, "kind": "avro", "subject": SUBJECT},
    ]
    scene.configure(prepare={"documents": documents, "registry": NOWHERE})
    event = scene.copy_document(EVENT)
    scene.copy_document(MODEL)
    for document in (MODEL, EVENT):
        teller.run("approve", document, "--by", "ann", "--comment", "as agreed in the workshop")
    teller.refuses("prepare", "approved, the registry away", Exit.INCONCLUSIVE, "compatible")
    scene.configure(prepare={"documents": documents, "registry": scene.registry_url})
    agreed = event.read_text("utf-8")
    _register(scene, agreed)
    event.write_text(agreed.replace('"sku", "type": "string"', '"item", "type": "long"'), "utf-8")
    teller.refuses("prepare", "an event's key changed after its approval", Exit.FAIL, "compatible")
    event.write_text(agreed, "utf-8")
    teller.passes("prepare", "the agreed schema put back")


def _register(scene: Scene, schema: str) -> None:
    url = f"{scene.registry_url}/subjects/{SUBJECT}/versions"
    httpx.post(url, json={"schema": schema}, timeout=10).raise_for_status()


def build(scene: Scene, teller: Teller) -> None:
    """No reports; tests that leave half of the service uncovered."""
    teller.chapter("build", "the service is covered, clean and deployable")
    scene.configure(
        build={
            "coverage": {kind: f"{kind}.xml" for kind in workshop.KINDS},
            "junit": [f"{kind}-tests.xml" for kind in workshop.KINDS],
            "sarif": ["lint.sarif"],
            "health": f"{scene.migration.servers.urls['service']}/healthz",
        }
    )
    teller.refuses("build", "nothing built yet", Exit.INCONCLUSIVE, "coverage")
    dsn = workshop.scratch_database(scene.migration.service_dsn)
    workshop.run_tests(scene.place, dsn, "unit", "adjustment")
    workshop.analyse_service(scene.place)
    teller.refuses("build", "reserve and release without a unit test", Exit.FAIL, "coverage")
    for kind in workshop.KINDS:
        workshop.run_tests(scene.place, dsn, kind)
    teller.passes("build", "all of the service's tests")


def sync(scene: Scene, teller: Teller) -> None:
    """No worker; a row that somebody wrote past the replicator."""
    teller.chapter("sync", "the service follows the monolith")
    scene.configure()
    teller.refuses("sync", "no worker yet", Exit.INCONCLUSIVE, "fresh_summaries")
    load = scene.migration.start_load()
    scene.start_worker()
    planted = scene.migration.faults.plant(Fault.WRONG_VALUE)
    teller.refuses("sync", "somebody wrote to the service's tables", Exit.FAIL, "none_divergent")
    scene.pause(REPAIR_PAUSE_SECONDS)
    scene.migration.faults.repair(planted)
    sweep(teller)
    teller.passes("sync", "repaired, the tables swept")
    scene.finish(load)


def sweep(teller: Teller) -> None:
    """Until one is clean: rows that keep changing leave a sweep incomplete."""
    for _ in range(SWEEPS_MAX):
        found = teller.run("sweep", allowed=(Exit.PASS, Exit.INCONCLUSIVE))
        if all(pair["complete"] for pair in found["pairs"].values()):
            return
