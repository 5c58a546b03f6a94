"""Debian's programs: fetched without root into a cache, and never used altered."""

import json
import subprocess

import pytest

from figwatch.demo.sandbox import tools
from figwatch.demo.sandbox.model import SandboxError

SMALL = tools.Tool("bc", ("bc",), ("bc",))


def test_a_program_is_fetched_once_runs_and_is_fetched_again_after_a_byte_was_changed(tmp_path):
    unpacked = tools.ensure(SMALL, tmp_path)
    assert b"42\n" == subprocess.check_output([unpacked.program("bc")], input=b"6*7\n")
    written = unpacked.program("bc").stat().st_mtime_ns
    manifest = unpacked.root / tools.MANIFEST
    fetched = manifest.stat().st_ino
    assert unpacked == tools.ensure(SMALL, tmp_path)
    assert fetched == manifest.stat().st_ino
    program = unpacked.program("bc")
    content = bytearray(program.read_bytes())
    content[len(content) // 2] ^= 1
    program.write_bytes(content)
    assert unpacked == tools.ensure(SMALL, tmp_path)
    assert written == unpacked.program("bc").stat().st_mtime_ns
    assert not list(tmp_path.glob(f"{tools.STAGING}*"))


def test_a_package_that_does_not_exist_is_an_error_that_names_it(tmp_path):
    absent = tools.Tool("absent", ("figwatch-no-such-package",), ("absent",))
    with pytest.raises(SandboxError) as raised:
        tools.ensure(absent, tmp_path)
    assert "sandbox.tool-missing" == raised.value.code
    assert "figwatch-no-such-package" in str(raised.value)


def test_a_machine_without_apt_is_an_error_with_the_fix(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError) as raised:
        tools.ensure(SMALL, tmp_path)
    assert "no apt-get" in raised.value.cause
    assert "On Debian" in raised.value.fix


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"usr/bin/bc": "00"})])
def test_a_manifest_cut_short_or_of_other_files_counts_as_not_there(tmp_path, monkeypatch, content):
    (tmp_path / "bc").mkdir()
    (tmp_path / "bc" / tools.MANIFEST).write_text(content)
    monkeypatch.setenv("PATH", str(tmp_path))  # so that a fetch would be refused
    with pytest.raises(SandboxError):
        tools.ensure(SMALL, tmp_path)
