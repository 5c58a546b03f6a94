"""Which offsets the replicator commits after a batch."""

from figwatch.demo.envelope import Ignored
from figwatch.demo.replicator import offsets_done
from figwatch.demo.replicator_writer import Arrival


def arrivals(*places):
    return [Arrival(partition, offset, Ignored("test"), 0.0) for partition, offset in places]


def test_each_partition_is_committed_behind_its_last_record():
    assert offsets_done(arrivals((0, 4), (1, 9), (0, 5)), []) == {0: 6, 1: 10}


def test_a_record_that_waits_is_not_committed_nor_anything_behind_it():
    batch = arrivals((0, 4), (0, 5), (0, 6), (1, 9))
    assert offsets_done(batch, batch[1:3]) == {0: 5, 1: 10}


def test_a_partition_that_only_waits_is_not_committed_at_all():
    batch = arrivals((0, 4), (1, 9))
    assert offsets_done(batch, batch[:1]) == {1: 10}
