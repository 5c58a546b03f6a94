"""The background's passes on real PostgreSQL: what the streams saw change is compared first."""

from __future__ import annotations

import asyncio
import io
import sys
from asyncio.subprocess import PIPE
from typing import TYPE_CHECKING

import pytest

from figwatch.connectors.config.file import parse_config
from figwatch.connectors.sweep import background
from figwatch.connectors.sweep.background import Background, Inbox
from figwatch.connectors.sweep.prepare import prepare
from figwatch.streams.sweeper import Sweeper
from tests.e2e import bare_postgres
from tests.e2e.sweep_lab import Lab, new_lab

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

    from figwatch.connectors.config.root import Config
    from figwatch.validators.change import SweepEnd

PAIR = "{name: stock, source: t, target: t, key: {id: id}, columns: {v: v}}"
RANGES = 6
SETTINGS = f"settle_seconds: 0, every_minutes: 60, ranges: {RANGES}"


class Told:
    """What the judges would be told. (They settle differences; these tables have none.)"""

    ends: list[SweepEnd]

    def __init__(self, _config: Config) -> None:
        self.sweep = "sweep"

    def begin(self, pair: str, began_us: int) -> None: ...

    def end(self, end: SweepEnd, _doubted: object) -> None:
        Told.ends.append(end)

    def close(self) -> None: ...


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with bare_postgres.server(tmp_path_factory.mktemp("dirty") / "server") as dsn:
        yield dsn


@pytest.fixture
def lab(server: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    made = new_lab(server, tmp_path)
    made.both("CREATE TABLE t (id bigint PRIMARY KEY, v int)")
    rows = RANGES * background.ROWS_MIN - 1
    made.both(f"INSERT INTO t SELECT i, i FROM generate_series(1, {rows}) i")
    made.both("ANALYZE t")
    monkeypatch.setattr(background, "Judges", Told)
    Told.ends = []
    yield made
    made.close()


def told_by_worker(config: Config, keys: list[bytes]) -> bytes:
    """What a worker writes to its sweeping process when it saw these keys change."""

    async def tell() -> bytes:
        echo = "import sys; sys.stdout.write(sys.stdin.readline())"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", echo, stdin=PIPE, stdout=PIPE
        )
        sweeper = Sweeper(config, lambda: True)
        sweeper._process = process
        sweeper.touched([b"stock\0" + key for key in keys])
        await sweeper._tell(process)
        written, _ = await process.communicate()
        return written

    return asyncio.run(tell())


def canonical(config: Config, *ids: int) -> list[bytes]:
    prepared = prepare(config, config.pairs[0])
    try:
        return [prepared.readers[0].key_of((str(number),)) for number in ids]
    finally:
        prepared.close()


def one_pass(config: Config, said: bytes = b"") -> list[int]:
    """The ranges in the order in which a pass looked at them, after a worker said this."""
    inbox = Inbox(io.BytesIO(said))
    inbox.listen()
    inbox.ended.clear()  # that stream is over, this worker is not
    running = Background(config, inbox)
    running._try(config.pairs[0])
    ranges = running._files["stock"].load()
    assert ranges is not None
    assert not ranges.left
    looks = [(s.looked_us, number) for number, s in enumerate(ranges.stretches)]
    return [number for _, number in sorted(looks)]


def test_ranges_that_the_streams_saw_change_are_compared_before_the_others(lab: Lab):
    config = parse_config(lab.text(PAIR, SETTINGS)).config
    assert list(range(RANGES)) == one_pass(config)
    last = Told.ends[-1]
    assert (True, RANGES, RANGES) == (last.whole, last.ranges, last.ranges_clean)
    assert sorted(last.ages_us) == list(last.ages_us)
    assert (RANGES, last.clean_us) == (len(last.ages_us), last.ages_us[0])

    # Two keys of the fifth range, one of the third, and one that no table has room for.
    said = told_by_worker(config, canonical(config, 4100, 4200, 2500, 10**9))
    order = one_pass(config, said)
    assert {4, RANGES - 1, 2} == set(order[:3])
    assert 4 == order[0]
    assert sorted(set(range(RANGES)) - {4, RANGES - 1, 2}) == order[3:]

    # Nothing changed: in their order by age, which is that of the pass before.
    assert order == one_pass(config)
