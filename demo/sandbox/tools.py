"""Programs of the distribution that no registry of Python or Java has: fetched without root.

`apt-get`, with state and cache folders of its own, checks Debian's signatures and hashes;
`dpkg-deb` unpacks into the user's cache, and `manifest.json` there holds the files' SHA-256, which
every start checks again. The demo and the tests start the programs.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from figwatch.demo.sandbox.jars import CACHE_LOCK_SECONDS, STAGING, cache_folder
from figwatch.demo.sandbox.locks import exclusive
from figwatch.demo.sandbox.model import ErrorCode, SandboxError

FETCH_SECONDS = 180.0
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Tool:
    """What to unpack and what is wanted of it; packages that the machine may lack are named too.

    `programs` are file names; each must lie in `usr/bin` or `usr/sbin` of one of the packages.
    """

    name: str
    packages: tuple[str, ...]
    programs: tuple[str, ...]


PROMETHEUS = Tool("prometheus", ("prometheus",), ("prometheus", "promtool"))
ALERTMANAGER = Tool(
    "alertmanager", ("prometheus-alertmanager",), ("prometheus-alertmanager", "amtool")
)
MARIADB = Tool(
    "mariadb",
    ("mariadb-server-core", "mariadb-client-core", "mariadb-common", "liburing2", "libaio1"),
    ("mariadbd", "mariadb-install-db", "mariadb"),
)
TOOLS = (PROMETHEUS, ALERTMANAGER, MARIADB)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A tool on disk: `root` stands for `/`, `environment` lets its programs find libraries."""

    root: Path
    environment: dict[str, str]

    def program(self, name: str) -> Path:
        """The path of one of its programs."""
        candidates = (self.root / "usr" / folder / name for folder in ("bin", "sbin"))
        return next(path for path in candidates if path.exists())


def ensure(tool: Tool, cache: Path | None = None) -> Unpacked:
    """Have the tool unpacked and unaltered in the cache; fetch it where it is not.

    Raises:
        SandboxError: TOOL_MISSING where this machine has no apt, or it finds no such package.
    """
    folder = (cache or cache_folder().parent / "debian").absolute()
    root = folder / tool.name
    if not _intact(root):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _missing(tool, f"{folder} cannot be made ({error.strerror})") from error
        with exclusive(folder / "lock", CACHE_LOCK_SECONDS):
            for stale in folder.glob(f"{STAGING}*"):  # of a download that was killed
                shutil.rmtree(stale, ignore_errors=True)
            if not _intact(root):  # somebody else may have filled it while we waited
                _fetch(tool, folder, root)
    libraries = sorted({str(path.parent) for path in root.glob("**/lib*.so*")})
    return Unpacked(root, {"LD_LIBRARY_PATH": os.pathsep.join(libraries)} if libraries else {})


def _intact(root: Path) -> bool:
    """Whether every file that was unpacked is there and has its hash."""
    try:
        files: dict[str, str] = json.loads((root / MANIFEST).read_text("utf-8"))
        return bool(files) and all(_digest(root / name) == files[name] for name in files)
    except (OSError, ValueError, AttributeError):
        return False


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(tool: Tool, folder: Path, root: Path) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise _missing(tool, "this machine has no apt-get and dpkg-deb")
    with TemporaryDirectory(dir=folder, prefix=STAGING) as name:
        staging = Path(name)
        _apt(tool, staging, "update")
        _apt(tool, staging, "download", *tool.packages)
        unpacked = staging / "root"
        for package in sorted(staging.glob("*.deb")):
            _run(tool, ["dpkg-deb", "-x", str(package), str(unpacked)], staging)
        present = {path.name for d in ("bin", "sbin") for path in (unpacked / "usr" / d).glob("*")}
        if lacking := [program for program in tool.programs if program not in present]:
            raise _missing(tool, f"the packages hold no {', '.join(lacking)}")
        files = {
            str(path.relative_to(unpacked)): _digest(path)
            for path in sorted(unpacked.rglob("*"))
            if path.is_file() and not path.is_symlink()
        }
        (unpacked / MANIFEST).write_text(json.dumps(files, indent=0), "utf-8")
        _open_to_all(unpacked)
        if root.exists():
            shutil.rmtree(root)
        unpacked.rename(root)


def _open_to_all(root: Path) -> None:
    """Servers that refuse to be root run as another user, who must reach their programs."""
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))


def _apt(tool: Tool, staging: Path, *command: str) -> None:
    """The machine's own sources and keys; everything that is written goes into `staging`."""
    (staging / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (staging / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    (staging / "status").touch()
    settings = {
        "Dir::State": staging,
        "Dir::State::Lists": staging / "lists",
        "Dir::State::status": staging / "status",
        "Dir::Cache": staging,
        "APT::Sandbox::User": "",  # it could not write here
        "APT::Get::AllowUnauthenticated": "false",
        "Acquire::Languages": "none",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
        "Acquire::Retries": "1",
        "Acquire::http::Timeout": "20",
        "Acquire::https::Timeout": "20",
    }
    options = [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]
    _run(tool, ["apt-get", "-q", *options, *command], staging)


def _run(tool: Tool, argv: list[str], cwd: Path) -> None:
    try:
        done = subprocess.run(
            argv, cwd=cwd, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise _missing(tool, f"{argv[0]} took more than {FETCH_SECONDS:.0f} s") from error
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.startswith(("E:", "dpkg"))]
        raise _missing(tool, f"{argv[0]} failed: {(said or ['no reason given'])[0][:200]}")


def _missing(tool: Tool, why: str) -> SandboxError:
    return SandboxError(
        ErrorCode.TOOL_MISSING,
        f"{tool.name} cannot be had: {why}.",
        f"On Debian or Ubuntu, connect to the network; it needs {', '.join(tool.packages)}.",
    )
