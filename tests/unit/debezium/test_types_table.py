"""docs/types.md is what the forms say."""

from tests.unit.debezium.types_table import TARGET, table


def test_the_page_of_types_is_the_one_that_the_tests_prove():
    assert table() == TARGET.read_text(), "run: python -m tests.unit.debezium.types_table"
