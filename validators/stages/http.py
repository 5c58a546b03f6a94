"""Gates over HTTP, for deployment controllers. Pure: the caller evaluates and sends.

    GET  /gate/STAGE       Argo Rollouts, `web` metric provider: always 200 with a JSON verdict.
                           successCondition: result.verdict == "pass",
                           failureCondition: result.verdict == "fail"; anything else pauses.
    POST /gate/STAGE       Flagger webhook: 200 only on pass, 412 otherwise; the body is not read.

Where the gate cannot be evaluated at all, both get 503 and the reason: an error is no verdict.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from figwatch.validators.errors import FigwatchError
from figwatch.validators.stages.document import GateDocument

PREFIX = "/gate/"
FRESH_US = 5_000_000
"""An answer may be given again for this long: controllers ask often, and evidence costs."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What to send."""

    status: int
    body: bytes
    content_type: str = "application/json"


Evaluate = Callable[[str], GateDocument]
"""Stage to the gate's answer; raises FigwatchError where it cannot be had."""


class GateHandler:
    """Answers requests below `/gate/`. Not for several threads at once."""

    def __init__(self, evaluate: Evaluate, stages: tuple[str, ...]) -> None:
        self._evaluate = evaluate
        self._stages = stages
        self._kept: dict[str, tuple[int, GateDocument]] = {}

    def handle(self, method: str, path: str, now_us: int) -> HttpAnswer:
        """Answer one request."""
        stage = path.removeprefix(PREFIX).rstrip("/")
        if not path.startswith(PREFIX) or stage not in self._stages:
            return _problem(404, f"no such gate; {PREFIX}STAGE with {', '.join(self._stages)}")
        if method not in {"GET", "HEAD", "POST"}:
            return _problem(405, "GET for Argo Rollouts, POST for Flagger")
        try:
            document = self._fresh(stage, now_us)
        except FigwatchError as error:
            return _problem(503, str(error.problems[0]))
        refused = method == "POST" and document.verdict != "pass"
        return HttpAnswer(412 if refused else 200, msgspec.json.encode(document))

    def _fresh(self, stage: str, now_us: int) -> GateDocument:
        kept = self._kept.get(stage)
        if kept and 0 <= now_us - kept[0] < FRESH_US:
            return kept[1]
        document = self._evaluate(stage)
        self._kept[stage] = (now_us, document)
        return document


def _problem(status: int, text: str) -> HttpAnswer:
    return HttpAnswer(status, msgspec.json.encode({"verdict": "inconclusive", "error": text}))
