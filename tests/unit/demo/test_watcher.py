"""Reading the JSON that figwatch publishes."""

import pytest

from figwatch.demo.comparison import Found
from figwatch.demo.watcher import WatcherError, parse_findings, parse_reasons

FINDING = {
    "key": {"item_id": "7"},
    "kind": "stale",
    "columns": ["quantity"],
    "since_us": 1,
    "detected_us": 2,
    "resolved_us": None,
    "evidence": "fence",
}


def test_findings_are_read_by_pair():
    found = parse_findings({"pairs": {"stock": {"findings": [FINDING]}, "items": {"findings": []}}})
    assert (Found("stock", 7, "stale", frozenset({"quantity"}), 1, 2, None, "fence"),) == found


@pytest.mark.parametrize("document", [{}, {"pairs": {"stock": {"findings": [{}]}}}, {"pairs": []}])
def test_an_answer_of_another_shape_is_an_error_and_not_no_findings(document):
    with pytest.raises(WatcherError, match="unexpected answer"):
        parse_findings(document)


def test_the_gates_reasons_are_its_criteria_that_do_not_pass():
    criteria = [{"name": "divergent", "verdict": "fail"}, {"name": "coverage", "verdict": "pass"}]
    assert parse_reasons({"criteria": criteria}) == ("divergent",)
