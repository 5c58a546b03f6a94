"""A report verifies as it was written, and no byte of it can be changed unnoticed."""

import random

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from figwatch.validators.errors import ConfigurationError
from figwatch.validators.report.document import Previous
from figwatch.validators.report.signature import (
    private_key,
    public_key,
    sign,
    signature_fault,
)
from figwatch.validators.report.statement import ENVELOPE, REPORT, STATEMENT, sha256
from figwatch.validators.report.verify import verify
from figwatch.validators.stages.criterion import Answer
from tests.unit.report.support import PEM, files, report

OTHER = Ed25519PrivateKey.generate().public_key()


def answer(found, before=None, key=None):
    return verify(found, before, key).answer


@pytest.mark.parametrize("signed", [False, True])
def test_a_report_verifies_as_it_was_written(signed):
    assert Answer.PASS is answer(files(report(signed=signed)))


def test_a_signed_report_verifies_by_its_key():
    assert Answer.PASS is answer(files(report(signed=True)), key=public_key(PEM))


@pytest.mark.parametrize("name", sorted(files(report(signed=True))))
def test_no_byte_of_a_report_can_be_changed_unnoticed(name):
    """Every byte of every file, each with one bit turned round."""
    good = files(report(signed=True))
    at_random = random.Random(name)
    assert good[name]
    for position in range(len(good[name])):
        data = bytearray(good[name])
        data[position] ^= 1 << at_random.randrange(8)
        assert Answer.FAIL is answer(good | {name: bytes(data)}), (name, position)


@pytest.mark.parametrize("name", sorted(files(report(signed=True))))
def test_a_file_cut_short_is_refused(name):
    good = files(report(signed=True))
    for size in (0, 1, len(good[name]) // 2, len(good[name]) - 1):
        assert Answer.FAIL is answer(good | {name: good[name][:size]})


@pytest.mark.parametrize("name", sorted(files(report(signed=True))))
def test_a_missing_file_is_refused(name):
    good = files(report(signed=True))
    del good[name]
    assert Answer.FAIL is answer(good)


def test_a_verdict_turned_round_with_its_digests_is_refused_by_the_signature():
    failed, passed = files(report(Answer.FAIL, signed=True)), files(report(signed=True))
    forged = passed | {ENVELOPE: failed[ENVELOPE]}
    assert Answer.FAIL is answer(forged)


def test_a_forger_with_a_key_of_his_own_is_refused_by_the_right_key():
    assert Answer.FAIL is answer(files(report(signed=True)), key=OTHER)


def test_an_unsigned_report_is_refused_where_a_key_is_demanded():
    assert Answer.FAIL is answer(files(report()), key=public_key(PEM))


def test_the_report_before_is_known_by_its_digest():
    first = files(report())
    second = files(report(previous=Previous("0001-reads", sha256(first[STATEMENT]))))
    assert Answer.PASS is answer(second, before=first)
    assert Answer.FAIL is answer(second, before=files(report(Answer.FAIL)))
    assert Answer.INCONCLUSIVE is answer(second)


def test_a_later_report_must_name_the_one_before():
    assert Answer.FAIL is answer(files(report(sequence=2)))


def test_a_report_of_another_version_cannot_be_told_but_one_with_a_changed_version_is_refused():
    good = files(report())
    data = good[REPORT].replace(b'"schema_version": 1', b'"schema_version": 9', 1)
    assert Answer.FAIL is answer(good | {REPORT: data})
    said = good[STATEMENT].replace(sha256(good[REPORT]).encode(), sha256(data).encode())
    assert Answer.INCONCLUSIVE is answer(good | {REPORT: data, STATEMENT: said})


def test_p_256_keys_sign_too():
    key = ec.generate_private_key(ec.SECP256R1())
    assert "" == signature_fault(sign(b"x", key), b"x", key.public_key())
    assert signature_fault(sign(b"x", key), b"y", key.public_key())


@pytest.mark.parametrize("read", [private_key, public_key])
def test_what_is_no_key_is_said_with_the_command_that_makes_one(read):
    with pytest.raises(ConfigurationError) as raised:
        read(b"-----BEGIN NOTHING-----")
    assert "openssl" in raised.value.problems[0].fix
