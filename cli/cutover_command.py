"""`figwatch cutover plan|check|record`: the moment at which authority turns round."""

import datetime as dt
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from figwatch.cli.console import print_json, print_table, print_text
from figwatch.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, load
from figwatch.validators.errors import ConfigurationError, ExitCode

if TYPE_CHECKING:
    from figwatch.connectors.config.root import Config
    from figwatch.validators.writes.cutover import Cutover

app = typer.Typer(help="The moment at which authority turns round.", no_args_is_help=True)

To = Annotated[str, typer.Option("--to", help="The side that is to lead.")]
Pairs = Annotated[list[str], typer.Option("--pair", help="Only these pairs; all by default.")]
Fenced = Annotated[
    str, typer.Option(help="When writes were fenced, ISO 8601; by default the newest change.")
]
Quiet = Annotated[
    float, typer.Option(min=0, max=3600, help="Seconds of the leader's log without a change.")
]
QUIET_SECONDS = 5.0
PLAN = (
    ("fenced", "stop every write at {leader}: façade, jobs, people", "figwatch sees it in the log"),
    ("captured", "nothing to do", "the end of {leader}'s topics is noted"),
    ("drained", "let the replicator finish", "its committed offsets pass that position"),
    ("verified", "nothing to do", "every key is equal beyond the fence"),
    ("way_back", "start the replicator from {follower} to {leader}", "two_way: true for the pairs"),
    ("switched", "route writes to {follower}", "figwatch cutover record --to {follower}"),
)


@app.callback()
def _group() -> None:
    """The moment at which authority turns round."""


@app.command()
def plan(
    to: To = "",
    pair: Pairs = [],  # noqa: B006  # typer copies it
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
    fenced_at: Fenced = "",
    quiet_seconds: Quiet = QUIET_SECONDS,
) -> None:
    """Show the safe order, what each step is proved by, and where it stands. Read-only."""
    settings = load(config)
    follower = to or settings.target_side
    leader = next(name for name in settings.sides if name != follower)
    found = _look(settings, follower, pair, fenced_at, quiet_seconds)
    state = {step.name: step for step in found.steps}
    steps = []
    for name, do, proof in PLAN:
        step = state.get(name)
        steps.append(
            {
                "step": name,
                "do": do.format(leader=leader, follower=follower),
                "proof": proof.format(leader=leader, follower=follower),
                "state": step.answer.value if step else "pass" if found.switched else "",
                "found": step.found if step else "",
            }
        )
    if as_json:
        print_json({"schema_version": 1, "to": follower, "steps": steps})
        return
    print_table(f"{leader} to {follower}", tuple(steps[0]), [tuple(s.values()) for s in steps])


@app.command()
def check(
    to: To = "",
    pair: Pairs = [],  # noqa: B006
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
    fenced_at: Fenced = "",
    quiet_seconds: Quiet = QUIET_SECONDS,
) -> None:
    """May authority move now? Read-only.

    Exits 0 when everything before the switch holds (or the switch was made, and was clean), 1 when
    something is wrong, 3 when something remains.
    """
    settings = load(config)
    found = _look(settings, to or settings.target_side, pair, fenced_at, quiet_seconds)
    _print(found, as_json=as_json)
    raise typer.Exit(_exit(found))


@app.command()
def record(
    to: To = "",
    pair: Pairs = [],  # noqa: B006
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
    at: Annotated[
        str, typer.Option(help="From when on the new side's writes count, ISO 8601; now.")
    ] = "",
    fenced_at: Fenced = "",
    quiet_seconds: Quiet = QUIET_SECONDS,
    unchecked: Annotated[
        bool, typer.Option(help="Although the check does not pass: it has happened.")
    ] = False,
) -> None:
    """Tell figwatch that authority moves: record it before the first write reaches the new side.

    Writes to figwatch's own topic only. Refuses, with the check's exit code, while the check does
    not pass.
    """
    from figwatch.connectors.cutover import lead_of, pairs_of, record_turn

    settings = load(config)
    follower = to or settings.target_side
    names = pairs_of(settings, list(pair))
    one_way = [p.name for p in settings.pairs if p.name in names and not p.two_way]
    if one_way:
        raise ConfigurationError(
            "cutover.one-way", f"pair `{one_way[0]}` is judged in one direction only",
            "pairs", "set two_way: true, and restart the workers before the cutover",
        )  # fmt: skip
    at_us = _instant(at, "--at") if at else time.time_ns() // 1000
    if not unchecked:
        found = _look(settings, follower, pair, fenced_at, quiet_seconds)
        if _exit(found) is not ExitCode.OK or found.switched:
            _print(found, as_json=as_json)
            raise typer.Exit(_exit(found))
    partitions = record_turn(settings, names, at_us, lead_of(settings, follower))
    if as_json:
        print_json({"at_us": at_us, "to": follower, "pairs": names, "partitions": partitions})
    else:
        print_text(f"{follower} leads {', '.join(names)} from {_text(at_us)} on")


def _look(
    config: "Config", to: str, pairs: list[str], fenced_at: str, quiet_seconds: float
) -> "Cutover":
    from figwatch.connectors.cutover import lead_of, pairs_of, read_facts
    from figwatch.validators.writes.cutover import CutoverCriteria, assess_cutover

    fenced_us = _instant(fenced_at, "--fenced-at") if fenced_at else 0
    names, lead = pairs_of(config, list(pairs)), lead_of(config, to)
    facts = read_facts(config, names, lead, fenced_us)
    return assess_cutover(facts, CutoverCriteria(round(quiet_seconds * 1e6)))


def _exit(found: "Cutover") -> ExitCode:
    from figwatch.validators.stages.criterion import Answer

    return {Answer.PASS: ExitCode.OK, Answer.FAIL: ExitCode.FAIL}.get(
        found.answer, ExitCode.INCONCLUSIVE
    )


def _print(found: "Cutover", *, as_json: bool) -> None:
    if as_json:
        document: dict[str, Any] = {
            "schema_version": 1,
            "verdict": found.answer.value,
            "switch": found.may_switch and not found.switched,
            "switched": found.switched,
            "fence_us": found.fence_us,
            "position": found.position,
            "steps": [
                {"step": s.name, "what": s.what, "verdict": s.answer.value, "found": s.found,
                 "remains": s.remains}
                for s in found.steps
            ],
        }  # fmt: skip
        print_json(document)
        return
    rows = [(s.name, s.answer.value, s.found, s.remains) for s in found.steps]
    print_table("", ("step", "verdict", "found", "remains"), rows)
    if found.may_switch and not found.switched:
        print_text("switch")


def _instant(text: str, option: str) -> int:
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            "cutover.instant", f"`{text}` is no time", option, "write 2026-03-01T12:00:00Z"
        ) from None
    at = at if at.tzinfo is not None else at.replace(tzinfo=dt.UTC)
    return round(at.timestamp() * 1e6)


def _text(at_us: int) -> str:
    return dt.datetime.fromtimestamp(at_us / 1e6, tz=dt.UTC).isoformat()
