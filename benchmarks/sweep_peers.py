"""The peers of `benchmarks/sweep.py`: had from their package registries, asked, their answers read.

reladiff and data-diff come from PyPI. pg_comparator and the Perl modules it needs come from Debian,
fetched and unpacked without root; its functions are a library for PostgreSQL 15, so that it takes
part on the distribution's servers only. None of it threads on PostgreSQL (it says so).
"""

import os
import pathlib
import re
import subprocess
import venv
from typing import Protocol

import psycopg

PACKAGES = ("postgresql-comparator", "libdbi-perl", "libdbd-pg-perl")
PEER_SECONDS_MAX = 300


class Peer(Protocol):
    """Compares table `t` of two databases by `id`; the keys that differ."""

    def __call__(self, source: str, target: str, columns: str) -> set[int]: ...


class Diff:
    """reladiff and data-diff have one command line: lines that begin with + or - name a row."""

    def __init__(self, program: pathlib.Path) -> None:
        self._program = program

    def __call__(self, source: str, target: str, columns: str) -> set[int]:
        named = [part for c in columns for part in ("-c", c)]
        told = _told([self._program, source, "t", target, "t", "-k", "id", *named, "-j", "4"])
        return {int(m) for m in re.findall(r"^[+-] (\d+)", told, re.MULTILINE)}


class Comparator:
    """pg_comparator: lines such as `UPDATE 7`, `INSERT 7`, `DELETE 7`."""

    def __init__(self, root: pathlib.Path) -> None:
        self._root = root

    def install(self, dsn: str) -> None:
        """Make its functions in a database."""
        made = next(self._root.glob("usr/share/postgresql/*/extension/pgcmp--*.sql")).read_text()
        library = next(self._root.glob("usr/lib/postgresql/*/lib/pgcmp.so")).with_suffix("")
        lines = [line for line in made.splitlines() if not line.startswith("\\")]
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("\n".join(lines).replace("MODULE_PATHNAME", str(library)))

    def __call__(self, source: str, target: str, columns: str) -> set[int]:
        places = [
            f"pgsql://{dsn.partition('://')[2]}/t?id:{','.join(columns)}"
            for dsn in (source, target)
        ]
        modules = [str(p) for p in self._root.glob("usr/lib/*/perl5*")]
        modules += [str(p) for p in self._root.glob("usr/lib/*/perl5/*")]
        told = _told(
            ["perl", self._root / "usr/bin/pg_comparator", *places],
            PERL5LIB=":".join([*modules, str(self._root / "usr/share/perl5")]),
        )
        return {int(m) for m in re.findall(r"^(?:UPDATE|INSERT|DELETE) (\d+)", told, re.MULTILINE)}


def _told(command: list[str | pathlib.Path], **environment: str) -> str:
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=PEER_SECONDS_MAX, check=False,
        env=os.environ | environment,
    )  # fmt: skip
    if ended.returncode not in (0, 1) or "Traceback" in ended.stderr:
        raise RuntimeError((ended.stderr.strip().splitlines() or ["failed"])[-1])
    return ended.stdout


def diffs(folder: pathlib.Path) -> dict[str, Peer]:
    """Those of PyPI, each in an environment of its own; one that cannot be had is named."""
    found: dict[str, Peer] = {}
    for name in ("reladiff", "data-diff"):
        home = folder / name
        program = home / "bin" / name
        if not program.exists():
            venv.create(home, with_pip=True)
            ended = subprocess.run(
                [home / "bin" / "pip", "install", "-q", name, "psycopg2-binary"],
                capture_output=True, text=True, timeout=600, check=False,
            )  # fmt: skip
            if ended.returncode:
                said = [line for line in ended.stderr.splitlines() if "error" in line.lower()]
                print(f"{name}: left out, it cannot be installed ({(said or ['?'])[0].strip()})")
                continue
        found[name] = Diff(program)
    return found


def comparator(folder: pathlib.Path) -> Comparator | None:
    """pg_comparator, unpacked; None, and why, where it cannot be had."""
    root = folder / "pg_comparator"
    if not root.exists():
        root.mkdir(parents=True)
        try:
            subprocess.run(
                ["apt-get", "download", *PACKAGES],
                cwd=folder, check=True, capture_output=True, timeout=120,
            )  # fmt: skip
            for package in folder.glob("*.deb"):
                subprocess.run(["dpkg", "-x", package, root], check=True, capture_output=True)
        except (OSError, subprocess.SubprocessError) as error:
            root.rmdir()
            print(f"pg_comparator: left out, it cannot be fetched ({type(error).__name__})")
            return None
    for path in (folder, *root.rglob("*")):  # the servers are another user's
        path.chmod(path.stat().st_mode | 0o555 if path.is_dir() else path.stat().st_mode | 0o444)
    return Comparator(root)
