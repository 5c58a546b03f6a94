"""Authority turns round under load: nothing false at the turn, nothing missed in it.

`FIGWATCH_TURN_SEEDS=3000` is the long run.
"""

import os

from figwatch.validators.writes.records import Turn
from tests.simulation.turning_world import World

MAY = ("unfenced", "ambiguous")
"""Planted, and it depends on what else happened whether anything is wrong in the end."""
SEEDS = int(os.environ.get("FIGWATCH_TURN_SEEDS", "60"))


def test_no_turn_makes_a_false_finding_or_hides_a_real_one():
    planted, lost = 0, 0
    for seed in range(SEEDS):
        world = World(seed).run()
        kept = world.judge.turnings["stock"].kept
        must = {k for k, what in world.planted.items() if what not in MAY}
        told = (seed, world.drained, world.planted)
        assert set() == world.found() - set(world.planted), told
        assert world.trusting or not world.drained, told
        if not world.trusting:  # undrained: it says unknown from then on
            continue
        assert set() == world.differing() - world.open(), told
        if not kept.undecided:  # otherwise it says how many keys it could not decide
            assert set() == must - world.found(), told
        assert kept.decided, told
        planted, lost = planted + len(must), lost + kept.lost
    # A run that planted nothing has verified nothing.
    assert planted > SEEDS / 2
    assert lost > 0


def test_a_drained_turn_owes_nothing():
    for seed in range(20):
        world = World(seed, plant=False, drained=True).run()
        kept = world.judge.turnings["stock"].kept
        assert (set(), 0, 0) == (world.found(), kept.owed_total, kept.lost), seed
        assert {} == world.judge.turnings["stock"].turmoil.counts, seed


def test_the_twin_that_hears_of_no_turn_calls_healthy_keys_divergent():
    class Deaf(World):
        def new_judge(self):
            judge = super().new_judge()
            hear = judge.apply
            judge.apply = lambda record, now: (
                None if isinstance(record, Turn) else hear(record, now)
            )
            return judge

    assert any(Deaf(seed, plant=False, drained=True).run().found() for seed in range(5))


def test_both_sides_written_at_once_are_conflicts_and_only_those_keys():
    class Both(World):
        def _script(self):
            super()._script()
            for n in range(4):
                when, key = self.turn_at + 5_000_000 + n * 300_000, 200 + n
                self.at(self.turn_at - 3_000_000 + n, lambda key=key: self.user(0, key))
                self.at(when, lambda key=key: self.user(0, key))
                self.at(when + 15_000, lambda key=key: self.user(1, key))

    found = 0
    for seed in range(5):
        world = Both(seed, plant=False, drained=True).run()
        turmoil = world.judge.turnings["stock"].turmoil
        assert {200, 201, 202, 203} >= {int(c.key) for c in turmoil.listed}, seed
        found += len(turmoil.listed)
    assert found >= 10


def test_the_way_back_is_a_turn_too():
    class ThereAndBack(World):
        def _script(self):
            super()._script()
            back = self.turn_at + 7_000_000
            self.at(back, lambda: self.judge.apply(Turn("stock", back, 0), self.now))
            for _ in range(20):
                when = self.dice.randint(back, back + 2_000_000)
                self.at(when, lambda: self.user(0, self._any_key()))

    for seed in range(20):
        world = ThereAndBack(seed, plant=False, drained=True).run()
        assert (set(), set()) == (world.found(), world.differing()), seed
        assert 0 == world.judge.turnings["stock"].way


def test_replicators_that_copy_each_others_writes_are_a_loop_and_healthy_ones_are_none():
    class Looping(World):
        """One key whose copies nobody passes over."""

        def write(self, side, key, value, by):
            super().write(side, key, value, "user" if key == 300 else by)

        def _script(self):
            super()._script()
            self.at(self.turn_at + 5_000_000, lambda: self.user(1, 300))

    def echoes(world):
        return world.run().judge.turnings["stock"].echoes.summary()

    for seed in range(5):
        looping = echoes(Looping(seed, plant=False, drained=True))
        assert {b"300"} == {loop.key for loop in looping.loops}, seed
        healthy = echoes(World(seed, plant=False, drained=True))
        assert ([], 0) == (healthy.loops, healthy.newest_loop_us), seed
        assert healthy.counts["arrival"] > 30, seed
