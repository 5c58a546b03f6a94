"""A seat applies what is in `<app>-changes`, and knows what no longer is."""

import asyncio
from types import SimpleNamespace

import pytest

from figwatch.streams.consumer import RawBatch
from figwatch.streams.judge_agent import Desk, Seat
from figwatch.validators.change import Mark, encode
from figwatch.validators.outcome import Reason, Verdict
from tests.unit.verdict.timeline import TOPICS, Timeline


def desk(raw_ends, crashed, over):
    async def nothing(*_):
        return None

    async def crash(error):
        crashed.append(error)
        over.set()

    async def ends():
        return raw_ends

    return Desk(
        changes="w-changes", findings="w-findings", summaries="w-summaries", sweeps="w-sweeps",
        partitions=1, write=nothing, write_state=nothing, crash=crash, clock_us=lambda: 1,
        worker="w", evaluate_seconds=0.0, summary_seconds=60.0, touched=lambda _: None,
        raw_ends=ends,
    )  # fmt: skip


def after(line, first_offset, record_offset, ends):
    """Give the line's judge one more record, and return what crashed."""
    over, crashed = asyncio.Event(), []
    mark = Mark(TOPICS[0], 0, line.ends[TOPICS[0], 0], line.ends[TOPICS[0], 0], None, False)  # noqa: FBT003  positional as it is stored
    record = SimpleNamespace(offset=record_offset, value=encode(mark))
    batch = RawBatch((record,), first_offset, record_offset + 1)

    async def work():
        seat = Seat(desk(ends, crashed, over), 0, line.judge)
        seat.start()
        await seat.put(SimpleNamespace(value=batch, ack=over.set))
        async with asyncio.timeout(10):
            await over.wait()
        await seat.stop()

    asyncio.run(work())
    line.evaluate()
    return crashed


@pytest.mark.parametrize(
    ("first", "raw_more", "expected"),
    [
        (7, 1, Verdict.CONSISTENT),  # the twin: nothing is missing
        (3, 1, Verdict.UNKNOWN),
        (3, 0, Verdict.CONSISTENT),  # whatever is missing, all of the raw topics was judged
    ],
)
def test_what_changes_lost_before_it_was_judged_is_unknown(first, raw_more, expected, caplog):
    line = Timeline().source("A").target("A")
    ends = {where: end + raw_more for where, end in line.ends.items()}
    crashed = after(line, first, 7, ends)
    assert [] == crashed
    assert expected == line.verdict()
    assert (expected is Verdict.UNKNOWN) == (line.reason() is Reason.GAP)
    assert (first < 7) == ("lost offsets 3 to 6" in caplog.text)
    # The next event behind what was lost is all it takes.
    line.source("B").target("B").source("C").target("C")
    assert Verdict.CONSISTENT == line.verdict()


def test_a_broker_that_does_not_tell_the_ends_leaves_the_batch_unacknowledged():
    line = Timeline().source("A").target("A")
    crashed = after(line, 3, 7, None)  # as good as an error
    assert [AttributeError] == [type(error) for error in crashed]
