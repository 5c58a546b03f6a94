"""A gate's answer from a process of its own, for a worker that serves the gates over HTTP.

Evidence is fetched with blocking clients, and librdkafka's can abort the process they are in: no
worker is to stand still or die of a question. `figwatch.connectors.stage_evidence.gate` is what
the process runs, `figwatch.streams.gates` who asks.
"""

import dataclasses
import multiprocessing
import signal
import threading
import time
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

import msgspec

from figwatch.connectors.config.root import Config
from figwatch.connectors.stage_evidence.gate import check_stage
from figwatch.validators.errors import FigwatchError
from figwatch.validators.stages.document import GateDocument, gate_document

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

LOOK_SECONDS_MAX = 120.0
"""Longest look at a gate; evidence has time limits of its own, which are shorter."""
FIX = "ask `figwatch gate check` beside it; the worker's log may have the cause"


class Looks:
    """One look at a time, in a process that stays for the next; one that died is replaced."""

    def __init__(self, config: Config, seconds_max: float = LOOK_SECONDS_MAX) -> None:
        self._config, self._seconds_max = config, seconds_max
        self._child: SpawnProcess | None = None
        self._pipe: Connection | None = None
        self._guard = threading.Lock()
        self._closed = False

    def look(self, stage: str) -> GateDocument:
        """The gate's answer now. Blocks.

        Raises:
            FigwatchError: it could not be evaluated, or not in time.
        """
        pipe = self._connected(stage)
        try:
            pipe.send_bytes(stage.encode())
            if not pipe.poll(self._seconds_max):
                self._end()
                cause = f"no answer within {self._seconds_max:g} s"
                raise FigwatchError("gate.slow", cause, stage, FIX)
            told = msgspec.json.decode(pipe.recv_bytes(), type=_Told)
        except (EOFError, OSError):
            self._end()
            raise FigwatchError("gate.died", "the evaluation ended early", stage, FIX) from None
        if told.document is None:
            raise FigwatchError(*told.problem)
        return told.document

    def close(self) -> None:
        """End the look under way, and take no more."""
        with self._guard:
            self._closed = True
            if self._child is not None and self._child.is_alive():
                self._child.kill()

    def _connected(self, stage: str) -> Connection:
        with self._guard:
            if self._closed:
                raise FigwatchError("gate.closed", "the worker is stopping", stage)
            if self._pipe is None:
                spawn = multiprocessing.get_context("spawn")
                self._pipe, there = spawn.Pipe()
                self._child = spawn.Process(target=_serve, args=(self._config, there), daemon=True)
                self._child.start()
                there.close()
            return self._pipe

    def _end(self) -> None:
        with self._guard:
            if self._child is not None and self._pipe is not None:
                self._child.kill()
                self._child.join()
                self._pipe.close()
            self._child = self._pipe = None


class _Told(msgspec.Struct, frozen=True):
    """What comes out of the process: the gate's answer, or the parts of a `Problem`."""

    document: GateDocument | None = None
    problem: tuple[str, str, str, str] = ("", "", "", "")


def _serve(config: Config, pipe: Connection) -> None:
    """Look when asked, until the worker is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the worker
    while True:
        try:
            stage = pipe.recv_bytes().decode()
        except EOFError:
            return
        pipe.send_bytes(msgspec.json.encode(_look(config, stage)))


def _look(config: Config, stage: str) -> _Told:
    now_us = time.time_ns() // 1000
    try:
        result = check_stage(config, stage, now_us)
    except FigwatchError as error:
        return _Told(problem=dataclasses.astuple(error.problems[0]))
    return _Told(gate_document(config.migration, result))
