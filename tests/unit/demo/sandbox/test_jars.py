"""Jars: named by the lock, fetched once, never used unverified. The repository is a local one."""

import functools
import hashlib
import http.server
import threading
from importlib import resources

import pytest

from figwatch.demo.sandbox import jars, lock
from figwatch.demo.sandbox.model import SandboxError, Stage

CONTENT = b"PK some jar" * 100
LOCK = """
[[bundle]]
name = "platform"
roots = ["org.example:one:1.0"]
jars = [
  "org.example:one:1.0 {digest} {size}",
]
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_arguments):
        pass


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """An HTTP server with org.example:one:1.0; yields the folder that it serves."""
    served = tmp_path / "served"
    jar = served / "org/example/one/1.0/one-1.0.jar"
    jar.parent.mkdir(parents=True)
    jar.write_bytes(CONTENT)
    handler = functools.partial(Quiet, directory=str(served))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv(jars.REPOSITORY_VARIABLE, f"http://127.0.0.1:{server.server_port}/")
        yield jar
        server.shutdown()
        thread.join()


@pytest.fixture
def nowhere(monkeypatch):
    monkeypatch.setenv(jars.REPOSITORY_VARIABLE, "http://127.0.0.1:9")


@pytest.fixture
def bundles():
    digest = hashlib.sha256(CONTENT).hexdigest()
    return jars.read_lock(LOCK.format(digest=digest, size=len(CONTENT)))


def ignore(_progress):
    pass


def test_the_shipped_lock_names_each_jar_of_a_bundle_once_with_a_hash_and_a_size():
    for bundle in jars.read_lock():
        projects = [jar.coordinate.rsplit(":", 1)[0] for jar in bundle.jars]
        assert len(projects) == len(set(projects)) > 10
        assert all(len(jar.sha256) == 64 and jar.size_bytes > 0 for jar in bundle.jars)


def test_a_plugin_of_the_shipped_lock_repeats_nothing_that_the_platform_has():
    platform, *plugins = (
        {jar.coordinate.rsplit(":", 1)[0] for jar in bundle.jars} for bundle in jars.read_lock()
    )

    assert plugins
    assert all(not platform & plugin for plugin in plugins)


@pytest.mark.usefixtures("repository")
def test_a_missing_jar_is_fetched_with_progress_in_bytes(bundles, tmp_path):
    steps = []

    jars.ensure(bundles, tmp_path / "cache/maven", steps.append)

    assert (tmp_path / "cache/maven" / bundles[0].jars[0].path).read_bytes() == CONTENT
    assert {Stage.DOWNLOAD} == {step.stage for step in steps}
    assert (len(CONTENT), len(CONTENT)) == (steps[-1].done, steps[-1].total)


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    "damage",
    [b"", CONTENT[:-1], b"X" + CONTENT[1:]],
    ids=["emptied", "cut short", "altered in place"],
)
def test_a_damaged_jar_in_the_cache_is_noticed_and_fetched_again(bundles, tmp_path, damage):
    cached = tmp_path / "cache/maven" / bundles[0].jars[0].path
    cached.parent.mkdir(parents=True)
    cached.write_bytes(damage)

    jars.ensure(bundles, tmp_path / "cache/maven", ignore)

    assert cached.read_bytes() == CONTENT


@pytest.mark.usefixtures("repository")
def test_a_complete_cache_needs_no_network_and_reports_nothing(bundles, tmp_path, monkeypatch):
    cache = tmp_path / "cache/maven"
    jars.ensure(bundles, cache, ignore)
    monkeypatch.setenv(jars.REPOSITORY_VARIABLE, "http://127.0.0.1:9")
    steps = []

    jars.ensure(bundles, cache, steps.append)

    assert steps == []


@pytest.mark.usefixtures("nowhere")
def test_no_network_and_no_cache_says_what_is_missing_and_what_to_do(bundles, tmp_path):
    with pytest.raises(SandboxError) as raised:
        jars.ensure(bundles, tmp_path / "cache/maven", ignore)

    assert raised.value.code == "sandbox.jars-missing"
    assert "org.example:one:1.0" in raised.value.cause
    assert str(tmp_path / "cache/maven") in raised.value.cause
    assert jars.REPOSITORY_VARIABLE in raised.value.fix


def test_a_repository_that_sends_another_jar_is_refused_and_nothing_reaches_the_cache(
    repository, bundles, tmp_path
):
    repository.write_bytes(b"X" + CONTENT[1:])

    with pytest.raises(SandboxError) as raised:
        jars.ensure(bundles, tmp_path / "cache/maven", ignore)

    assert raised.value.code == "sandbox.jar-mismatch"
    assert list((tmp_path / "cache").rglob("*.jar")) == []


@pytest.mark.usefixtures("repository")
def test_what_a_killed_download_left_behind_is_cleared_away(bundles, tmp_path):
    stale = tmp_path / "cache/staging-killed"
    stale.mkdir(parents=True)

    jars.ensure(bundles, tmp_path / "cache/maven", ignore)

    assert not stale.exists()


def test_the_cache_is_the_users_own_and_follows_xdg(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert tmp_path / "figwatch/maven" == jars.cache_folder()

    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/invalid")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path / ".cache/figwatch/maven" == jars.cache_folder()


def test_parts_on_demand_are_locked_apart_and_leave_out_what_the_platform_has():
    folder = resources.files("figwatch.demo.sandbox")
    platform = {jar.coordinate.rsplit(":", 1)[0] for jar in jars.read_lock()[0].jars}
    for name, roots in lock.ON_DEMAND.items():
        bundles = jars.read_lock(folder.joinpath(name).read_text("utf-8"))
        assert roots == {bundle.name: bundle.roots for bundle in bundles}
        for bundle in bundles:
            assert not platform & {jar.coordinate.rsplit(":", 1)[0] for jar in bundle.jars}
