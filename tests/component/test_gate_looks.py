"""Looks at a gate in a process of their own: whatever becomes of it, the asker gets an answer."""

import os
import signal
import threading
import time

import pytest

from figwatch.connectors.config.root import Config
from figwatch.connectors.stage_evidence.apart import Looks
from figwatch.validators.errors import FigwatchError

CONFIG = Config.model_validate(
    {
        "migration": "inventory",
        "kafka": {"bootstrap_servers": "127.0.0.1:1"},
        "sides": {"monolith": {"topic_prefix": "mono"}, "service": {"topic_prefix": "inv"}},
        "authority": "monolith",
        "pairs": [
            {"name": "stock", "source": "public.a", "target": "public.b", "key": {"id": "id"},
             "columns": {"n": "n"}}
        ],
        "limits": {"kafka_timeout_seconds": 0.5},
    }
)  # fmt: skip


@pytest.fixture
def looks():
    made = Looks(CONFIG)
    yield made
    made.close()


def test_a_process_that_was_killed_is_an_error_once_and_is_replaced(looks):
    assert "inconclusive" == looks.look("build").verdict
    os.kill(looks._child.pid, signal.SIGKILL)
    with pytest.raises(FigwatchError) as raised:
        looks.look("build")
    assert "gate.died" == raised.value.problems[0].code
    assert "inconclusive" == looks.look("build").verdict


def test_what_could_not_be_evaluated_keeps_its_cause_and_its_fix(looks):
    with pytest.raises(FigwatchError) as raised:
        looks.look("sync")
    problem = raised.value.problems[0]
    assert "no Kafka broker answers" in problem.cause
    assert "kafka.bootstrap_servers" == problem.where
    assert problem.fix


def test_closing_ends_the_look_under_way_at_once():
    looks = Looks(CONFIG.model_copy(deep=True))
    looks.look("build")
    os.kill(looks._child.pid, signal.SIGSTOP)  # so that it never answers
    ended = []

    def ask():
        with pytest.raises(FigwatchError):
            looks.look("build")
        ended.append(time.monotonic())

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.2)
    looks.close()
    asking.join(20)
    assert ended
    with pytest.raises(FigwatchError):
        looks.look("build")


def test_a_look_that_takes_too_long_is_an_error_and_its_process_is_ended():
    looks = Looks(CONFIG, seconds_max=60.0)
    looks.look("build")
    os.kill(looks._child.pid, signal.SIGSTOP)
    looks._seconds_max = 0.1
    with pytest.raises(FigwatchError) as raised:
        looks.look("build")
    assert "gate.slow" == raised.value.problems[0].code
    assert looks._child is None
    looks.close()
