"""How a range of integer keys falls into leaves: nothing left out, nothing twice."""

import random

from figwatch.connectors.sweep.checksums import LEAF_ROWS, Leaves

ENDS = (-(2**63), 2**63 - 1)


def test_slices_cover_a_range_exactly_once_whatever_its_ends():
    draw = random.Random(7)
    for _ in range(500):
        near = [draw.randint(-300, 300) for _ in range(4)]
        places = [*ENDS, *near, *(draw.randint(*ENDS) for _ in range(2))]
        after, end = sorted(draw.sample(sorted(set(places)), 2))
        leaves = Leaves(((str(after),), (str(end),)), draw.randint(1, 100_000), sliced=True)
        assert (after + 1, end) == (leaves.slices[0][0], leaves.slices[-1][1])
        for (_, high), (low, _) in zip(leaves.slices, leaves.slices[1:], strict=False):
            assert low == high + 1
        assert all(low <= high for low, high in leaves.slices)


def test_the_ends_of_a_table_and_other_keys_fall_into_leaves_by_their_hash():
    rows = 64 * LEAF_ROWS
    assert not Leaves((None, ("9",)), rows, sliced=True).slices
    assert not Leaves((("9",), None), rows, sliced=True).slices
    made = Leaves((("8",), ("9",)), rows, sliced=False)
    assert ([], 63, 64) == (made.slices, made.mask, made.number)
