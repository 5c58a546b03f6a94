"""What figwatch gets to read of the simulated world, in its order: the lines of a capture.

`figwatch.demo.simulator.check` judges them.
"""

from figwatch.connectors.capture import Line, RawReading, RawRecord
from figwatch.demo.simulator.connector import Connector
from figwatch.demo.simulator.replicator import Replicator
from figwatch.demo.simulator.weather import Weather
from figwatch.demo.simulator.world import Clock, Message, Topics

GROUP = "inventory-service"


class Eyes:
    """Consumers of every topic and readings of the replicator."""

    def __init__(
        self, clock: Clock, weather: Weather, topics: Topics, connectors: tuple[Connector, ...],
        replicator: Replicator,
    ) -> None:  # fmt: skip
        self.lines: list[Line] = []
        self._clock, self._weather, self._topics = clock, weather, topics
        self._mono, self._inv = connectors
        self._replicator = replicator
        self._read: dict[tuple[str, int], int] = {}

    def consume(self) -> None:
        """Read what has come, partition by partition in any order, not always all of it."""
        partitions = list(self._topics.logs)
        self._clock.rng.shuffle(partitions)
        for where in partitions:
            if self._clock.chance(0.2):
                continue
            log, start = self._topics.logs[where], self._read.get(where, 0)
            end = len(log) if self._clock.chance(0.8) else min(len(log), start + 3)
            if end == start:
                continue
            self.lines += [_line(where, offset, log[offset]) for offset in range(start, end)]
            self._read[where] = end
            if "heartbeat" in where[0] and self._weather.end_offsets:
                self._ends(where[0])

    def finish(self) -> None:
        """Read what is left: a capture that is cut short would not show what it does not hold."""
        for where, log in self._topics.logs.items():
            start = self._read.get(where, 0)
            self.lines += [_line(where, i, log[i]) for i in range(start, len(log))]
            self._read[where] = len(log)

    def _ends(self, heartbeat_topic: str) -> None:
        topic = self._mono.topic if "mono" in heartbeat_topic else self._inv.topic
        if topic == self._mono.topic and not self._weather.asked:
            return
        for partition, end in enumerate(self._topics.ends(topic)):
            self.lines.append(RawReading(topic, partition, None, None, end, self._clock.now_us))

    def readings(self) -> None:
        """Ask the replicator's group and the source's partitions."""
        topic, fence = self._mono.topic, self._weather.fence
        if not self._weather.asked or (not fence and self._clock.chance(0.5)):
            return
        committed = dict(self._replicator.committed) if fence else {}
        place = len(self.lines)
        group = GROUP if fence else None

        def answer() -> None:
            # The line stands where the reading was requested; ends are asked for after that.
            self.lines[place:place] = [
                RawReading(topic, partition, group, committed.get(partition), end, clock.now_us)
                for partition, end in enumerate(self._topics.ends(topic))
            ]

        clock = self._clock
        clock.after(clock.between(500, 40_000), answer)

    def lose(self) -> None:
        """Take away what figwatch does not get to read, or can not."""
        w, rng = self._weather, self._clock.rng
        data = [
            i for i, line in enumerate(self.lines)
            if isinstance(line, RawRecord) and "heartbeat" not in line.topic
        ]  # fmt: skip
        if not data:
            return
        drop: set[int] = set()
        # The newest record of a partition is never lost: that would be a capture cut short.
        newest = {(self.lines[i].topic, self.lines[i].partition): i for i in data}.values()
        if w.late_start:
            late = rng.randrange(len(data) // 2 + 1)
            drop.update(data[:late])
        if w.gaps:
            start = rng.randrange(len(data))
            drop.update(data[start : start + rng.randint(1, 3)])
        if w.malformed:
            for i in rng.sample(data, min(len(data), rng.randint(1, 3))):
                self.lines[i] = _spoil(self.lines[i], key_too=self._clock.chance(0.2))
        drop -= set(newest)
        self.lines = [line for i, line in enumerate(self.lines) if i not in drop]
        if w.rereads:
            self._read_again(rng.randrange(len(self.lines)), rng.randint(1, 60))

    def _read_again(self, end: int, count: int) -> None:
        """The consumer was put back: the records of a stretch stand twice, at their old offsets."""
        stretch = self.lines[max(0, end - count) : end]
        self.lines[end:end] = [line for line in stretch if isinstance(line, RawRecord)]


def _line(where: tuple[str, int], offset: int, message: Message) -> RawRecord:
    topic, partition = where
    return RawRecord(
        topic, partition, offset, message.append_us, message.headers, message.key, message.value
    )


def _spoil(line: Line, *, key_too: bool) -> Line:
    if not isinstance(line, RawRecord) or line.value is None:
        return line
    key = b"{" if key_too and line.key is not None else line.key
    return RawRecord(
        line.topic, line.partition, line.offset, line.append_us, line.headers, key, line.value[:-7]
    )
