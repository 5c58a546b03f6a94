"""The gates' commands on real files and servers: exit codes, remedies, reports."""

# ruff: noqa: ARG001  # fixtures that only arrange

import json
import pathlib
import subprocess
import time

import msgspec
import pytest

from figwatch.connectors.stage_evidence.baseline import ShadowResult, shadow_path
from figwatch.validators.errors import ExitCode
from figwatch.validators.stages.facts import Origin, Share
from tests.unit.stages.test_files import COBERTURA, JUNIT, SARIF, nginx

CONFIG = """
migration: inventory
kafka: {bootstrap_servers: "127.0.0.1:1"}
sides:
  monolith: {topic_prefix: mono}
  service: {topic_prefix: inv}
authority: monolith
pairs:
  - {name: stock, source: public.inventory, target: public.stock, key: {id: id}, columns: {n: n}}
limits: {kafka_timeout_seconds: 0.5, http_timeout_seconds: 2.0}
gates:
"""
AVRO = '{"type": "record", "name": "Stock", "fields": [{"name": "n", "type": "int"}]}'
COMPATIBLE = "/compatibility/subjects/stock%2Fv1/versions"


@pytest.fixture
def configure(tmp_path):
    def write(gates, **files):
        (tmp_path / "figwatch.yaml").write_text(CONFIG + gates)
        for name, text in files.items():
            (tmp_path / name.replace("_", ".")).write_text(text)

    return write


def check(figwatch, stage, *more):
    ran = figwatch("gate", "check", "--stage", stage, "--json", *more)
    return ran.code, json.loads(ran.out)


def refusals(document):
    return {c["name"]: c["verdict"] for c in document["criteria"] if c["verdict"] != "pass"}


@pytest.fixture
def prepared(configure, web):
    web.answers[COMPATIBLE] = (200, {"is_compatible": True})
    configure(
        f"""  prepare:
    registry: {web.url}
    documents:
      - {{path: model.md, kind: domain_model}}
      - {{path: stock.avsc, kind: avro, subject: stock/v1}}
""",
        model_md="# Stock\n",
        stock_avsc=AVRO,
    )
    return web


def approve(figwatch, *documents):
    for document in documents or ("model.md", "stock.avsc"):
        assert ExitCode.OK == figwatch("approve", document, "--by", "ann").code


def test_prepare_refuses_until_the_documents_are_approved(figwatch, prepared):
    assert (ExitCode.FAIL, {"signed_off": "fail"}) == _named(check(figwatch, "prepare"))
    approve(figwatch)
    assert (ExitCode.OK, {}) == _named(check(figwatch, "prepare"))


def _named(answer):
    return answer[0], refusals(answer[1])


def test_a_document_changed_after_its_approval_is_approved_no_more(figwatch, prepared, tmp_path):
    approve(figwatch)
    (tmp_path / "model.md").write_text("# Stock, too\n")
    code, document = check(figwatch, "prepare")
    assert ExitCode.FAIL == code
    assert ["the document was changed after its approval"] == [
        c["reason"] for c in document["criteria"] if c["verdict"] == "fail"
    ]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((200, {"is_compatible": False, "messages": ["removed"]}), {"compatible": "fail"}),
        ((404, {"error_code": 40401}), {}),  # a new subject
        ((404, b"not found"), {"compatible": "inconclusive"}),
        ((500, {"message": "no"}), {"compatible": "inconclusive"}),
        ((200, {"hello": 1}), {"compatible": "inconclusive"}),
        ((200, b"<html>"), {"compatible": "inconclusive"}),
    ],
)
def test_the_registry_decides_on_compatibility(figwatch, prepared, answer, expected):
    approve(figwatch)
    prepared.answers[COMPATIBLE] = answer
    assert expected == refusals(check(figwatch, "prepare")[1])


def test_a_file_of_approvals_that_was_changed_approves_nothing(figwatch, prepared, tmp_path):
    approve(figwatch)
    path = next(tmp_path.rglob("approvals.jsonl"))
    path.write_bytes(path.read_bytes().replace(b"ann", b"bob", 1))
    code, document = check(figwatch, "prepare")
    assert ExitCode.INCONCLUSIVE == code
    assert "was changed" in str(document)
    assert ExitCode.ERROR == figwatch("approve", "model.md", "--by", "ann").code


def test_only_documents_of_the_migration_can_be_approved(figwatch, prepared):
    ran = figwatch("approve", "other.md", "--by", "ann")
    assert ExitCode.USAGE == ran.code
    assert "model.md" in ran.err


BUILD = """  build:
    coverage: {{unit: coverage.xml}}
    coverage_min: 0.7
    junit: [junit.xml]
    sarif: [lint.sarif]
    health: {url}/health
    age_max_hours: 1000000
"""
GREEN = "<testsuite tests='1'><testcase/></testsuite>"
CLEAN = '{"runs": [{"results": []}]}'
FRESH = COBERTURA.replace(' timestamp="1800000000000"', "")


@pytest.fixture
def built(configure, web):
    web.answers["/health"] = (200, {"status": "UP"})
    configure(BUILD.format(url=web.url), coverage_xml=FRESH, junit_xml=GREEN, lint_sarif=CLEAN)
    return web


def test_build_passes_and_its_junit_file_says_so(figwatch, built, tmp_path):
    assert (ExitCode.OK, {}) == _named(check(figwatch, "build", "--junit", "gate.xml"))
    assert 'failures="0" errors="0"' in (tmp_path / "gate.xml").read_text()


@pytest.mark.parametrize(
    ("file", "text", "code", "refused"),
    [
        ("junit.xml", JUNIT.replace("2027", "2025"), ExitCode.FAIL, {"tests": "fail"}),
        ("lint.sarif", SARIF, ExitCode.FAIL, {"quality": "fail"}),
        ("coverage.xml", FRESH[:-40], ExitCode.INCONCLUSIVE, {"coverage": "inconclusive"}),
    ],
)
def test_build_refuses_for_the_planted_reason(figwatch, built, tmp_path, file, text, code, refused):
    (tmp_path / file).write_text(text)
    assert (code, refused) == _named(check(figwatch, "build"))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((503, {}), "fail"),
        ((200, {"status": "DOWN"}), "fail"),
        ((200, b"fine"), None),
    ],
)
def test_a_service_is_deployable_when_it_says_that_it_is_well(figwatch, built, answer, expected):
    built.answers["/health"] = answer
    assert expected == refusals(check(figwatch, "build")[1]).get("deployable")


@pytest.mark.parametrize("stage", ["sync", "reads", "writes"])
def test_without_kafka_the_stages_that_need_the_streams_cannot_be_evaluated(
    figwatch, configure, stage
):
    configure("  state_dir: here\n")
    ran = figwatch("gate", "check", "--stage", stage, "--json")
    assert (ExitCode.ERROR, "") == (ran.code, ran.out)


def test_decommission_without_configuration_is_inconclusive_with_the_remedy(figwatch, configure):
    configure("  state_dir: here\n")
    code, document = check(figwatch, "decommission")
    assert ExitCode.INCONCLUSIVE == code
    assert all(c["missing"] for c in document["criteria"])


def test_code_size_is_that_of_the_commit_against_the_baseline(figwatch, configure, web, tmp_path):
    def git(*arguments):
        command = ["git", "-C", str(tmp_path / "repo"), "-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run([*command, *arguments], check=True, capture_output=True)

    (tmp_path / "repo").mkdir()
    web.answers["/connectors"] = (200, ["mono"])
    configure("  decommission: {repository: repo, connectors: [mono], tables: [t]}\n")
    text = (tmp_path / "figwatch.yaml").read_text()
    (tmp_path / "figwatch.yaml").write_text(
        text.replace("topic_prefix: mono}", f"topic_prefix: mono, connect: {web.url}}}")
    )
    git("init", "-q")
    (tmp_path / "repo" / "a.py").write_text("1\n2\n3\n")
    git("add", "."), git("commit", "-qm", "a")
    # Tables cannot be recorded without a database: nothing is, and it says why.
    assert ExitCode.INCONCLUSIVE == figwatch("baseline", "--stage", "decommission").code
    from figwatch.connectors.stage_evidence.leftovers import lines_of_code

    assert 3 == lines_of_code(str(tmp_path / "repo"), ["."])
    assert {"pipeline_gone": "fail"}.items() <= refusals(check(figwatch, "decommission")[1]).items()
    web.answers["/connectors"] = (200, [])
    assert "pipeline_gone" not in refusals(check(figwatch, "decommission")[1])
    web.answers["/connectors"] = (200, b"<html>")
    assert "inconclusive" == refusals(check(figwatch, "decommission")[1])["pipeline_gone"]


def test_waiting_ends_with_the_time_and_the_answer_stays_inconclusive(figwatch, configure):
    configure("  state_dir: here\n")
    code, _ = check(figwatch, "prepare", "--wait", "0.1s")
    assert ExitCode.INCONCLUSIVE == code
    assert ExitCode.USAGE == figwatch("gate", "check", "--stage", "sync", "--wait", "soon").code


LOG = """  reads:
    since: "1970-01-01T00:16:40Z"
    traffic: {facade: nginx-log, log: new.log, baseline_log: old.log}
"""


def test_a_baseline_is_recorded_from_the_monoliths_log(figwatch, configure, tmp_path):
    now = time.time()
    configure(LOG, old_log="".join(nginx(now - 2000 + i) for i in range(1000)))
    assert ExitCode.INCONCLUSIVE == figwatch("baseline", "--stage", "reads", "--hours", "9").code
    ran = figwatch("baseline", "--stage", "reads", "--hours", "0.5", "--json")
    assert ExitCode.OK == ran.code
    assert 799 <= json.loads(ran.out)["in_time"]["total"] <= 801


SHADOW = """  reads:
    shadow:
      monolith: {url}/old
      service: {url}/new
      requests: paths.txt
      retry_seconds: 0.0
      per_second_max: 1000
      fields: {{price: {{to: cost, type: "decimal(2)"}}, quantity: on_hand}}
"""


@pytest.fixture
def shadowed(configure, web):
    for item in range(1, 6):
        web.answers[f"/old/items/{item}"] = (200, {"price": "1.50", "quantity": 3})
        web.answers[f"/new/items/{item}"] = (200, {"cost": 1.5, "on_hand": 3, "more": 1})
    configure(SHADOW.format(url=web.url), paths_txt="".join(f"/items/{n}\n" for n in range(1, 7)))
    return web


def test_shadow_reads_agree_by_the_mapping_and_send_nothing_but_get(figwatch, shadowed):
    ran = figwatch("shadow", "--json")
    share = json.loads(ran.out)["share"]
    assert (ExitCode.OK, 5, 5) == (ran.code, share["passed"], share["total"])  # 6 is nowhere
    assert {"GET"} == {method for method, _ in shadowed.asked}


@pytest.mark.parametrize(
    ("answer", "differing"),
    [
        ((200, {"cost": 1.51, "on_hand": 3}), {"price": 1}),
        ((200, {"cost": 1.5, "on_hand": "3"}), {"quantity": 1}),  # text, and no type
        ((200, {"cost": 1.5}), {"quantity": 1}),
        ((404, {}), {"status": 1}),
        ((500, {}), {}),
        ((200, []), {}),
    ],
)
def test_a_shadow_read_that_differs_is_counted_and_named(figwatch, shadowed, answer, differing):
    shadowed.answers["/new/items/2"] = answer
    document = json.loads(figwatch("shadow", "--json").out)
    agrees = answer[0] == 200 and not differing and isinstance(answer[1], dict)
    assert differing == document["differing"]
    assert 5 - (not agrees) == document["share"]["passed"]
    assert "1.51" not in str(document)


def test_shadow_reads_that_compare_nothing_are_inconclusive(figwatch, shadowed):
    shadowed.answers.clear()
    assert ExitCode.INCONCLUSIVE == figwatch("shadow").code


def report(figwatch, *more):
    ran = figwatch("report", "--stage", "prepare", "--json", *more)
    return ran.code, pathlib.Path(json.loads(ran.out)["folder"])


def test_reports_are_chained_and_verified_and_a_changed_byte_is_refused(figwatch, prepared):
    code, first = report(figwatch)
    assert (ExitCode.FAIL, "0001-prepare") == (code, first.name)
    approve(figwatch)
    code, second = report(figwatch)
    assert (ExitCode.OK, "0002-prepare") == (code, second.name)
    assert ExitCode.OK == figwatch("report", "verify", str(second)).code
    page = first / "report.html"
    page.write_bytes(page.read_bytes().replace(b"fail", b"pass", 1))
    assert ExitCode.FAIL == figwatch("report", "verify", str(second)).code
    assert ExitCode.OK == figwatch("report", "verify", "--alone", str(second)).code
    first.rename(first.with_name("away"))
    assert ExitCode.INCONCLUSIVE == figwatch("report", "verify", str(second)).code


def test_a_signed_report_is_verified_by_its_public_key(figwatch, prepared, tmp_path):
    from tests.unit.report.support import PEM

    (tmp_path / "key.pem").write_bytes(PEM)
    _, folder = report(figwatch, "--key", "key.pem")
    assert ExitCode.OK == figwatch("report", "verify", "--key", "key.pem", str(folder)).code
    (folder / "statement.dsse.json").unlink()
    assert ExitCode.FAIL == figwatch("report", "verify", str(folder)).code
    assert ExitCode.USAGE == figwatch("report", "--stage", "prepare", "--key", "model.md").code


def test_a_report_that_is_not_there_is_a_clear_error(figwatch, prepared):
    assert ExitCode.ERROR == figwatch("report", "verify", "nowhere").code


def test_each_migration_of_an_installation_has_its_own_stage(figwatch, prepared, tmp_path):
    approve(figwatch)
    report(figwatch)
    text = (tmp_path / "figwatch.yaml").read_text()
    (tmp_path / "orders.yaml").write_text(text.replace("migration: inventory", "migration: orders"))
    found = json.loads(figwatch("stages", str(tmp_path), "--json").out)
    assert {"inventory": "build", "orders": "prepare"} == {
        p["migration"]: p["stage"] for p in found
    }


def test_two_migrations_of_one_name_are_refused(figwatch, prepared, tmp_path):
    (tmp_path / "copy.yaml").write_text((tmp_path / "figwatch.yaml").read_text())
    assert ExitCode.USAGE == figwatch("stages", str(tmp_path)).code


@pytest.fixture
def synced(monkeypatch):
    """Streams in sync, without Kafka: what the workers publish is planted."""
    from figwatch.connectors.stage_evidence import gate
    from figwatch.validators.overview import overview
    from tests.unit.report.support import summary

    def plant(**keys):
        now_us = time.time_ns() // 1000
        merged = summary()
        pair = merged.pairs["stock"]
        pair.keys, pair.unknown, pair.open_findings = {"consistent": 9} | keys, {}, {}
        pair.unshown = 0
        pair.verified_through_us = merged.as_of_us = now_us
        pair.source_watermark_us = pair.target_watermark_us = now_us
        pair.convergence.count = pair.convergence.within = 1000
        pair.lately.add(now_us, 1000, 1000)
        monkeypatch.setattr(
            gate, "sync_view", lambda _: overview({0: merged}, 1, now_us, 10_000_000)
        )

    plant()
    return plant


def read_stage(figwatch, configure, old, new):
    now = int(time.time())
    configure(
        """  reads:
    window_hours: 0.5
    error_share_max: 0.01
    error_margin: 0.01
    shadow_age_max_hours: 1
    traffic: {facade: nginx-log, log: new.log, baseline_log: old.log}
    shadow: {monolith: "http://a", service: "http://b", requests: paths, fields: {n: n}}
""",
        old_log="".join(nginx(now - 1799 + i / 3, *old(i)) for i in range(5000)),
        new_log="".join(nginx(now - 1799 + i / 3, *new(i)) for i in range(5000)),
    )
    assert ExitCode.OK == figwatch("baseline", "--stage", "reads", "--hours", "0.5").code
    return _named(check(figwatch, "reads"))


def fine(_):
    return 0.01, 200


@pytest.mark.parametrize(
    ("new", "code", "refused"),
    [
        (fine, ExitCode.INCONCLUSIVE, {}),
        (
            lambda i: (0.01 if i % 20 else 0.2, 200),
            ExitCode.FAIL,
            {"latency": "fail", "latency_against_monolith": "fail"},
        ),
        (
            lambda i: (0.01, 200 if i % 20 else 502),
            ExitCode.FAIL,
            {"errors": "fail", "errors_against_monolith": "fail"},
        ),
    ],
)
def test_reads_are_judged_by_access_logs(figwatch, configure, synced, new, code, refused):
    answer = read_stage(figwatch, configure, fine, new)
    assert (code, refused | {"shadow_reads": "inconclusive"}) == answer


def test_reads_pass_once_the_answers_were_compared(figwatch, configure, synced, tmp_path):
    compared = Share("shadow_reads", Origin("shadow", "x", time.time_ns() // 1000), 9000, 9000)
    path = shadow_path(tmp_path / "figwatch-gates" / "inventory")
    path.parent.mkdir(parents=True)
    path.write_bytes(msgspec.json.encode(ShadowResult(compared, 0, {})))
    assert (ExitCode.OK, {}) == read_stage(figwatch, configure, fine, fine)


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({}, ExitCode.OK),
        ({"divergent": 1}, ExitCode.FAIL),
        ({"unknown": 1}, ExitCode.INCONCLUSIVE),
    ],
)
def test_the_streams_decide_on_sync_and_the_exit_code_tells(
    figwatch, configure, synced, keys, code
):
    configure("  state_dir: here\n")
    synced(**keys)
    assert code == check(figwatch, "sync")[0]


def test_reads_that_are_fine_fail_while_a_key_is_divergent(figwatch, configure, synced):
    synced(divergent=1)
    _, refused = read_stage(figwatch, configure, fine, fine)
    assert {"still_in_sync": "fail", "shadow_reads": "inconclusive"} == refused


def test_the_sync_report_has_positions_and_figures(figwatch, configure, synced, monkeypatch):
    from figwatch.connectors.stage_evidence import gate, report

    monkeypatch.setattr(report, "sync_view", gate.sync_view)
    configure("  state_dir: here\n")
    ran = figwatch("report", "--stage", "sync", "--json")
    document = json.loads(ran.out)["report"]
    assert ExitCode.OK == ran.code
    assert 4711 == document["streams"][0]["next_offset"]
    assert 1000 == document["pairs"]["stock"]["convergence"]["count"]


def test_the_gates_are_served_over_http(figwatch, built, tmp_path):
    import threading

    import httpx

    from figwatch.cli.gate_serve import gate_server
    from figwatch.cli.options import load

    server = gate_server(load(tmp_path / "figwatch.yaml"), "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    with server, httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}") as client:
        assert "pass" == client.get("/gate/build?x=1").json()["verdict"]
        assert 200 == client.post("/gate/build", json={"phase": "Progressing"}).status_code
        assert 412 == client.post("/gate/prepare", json={}).status_code
        assert 503 == client.get("/gate/sync").status_code
        assert 404 == client.get("/").status_code
        server.shutdown()
