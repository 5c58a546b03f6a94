"""`figwatch shadow`: the same GET to monolith and service, the answers compared by the mapping.

Nothing but GET is sent, at a bounded rate. Only counts are kept, no answers. A row may change
between the two requests: what differs is asked again, and counts once it still differs.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

from figwatch.connectors.config.columns import column_rule
from figwatch.connectors.config.stages import ShadowConfig
from figwatch.connectors.stage_evidence.baseline import ShadowResult
from figwatch.connectors.stage_evidence.problems import FileContent, read_whole
from figwatch.validators.canonical.numbers import BadValueError
from figwatch.validators.canonical.rows import Placeholder
from figwatch.validators.change import Side
from figwatch.validators.errors import FigwatchError
from figwatch.validators.mapping.agreement import Agreement
from figwatch.validators.mapping.atoms import column_atom
from figwatch.validators.mapping.rules import ColumnRule
from figwatch.validators.stages.facts import Origin, Share

NOT_FOUND = 404
ANSWER_BYTES_MAX = 1_000_000
ABSENT = object()
NO_PLACEHOLDER = Placeholder("\0figwatch: no placeholder")
STATUS = "status"
Read = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """Members of a JSON object; None: there is no such item. `error`: no usable answer."""

    members: Mapping[str, Any] | None = None
    error: str = ""


@dataclass(slots=True)
class Tally:
    """Counts of a run."""

    asked: int = 0
    absent: int = 0
    """Items that neither system has: such an answer compares nothing, and is no sample."""
    same: int = 0
    unanswered: int = 0
    differing: dict[str, int] = field(default_factory=dict)


class Comparison:
    """The members that must agree, each read on both sides by the rules of pairs."""

    def __init__(self, config: ShadowConfig) -> None:
        self._fields: list[tuple[ColumnRule, Read, Read]] = []
        for name, given in config.fields.items():
            rule = column_rule(name, given)
            agreement = Agreement("shadow", rule, dict.fromkeys(Side))
            source, target = (_reader(agreement, side) for side in Side)
            self._fields.append((rule, source, target))

    def differing(self, source: Answer, target: Answer) -> list[str]:
        """Members that differ; `status` where one side has the item and the other does not."""
        if source.members is None or target.members is None:
            return [] if source.members is target.members else [STATUS]
        found = []
        for rule, read_source, read_target in self._fields:
            left = _read(read_source, _raw(rule, Side.SOURCE, source.members))
            right = _read(read_target, _raw(rule, Side.TARGET, target.members))
            if left is ABSENT or right is ABSENT or left != right:
                found.append(rule.name)
        return found


def _raw(rule: ColumnRule, side: Side, members: Mapping[str, Any]) -> Any:
    """What the rule reads of one side: a member, several for `concat`, none for a constant."""
    names = rule.columns(side)
    if not names:
        return None
    values = [members.get(name, ABSENT) for name in names]
    if any(value is ABSENT for value in values):
        return ABSENT
    return values if side is Side.SOURCE and rule.transforms.concat else values[0]


def _reader(agreement: Agreement, side: Side) -> Read:
    atom_of = column_atom(agreement, side, {}, NO_PLACEHOLDER)
    return lambda raw: atom_of(raw, 0)


def _read(read: Read, raw: Any) -> Any:
    """A canonical value; ABSENT for one that is not there or not of its type: it never agrees."""
    if raw is ABSENT:
        return ABSENT
    try:
        return read(raw)
    except (BadValueError, ValueError, TypeError, ArithmeticError):
        return ABSENT


def paths_of(config: ShadowConfig, seed: int) -> list[str]:
    """A random sample of the file's paths, in random order.

    Raises:
        FigwatchError: the file cannot be read or holds no path.
    """
    content = read_whole(config.requests, "list of requests")
    if not isinstance(content, FileContent):
        raise FigwatchError("shadow.requests", content.cause, fix=content.remedy)
    lines = {line.strip() for line in content.data.decode(errors="replace").splitlines()}
    paths = sorted(line for line in lines if line.startswith("/"))
    if not paths:
        raise FigwatchError(
            "shadow.requests",
            f"{config.requests} holds no path",
            fix="one path a line, beginning with /: /api/inventory/7",
        )
    return random.Random(seed).sample(paths, min(len(paths), config.sample_max))  # noqa: S311  # a sample, no secret


def run(
    config: ShadowConfig, paths: list[str], timeout_seconds: float, progress: Callable[[int], None]
) -> ShadowResult:
    """Ask both systems for every path."""
    comparison = Comparison(config)
    tally = Tally()
    started_us = time.time_ns() // 1000
    with httpx.Client(timeout=timeout_seconds, follow_redirects=False) as client:
        for path in paths:
            next_at = time.monotonic() + 1 / config.per_second_max
            source, target, differing = _compare(client, config, comparison, path)
            if differing and not (source.error or target.error):
                time.sleep(config.retry_seconds)
                source, target, differing = _compare(client, config, comparison, path)
            tally.asked += 1
            tally.unanswered += bool(source.error or target.error)
            absent = not (source.error or target.error or differing) and source.members is None
            tally.absent += absent
            tally.same += not (differing or source.error or target.error or absent)
            for name in differing:
                tally.differing[name] = tally.differing.get(name, 0) + 1
            progress(tally.asked)
            time.sleep(max(0.0, next_at - time.monotonic()))
    ended_us = time.time_ns() // 1000
    counts = ((tally.unanswered, "without a usable answer count as different"),
              (tally.absent, "that neither system has are no samples"))  # fmt: skip
    notes = tuple(f"{count} requests {what}" for count, what in counts if count)
    total = tally.asked - tally.absent
    origin = Origin("shadow", config.requests, ended_us, started_us, total, notes=notes)
    share = Share("shadow_reads", origin, tally.same, total)
    return ShadowResult(share, tally.unanswered, tally.differing)


def _compare(
    client: httpx.Client, config: ShadowConfig, comparison: Comparison, path: str
) -> tuple[Answer, Answer, list[str]]:
    source, target = (_ask(client, base, path) for base in (config.monolith, config.service))
    if source.error or target.error:
        return source, target, []
    return source, target, comparison.differing(source, target)


def _ask(client: httpx.Client, base: str, path: str) -> Answer:
    try:
        response = client.get(base.rstrip("/") + path)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Answer(error=type(error).__name__)
    if response.status_code == NOT_FOUND:
        return Answer()
    if not response.is_success or len(response.content) > ANSWER_BYTES_MAX:
        return Answer(error=f"status {response.status_code}")
    try:
        body = msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        return Answer(error="no JSON")
    return Answer(body) if isinstance(body, dict) else Answer(error="no JSON object")
