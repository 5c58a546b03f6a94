"""When reading pauses, for how long, and at which rate it goes on."""

from __future__ import annotations

import time

import pytest

from figwatch.connectors.config.sweep import SweepConfig
from figwatch.connectors.sweep import throttle
from figwatch.connectors.sweep.throttle import OverloadedError, Throttle


class Server:
    """A session whose burden is played from a list; the last one stays."""

    def __init__(self, side: str, *burdens: tuple[float, int]) -> None:
        self.side, self.burdens, self.asked = side, list(burdens), 0

    def burden(self) -> tuple[float, int]:
        self.asked += 1
        return self.burdens.pop(0) if len(self.burdens) > 1 else self.burdens[0]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(throttle, "WAIT_SECONDS", 0.01)
    monkeypatch.setattr(throttle, "LOOK_SECONDS", 0.0)


CALM = (0.0, 1)


@pytest.mark.parametrize("busy", [(31.0, 1), (0.0, 51)])
@pytest.mark.parametrize("which", [0, 1])
def test_reading_waits_while_a_replica_is_behind_or_a_server_is_busy(busy, which):
    servers = [Server("old", CALM), Server("new", CALM)]
    servers[which] = Server("x", busy, busy, CALM)
    Throttle(tuple(servers), SweepConfig()).wait()
    assert 3 == servers[which].asked


def test_without_a_burden_there_is_no_pause():
    servers = Server("old", CALM), Server("new", (30.0, 50))
    began = time.monotonic()
    Throttle(servers, SweepConfig()).wait()
    assert (1, 1) == (servers[0].asked, servers[1].asked)
    assert time.monotonic() - began < 5


def test_a_pause_has_an_end_and_says_what_it_waited_for():
    servers = Server("old", CALM), Server("new", (99.0, 0))
    with pytest.raises(OverloadedError, match="replica of side `new` is 99 s behind"):
        Throttle(servers, SweepConfig(pause_max_seconds=0.05)).wait()


def test_a_rate_is_kept_by_waiting_the_rest_of_the_time():
    limited = Throttle((), SweepConfig(rows_per_second_max=1000.0))
    assert 1.5 == limited.pace(2000, 0.5)
    assert 0.0 == limited.pace(2000, 3.0), "it was slow enough"
    assert 0.0 == Throttle((), SweepConfig()).pace(10**9, 0.0)
