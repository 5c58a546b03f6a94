"""The books of a sweep: what may be checkpointed, what a result says, what a sample means."""

import pytest

from figwatch.validators.errors import ExitCode, Problem
from figwatch.validators.sweep.progress import UNCONFIRMED_LISTED_MAX, Progress, Totals
from figwatch.validators.sweep.result import Difference, DifferenceKind, PairSweep, exit_code
from figwatch.validators.sweep.sample import share

GONE = Difference({"id": 1}, DifferenceKind.MISSING)


def test_a_range_is_closed_only_when_it_is_read_and_every_suspect_is_settled():
    books = Progress(10)
    one, two = books.begin(), books.begin()
    books.suspect(one, b"k")
    books.read(one, (0, ("100",)), 100, 100, 0, 0)
    books.read(two, (0, ("200",)), 100, 99, 0, 0)
    books.close()
    assert (0, None) == books.next, "an unsettled key would be skipped by a resume"
    totals = books.settled(one, b"k")
    assert totals is not None
    books.difference(totals, lambda: GONE)
    books.close()
    assert ((0, ("200",)), 200, 199, [GONE]) == (
        books.next, books.totals.source_rows, books.totals.target_rows, books.totals.differences,
    )  # fmt: skip


def test_a_range_that_is_not_read_to_its_end_is_never_closed():
    books = Progress(10)
    books.begin()
    books.close()
    assert (0, None) == books.next


def test_a_key_found_again_when_a_range_is_tried_again_counts_once():
    books = Progress(10)
    one = books.begin()
    assert books.suspect(one, b"k")
    assert books.settled(one, b"k") is not None
    assert not books.suspect(one, b"k")


def test_the_list_is_bounded_and_the_count_is_not():
    books = Progress(2)
    one = books.begin()
    for number in range(5):
        books.suspect(one, b"%d" % number)
        totals = books.settled(one, b"%d" % number)
        assert totals is not None
        books.difference(totals, lambda: GONE)
    assert (5, 2) == (books.differences_total, books.listed)


def test_listed_unconfirmed_keys_are_bounded():
    books = Progress(2)
    for _ in range(3):
        number = books.begin()
        books.suspect(number, b"k")
        totals = books.settled(number, b"k")
        assert totals is not None
        totals.unconfirmed_keys += [{"id": 1}] * UNCONFIRMED_LISTED_MAX
        books.read(number, None, 0, 0, 0, 0)
        books.close()
    assert UNCONFIRMED_LISTED_MAX == len(books.totals.unconfirmed_keys)


def test_a_cut_short_result_holds_open_ranges_and_leaves_the_state_alone():
    books = Progress(10, Totals(source_rows=5))
    one = books.begin()
    books.read(one, (0, ("9",)), 3, 3, 0, 0)
    assert (8, 5) == (books.all_totals().source_rows, books.totals.source_rows)


def result(**how: object) -> PairSweep:
    given = {"name": "t", "complete": True, "way": "merge"} | how
    return PairSweep(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pairs", "code"),
    [
        ([result()], ExitCode.OK),
        ([], ExitCode.INCONCLUSIVE),
        ([result(), result(complete=False)], ExitCode.INCONCLUSIVE),
        ([result(complete=False, differences_total=1)], ExitCode.FAIL),
        ([result(), result(complete=False, problems=(Problem("a", "b"),))], ExitCode.ERROR),
        ([result(differences_total=1), result(problems=(Problem("a", "b"),))], ExitCode.FAIL),
    ],
)
def test_the_exit_code_is_that_of_the_worst_that_is_certain(pairs, code):
    assert code == exit_code(pairs)


def test_the_bound_of_a_clean_sample_is_the_exact_one():
    clean = share(300, 0)
    assert clean.at_most == pytest.approx(1 - 0.05 ** (1 / 300))
    assert "at most 0.994%" in str(clean)


def test_a_sample_of_nothing_shows_nothing():
    assert 1.0 == share(0, 0).at_most
    assert "nothing is shown" in str(share(0, 0))


def test_the_bound_holds_for_differing_rows():
    """P(at most 3 of 100 | share) = 5 % at the bound, by the binomial itself."""
    from scipy.stats import binom

    assert binom.cdf(3, 100, share(100, 3).at_most) == pytest.approx(0.05)
    with pytest.raises(ValueError, match="some of the rows"):
        share(3, 4)
