"""Why a program ended: a port taken is tried again elsewhere, anything else is told."""

import pytest

from figwatch.demo.sandbox import Service
from figwatch.demo.sandbox.folder import Folder, Remembered
from figwatch.demo.sandbox.model import SandboxError
from figwatch.demo.sandbox.programs import PortTakenError, Programs

TAKEN = 'LOG:  could not bind IPv4 address "127.0.0.1": Address already in use\n'


@pytest.fixture
def programs(tmp_path):
    folder = Folder(tmp_path)
    folder.make()
    return Programs(folder, Remembered())


def test_a_taken_port_is_recognised(programs):
    programs.folder.log(Service.KAFKA).write_text(TAKEN)

    assert isinstance(programs.why_ended(Service.KAFKA, 0), PortTakenError)


def test_a_port_that_was_taken_in_an_earlier_start_is_not_this_starts_reason(programs):
    log = programs.folder.log(Service.KAFKA)
    log.write_text(TAKEN)
    before_bytes = programs.log_bytes(Service.KAFKA)
    log.write_text(TAKEN + "ERROR disk full\n")

    why = programs.why_ended(Service.KAFKA, before_bytes)

    assert isinstance(why, SandboxError)
    assert "ERROR disk full" in why.cause
    assert str(log) in why.fix


def test_a_program_that_said_nothing_is_reported_with_its_log(programs):
    why = programs.why_ended(Service.CONNECT, 0)

    assert isinstance(why, SandboxError)
    assert why.code == "sandbox.start-failed"
    assert "connect ended" in why.cause
