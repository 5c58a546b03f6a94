"""How a range of integer keys falls into leaves: nothing left out, nothing twice."""

import random

from figwatch.connectors.sweep.leaves import LEAF_ROWS, Leaves

ENDS = (-(2**63), 2**63 - 1)


def follow_each_other(leaves: Leaves) -> bool:
    whole = all(low <= high for low, high in leaves.slices)
    pairs = zip(leaves.slices, leaves.slices[1:], strict=False)
    return whole and all(low == high + 1 for (_, high), (low, _) in pairs)


def test_slices_cover_a_range_exactly_once_whatever_its_ends():
    draw = random.Random(7)
    for _ in range(500):
        near = [draw.randint(-300, 300) for _ in range(4)]
        places = [*ENDS, *near, *(draw.randint(*ENDS) for _ in range(2))]
        after, end = sorted(draw.sample(sorted(set(places)), 2))
        bounds = (str(after),), (str(end),)
        leaves = Leaves.of_range(bounds, draw.randint(1, 100_000), sliced=True)
        assert (after + 1, end) == (leaves.slices[0][0], leaves.slices[-1][1])
        assert follow_each_other(leaves)


def test_the_ends_of_a_table_and_other_keys_fall_into_leaves_by_their_hash():
    rows = 64 * LEAF_ROWS
    assert not Leaves.of_range((None, ("9",)), rows, sliced=True).slices
    assert not Leaves.of_range((("9",), None), rows, sliced=True).slices
    made = Leaves.of_range((("8",), ("9",)), rows, sliced=False)
    assert ((), 63, 64) == (made.slices, made.mask, made.number)


def test_the_slices_of_a_whole_table_cover_every_key_there_can_be():
    draw = random.Random(8)
    for _ in range(500):
        middle, width = draw.randint(*ENDS), draw.choice([0, 1, 500, 10**9, 2**61])
        keys = [max(min(middle + d, ENDS[1]), ENDS[0]) for d in (0, width, width // 2)]
        leaves = Leaves.of_all(keys, draw.randint(1, 100_000))
        assert ENDS == (leaves.slices[0][0], leaves.slices[-1][1])
        assert follow_each_other(leaves)
        for key in {*keys, *ENDS, min(keys) + leaves.step, max(keys) - leaves.step}:
            # As the server numbers it: its division cuts off towards zero.
            number = abs(key - leaves.first) // leaves.step * (1 if key >= leaves.first else -1)
            (leaf,) = leaves.summed([(number, 1, 5)])
            low, high = leaves.slices[leaf]
            assert low <= key <= high or key not in range(ENDS[0], ENDS[1] + 1)


def test_what_lies_beyond_the_ends_that_were_known_counts_in_the_outer_slices():
    leaves = Leaves.of_all([0, 1023], 4 * LEAF_ROWS)
    assert (4, 256) == (len(leaves.slices), leaves.step)
    answered = [(-3, 1, 1), (0, 2, 6), (3, 1, 8), (4, 1, 16), (900, 1, 32)]
    assert {0: (3, 1 ^ 6), 3: (3, 8 ^ 16 ^ 32)} == leaves.summed(answered)


def test_keys_too_far_apart_for_a_server_to_subtract_are_told_apart_by_their_hash():
    leaves = Leaves.of_all([*ENDS], 64 * LEAF_ROWS)
    assert ((), 63, 0) == (leaves.slices, leaves.mask, leaves.step)
    assert 1 == Leaves.of_all([], 100).number
