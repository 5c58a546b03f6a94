"""Real captures: one database, read by eighteen Debezium connectors under different settings.

Whatever two of them are compared as source and target, the rows are the same: no finding, nothing
malformed, and unknown only what one of the two encodings really does not tell.
"""

import functools
import json
import pathlib

import msgspec
import pytest

from figwatch.connectors.capture import Capture, RawRecord
from figwatch.connectors.config.root import Config
from figwatch.connectors.debezium import json_ahead
from figwatch.connectors.debezium.decoder import Decoder
from figwatch.connectors.debezium.machine.transcoder import Transcoder
from figwatch.connectors.replay import Replay
from figwatch.validators.outcome import Verdict
from tests.unit.captures import apicurio
from tests.unit.captures.variants import (
    VARIANTS,
    encoding_of,
    record_type,
    type_of,
)
from tests.unit.captures.workload import BEATS, COLUMNS, FINAL_IDS, MARK, MARKED_ID, TABLE
from tests.unit.debezium.support import together

BATCH = 40
HERE = pathlib.Path(__file__).parent
GONE = (3, 14, 22)
SILENT = {13}  # an update of a row whose c_free is NaN: null, or unchanged
OLD = {7, 17}  # dates before 1582-10-15, read again by the incremental snapshot
NULLS = {2}  # the row of nulls, in columns with a DEFAULT


@pytest.fixture(scope="module")
def registry():
    """The registry that the Avro connectors wrote to."""
    schemas = json.loads((HERE / "schemas.json").read_text())
    with apicurio.running(schemas) as (url, _):
        yield url


@functools.cache
def records(name):
    """The lines of a capture."""
    return tuple(Capture([HERE / f"{name}.jsonl.gz"]))


def config(source, target, registry):
    names = {"monolith": source, "service": target}
    columns = {
        column: {
            key: value
            for key, value in {
                "type": type_of(column),
                "source_type": record_type(column, VARIANTS[source]),
                "target_type": record_type(column, VARIANTS[target]),
                "source_encoding": encoding_of(column, VARIANTS[source]),
                "target_encoding": encoding_of(column, VARIANTS[target]),
            }.items()
            if value is not None
        }
        for column in COLUMNS
    }
    pair = {
        "name": "e", "source": f"public.{TABLE}", "target": f"public.{TABLE}",
        "source_topics": [topic(source)], "target_topics": [topic(target)],
        "key": {"id": "id"}, "columns": columns,
    }  # fmt: skip
    sides = {
        side: {
            "topic_prefix": name,
            "heartbeat_table": f"public.{BEATS}",
            "heartbeat_topic": f"__debezium-heartbeat.{name}",
            **({"schema_registry": registry} if VARIANTS[name].is_avro else {}),
        }
        for side, name in names.items()
    }
    return Config.model_validate(
        {
            "migration": "m", "kafka": {"bootstrap_servers": "x:1"}, "sides": sides,
            "authority": "monolith", "pairs": [pair], "objective": {"give_up_seconds": 1},
        }
    )  # fmt: skip


def topic(name):
    data = VARIANTS[name].data
    return f"{name}.public.{TABLE}" if data == TABLE else f"{name}.{data}"


def replayed(source, target, registry, change=lambda line: line):
    lines = sorted(
        [*records(source), *map(change, records(target))], key=lambda line: line.append_us
    )
    return Replay(config(source, target, registry), lines).run()


def verdicts(done):
    return {key: done.verdict("e", {"id": key}) for key in (*FINAL_IDS, *GONE)}


def doubtful(source, target):
    """Keys of which the two settings do not tell enough, for a reason known."""
    both = [VARIANTS[source], VARIANTS[target]]
    return SILENT | OLD | (NULLS if any(v.doubts_nulls for v in both) else set())


NAMES = list(VARIANTS)
_PAIRS = [(one, NAMES[(i + 5) % len(NAMES)]) for i, one in enumerate(NAMES)]


@pytest.mark.parametrize(("source", "target"), _PAIRS)
def test_the_same_rows_under_other_settings_are_consistent(source, target, registry):
    done = replayed(source, target, registry)
    assert () == done.findings
    assert {} == done.summary.malformed
    unknown = doubtful(source, target)
    told = verdicts(done)
    assert {Verdict.CONSISTENT} == {v for key, v in told.items() if key not in unknown}
    assert {told[key] for key in unknown} <= {Verdict.UNKNOWN, Verdict.CONSISTENT}


@pytest.mark.parametrize(("source", "target"), _PAIRS[::3])
def test_a_value_changed_in_one_of_them_is_found_and_named(source, target, registry):
    def change(line):
        if not isinstance(line, RawRecord) or line.topic != topic(target) or not line.value:
            return line
        wrong = MARK.upper().encode()
        return msgspec.structs.replace(line, value=line.value.replace(MARK.encode(), wrong))

    done = replayed(source, target, registry, change)
    found = [(done.key_names("e", f.key)["id"], f.columns) for f in done.findings]
    assert [(MARKED_ID, ("c_text",))] == found
    assert Verdict.DIVERGENT is done.verdict("e", {"id": MARKED_ID})


def decoded(decoder, lines):
    """What a decoder makes of one topic's records, forty at a time."""
    parts = [lines[first : first + BATCH] for first in range(0, len(lines), BATCH)]
    return [each for part in parts for each in together(decoder, part, part[0].topic)]


@pytest.mark.parametrize(("source", "target"), _PAIRS)
def test_records_read_many_at_once_are_the_same(source, target, registry, monkeypatch):
    monkeypatch.setattr(json_ahead, "LEARN_EVERY", 4)
    read, taken = Transcoder.read, []

    def counted(self, values):
        found = read(self, values)
        taken.extend(one for one in found if one is not None)
        return found

    monkeypatch.setattr(Transcoder, "read", counted)
    made = config(source, target, registry)
    mine = [line for line in records(source) if isinstance(line, RawRecord)]
    mine = [line for line in mine if line.topic == topic(source)]
    alike = [line for line in mine for _ in range(BATCH // 2)] + mine * 5
    lines = [msgspec.structs.replace(line, offset=n) for n, line in enumerate(alike)]
    both = [Decoder(made, quick=quick) for quick in (True, False)]
    for decoder in both:  # schemas and forms are met
        decoded(decoder, lines)
    quick, plain = (decoded(decoder, lines) for decoder in both)
    assert plain == quick
    enveloped = source not in {"flat", "flat_plain", "cloud"}
    assert enveloped == bool(taken)
