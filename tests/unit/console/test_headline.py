"""The one sentence: what a person must hear of first, in the order of their worries."""

import pytest

from figwatch.validators.canary import CANARY_PAIR
from figwatch.validators.convergence import Quantiles
from figwatch.validators.headline import Tone, headline
from figwatch.validators.overview import Overview
from figwatch.validators.recent import recent
from figwatch.validators.stages.criterion import Answer, Criterion, GateResult
from figwatch.validators.summary import PairSummary, Summary

PAIR = {
    "unknown": {},
    "open_findings": {},
    "findings_total": {},
    "convergence": Quantiles(buckets={}),
    "unshown": 0,
    "oldest_unshown_us": 0,
    "capture": {},
    "changes": {},
    "duplicates": {},
    "source_watermark_us": 0,
    "target_watermark_us": 0,
    "verified_through_us": 0,
    "transient": 0,
    "alarms": {},
}


def view(missing=(), name="stock", **keys):
    merged = Summary(0, 0, "w", {}, 0, {name: PairSummary(keys=keys, **PAIR)}, [])
    return Overview(merged, 4, missing, (), 0, 0)


def gate(*answers):
    criteria = tuple(
        Criterion(f"c{n}", "stock", answer, f"reason {n}", f"fix {n}")
        for n, answer in enumerate(answers)
    )
    worst = min(answers, key=[Answer.FAIL, Answer.INCONCLUSIVE, Answer.PASS].index)
    return GateResult("sync", worst, criteria, (), 0)


PASS, FAIL, OPEN = Answer.PASS, Answer.FAIL, Answer.INCONCLUSIVE
NOBODY = Overview(None, 4, (0, 1, 2, 3), (), 0, 0)


@pytest.mark.parametrize(
    ("seen", "asked", "tone", "title"),
    [
        (NOBODY, gate(PASS), Tone.UNKNOWN, "Nobody is watching"),
        (view((2,), overdue=3), gate(FAIL), Tone.UNKNOWN, "Not everything is watched"),
        (view((2,), divergent=3), gate(FAIL), Tone.BAD,
         "Not everything is watched, and 3 keys are divergent"),
        (view(divergent=1, overdue=9), gate(FAIL), Tone.BAD, "1 key is divergent"),
        (view(divergent=2), gate(PASS), Tone.BAD, "2 keys are divergent"),
        (view(overdue=9), gate(PASS, FAIL), Tone.BAD, "Stage sync fails"),
        (view(overdue=9), gate(OPEN), Tone.WAIT, "9 keys are overdue"),
        (view(), None, Tone.UNKNOWN, "Stage sync is not evaluated"),
        (view(unknown=1), gate(OPEN), Tone.WAIT, "Nothing differs; stage sync is not proved yet"),
        (view(consistent=5), gate(PASS), Tone.GOOD, "Stage sync may be left"),
        (view(name=CANARY_PAIR, divergent=1), gate(PASS), Tone.GOOD, "Stage sync may be left"),
    ],
)  # fmt: skip
def test_the_first_worry_is_said_first(seen, asked, tone, title):
    said = headline(seen, "sync", asked)
    assert (tone, title) == (said.tone, said.title)


def test_what_the_gate_wants_is_where_to_look_next():
    said = headline(view(), "sync", gate(PASS, OPEN))
    assert ("stock: reason 1", "fix 1") == (said.detail, said.look_next)


def test_a_gate_that_could_not_be_asked_says_why():
    assert "no answer" == headline(view(), "reads", None, "no answer").detail


def test_a_migration_that_is_done_still_says_when_something_differs():
    assert Tone.GOOD is headline(view(), "done", None).tone
    assert Tone.BAD is headline(view(divergent=1), "done", None).tone


def sketch(*samples_us):
    made = Quantiles(buckets={})
    for sample_us in samples_us:
        made.add(sample_us, 1_000_000)
    return made


def test_lately_is_the_difference_of_two_looks():
    lately = recent(sketch(10_000, 20_000, 5_000_000), sketch(10_000, 20_000))
    assert 1 == lately.count
    assert 4.9 < lately.quantile_seconds(0.5) < 5.1


def test_lately_says_nothing_where_counts_fell_or_there_was_no_look_before():
    assert 0 == recent(sketch(10_000), sketch(10_000, 20_000)).count
    assert 0 == recent(sketch(10_000), sketch(20_000_000)).count
    assert 0 == recent(sketch(10_000), None).count
