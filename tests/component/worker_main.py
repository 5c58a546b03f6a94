"""A worker process of the component tests: `python worker_main.py CONFIG.json`.

FIGWATCH_TEST_FAULT=judge|state|findings makes one call fail, once, in the midst of the data; the
file `failed` in the working folder remembers that it did.
"""

import json
import logging
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from plain import PlainDecoder

from figwatch.connectors.config.pair_rules import pair_rules
from figwatch.connectors.config.root import Config
from figwatch.streams import table
from figwatch.streams.judge_agent import Seat
from figwatch.streams.run import run_worker
from figwatch.validators.change import Change
from figwatch.validators.errors import FigwatchError
from figwatch.validators.judge import Judge

FAULT = os.environ.get("FIGWATCH_TEST_FAULT", "")
FAILED = Path("failed")
AFTER_CHANGES = 30


def fail_once(calls):
    if calls >= AFTER_CHANGES and not FAILED.exists():
        FAILED.touch()
        raise RuntimeError("a planted fault")


class FaultyJudge(Judge):
    calls = 0

    def apply(self, record, now_us):
        if FAULT == "judge" and isinstance(record, Change):
            FaultyJudge.calls += 1
            fail_once(FaultyJudge.calls)
        super().apply(record, now_us)


def plant():
    calls = {"n": 0}
    original = {"state": table.JoinTable.write, "findings": Seat._publish}.get(FAULT)
    if original is None:
        return

    async def faulty(self, *args):
        if FAULT == "state" or args[0]:
            calls["n"] += AFTER_CHANGES
            fail_once(calls["n"])
        return await original(self, *args)

    setattr(*((table.JoinTable, "write") if FAULT == "state" else (Seat, "_publish")), faulty)


def parts(config):
    rules = pair_rules(config)
    return PlainDecoder(config), lambda partition: FaultyJudge(rules, partition)


if __name__ == "__main__":
    logging.basicConfig(
        level=os.environ.get("FIGWATCH_TEST_LOG", "WARNING"),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    logging.getLogger("figwatch").setLevel(logging.INFO)
    logging.getLogger("figwatch.streams").setLevel(logging.WARNING)
    plant()
    try:
        code = run_worker(Config.model_validate(json.loads(Path(sys.argv[1]).read_text())), parts)
    except FigwatchError as error:
        sys.stderr.write(f"{error.problems}\n")
        code = error.exit_code
    sys.exit(code)
