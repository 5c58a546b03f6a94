"""The forms of a report: schema, Markdown, HTML, JUnit, statement."""

import json
import re

import jsonschema
import pytest
from defusedxml.ElementTree import fromstring

from figwatch.validators.errors import FigwatchError
from figwatch.validators.report.document import (
    StreamPosition,
    decode_report,
    encode_report,
    report_schema,
)
from figwatch.validators.report.html import html
from figwatch.validators.report.junit import junit
from figwatch.validators.report.markdown import BYTES_MAX, markdown
from figwatch.validators.report.statement import STATEMENT
from figwatch.validators.stages.criterion import Answer
from tests.unit.report.support import files, gate, report


def test_a_report_reads_back_as_it_was_written():
    assert report() == decode_report(encode_report(report()))


def test_a_report_keeps_to_its_json_schema():
    jsonschema.Draft202012Validator.check_schema(report_schema())
    jsonschema.validate(json.loads(encode_report(report())), report_schema())


def test_twin_the_schema_refuses_another_verdict():
    document = json.loads(encode_report(report()))
    document["gate"]["verdict"] = "probably"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, report_schema())


@pytest.mark.parametrize("data", [b"", b"{", encode_report(report())[:-40], b"[]", b"\xff"])
def test_a_report_cut_short_is_a_clear_error(data):
    with pytest.raises(FigwatchError) as raised:
        decode_report(data)
    assert "cut short" in raised.value.problems[0].cause


@pytest.mark.parametrize("answer", list(Answer))
def test_markdown_begins_with_the_answer(answer):
    first = markdown(report(answer)).splitlines()[0]
    assert answer.value in first


def test_markdown_tables_survive_what_evidence_quotes():
    text = markdown(report())
    assert "<script>" not in text
    rows = [line for line in text.splitlines() if line.startswith("| errors")]
    assert 6 == len(re.findall(r"(?<!\\)\|", rows[0]))


def test_markdown_of_a_huge_report_stays_below_60_kb_and_says_what_it_left_out():
    streams = [StreamPosition(f"topic-{n}", n, n, 0) for n in range(5000)]
    text = markdown(report(streams=streams))
    assert len(text.encode()) < BYTES_MAX
    assert text.endswith("report.json has it all.\n")


def test_html_needs_nothing_from_outside_and_quotes_its_evidence():
    page = html(report())
    assert "<script>" not in page
    assert not re.findall(r"""(?:src|href)\s*=|url\(|@import|https?://""", page)
    assert 3 == page.count("<svg ")


@pytest.mark.parametrize("form", [html, markdown])
def test_what_is_decided_by_the_streams_alone_says_so(form):
    said = "By the change streams, at the positions below: still_in_sync."
    assert said in form(report(Answer.INCONCLUSIVE))
    assert said.replace("still", "errors, still") in form(report())
    assert "By the change streams" not in form(report(streams=[]))


def test_html_without_figures_has_no_charts():
    page = html(report(pairs={}, streams=[]))
    assert 1 == page.count("<svg ")


def test_junit_shows_inconclusive_as_an_error_and_skips_nothing():
    for answer, tag in ((Answer.FAIL, "failure"), (Answer.INCONCLUSIVE, "error")):
        root = fromstring(junit(gate(answer)))
        cases = {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}
        assert {"latency": [], "errors [a|b]": [tag], "still_in_sync [stock]": []} == cases
        assert not list(root.iter("skipped"))


@pytest.mark.parametrize("answer", list(Answer))
def test_only_a_pass_is_stated_as_passed(answer):
    document = json.loads(files(report(answer))[STATEMENT])
    passed = document["predicate"]["result"] == "PASSED"
    assert passed == (answer is Answer.PASS)
    assert 4 == len(document["subject"])


def test_no_row_values_unless_asked_for():
    assert b'"findings": null' in encode_report(report())
