"""What is left of a migration outside the database: connectors, code, resources."""

import pathlib
import subprocess

import httpx

from figwatch.connectors.stage_evidence.problems import Trouble, http_reason, without_user
from figwatch.connectors.stage_evidence.prometheus import Prometheus
from figwatch.validators.stages.facts import Origin, Presence

NOT_FOUND = 404
GIT_SECONDS_MAX = 120


def connector_present(url: str, name: str, timeout_seconds: float, now_us: int) -> Presence:
    """Whether Kafka Connect still has the connector: GET /connectors/NAME is 200 or 404.

    404 counts only from a server whose list of connectors can be read: any web server says 404.
    """
    where = f"{without_user(url)}/connectors"
    listed = f"{url.rstrip('/')}/connectors"
    try:
        answer = httpx.get(listed, timeout=timeout_seconds)
        answer.raise_for_status()
        names = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
        cause = f"Kafka Connect cannot be asked: {http_reason(error)}"
        fix = "start it, correct the side's `connect`; where it is gone for good, drop `connectors`"
        return Presence(f"connector {name}", Trouble(cause, fix).origin("connect", where))
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        trouble = Trouble(f"{where} does not answer as Kafka Connect does", "correct `connect`")
        return Presence(f"connector {name}", trouble.origin("connect", where))
    origin = Origin("connect", where, now_us, samples=len(names))
    return Presence(f"connector {name}", origin, name in names)


def lines_of_code(repository: str, paths: list[str]) -> int | Trouble:
    """Lines of the text files at HEAD below the paths: what is committed, not what lies about."""
    if not pathlib.Path(repository).is_dir():
        return Trouble(f"there is no repository {repository}", "correct gates.decommission")
    # -c: a count a file; -I: no binaries; "" matches every line.
    command = ["git", "-C", repository, "grep", "-I", "-c", "-e", "", "HEAD", "--", *paths]
    try:
        done = subprocess.run(command, capture_output=True, timeout=GIT_SECONDS_MAX, check=False)
    except FileNotFoundError:
        return Trouble("git is not installed", "install it")
    except subprocess.TimeoutExpired:
        return Trouble(f"git took longer than {GIT_SECONDS_MAX} s", "name fewer paths in `code`")
    if done.returncode == 1 and not done.stderr:
        return 0  # nothing matched: no lines left
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        return Trouble(f"git: {(said or ['failed'])[0][:200]}", "correct gates.decommission")
    rows = done.stdout.decode(errors="replace").splitlines()
    return sum(int(row.rpartition(":")[2]) for row in rows)


def resource(server: Prometheus | None, query: str, at_us: int) -> float | Trouble:
    """The one value of a query."""
    if server is None:
        return Trouble("there is no Prometheus to ask", "set gates.prometheus")
    value = server.number(query, at_us)
    if value is None:
        return Trouble("Prometheus has nothing for it", "correct the query")
    return value
