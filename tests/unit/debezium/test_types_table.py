"""docs/types.md is what the forms say, and each conformance case has a test."""

from tests.unit.debezium.cases import CASES, forms_tested_of
from tests.unit.debezium.types_table import TARGET, table


def test_the_page_of_types_is_the_one_that_the_tests_prove():
    assert table() == TARGET.read_text(), "run: python -m tests.unit.debezium.types_table"


def test_every_conformance_case_has_a_named_test():
    assert list(range(1, 49)) == list(CASES)
    assert [] == [number for number, shown in forms_tested_of().items() if not shown]
