"""Every interleaving of small histories through the production judge: nothing is called wrongly.

With `FIGWATCH_STATES=1000000` it is the long run.
"""

import os
import sys

import pytest

from figwatch.demo.simulator.exhaustive import search
from figwatch.demo.simulator.small_world import Case
from tests.simulation.mutations import plant

STATES_MAX = int(os.environ.get("FIGWATCH_STATES", "10000"))
"""Visited for each case at most."""
FLOOR = 90_000

ONCE = {"readings": 1, "beats": 1}
CASES = [
    Case("an update", ("A", "B"), **ONCE),
    Case("an update, read twice", ("A", "B")),
    Case("deleted and inserted again", ("A", None, "B"), **ONCE),
    Case("a value that comes back", ("A", "B", "A"), **ONCE),
    Case("the connector restarts", ("A", "B"), restarts=1, **ONCE),
    Case("the connector restarts behind a delete", ("A", None), restarts=1, **ONCE),
    Case("the replicator crashes", ("A", "B"), crashes=1, **ONCE),
    Case("the replicator is put back", ("A", "B"), rewinds=1, **ONCE),
    Case("figwatch begins late", ("A", "B"), base=1, **ONCE),
    Case("figwatch begins late in a second life", ("A", None, "B"), base=2, **ONCE),
    Case("figwatch begins late, the connector restarts", ("A", "B"), base=1, restarts=1, **ONCE),
    Case("a record cannot be decoded", ("A", "B"), malformed=1, **ONCE),
    Case("a record is gone", ("A", "B", "C"), gaps=1, **ONCE),
    Case("an update is lost", ("A", "B"), lost=1, **ONCE),
    Case("a delete is lost", ("A", None), lost=1, **ONCE),
    Case("an insert is lost, the connector restarts", ("A",), lost=0, restarts=1, **ONCE),
    Case("somebody writes into the target", ("A", "B"), foreign=1, **ONCE),
]


@pytest.mark.timeout(1_800)  # a busy machine needs longer, not less
def test_no_interleaving_of_a_small_history_is_judged_wrongly(capsys):
    found = [search(case, STATES_MAX) for case in CASES]
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(search.summary() for search in found) + "\n")
    assert [] == [(search.case.name, search.failure) for search in found if search.failure]
    assert sum(search.states for search in found) >= FLOOR
    assert all(search.drained for search in found if search.complete)
    assert any(search.divergent for search in found)


def test_a_failure_is_told_as_a_shortest_history(monkeypatch):
    plant("judged_before_the_source_is_applied", monkeypatch)
    found = search(Case("update", ("A", "B"), **ONCE), STATES_MAX)
    assert "divergent, and nothing is" == found.failure[-1]
    assert len(found.failure) < 10


@pytest.mark.parametrize("states", [1, 50])
def test_a_bounded_search_says_that_it_was(states):
    found = search(Case("update", ("A", "B"), **ONCE), states)
    assert not found.complete
    assert "bounded" in found.summary()
