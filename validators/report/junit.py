"""A gate's answer as JUnit XML: what CI systems show beside the tests.

Inconclusive is an <error>, never skipped: a criterion that could not be evaluated has not passed.
"""

import html
import re

from figwatch.validators.stages.document import CriterionDocument, GateDocument

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(gate: GateDocument) -> str:
    """One test case a criterion."""
    failures = sum(c.verdict == "fail" for c in gate.criteria)
    errors = sum(c.verdict == "inconclusive" for c in gate.criteria)
    counts = f'tests="{len(gate.criteria)}" failures="{failures}" errors="{errors}" skipped="0"'
    suite = f"figwatch {gate.migration} {gate.stage}"
    cases = [_case(gate, criterion) for criterion in gate.criteria]
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f"<testsuites {counts}>",
            f"  <testsuite name={_quoted(suite)} {counts}>",
            *cases,
            "  </testsuite>",
            "</testsuites>",
            "",
        ]
    )


def _case(gate: GateDocument, criterion: CriterionDocument) -> str:
    of = criterion.pair or criterion.subject
    name = f"{criterion.name} [{of}]" if of else criterion.name
    group = f"figwatch.{gate.migration}.{gate.stage}"
    head = f"    <testcase classname={_quoted(group)} name={_quoted(name)}"
    if criterion.verdict == "pass":
        return f"{head}/>"
    tag = "failure" if criterion.verdict == "fail" else "error"
    message, missing = _quoted(criterion.reason), _text(criterion.missing or "")
    kind = _quoted(criterion.verdict)
    return f"{head}><{tag} type={kind} message={message}>{missing}</{tag}></testcase>"


def _text(text: str) -> str:
    return html.escape(_NOT_XML.sub("?", text))


def _quoted(text: str) -> str:
    return '"' + _text(text).replace("\n", "&#10;") + '"'
