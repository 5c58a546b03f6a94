"""A Chromium for the browser tests: the machine's own, or Debian's, fetched without root.

apt is asked which packages this machine lacks for it; `figwatch.demo.sandbox.tools` fetches those.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from figwatch.demo.sandbox import tools

VARIABLE = "FIGWATCH_TEST_CHROMIUM"
"""Names another Chromium to use."""
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


@dataclass(frozen=True)
class Chromium:
    program: str
    environment: dict[str, str]


def find():
    """Raises SandboxError where none can be had."""
    named = os.environ.get(VARIABLE) or next(filter(None, map(shutil.which, NAMES)), None)
    return Chromium(named, {}) if named else fetched()


def fetched():
    unpacked = tools.ensure(tools.Tool("chromium", lacking(), ("chromium",)))
    # usr/bin/chromium is a script that looks for its browser at the place of an installation.
    program = unpacked.root / "usr" / "lib" / "chromium" / "chromium"
    fonts = unpacked.root / "etc" / "fonts"
    extra = {"FONTCONFIG_PATH": str(fonts)} if fonts.is_dir() else {}
    return Chromium(str(program), unpacked.environment | extra)


def lacking():
    """Packages to unpack: Chromium and whatever it needs that is not installed. apt is asked with
    lists of its own: a machine may never have had any.
    """
    wanted = ["chromium", "chromium-common"]
    if shutil.which("apt-get") is None:
        return tuple(wanted)
    with TemporaryDirectory() as lists:
        Path(lists, "partial").mkdir()
        own = ["-q", "-o", f"Dir::State::Lists={lists}", "-o", "APT::Sandbox::User="]
        ask("apt-get", *own, "update")
        install = ("-s", "--no-install-recommends", "install", "chromium")
        lines = [line.split() for line in ask("apt-get", *own, *install).splitlines()]
    wanted += [words[1] for words in lines if words and words[0] == "Inst"]
    return tuple(dict.fromkeys(wanted))


def ask(*command):
    """What it prints; nothing where it fails, and then the download says why."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False,
        env=os.environ | {"LC_ALL": "C"},
    )  # fmt: skip
    return done.stdout


def exists(chromium):
    return Path(chromium.program).exists()
