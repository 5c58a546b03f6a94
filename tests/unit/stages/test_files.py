"""Files of evidence: read exactly, and no evidence at all when damaged or contradictory."""

import pathlib

import pytest

from figwatch.connectors.config.stages import DocumentConfig
from figwatch.connectors.stage_evidence.access_log import Wanted, parse_line, read_log
from figwatch.connectors.stage_evidence.approvals import append_approval, read_approvals
from figwatch.connectors.stage_evidence.coverage import read_coverage
from figwatch.connectors.stage_evidence.documents import read_document
from figwatch.connectors.stage_evidence.problems import Trouble
from figwatch.connectors.stage_evidence.test_results import read_junit, read_sarif
from figwatch.connectors.stage_evidence.traffic import Window
from figwatch.validators.errors import FigwatchError
from figwatch.validators.stages.facts import Approval

COBERTURA = """<?xml version="1.0"?>
<coverage line-rate="0.75" timestamp="1800000000000"><packages><package><classes>
<class filename="a.py">
<methods><method><lines><line number="1" hits="9"/></lines></method></methods>
<lines><line number="1" hits="1"/><line number="2" hits="0"/><line number="3" hits="2"/></lines>
</class>
<class filename="b.py"><lines><line number="1" hits="1"/></lines></class>
</classes></package></packages></coverage>"""
LCOV = "TN:\nSF:a.c\nDA:1,1\nDA:2,0\nend_of_record\nSF:a.c\nDA:2,3\nDA:3,0\nend_of_record\n"
JUNIT = """<testsuites tests="4">
<testsuite name="s" tests="4" timestamp="2027-01-15T08:00:00+00:00">
<testcase name="a"/><testcase name="b"><failure/></testcase><testcase name="c"><error/></testcase>
<testcase name="d"><skipped/></testcase></testsuite></testsuites>"""
SARIF = """{"version": "2.1.0", "runs": [{"tool": {"driver": {"rules": [
  {"id": "E1", "defaultConfiguration": {"level": "error"}}]}},
 "results": [{"ruleId": "E1"}, {"ruleIndex": 0}, {"ruleId": "W"}, {"ruleId": "E1", "level": "note"},
  {"ruleId": "E1", "kind": "pass"}, {"ruleId": "E1", "suppressions": [{"kind": "inSource"}]},
  {"ruleId": "E1", "baselineState": "absent"}]}]}"""


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "evidence"
        path.write_text(text)
        return str(path)

    return write


def test_cobertura_is_counted_by_its_lines_with_its_own_time(file):
    fact = read_coverage("unit", file(COBERTURA))
    assert (3, 4, 1_800_000_000_000_000) == (fact.covered, fact.lines, fact.origin.observed_us)


def test_lcov_records_of_one_file_are_joined(file):
    fact = read_coverage("unit", file(LCOV))
    assert (2, 3) == (fact.covered, fact.lines)


BOMB = '<!DOCTYPE c [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><coverage>&b;</coverage>'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (COBERTURA[:-30], "no whole XML"),
        (COBERTURA.replace("0.75", "0.95"), "contradictory"),
        (COBERTURA.replace('hits="0"', 'hits="x"'), "without number"),
        (LCOV[:-15], "cut short"),
        ("SF:a\nDA:what\n", "neither"),
        ("<html/>", "no Cobertura"),
        (BOMB, "no whole XML"),
        ("", "empty"),
        (COBERTURA.replace("1800000000000", "1e400"), "no time"),
        (COBERTURA.replace("1800000000000", "nan"), "no time"),
        (COBERTURA.replace("0.75", "nan"), "contradictory"),
    ],
)
def test_a_damaged_coverage_report_is_no_evidence(file, text, said):
    assert said in read_coverage("unit", file(text)).origin.problem


def test_a_file_that_is_not_there_is_no_evidence():
    assert "there is no" in read_coverage("unit", "/nowhere/coverage.xml").origin.problem


def test_junit_counts_the_cases(file):
    fact = read_junit(file(JUNIT))
    assert (4, 2, 1) == (fact.tests, fact.failed, fact.skipped)
    assert 1_800_000_000_000_000 == fact.origin.observed_us


@pytest.mark.parametrize(
    ("stamp", "hours"),
    [("2020-01-01T00:00:00", 12), ("2020-01-01T00:00:00Z", 0), ("2020-01-01T03:00:00+03:00", 0)],
)
def test_a_report_is_as_old_as_it_says_and_not_as_its_copy(file, stamp, hours):
    """Without a zone it may be twelve hours younger than in UTC."""
    made_us = 1_577_836_800_000_000 + hours * 3_600_000_000
    junit = file(f'<testsuite timestamp="{stamp}"><testcase name="a"/></testsuite>')
    assert made_us == read_junit(junit).origin.observed_us
    run = f'{{"invocations": [{{"endTimeUtc": "{stamp}"}}], "results": []}}'
    sarif = file(f'{{"version": "2.1.0", "runs": [{run}]}}')
    assert made_us == read_sarif(sarif).origin.observed_us


@pytest.mark.parametrize("stamp", ["", 'timestamp="soon"', 'timestamp="9999-12-31T23:59:59"'])
def test_a_report_without_a_time_that_can_be_is_as_old_as_its_file(file, stamp):
    path = file(f'<testsuite {stamp}><testcase name="a"/></testsuite>')
    made_seconds = read_junit(path).origin.observed_us / 1e6
    assert pytest.approx(pathlib.Path(path).stat().st_mtime, abs=0.01) == made_seconds


def test_a_case_with_a_failure_and_an_error_is_one_that_failed(file):
    both = "<testcase><failure/><error/></testcase>"
    fact = read_junit(file(f'<testsuite tests="1" failures="1" errors="1">{both}</testsuite>'))
    assert ("", 1, 1) == (fact.origin.problem, fact.tests, fact.failed)


def test_a_report_without_a_test_has_none(file):
    assert 0 == read_junit(file("<testsuites/>")).tests


def test_a_suite_that_fails_outside_its_cases_has_failed(file):
    assert 1 == read_junit(file("<testsuite><error/><testcase/></testsuite>")).failed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (JUNIT[:-20], "no whole XML"),
        (JUNIT.replace('<testcase name="a"/>', ""), "contradictory"),
        ('<testsuites tests="7"/>', "contradictory"),
        ('<testsuite tests="1" failures="1"><testcase/></testsuite>', "contradictory"),
        ('<testsuites errors="1"><testsuite><testcase/></testsuite></testsuites>', "contradictory"),
        ("<html/>", "no JUnit"),
    ],
)
def test_a_damaged_junit_report_is_no_evidence(file, text, said):
    assert said in read_junit(file(text)).origin.problem


def test_sarif_counts_what_is_not_suppressed_by_its_level(file):
    fact = read_sarif(file(SARIF))
    assert (2, 1) == (fact.errors, fact.warnings)


PACK = """{"runs": [{"tool": {"driver": {"name": "CodeQL"}, "extensions": [{"rules": [
  {"id": "js/xss", "defaultConfiguration": {"level": "error"}}]}]}, "results": [RESULT]}]}"""


@pytest.mark.parametrize(
    "result",
    [
        '{"ruleId": "js/xss"}',
        '{"ruleId": "js/xss/dom"}',
        '{"rule": {"id": "js/xss", "index": 0, "toolComponent": {"index": 0}}}',
    ],
)
def test_the_level_of_a_result_is_that_of_its_rule_wherever_that_stands(file, result):
    fact = read_sarif(file(PACK.replace("RESULT", result)))
    assert ("", 1, 0) == (fact.origin.problem, fact.errors, fact.warnings)
    twin = read_sarif(file(PACK.replace("RESULT", '{"ruleId": "js/x"}')))
    assert (0, 1) == (twin.errors, twin.warnings)


DEEP = "[" * 100_000


def test_a_time_that_is_no_text_is_none(file):
    run = '{"invocations": [{"endTimeUtc": true}], "results": []}'
    path = file(f'{{"version": "2.1.0", "runs": [{run}]}}')
    made_seconds = read_sarif(path).origin.observed_us / 1e6
    assert pytest.approx(pathlib.Path(path).stat().st_mtime, abs=0.01) == made_seconds


@pytest.mark.parametrize("text", ['{"$schema": 1}', "[" * 100_000, '{"$schema": {}}'])
def test_a_schema_that_no_library_understands_is_not_valid(file, text):
    config = DocumentConfig(path=file(text), kind="json_schema")
    assert not read_document(config, (), 1).valid


@pytest.mark.parametrize(
    "text",
    [
        SARIF[:-10],
        DEEP,
        "[]",
        '{"runs": []}',
        '{"runs": [{"results": [], "invocations": [{"executionSuccessful": false}]}]}',
        '{"runs": [{}]}',
    ],
)
def test_a_damaged_or_unfinished_sarif_report_is_no_evidence(file, text):
    assert read_sarif(file(text)).origin.problem


def nginx(at, seconds=0.01, status=200, path="/api/inventory/7", method="GET"):
    return (
        f'{{"msec": "{at}", "request_time": "{seconds}", "status": "{status}",'
        f' "request_method": "{method}", "request_uri": "{path}"}}\n'
    )


WINDOW = Window("", 1_000_000_000, 2_000_000_000)


def shares(path, wanted=None):
    return read_log(path, "nginx-log", WINDOW, wanted or Wanted(), 0.05)


def test_an_access_log_is_counted_in_the_window(file):
    lines = nginx(999) + nginx(1000) + nginx(1500, 0.06) + nginx(2000, status=502) + nginx(2001)
    in_time, good = shares(file(lines))
    assert (2, 3) == (in_time.passed, in_time.total)
    assert (2, 3) == (good.passed, good.total)
    assert 2_000_000_000 == good.origin.observed_us
    assert "in time: within 0.05 s" in in_time.origin.notes


def test_only_the_wanted_requests_of_a_log_count(file):
    lines = nginx(1000) + nginx(1001, path="/other") + nginx(1002, method="POST")
    in_time, _ = shares(file(lines), Wanted("^/api/", ("GET",)))
    assert 1 == in_time.total


def test_an_unreadable_line_counts_as_bad_and_a_last_one_in_writing_does_not(file):
    lines = "".join(nginx(1000 + i) for i in range(200)) + "{}\n" + nginx(1500)[:20]
    in_time, good = shares(file(lines))
    assert (200, 201, 200) == (in_time.passed, in_time.total, good.passed)


@pytest.mark.parametrize("status", ["000", "-1", "0"])
def test_a_request_that_nobody_answered_is_no_good_one(file, status):
    lines = "".join(nginx(1000 + i) for i in range(200)) + nginx(1500, status=status)
    in_time, good = shares(file(lines))
    assert (200, 200, 201) == (in_time.passed, good.passed, good.total)


def test_times_with_any_zone_are_instants_and_those_without_are_not_read(file):
    def line(at):
        return nginx(at).replace('"msec"', '"time_iso8601"')

    zoned = "".join(
        line(f"1970-01-01T0{h}:16:4{n % 10}+0{h}:00") for n in range(99) for h in (0, 5)
    )
    in_time, _ = shares(file(zoned + line("1970-01-01T00:16:40")))
    assert (198, 199) == (in_time.passed, in_time.total)


def test_a_window_that_has_not_begun_has_no_requests(file):
    late = Window("", 3_000_000_000, 2_000_000_000)
    for share in read_log(file(nginx(1000)), "nginx-log", late, Wanted(), 0.05):
        assert "in the future" in share.origin.problem
        assert "since" in share.origin.remedy


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (nginx(1000) + "what\n", "cannot be read"),
        (nginx(1000) + DEEP[:60_000] + "\n", "cannot be read"),
        (nginx(1000) + '127.0.0.1 - - [15/Jan/2027:08:00:00 +0000] "GET / HTTP/1.1" 200\n', "read"),
        (nginx(900), "no such request"),
        (nginx(1000 + 700), "begins after the window"),
    ],
)
def test_a_log_that_does_not_cover_the_window_is_no_evidence(file, lines, said):
    assert said in shares(file(lines))[0].origin.problem


def test_an_envoy_line_is_in_milliseconds():
    line = (
        b'{"start_time": "2027-01-15T08:00:00.000Z", "duration": 51, "response_code": 200,'
        b' "method": "GET", "path": "/x"}'
    )
    request = parse_line(line, "envoy-log")
    assert (1_800_000_000_000_000, 0.051, 200) == (request.at_us, request.seconds, request.status)


APPROVAL = Approval("ann", 1, "model.md", "aa", "fine")


def test_approvals_are_read_back_in_order(tmp_path):
    append_approval(tmp_path, APPROVAL)
    append_approval(tmp_path, Approval("bob", 2, "model.md", "aa"))
    assert ["ann", "bob"] == [approval.by for approval in read_approvals(tmp_path)]


def test_no_file_is_no_approval(tmp_path):
    assert () == read_approvals(tmp_path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data.replace(b'"aa"', b'"bb"', 1),
        lambda data: data.split(b"\n", 1)[1],
        lambda data: data[:-1],
        lambda data: b"\n".join(reversed(data.splitlines())) + b"\n",
    ],
    ids=["changed", "first removed", "cut short", "reordered"],
)
def test_a_changed_file_of_approvals_is_no_evidence_and_takes_no_more(tmp_path, spoil):
    for name in ("ann", "bob", "eve"):
        append_approval(tmp_path, Approval(name, 1, "model.md", "aa"))
    path = tmp_path / "approvals.jsonl"
    path.write_bytes(spoil(path.read_bytes()))
    assert isinstance(read_approvals(tmp_path), Trouble)
    with pytest.raises(FigwatchError):
        append_approval(tmp_path, APPROVAL)
