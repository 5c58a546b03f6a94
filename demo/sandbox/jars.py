"""The jars of the stack: named and hashed in `jars.lock`, fetched by jgo, verified at each start.

Bundles are the unit: `platform` is the class path of Kafka and Connect, every other bundle is
one folder on Connect's `plugin.path`. `lock.py` writes the lock file; `stack.py` comes next.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from figwatch.demo.sandbox.locks import exclusive
from figwatch.demo.sandbox.model import ErrorCode, Progress, SandboxError, Stage

PLATFORM = "platform"
STAGING = "staging-"
FETCH_THREADS = 4
FETCH_ATTEMPTS = 2
FETCH_TIMEOUT_SECONDS = 20
CACHE_LOCK_SECONDS = 600.0
"""How long to wait for another process that is filling the same cache."""
REPOSITORY_VARIABLE = "FIGWATCH_MAVEN_REPOSITORY"
"""Names a Maven repository to use in place of Maven Central, for example a company's mirror."""

Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Jar:
    """One file of the lock: `group:artifact:version`, its SHA-256 and its size."""

    coordinate: str
    sha256: str
    size_bytes: int

    @property
    def path(self) -> Path:
        """Where a Maven repository keeps it."""
        group, artifact, version = self.coordinate.split(":")
        return Path(*group.split("."), artifact, version, f"{artifact}-{version}.jar")


@dataclass(frozen=True, slots=True)
class Bundle:
    """Jars that are loaded together; `roots` are the coordinates they were resolved from."""

    name: str
    roots: tuple[str, ...]
    jars: tuple[Jar, ...]


def read_lock(text: str | None = None) -> tuple[Bundle, ...]:
    """The bundles of a lock file, by default the one that is shipped."""
    if text is None:
        text = resources.files(__package__).joinpath("jars.lock").read_text("utf-8")
    return tuple(
        Bundle(
            name=entry["name"],
            roots=tuple(entry["roots"]),
            jars=tuple(_jar(line) for line in entry["jars"]),
        )
        for entry in tomllib.loads(text)["bundle"]
    )


def _jar(line: str) -> Jar:
    coordinate, sha256, size = line.split()
    return Jar(coordinate, sha256, int(size))


def cache_folder() -> Path:
    """The jar cache of this user: a Maven repository under `$XDG_CACHE_HOME/figwatch`."""
    base = os.environ.get("XDG_CACHE_HOME")
    root = Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache"
    return root / "figwatch" / "maven"


def ensure(bundles: tuple[Bundle, ...], cache: Path, report: Report) -> None:
    """Make every jar of the bundles present in `cache` and equal to its hash.

    A jar that is missing, cut short or altered is fetched again.

    Raises:
        SandboxError: JARS_MISSING when a jar cannot be had, JAR_MISMATCH when what the
            repository sends is not what the lock names.
    """
    wanted = tuple({jar.coordinate: jar for bundle in bundles for jar in bundle.jars}.values())
    if not _broken(wanted, cache):
        return
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SandboxError(
            ErrorCode.JARS_MISSING,
            f"The jar cache {cache} cannot be made: {error.strerror}.",
            "Point XDG_CACHE_HOME at a folder that you can write.",
        ) from error
    with exclusive(cache.parent / "maven.lock", CACHE_LOCK_SECONDS):
        # Somebody else may have filled the cache while we waited.
        missing = _broken(wanted, cache)
        for stale in cache.parent.glob(f"{STAGING}*"):  # of a download that was killed
            shutil.rmtree(stale, ignore_errors=True)
        if missing:
            _fetch_all(missing, cache, report)


def _broken(jars: tuple[Jar, ...], cache: Path) -> tuple[Jar, ...]:
    return tuple(jar for jar in jars if not matches(jar, cache / jar.path))


def matches(jar: Jar, path: Path) -> bool:
    """Whether the file is exactly the locked jar (size first: it is free)."""
    try:
        if path.stat().st_size != jar.size_bytes:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256
    except OSError:
        return False


def _fetch_all(missing: tuple[Jar, ...], cache: Path, report: Report) -> None:
    total_bytes = sum(jar.size_bytes for jar in missing)
    done_bytes = 0
    lock = Lock()

    def advance(name: str, count_bytes: int) -> None:
        nonlocal done_bytes
        with lock:
            done_bytes += count_bytes
            report(Progress(Stage.DOWNLOAD, min(done_bytes, total_bytes), total_bytes, name))

    report(Progress(Stage.DOWNLOAD, 0, total_bytes, f"{len(missing)} jars"))
    failed: dict[Jar, Exception] = {}
    # Staged beside the cache and moved in when verified: a cut download is never seen there.
    with (
        TemporaryDirectory(dir=cache.parent, prefix=STAGING) as staging,
        ThreadPoolExecutor(FETCH_THREADS) as pool,
    ):
        tasks = {pool.submit(_fetch, jar, cache, Path(staging), advance): jar for jar in missing}
        for task in as_completed(tasks):
            error = task.exception()
            if isinstance(error, SandboxError):
                pool.shutdown(wait=True, cancel_futures=True)
                raise error
            if isinstance(error, Exception):
                failed[tasks[task]] = error
                if len(failed) == FETCH_THREADS:  # no network: do not try the other hundred
                    pool.shutdown(wait=True, cancel_futures=True)
                    break
    if failed:
        raise _missing(failed, missing, cache)


def _fetch(jar: Jar, cache: Path, staging: Path, advance: Callable[[str, int], None]) -> None:
    from jgo.maven import MavenContext, PythonResolver

    @contextmanager
    def show(name: str, _total_bytes: int) -> Iterator[Callable[[int], None]]:
        yield lambda count_bytes: advance(name, count_bytes)

    repository = os.environ.get(REPOSITORY_VARIABLE)
    target = cache / jar.path
    for attempt in range(FETCH_ATTEMPTS):
        context = MavenContext(
            resolver=PythonResolver(progress_callback=show),
            repo_cache=staging / str(attempt),
            local_repos=[],
            remote_repos={"mirror": repository.rstrip("/")} if repository else None,
            timeout=FETCH_TIMEOUT_SECONDS,
        )
        group, artifact, version = jar.coordinate.split(":")
        component = context.project(group, artifact).at_version(version)
        try:
            fetched = Path(component.artifact().resolve())
        except Exception:  # jgo raises requests' errors, RuntimeError and AssertionError
            if attempt + 1 == FETCH_ATTEMPTS:
                raise
            continue
        if matches(jar, fetched):
            target.parent.mkdir(parents=True, exist_ok=True)
            fetched.replace(target)
            return
    raise SandboxError(
        ErrorCode.JAR_MISMATCH,
        f"The repository's {jar.coordinate} is not the file that jars.lock names.",
        f"Do not use it. Check the mirror in {REPOSITORY_VARIABLE}, or a proxy on the way.",
    )


def _missing(failed: dict[Jar, Exception], wanted: tuple[Jar, ...], cache: Path) -> SandboxError:
    jar, error = next(iter(failed.items()))
    megabytes = sum(each.size_bytes for each in wanted) / 1e6
    return SandboxError(
        ErrorCode.JARS_MISSING,
        f"{len(wanted)} jars ({megabytes:.0f} MB) are not in {cache} and could not be fetched; "
        f"the first is {jar.coordinate} ({type(error).__name__}).",
        f"Connect to the network, name a mirror in {REPOSITORY_VARIABLE}, or copy that folder "
        "from a machine that has it.",
    )
