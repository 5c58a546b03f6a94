"""A decoder of a few lines for the worker's own tests: JSON rows with the change's facts in them.

Value: {"s": "source" or "target", "k": key, "op": "c|u|d|r", "v": value, "at": commit time in us,
"lsn": n}; anything else is malformed. The real decoder has its own tests.
"""

import functools
import hashlib
import json

from figwatch.validators.change import Change, Heartbeat, Malformed, Op, Side, Snapshot

OPS = {"c": Op.CREATE, "u": Op.UPDATE, "d": Op.DELETE, "r": Op.READ}


class PlainDecoder:
    def __init__(self, config):
        self._source = config.source_topics(config.pairs[0])[0]
        self._heartbeats = {
            side.heartbeat_topic: name
            for name, side in config.sides.items()
            if side.heartbeat_topic
        }

        self.changed, self._digits = 0, 9
        """Values are compared without their last digits once a record says so."""

    def learn(self, _topic, _headers, _key, value):
        digits = json.loads(value).get("digits", 9)
        if digits < self._digits:
            self._digits, self.changed = digits, self.changed + 1

    def memory(self):
        return bytes([self._digits])

    def recall(self, memory):
        self._digits, before = min(memory[0], self._digits), self._digits
        self.changed += self._digits != before

    def for_topic(self, topic):
        return functools.partial(self._decode, topic)

    def for_batch(self, topic, records):
        if any(record.value == b"boom" for record in records):
            raise RuntimeError("a bug in reading ahead")
        return self.for_topic(topic)

    def _decode(self, topic, partition, offset, append_us, _headers, key, value):
        where = (topic, partition, offset, append_us)
        if topic in self._heartbeats:
            at = json.loads(value)["at"]
            exact = True
            return (Heartbeat(self._heartbeats[topic], at, exact, *where),)
        side = Side.SOURCE if topic == self._source else Side.TARGET
        if value == b"boom":
            raise RuntimeError("a bug in the decoder")
        try:
            row = json.loads(value)
            op, at, lsn = OPS[row["op"]], row["at"], row["lsn"]
        except (ValueError, KeyError) as error:
            return (Malformed("stock", side, key, "bad_json", type(error).__name__, *where),)
        if "digits" in row:
            self.learn(topic, (), key, value)
        shown = str(row["v"])[: self._digits]
        mark = None if op is Op.DELETE else hashlib.md5(shown.encode()).digest()
        snapshot = Snapshot.ROW if op is Op.READ else Snapshot.NONE
        position = None if op is Op.READ else (lsn, 0 if op is Op.DELETE else 1)
        sketch = (mark or b"\0\0")[:2]
        return (Change("stock", side, key, op, mark, sketch, at, position, None, *where, snapshot),)
