"""State that survives: re-reading, restarts and half-written changelogs change nothing."""

import itertools

import msgspec
import pytest

from figwatch.validators.change import Op, Side, Snapshot
from figwatch.validators.judge import META, Judge
from figwatch.validators.outcome import Verdict
from figwatch.validators.packing import STATE_VERSION, pack, unpack
from tests.unit.verdict.timeline import Timeline


def eventful() -> Timeline:
    """A bit of everything."""
    line = Timeline(rules={"ring_size": 3})
    for key in ("k", "z"):
        for value in "ABCDE":
            line.source(f"{value},long", key=key, tx=4)
        line.target("B,long", key=key).target("E,long", key=key)
    line.source("F,?").again(1).again(4).source(None, key="z").tombstone("z").again(2)
    line.target("F,long").source(None, lsn=900, moved="new")
    line.source("F,?", lsn=900, key="new", op=Op.CREATE, moved="k").target("X", key="foreign")
    line.malformed("bad").source("A", key="bad").settle().settle()
    line.source("A", op=Op.READ, snapshot=Snapshot.INCREMENTAL, position=False, key="inc")
    return line.truncate(Side.TARGET).settle().settle()


def said(line: Timeline) -> dict[str, object]:
    """All that must not depend on how often figwatch itself failed."""
    summary = line.judge.summary(0)
    pair = summary.pairs["stock"]
    keys = ("k", "z", "new", "foreign", "bad", "inc")
    return {
        "verdicts": {key: line.verdict(key) for key in keys},
        "reasons": {key: line.reason(key) for key in keys},
        "findings": sorted(
            (f.key, f.kind, f.columns, f.since_us, f.evidence) for f in line.findings()
        ),
        "keys": pair.keys, "unknown": pair.unknown, "open": pair.open_findings,
        "changes": pair.changes, "duplicates": summary.duplicates, "malformed": summary.malformed,
        "convergence": pair.convergence, "transient": pair.transient, "alarms": pair.alarms,
        "unshown": pair.unshown, "watermark": pair.target_watermark_us,
    }  # fmt: skip


def test_reading_any_stretch_again_changes_nothing():
    expected = said(eventful())
    steps = len(eventful().log)
    for end in range(1, steps + 1, 3):
        assert expected == said(eventful().reread(0, end)), f"records 0 to {end} read again"


def test_records_read_again_are_not_counted_again(needs):
    def story():
        return sum(eventful().malformed("y").reread().judge.summary(0).malformed.values())

    needs("read_again_is_emitted_again", story, 2, 4)


def test_restarts_at_any_step_change_nothing(monkeypatch):
    expected = said(eventful())
    real, count = Timeline.apply, itertools.count()
    for step in range(0, len(eventful().log), 2):
        count = itertools.count()

        def apply(self, record, step=step, count=count):
            real(self, record)
            return self.restart() if next(count) % 40 == step % 40 else self

        with monkeypatch.context() as patch:
            patch.setattr(Timeline, "apply", apply)
            assert expected == said(eventful()), f"restarted at step {step}"


def test_after_a_restart_proofs_start_afresh(needs):
    """The new worker's clock is behind that of the one which read the target."""

    def story():
        line = Timeline().source("A").source("B").target("B").target("A")
        line.judge.take_dirty()
        line.restart()
        line.state().target.read_us = 0
        floor_us = line.now_us
        line.now_us -= 5_000
        line.reading()
        line.now_us = floor_us
        return line.wait(500).beat().verdict()

    needs("proofs_survive_a_restart", story, Verdict.IN_FLIGHT, Verdict.DIVERGENT)


def test_keys_written_without_their_partitions_own_record_are_read_again_unharmed():
    """A worker died while it wrote: some keys are ahead of what the partition says of itself."""
    line = Timeline().source("A").target("A")
    stored = dict(line.judge.take_dirty())
    meta = stored[META]
    line.malformed().source("B").target("B").source("C").target("C")
    stored |= dict(line.judge.take_dirty())
    stored[META] = meta
    line.judge = line.new_judge()
    line.judge.load(dict(stored), line.now_us)
    line.reread().settle()
    assert (Verdict.CONSISTENT, 0) == (line.verdict(), line.judge.summary(0).duplicates)


def test_a_restart_writes_nothing_that_the_changelog_has():
    line = Timeline().source("A").target("A").source("B", key="z")
    line.restart()
    line.judge.evaluate(line.now_us)
    assert set() == dict(line.judge.take_dirty()).keys() - {META}


def test_what_was_to_be_judged_again_is_judged_after_a_restart():
    """A gap was applied, and the worker died before it had gone through the keys."""
    line = Timeline().source("A").target("A")
    line.judge.around.recheck_topic = lambda _topic: None
    line.gap(2).restart()
    assert Verdict.UNKNOWN == line.verdict()


def test_a_pair_taken_out_of_the_configuration_is_forgotten():
    line = Timeline(pairs=("stock", "levels")).source("A").target("A")
    stored = dict(line.judge.take_dirty())
    line.pairs = ("stock",)
    judge = line.new_judge()
    judge.load(dict(stored), line.now_us)
    assert (Verdict.CONSISTENT, None) == (
        Verdict(judge.state_of("stock", b"k").verdict), judge.state_of("levels", b"k"),
    )  # fmt: skip


def test_packed_state_comes_back_as_it_was():
    line = eventful()
    for key in ("k", "z", "new", "foreign", "bad"):
        state = line.state(key)
        before = msgspec.msgpack.encode(state)
        assert state == unpack(pack(state))
        assert before == msgspec.msgpack.encode(state), "packing changed it"


def test_a_consistent_key_stays_small():
    line = Timeline().source("A").target("A").source("B").target("B")
    assert len(pack(line.state())) < 192


FIRST_FORM = bytes.fromhex(
    "0198959d92cc8201cf000000e8d4a5a470cf000000e8d4a5a470cc82000192cc82010100c2919201c410b69e08"
    "eceb070d96ccad57728fd13dfd00c09298c410b00461424a2bb4f75ac53143d5d52599cf000000e8d4a546b092"
    "6e010000c3c4009098c410b416b91786859a996fb07a7adeddc82acf000000e8d4a5a47092cc82010001c3c404"
    "fd78b69e90c30190989d92cc8c01cf000000e8d4a5d350cf000000e8d4a5d350cc8c010192cc8c010100c29192"
    "01c410b69e08eceb070d96ccad57728fd13dfd01c0c0c40090cf000000e8d4a5d350cf000000e8d4a5d35090cf"
    "000000e8d4a5d738000000c2c0c3"
)
"""A key as figwatch stored it with version 1 of its state."""


def test_state_of_the_version_before_is_read_and_rewritten():
    now = Timeline().source("A,long").target("A,long").source("B,long").target("B,long")
    assert now.state() == unpack(FIRST_FORM)
    before = Timeline()
    stored = dict(now.judge.take_dirty()) | {b"stock\0k": FIRST_FORM}
    before.judge = before.new_judge()
    before.judge.load(dict(stored), now.now_us)
    before.ends, before._lsn, before.now_us = now.ends, now._lsn, now.now_us
    before.source("C,long").target("C,long")
    assert Verdict.CONSISTENT == before.verdict()
    assert dict(before.judge.take_dirty())[b"stock\0k"][0] == STATE_VERSION


@pytest.mark.parametrize("version", [b"", b"\0", b"\x04", b"\xff"])
def test_state_of_another_version_is_refused(version):
    packed = pack(Timeline().source("A").state())
    with pytest.raises(msgspec.DecodeError, match="this figwatch reads 1 to 3"):
        unpack(version + packed[1:] if version else b"")


def test_an_empty_changelog_is_a_new_judge():
    judge = Judge(Timeline().new_judge().pairs["stock"].rules and ())
    judge.load({}, 0)
    assert {} == judge.summary(0).pairs
