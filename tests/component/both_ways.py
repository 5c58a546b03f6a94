"""A pair replicated both ways, on which a conflict and a loop happen."""

from figwatch.validators.change import Barrier, Change, Mark, Op, Side, Topology
from figwatch.validators.pair import PairRules
from figwatch.validators.partition import PartitionJudge

SECOND = 1_000_000
BEGAN = 1_700_000_000 * SECOND
TOPICS = ("a.t", "b.t")
RULES = PairRules("mirrored", TOPICS[:1], TOPICS[1:], ("v",), give_up_us=SECOND, disorder_us=0)


class BothWays:
    def __init__(self, *, back_named=False):
        """`back_named`: the group of the replicator back is named (and commits nothing)."""
        self.judge = PartitionJudge((RULES,), two_way={"mirrored": back_named})
        self.now = BEGAN
        self._next = [0, 0]
        for topic in TOPICS:
            self.judge.apply(Topology(topic, 1), self.now)
            self.judge.apply(Mark(topic, 0, 0, 0, None, streaming=False), self.now)

    def write(self, side, key, value, op=Op.UPDATE):
        """A write, a tenth of a second after the last one."""
        self.now += SECOND // 10
        offset, at = self._next[side], self.now
        self._next[side] += 1
        digest = value.encode() * 16
        change = Change("mirrored", Side(side), key.encode(), op, digest, digest[:2], at,
                        (offset + 1, 1), offset + 1, TOPICS[side], 0, offset, at)  # fmt: skip
        self.judge.apply(change, at)
        mark = Mark(TOPICS[side], 0, offset, offset + 1, at, streaming=True)
        self.judge.apply(mark, at)

    def known(self):
        """Both sides are known to now."""
        self.now += SECOND // 10
        for topic, end in zip(TOPICS, self._next, strict=True):
            self.judge.apply(Barrier(topic, 0, end, self.now, exact=True), self.now)
        self.judge.evaluate(self.now)

    def copied(self, key):
        """A write that came over."""
        self.write(0, key, "A", Op.CREATE)
        self.write(1, key, "A", Op.CREATE)
        self.known()

    def go_wrong(self):
        """Both sides at once, of which one write is lost; then a loop that goes on."""
        self.copied("twice")
        self.now += 9 * SECOND
        self.write(0, "twice", "B")
        self.write(1, "twice", "C")
        self.write(0, "twice", "C")
        self.now += 9 * SECOND
        self.write(0, "round", "A", Op.CREATE)
        self.write(1, "round", "A", Op.CREATE)
        for _ in range(4):
            self.write(0, "round", "A")
            self.write(1, "round", "A")
        self.known()
