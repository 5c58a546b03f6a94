"""A first pass over a capture: which partitions there are, where each begins, what was read of the
replicator, and how long each partition was at any time.

A heartbeat proves its time once consumption has passed the end its side's partitions had then. A
capture may say those ends (readings); for a partition without readings the survey knows them.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from figwatch.connectors.capture import Line, RawReading

Where = tuple[str, int]


@dataclass(slots=True)
class _Length:
    append_us: "array[int]" = field(default_factory=lambda: array("q"))
    offset: "array[int]" = field(default_factory=lambda: array("q"))


class Survey:
    """What one pass over the lines tells. 16 bytes for each record."""

    def __init__(self, lines: Iterable[Line], topics: frozenset[str]) -> None:
        self.first_offset: dict[Where, int] = {}
        self.readings: set[Where] = set()
        self._lengths: dict[Where, _Length] = {}
        for line in lines:
            if line.topic not in topics:
                continue
            where = (line.topic, line.partition)
            if isinstance(line, RawReading):
                self.readings.add(where)
                continue
            self.first_offset.setdefault(where, line.offset)
            length = self._lengths.setdefault(where, _Length())
            # Ends at non-decreasing times: a record counts from the latest time before it.
            latest_us = length.append_us[-1] if length.append_us else line.append_us
            length.append_us.append(max(line.append_us, latest_us))
            length.offset.append(line.offset)

    def partitions(self, topic: str) -> list[int]:
        """Partitions of a topic that the capture mentions; one, and empty, of a topic that it does
        not: nothing was ever written there.
        """
        both = {*self.first_offset, *self.readings}
        return sorted(partition for name, partition in both if name == topic) or [0]

    def end_offset(self, where: Where, at_us: int) -> int:
        """End offset of a partition at a broker time, as far as the capture shows.

        It is the offset of the next record, so that records missing from the capture in between
        count as there: nothing is proved before their gap has been seen.
        """
        length = self._lengths.get(where)
        if length is None:
            return 0
        before = bisect_right(length.append_us, at_us)
        return length.offset[before] if before < len(length.offset) else length.offset[-1] + 1
