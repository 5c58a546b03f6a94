"""The in-toto statement of a report: digests of its files, and the gate's answer as a test result.

Statement v1 (https://github.com/in-toto/attestation, spec/v1/statement.md) with the predicate
https://in-toto.io/attestation/test-result/v0.1. `report.signature` signs it, `report.verify` makes
it again and compares.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from figwatch.validators.report.document import Report

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
REPORT, MARKDOWN, HTML, JUNIT = "report.json", "report.md", "report.html", "junit.xml"
STATEMENT, ENVELOPE = "statement.json", "statement.dsse.json"
FILES = (REPORT, MARKDOWN, HTML, JUNIT)
"""What the statement is about, in this order."""


def sha256(data: bytes) -> str:
    """The digest in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def statement(report: Report, files: Mapping[str, bytes]) -> bytes:
    """statement.json for the files of a report; the same bytes for the same files.

    Inconclusive criteria stand among the failed ones, and the result is PASSED on a pass alone: the
    predicate's WARNED means passed.
    """
    criteria = report.gate.criteria
    names = [(c.verdict, _name(c.name, c.pair or c.subject)) for c in criteria]
    document: dict[str, Any] = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": sha256(files[name])}} for name in FILES],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "result": "PASSED" if report.gate.verdict == "pass" else "FAILED",
            "configuration": [
                {"name": "figwatch.yaml", "digest": {"sha256": report.config_sha256}}
            ],
            "passedTests": [name for verdict, name in names if verdict == "pass"],
            "warnedTests": [],
            "failedTests": [name for verdict, name in names if verdict != "pass"],
        },
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _name(criterion: str, of: str | None) -> str:
    return f"{criterion} [{of}]" if of else criterion
