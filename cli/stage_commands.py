"""What people record for the gates: `approve`, `baseline`, `shadow`; `stages`: where all stand."""

import pathlib
import time
from typing import TYPE_CHECKING, Annotated

import typer

from figwatch.cli.console import note, print_json, print_table, print_text
from figwatch.cli.gate_command import Stage
from figwatch.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, load
from figwatch.validators.errors import ConfigurationError, ExitCode, FigwatchError

if TYPE_CHECKING:
    from figwatch.connectors.config.root import Config
    from figwatch.connectors.stage_evidence.baseline import Baseline

PROGRESS_EVERY = 500


def approve(
    document: Annotated[str, typer.Argument(help="Path of the document, as in figwatch.yaml.")],
    by: Annotated[str, typer.Option(help="Who approves.", min=1)],
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
    comment: Annotated[str, typer.Option(help="Why, or with which reservation.")] = "",
) -> None:
    """Record that somebody agrees with a document of stage `prepare` as it is now.

    The approval is of these bytes: once the file is changed, it is approved no more. Who somebody
    is, figwatch cannot know: keep the file of approvals under version control.
    """
    from figwatch.connectors.stage_evidence.approvals import append_approval
    from figwatch.connectors.stage_evidence.documents import DOCUMENT_BYTES_MAX, digest
    from figwatch.connectors.stage_evidence.gate import state_folder
    from figwatch.connectors.stage_evidence.problems import FileContent, read_whole
    from figwatch.validators.stages.facts import Approval

    settings = load(config)
    known = [each.path for each in settings.gates.prepare.documents]
    if document not in known:
        raise ConfigurationError(
            "approve.unknown",
            f"{document} is no document of this migration",
            "gates.prepare.documents",
            f"the documents are: {', '.join(known) or 'none'}",
        )
    if not by.strip():
        raise ConfigurationError("approve.nobody", "nobody approves", "--by", "name somebody")
    content = read_whole(document, "document", DOCUMENT_BYTES_MAX)
    if not isinstance(content, FileContent):
        raise FigwatchError("approve.document", content.cause, document, content.remedy)
    approval = Approval(by.strip(), time.time_ns() // 1000, document, digest(content.data), comment)
    append_approval(state_folder(settings), approval)
    if as_json:
        print_json(approval)
    else:
        print_text(f"{document} (sha256 {approval.sha256}) is approved by {approval.by}")


def baseline(
    stage: Annotated[Stage, typer.Option(help="reads, writes or decommission.")],
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
    hours: Annotated[
        float, typer.Option(min=0.01, max=2160, help="How far back requests count.")
    ] = 24.0,
) -> None:
    """Record what the monolith does now, for the gate of a stage to compare with.

    reads, writes: its timely answers and errors, from the façade. decommission: the counters of the
    legacy tables (from now on they must be still), lines of code, CPU and memory. Exits 3 when a
    part could not be recorded; nothing is written then.
    """
    import msgspec

    from figwatch.connectors.stage_evidence.baseline import baseline_path, write_whole
    from figwatch.connectors.stage_evidence.decommission import record
    from figwatch.connectors.stage_evidence.gate import prometheus, state_folder

    settings = load(config)
    if stage is Stage.DECOMMISSION:
        recorded, problems = record(settings, prometheus(settings))
    elif stage in {Stage.READS, Stage.WRITES}:
        recorded, problems = _traffic_baseline(settings, stage, hours)
    else:
        raise ConfigurationError(
            "baseline.stage", f"stage {stage.value} compares with nothing", "--stage",
            "reads, writes or decommission",
        )  # fmt: skip
    for problem in problems:
        note(f"not recorded: {problem}")
    if problems:
        raise typer.Exit(ExitCode.INCONCLUSIVE)
    data = msgspec.json.format(msgspec.json.encode(recorded), indent=2) + b"\n"
    write_whole(baseline_path(state_folder(settings), stage.value), data)
    if as_json:
        print_json(recorded)
    else:
        path = baseline_path(state_folder(settings), stage.value)
        print_text(f"the baseline of stage {stage.value} is in {path}")


def _traffic_baseline(config: "Config", stage: Stage, hours: float) -> "tuple[Baseline, list[str]]":
    from figwatch.connectors.stage_evidence.baseline import Baseline
    from figwatch.connectors.stage_evidence.gate import read_traffic
    from figwatch.connectors.stage_evidence.traffic import Window

    settings = config.gates.reads if stage is Stage.READS else config.gates.writes
    now_us = time.time_ns() // 1000
    window = Window("", now_us - round(hours * 3.6e9), now_us)
    in_time, without_error = read_traffic(config, settings, window, baseline=True)
    problems = []
    for name, share in (("latency", in_time), ("errors", without_error)):
        if share is None:
            problems.append(f"{name}: set gates.{stage.value}.traffic and gates.prometheus")
        elif share.origin.problem:
            problems.append(f"{name}: {share.origin.problem}; {share.origin.remedy}")
    recorded = Baseline(
        stage.value, now_us, in_time, without_error, latency_seconds=settings.latency_seconds
    )
    return recorded, problems


def shadow(
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
    seed: Annotated[int, typer.Option(help="Choose the same sample again.")] = 0,
) -> None:
    """Send the same GET requests to both systems and compare the answers by the mapping.

    Exits 0 when all agree, 1 when one differs, 3 when nothing was compared.
    """
    import msgspec

    from figwatch.connectors.stage_evidence.baseline import shadow_path, write_whole
    from figwatch.connectors.stage_evidence.gate import state_folder
    from figwatch.connectors.stage_evidence.shadow import paths_of, run

    settings = load(config)
    chosen = settings.gates.reads.shadow
    if chosen is None:
        raise ConfigurationError(
            "shadow.unset", "nothing says what to ask", "gates.reads.shadow",
            "docs/stages.md has an example",
        )  # fmt: skip
    paths = paths_of(chosen, seed or time.time_ns())

    def progress(asked: int) -> None:
        if asked % PROGRESS_EVERY == 0:
            note(f"{asked} of {len(paths)} requests")

    result = run(chosen, paths, settings.limits.http_timeout_seconds, progress)
    write_whole(shadow_path(state_folder(settings)), msgspec.json.encode(result))
    share = result.share
    if as_json:
        print_json(result)
    else:
        print_text(f"{share.passed} of {share.total} answers agree")
        for name, count in sorted(result.differing.items()):
            print_text(f"{name}: {count} differ")
        for text in share.origin.notes:
            print_text(text)
    if not share.total:
        raise typer.Exit(ExitCode.INCONCLUSIVE)
    raise typer.Exit(ExitCode.OK if share.passed == share.total else ExitCode.FAIL)


def stages(
    configs: Annotated[
        list[pathlib.Path], typer.Argument(help="figwatch.yaml of each migration, or their folder.")
    ],
    as_json: AsJson = False,
) -> None:
    """Show at which stage each migration of this installation is, by its reports.

    The stage is the one after the last that a report passed, in the order of the stages; a failed
    or inconclusive report of an earlier stage takes it back. Nothing is evaluated anew.
    """
    from figwatch.connectors.stage_evidence.progress import progress_of

    files = [file for path in configs for file in _config_files(path)]
    if not files:
        raise ConfigurationError("stages.none", "there is no configuration file there")
    settings = [load(file) for file in files]
    names = [config.migration for config in settings]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ConfigurationError(
            "stages.duplicate",
            f"two migrations are called {', '.join(repeated)}",
            fix="give each a `migration` name of its own: their topics and reports carry it",
        )
    found = [progress_of(config) for config in settings]
    if as_json:
        print_json(found)
        return
    rows = [(p.migration, p.stage, p.last_report or "-", p.last_verdict or "-") for p in found]
    print_table("", ("migration", "stage", "last report", "verdict"), rows)


def _config_files(path: pathlib.Path) -> list[pathlib.Path]:
    if path.is_dir():
        return sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
    return [path]
