"""The coverage-guided fuzzer for some seconds, and that it would find something.

FIGWATCH_FUZZ_SECONDS=600 makes a long run.
"""

import os
import random

import pytest

from figwatch.connectors.debezium import route
from figwatch.validators.canonical import numbers as canonical_numbers
from tests.unit.debezium.fuzzer import FoundError, Fuzzer

SECONDS = float(os.environ.get("FIGWATCH_FUZZ_SECONDS", "6"))


@pytest.fixture(autouse=True, scope="module")
def path():
    """In place of the folder's fixture: the fuzzer takes both ways itself."""
    usual, route.IDENTITY_LOOKS = route.IDENTITY_LOOKS, 0
    yield
    route.IDENTITY_LOOKS = usual


def test_no_record_has_another_outcome_than_a_change_or_malformed():
    fuzzer = Fuzzer(random.SystemRandom().getrandbits(32))
    began = len(fuzzer.corpus)
    fuzzer.run(SECONDS)
    assert len(fuzzer.corpus) > began, "nothing new was reached: the guidance is broken"


def test_the_fuzzer_finds_a_planted_fault(monkeypatch):
    read = canonical_numbers.number_of

    def faulty(value):
        if isinstance(value, str) and len(value) > 1_000:
            raise KeyError(value)
        return read(value)

    monkeypatch.setattr(canonical_numbers, "number_of", faulty)
    with pytest.raises(FoundError, match="KeyError"):
        Fuzzer(1).run(60)
