"""An upgrade goes on where the older figwatch stood; what a newer one wrote is refused."""

import json

import msgspec
import pytest

from figwatch.validators import layout
from figwatch.validators.judge import META, Meta
from figwatch.validators.outcome import Verdict
from figwatch.validators.packing import FOLDED_VERSION, STATE_VERSION, pack, unpack
from figwatch.validators.packing_plain import Plain
from figwatch.validators.partition import PartitionJudge
from figwatch.validators.sagas.instance import Instance
from figwatch.validators.sagas.saga import SagaBooks
from figwatch.validators.state import KeyState
from figwatch.validators.writes.turning import Turmoil, TurnState
from tests.unit.verdict.stored import FOLDER, KEYS, go_on, recorded, story
from tests.unit.verdict.timeline import Timeline

VERSIONS = range(1, STATE_VERSION + 1)
FIELDS = FOLDER / "fields.json"


def said(line: Timeline) -> dict[str, object]:
    pair = line.books()
    return {
        "verdicts": {key: line.verdict(key) for key in KEYS},
        "reasons": {key: line.reason(key) for key in KEYS},
        "counts": (pair.keys, pair.open_findings, pair.findings_total, pair.unknown),
        "samples": (pair.convergence.count, pair.changes, pair.duplicates, pair.transient),
    }


def test_every_version_has_its_recorded_changelog():
    assert {f"v{n}.json" for n in VERSIONS} == {p.name for p in FOLDER.glob("v*.json")}


def test_the_history_holds_what_an_upgrade_can_get_wrong():
    verdicts = set(said(story())["verdicts"].values())
    assert {Verdict.CONSISTENT, Verdict.DIVERGENT, Verdict.UNKNOWN} <= verdicts


@pytest.mark.parametrize("version", VERSIONS)
def test_a_worker_that_takes_over_an_older_changelog_says_the_same(version):
    assert said(story()) == said(recorded(version))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_history_goes_on_after_an_upgrade_as_if_there_had_been_none(version):
    expected = go_on(story().restart())
    line = go_on(recorded(version))
    assert said(expected) == said(line)
    assert Verdict.CONSISTENT == line.verdict("lost")
    assert Verdict.DIVERGENT == line.verdict("same")
    resolved = {f.key for f in line.findings() if f.resolved_us is not None}
    assert b"lost" in resolved


@pytest.mark.parametrize("version", VERSIONS)
def test_what_changes_after_an_upgrade_is_written_in_the_new_form(version):
    line = recorded(version)
    dict(line.judge.take_dirty())
    written = dict(go_on(line).judge.take_dirty())
    found = {value[0] for key, value in written.items() if key != META}
    assert {FOLDED_VERSION, STATE_VERSION} == found


def test_a_key_of_a_newer_version_is_refused():
    line = recorded(STATE_VERSION)
    key = b"stock\0lost"
    stored = line._stored | {key: bytes([STATE_VERSION + 1]) + line._stored[key][1:]}
    with pytest.raises(msgspec.DecodeError, match=f"state version {STATE_VERSION + 1}, this"):
        line.new_judge().load(dict(stored), line.now_us)


def partition_judge(line: Timeline) -> PartitionJudge:
    return PartitionJudge(tuple(p.rules for p in line.judge.pairs.values()))


def test_a_newer_layout_is_refused_before_anything_of_it_is_read():
    line = recorded(STATE_VERSION)
    newer = {layout.KEY: (layout.VERSION + 1).to_bytes(2, "big"), META: b"of the future"}
    with pytest.raises(msgspec.DecodeError, match="state layout 2, this figwatch reads up to 1"):
        partition_judge(line).load(line._stored | newer, line.now_us)


def test_the_layout_is_told_once_and_a_changelog_from_before_is_told_it():
    line = recorded(1)
    judge = partition_judge(line)
    judge.load(dict(line._stored), line.now_us)
    written = dict(judge.take_dirty())
    assert layout.RECORD == written[layout.KEY]
    assert layout.KEY not in dict(judge.take_dirty())
    again = partition_judge(line)
    again.load(line._stored | written, line.now_us)
    assert layout.KEY not in dict(again.take_dirty())


def fields() -> dict[str, list[str]]:
    """Names of the fields of everything that is stored, in order; `=`: there is a default."""
    found: dict[str, list[str]] = {}
    waiting = [msgspec.inspect.type_info(t) for t in STORED]
    while waiting:
        info = waiting.pop()
        if isinstance(info, msgspec.inspect.StructType):
            name = info.cls.__name__
            if name in found:
                continue
            found[name] = [f.name if f.required else f"{f.name}=" for f in info.fields]
            waiting += [f.type for f in info.fields]
        for part in ("item_type", "key_type", "value_type"):
            waiting += [inner] if (inner := getattr(info, part, None)) is not None else []
        for part in ("item_types", "types"):
            waiting += getattr(info, part, ())
    return dict(sorted(found.items()))


STORED = (Meta, KeyState, Plain, Instance, SagaBooks, TurnState, Turmoil)


def grown_well(before: dict[str, list[str]], now: dict[str, list[str]]) -> bool:
    """Whether a changelog of before can be read: fields were appended, each with a default."""
    return all(
        now.get(name, [])[: len(old)] == old and all(f.endswith("=") for f in now[name][len(old) :])
        for name, old in before.items()
    )


def test_stored_fields_are_only_ever_appended_with_a_default():
    """Where this fails: raise `STATE_VERSION` or `layout.VERSION`, read the older form, record."""
    assert grown_well(json.loads(FIELDS.read_text()), fields())


@pytest.mark.parametrize("now", [["a"], ["b", "a="], ["a", "b="], ["a", "b", "c"]])
def test_a_field_that_is_lost_moved_or_has_no_default_is_noticed(now):
    assert not grown_well({"S": ["a", "b"]}, {"S": now})
    assert grown_well({"S": ["a", "b"]}, {"S": ["a", "b", "c="]})


def test_a_packed_state_is_read_back_as_it_was():
    for key in KEYS:
        state = story().state(key)
        assert state == unpack(pack(state))
