"""The changelog of a short history, as every version of the stored form has written it.

`changelogs/vN.json` was written by the figwatch whose `STATE_VERSION` is N. A new version gets a
file of its own, by `python -m tests.unit.verdict.stored`; the older ones stay, and stay readable.
"""

import json
from pathlib import Path

from figwatch.validators.packing import STATE_VERSION
from tests.unit.verdict.timeline import Timeline

FOLDER = Path(__file__).with_name("changelogs")
KEYS = ("same", "gone", "long", "hot", "lost", "extra", "healed", "bad")


def story() -> Timeline:
    """Keys that agree, differ, differed once, and cannot be told; written long, often, twice."""
    line = Timeline(rules={"ring_size": 3})
    for value in ("A", "B"):
        line.source(value, key="same").target(value, key="same").source(value, key="gone")
        line.target(value, key="gone")
    line.source(None, key="gone").tombstone("gone").target(None, key="gone")
    line.source("A,text", key="long").target("A,text", key="long").source("B,?", key="long")
    line.target("B,text", key="long")
    for value in "ABCDEF":
        line.source(value, key="hot")
    line.target("F", key="hot").again(0)
    line.source("A", key="lost").target("A", key="lost").source("B", key="lost")
    line.target("X", key="extra").source("A", key="healed").malformed("bad")
    line.settle().settle()
    return line.target("A", key="healed").settle()


def go_on(line: Timeline) -> Timeline:
    """What happens after the upgrade: what was lost arrives, something else is lost."""
    line.target("B", key="lost").source("C", key="same").source("C,text", key="long")
    return line.target("C,text", key="long").settle().settle()


def recorded(version: int) -> Timeline:
    """The history where a worker of today takes over from the changelog of a version."""
    file = json.loads((FOLDER / f"v{version}.json").read_text())
    line = Timeline(rules={"ring_size": 3})
    line._stored = {bytes.fromhex(k): bytes.fromhex(v) for k, v in file["changelog"].items()}
    line.ends = {(topic, 0): end for topic, end in file["ends"].items()}
    line.now_us, line._lsn = file["now_us"], file["lsn"]
    line._exists = story()._exists
    line.judge = line.new_judge()
    line.judge.load(dict(line._stored), line.now_us)
    return line.evaluate()


def record() -> str:
    """What a file holds."""
    line = story()
    changelog = {key.hex(): value.hex() for key, value in sorted(line.judge.take_dirty())}
    ends = {topic: end for (topic, _), end in line.ends.items()}
    file = {"now_us": line.now_us, "lsn": line._lsn, "ends": ends, "changelog": changelog}
    return json.dumps(file, indent=1) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"v{STATE_VERSION}.json").write_text(record())
