"""The gates over HTTP as a rollout controller meets them: served by a running worker."""

import json
import time
import urllib.error
import urllib.request

KEYS = [f"k{n}" for n in range(50)]
ROUNDS = 10
"""500 changes: enough to show 99 % at every look."""


def ask(worker, stage, method="GET"):
    """Status and document, as Argo Rollouts (GET) or Flagger (POST) would get them."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{worker.port}/gate/{stage}", method=method, data=b"{}"
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def verdict_becomes(worker, wanted, seconds=60.0):
    deadline = time.monotonic() + seconds
    while (found := ask(worker, "sync"))[1]["verdict"] != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(1.0)
    return found


def test_a_running_worker_serves_its_gates_to_argo_rollouts_and_flagger(migration):
    worker = migration.start().ready()
    status, document = ask(worker, "sync")
    assert (200, "inconclusive") == (status, document["verdict"])
    assert 412 == ask(worker, "sync", "POST")[0]
    migration.insert(dict.fromkeys(KEYS, 1))
    for number in range(ROUNDS):
        migration.write(dict.fromkeys(KEYS, 100 + number))
    status, document = verdict_becomes(worker, "pass")
    assert (200, migration.name) == (status, document["migration"])
    assert 200 == ask(worker, "sync", "POST")[0]
    migration.write(dict.fromkeys(KEYS, 5000), follow={"k3": 1})
    assert 200 == verdict_becomes(worker, "fail")[0]
    assert 412 == ask(worker, "sync", "POST")[0]
    assert (404, 405) == (ask(worker, "launch")[0], ask(worker, "sync", "PUT")[0])
    code, seconds = worker.terminate()
    assert (0, True) == (code, seconds < 5)
