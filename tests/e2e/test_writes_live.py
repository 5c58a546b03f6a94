"""Routed writes on real servers: authority turns round under load, then orders are placed."""

import json
import uuid
from types import SimpleNamespace

import psycopg
import pytest

from figwatch.demo.keyspace import FAULTS
from figwatch.demo.orders.orchestrator import CrashedError
from figwatch.demo.orders.participants import OrderFault
from figwatch.demo.service import PUBLISH
from figwatch.validators.outbox.legs import Leg
from figwatch.validators.outbox.summary import FAULTS as FAULTS_OF_EVENTS
from tests.e2e.writes_live import TRACES, WritesLive

pytestmark = pytest.mark.timeout(600)  # the first one builds the stage for both
GOOD = 12
ALL = {"stock": True, "items": True}


@pytest.fixture(scope="module")
def turned(stack, tmp_path_factory):
    """The migration after its turn in the safe order; what the cutover's commands said."""
    with WritesLive(stack, tmp_path_factory.mktemp("writes")) as live:
        told = SimpleNamespace(live=live)
        live.load(flows=True)
        live.until({"stock", "items"}, lambda: set(live.status().get("pairs", ())))
        told.under_load = live.ask("cutover", "check", "--quiet-seconds", "60")
        live.load(flows=False)
        quiet = ("--quiet-seconds", "1")
        live.until(0, lambda: live.ask("cutover", "check", *quiet)[0])
        told.before = live.adjusted
        live.turn_replication()
        told.recorded = live.ask("cutover", "record", *quiet)
        live.route_writes()
        live.load(flows=True)
        live.until((0, True), lambda: switched(live.ask("cutover", "check")))
        live.until("more", lambda: "more" if live.adjusted > told.before + 50 else "few")
        live.load(flows=False)
        live.until(set(), live.differences)
        live.until(ALL, live.at_rest)
        told.after = live.adjusted - told.before  # the last one was under way
        told.checked = live.ask("cutover", "check")
        told.findings = live.findings()
        live.until({"matched": told.after}, live.outbox)
        live.until(told.after, lambda: live.legs().get("total", {}).get("count"))
        told.legs = live.legs()
        yield told


def switched(answer):
    code, found = answer
    return code, found.get("switched")


def test_authority_turns_round_under_load_without_a_false_finding(turned):
    code, refused = turned.under_load
    assert (3, False) == (code, refused["switch"])
    assert "fenced" == refused["steps"][0]["step"]
    assert 0 == turned.recorded[0], turned.recorded
    assert (0, True) == switched(turned.checked)
    assert ([], []) == (turned.findings, turned.live.refused)
    assert min(turned.before, turned.after) > 20, "nothing was written meanwhile"


def test_every_leg_of_an_adjustment_is_measured_from_its_request_to_the_monolith(turned):
    legs = turned.legs
    assert set(Leg) == set(legs)
    assert {turned.after} == {leg["count"] for leg in legs.values()}
    assert all(0 <= leg["p50"] < 60 for leg in legs.values()), legs
    assert legs["total"]["max"] > max(legs[leg]["p50"] for leg in ("request", "record", "show"))
    problems = turned.live.status()["outboxes"]["stock"]["legs"]["stock"]["problems"]
    assert {} == {name: n for name, n in problems.items() if name != "no_request"}


def test_explain_shows_each_leg_of_an_adjustment_and_links_to_its_trace(turned):
    code, told = turned.live.ask("explain", "stock", str(FAULTS[1]))
    assert 0 == code
    measured = [version for version in told["versions"] if "legs_us" in version]
    assert {"service"} == {version["side"] for version in measured}
    assert turned.after // 10 <= len(measured)
    for version in measured:
        legs = version["legs_us"]
        assert [leg.value for leg in Leg] == list(legs)
        assert legs["total"] == legs["request"] + legs["record"] + legs["show"]
        assert f"{TRACES}/{version['trace_id']}" == version["trace_url"]
    assert len(measured) == len({version["trace_id"] for version in measured})
    assert f"trace: {measured[-1]['trace_url']}" in turned.live.say("explain", "stock", FAULTS[1])


def test_the_workers_own_work_is_traced_and_linked_to_the_requests(turned):
    collector = turned.live.collector
    linked = {"decode", "judge"}
    turned.live.until(linked, lambda: {name for name in linked if collector.links(name)})
    assert {"decode", "judge", "changelog"} == {span.name for span in collector.spans}
    _, told = turned.live.ask("explain", "stock", str(FAULTS[1]))
    mine = {version["trace_id"] for version in told["versions"] if "trace_id" in version}
    assert mine & collector.links("decode")
    assert mine & collector.links("judge")


def published(delta, on_hand, sku=str(FAULTS[11])):
    """The statement that tells of an adjustment."""
    event = {"sku": sku, "delta": delta, "onHand": on_hand, "reason": "planted"}
    told = (str(uuid.uuid4()), "StockLevel", sku, "StockAdjusted", json.dumps(event), None, None)
    return PUBLISH, told


def on_hand(live, sku=str(FAULTS[11])):
    """How much there is, and the statement that sets another number."""
    with psycopg.connect(live.endpoints.dsn["service"]) as connection:
        query = "SELECT on_hand FROM public.stock_levels WHERE sku = %s"
        (number,) = connection.execute(query, (sku,)).fetchone()
    return number, lambda n: ("UPDATE stock_levels SET on_hand = %s WHERE sku = %s", (n, sku))


def test_events_that_do_not_tell_what_was_committed_are_found_and_no_others(turned):
    live = turned.live
    first, to = on_hand(live)
    live.service(to(first + 1), published(1, first + 1))  # as it must be
    live.service(to(first + 3), published(2, first + 3), published(2, first + 3))
    live.service(published(7, first + 7))  # nothing of the kind was committed
    live.service(to(first + 8))  # and nobody was told of this
    wrong = {"duplicate": 1, "ghost": 1, "gap": 1}
    live.until(wrong, lambda: {k: n for k, n in live.outbox().items() if k in FAULTS_OF_EVENTS})
    cases = live.status()["outboxes"]["stock"]["cases"]
    expected = {(fault, str(FAULTS[11]), "StockAdjusted") for fault in wrong}
    assert expected == {(case["fault"], case["aggregate"], case["type"]) for case in cases}
    assert live.status()["outboxes"]["stock"]["counts"]["matched"] >= turned.after + 2
    live.until(ALL, live.at_rest)  # the rows themselves came over
    assert [] == live.findings()


def test_each_planted_failure_of_an_order_is_found_and_named_and_nothing_else(turned):
    live = turned.live
    place = live.orders.place
    for orchestrated in (False, True):
        for _ in range(GOOD):
            place(orchestrated=orchestrated)
        place(orchestrated=orchestrated, refused=True)
        place(orchestrated=orchestrated, quantity=1_000_000)  # there is less
    lost = place(orchestrated=False, fault=OrderFault.LOST_EVENT)
    kept = place(orchestrated=False, refused=True, fault=OrderFault.KEPT_RESERVATION)
    forgotten = place(orchestrated=True, refused=True, fault=OrderFault.KEPT_RESERVATION)
    live.until("ABORTED", lambda: live.saga_status(forgotten))
    crashed = place(orchestrated=True, fault=OrderFault.CRASH)
    orchestrator = live.orders.orchestrator
    live.until("ended", lambda: "alive" if orchestrator.alive else "ended")
    assert isinstance(orchestrator.failure, CrashedError)
    wrong = {"completed": GOOD, "compensated": 2, "incompletely_compensated": 1, "stuck": 1}
    live.until({"order": wrong, "order-orchestrated": wrong}, live.outcomes)
    assert {
        lost: ("stuck", ["pay"]),
        kept: ("incompletely_compensated", ["reserve"]),
        forgotten: ("incompletely_compensated", ["reserve"]),
        crashed: ("stuck", ["reserve"]),
    } == {
        case["instance"]: (case["outcome"], case["steps"])
        for saga in live.status()["sagas"].values()
        for case in saga["cases"]
        if case["outcome"] != "completed"
    }
    live.orders.start_orchestrator()
    resumed = wrong | {"completed": GOOD + 1}
    del resumed["stuck"]
    live.until({"order": wrong, "order-orchestrated": resumed}, live.outcomes)
    sagas = live.status()["sagas"]
    share = {name: (saga["success"], saga["samples"]) for name, saga in sagas.items()}
    assert {"order": (GOOD, GOOD + 4), "order-orchestrated": (GOOD + 1, GOOD + 4)} == share
    assert sagas["order-orchestrated"]["reached"]["stuck"] >= 1, "that it was stuck is forgotten"
    assert [{}, {}] == [saga["undeclared"] for saga in sagas.values()]
    live.until(ALL, live.at_rest)  # the monolith followed each reservation
    assert [] == live.findings()
    expected = {
        ("sagas_now", "order", "fail"),
        ("sagas_now", "order-orchestrated", "fail"),
        *(("reverse_replication", pair, "pass") for pair in ALL),
        *(("no_loops", pair, "pass") for pair in ALL),
    }
    live.until(expected, lambda: judged(live))


def judged(live):
    """What the gate of stage writes says of the streams."""
    names = ("sagas_now", "reverse_replication", "no_loops")
    _, answer = live.ask("gate", "check", "--stage", "writes")
    return {
        (c["name"], c["pair"] or c["subject"], c["verdict"])
        for c in answer["criteria"]
        if c["name"] in names
    }
