"""The replication origin of a record reaches the change, whichever way it is decoded."""

import pytest

from figwatch.connectors.debezium.decoder import Decoder
from tests.unit.debezium.support import MONO, config, dump, envelope


@pytest.mark.parametrize("op", ["c", "u", "d"])
@pytest.mark.parametrize(
    ("origin", "expected"),
    [({"origin": "forward"}, "forward"), ({"origin": None}, ""), ({}, ""), ({"origin": 7}, "")],
)
def test_a_change_has_the_origin_of_its_record(op, origin, expected):
    decoder = Decoder(config())
    row = {"id": 1, "v": 2}
    after, before = (None, row) if op == "d" else (row, None)
    value = dump(envelope(op, after, before, origin))
    found = []
    for offset in range(3):  # the first goes the plain way
        found += decoder.decode(MONO, 0, offset, 0, [], dump({"id": 1}), value)
    assert [expected] * 3 == [change.origin for change in found]
