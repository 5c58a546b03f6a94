"""`figwatch explain PAIR KEY`: the versions of one key on both sides, and the rule that decided."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from figwatch.cli.console import note, print_json, print_table, print_text
from figwatch.cli.findings_command import unknown_pair
from figwatch.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, load
from figwatch.cli.result_tables import instant, key_text
from figwatch.validators.errors import ConfigurationError, ExitCode, FigwatchError

if TYPE_CHECKING:
    from figwatch.connectors.config.root import Config, PairConfig
    from figwatch.connectors.debezium.avro import AvroReader
    from figwatch.connectors.debezium.decoder import Decoder
    from figwatch.connectors.key_history import History, Version
    from figwatch.connectors.replay import Replayed
    from figwatch.validators.outbox.legs import Adjustment

EXPLAIN_VERSION = 1
FINGERPRINT_CHARS = 12
LEGS_SHOWN = 5
"""Newest changes whose legs are printed; `--json` has all."""


def explain(
    pair: Annotated[str, typer.Argument(help="Name of the pair.", metavar="PAIR")],
    key: Annotated[
        str | None,
        typer.Argument(
            help="The key: 7, or item_id=7,site=north, or a JSON object; by the source's names.",
            metavar="[KEY]",
        ),
    ] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    values: Annotated[
        bool, typer.Option("--values", help="Show row values, too. They may be personal data.")
    ] = False,
    mapping: Annotated[
        bool,
        typer.Option(
            "--mapping", help="Show what each column becomes on both sides, by a newest row."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show a key's versions on both sides, the columns that differ, and why the verdict is so.

    The versions are read back from the raw topics, newest first, within
    limits.explain_records_max. Exits 3 when the key is not found there.

    Examples: figwatch explain stock 7; figwatch explain stock --mapping --values
    """
    from figwatch.connectors.debezium.decoder import Decoder
    from figwatch.connectors.key_history import read_history

    settings = load(config)
    found = settings.pair(pair)
    if found is None:
        raise unknown_pair(pair, [known.name for known in settings.pairs])
    if mapping:
        _explain_mapping(settings, found, values=values, as_json=as_json)
        return
    if key is None:
        raise _bad_key(list(found.key), "it is missing")
    names = parse_key(key, found)
    history = read_history(settings, found, _canonical(Decoder(settings), found, names))
    document = _document(settings, found, history, values=values)
    if as_json:
        print_json(document)
    else:
        _print(document, values=values)
    raise typer.Exit(ExitCode.OK if history.versions else ExitCode.INCONCLUSIVE)


def _explain_mapping(
    settings: "Config", pair: "PairConfig", *, values: bool, as_json: bool
) -> None:
    from figwatch.cli.mapping_table import mapping_document, print_mapping
    from figwatch.connectors.debezium.decoder import Decoder
    from figwatch.connectors.mapping_example import example_records

    decoder = Decoder(settings)
    try:
        records = example_records(settings, pair, decoder)
    except FigwatchError as error:
        records = {}
        note(f"no example row: {error.problems[0].cause}")
    views = decoder.explain_records(pair.name, records)
    document = mapping_document(settings, pair.name, views, values=values)
    if as_json:
        print_json(document)
    else:
        print_mapping(document)


def parse_key(text: str, pair: "PairConfig") -> dict[str, Any]:
    """The key columns out of the command line.

    Raises:
        ConfigurationError: the columns are not those of the pair's key.
    """
    names = list(pair.key)
    given: dict[str, Any]
    if text.lstrip().startswith("{"):
        try:
            given = json.loads(text)
        except ValueError:
            raise _bad_key(names, "it is no JSON") from None
    elif len(names) == 1 and not text.startswith(f"{names[0]}="):
        given = {names[0]: text}
    else:
        parts = [part.partition("=") for part in text.split(",")]
        given = {name.strip(): value.strip() for name, _, value in parts}
    if set(given) != set(names):
        raise _bad_key(names, "it does not name the key columns")
    return given


def _bad_key(names: list[str], cause: str) -> ConfigurationError:
    example = ",".join(f"{name}=..." for name in names)
    return ConfigurationError("usage.key", f"the key cannot be read: {cause}", fix=f"{example}")


def _canonical(decoder: "Decoder", pair: "PairConfig", names: dict[str, Any]) -> tuple[bytes, ...]:
    """What the key may mean: 7 is a number or a text, unless the configuration says which."""
    read = {name: _scalar(value) for name, value in names.items()}
    keys: list[bytes] = []
    for given in (read, names):
        try:
            keys.append(decoder.encode_key(pair.name, given))
        except ValueError as error:
            if given is names and not keys:
                raise _bad_key(list(pair.key), str(error)) from error
    return tuple(dict.fromkeys(keys))


def _scalar(value: Any) -> Any:
    """The number or truth value that a text of the command line spells, or the text."""
    try:
        read = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
    return read if isinstance(read, int | float) else value


def _document(
    config: "Config",
    pair: "PairConfig",
    history: "History",
    *,
    values: bool,
) -> dict[str, Any]:
    from figwatch.connectors.debezium.avro import AvroReader
    from figwatch.connectors.registry import Registry
    from figwatch.validators.explain import explain_key

    why = explain_key(history.replayed.judge, pair.name, history.key, tuple(pair.columns))
    sides = {0: config.source_side, 1: config.target_side}
    readers = {
        name: AvroReader(Registry.of(side), side.format) for name, side in config.sides.items()
    }
    ordered = sorted(history.versions, key=lambda version: version.raw.append_us)
    legs = {
        (one.trip.position, one.trip.commit_us): one
        for one in history.replayed.adjustments
        if one.trip.key == history.key
    }
    return {
        "schema_version": EXPLAIN_VERSION,
        "pair": pair.name,
        "key": dict(history.replayed.key_names(pair.name, history.key)),
        "verdict": why.verdict.name.lower() if why.verdict is not None else None,
        "rule": why.rule,
        "why": why.why,
        "reason": why.reason.name.lower() if why.reason else None,
        "remedy": why.remedy or None,
        "kind": why.kind,
        "evidence": why.evidence,
        "since_us": why.since_us,
        "columns": list(why.columns),
        "versions": [
            _version(version, sides, history.replayed, readers if values else None)
            | _legs(version, legs, config)
            for version in ordered
        ],
        "left_out": history.left_out,
        "scanned": history.scanned,
        "partial": history.partial,
    }


def _version(
    version: "Version",
    sides: dict[int, str],
    replayed: "Replayed",
    readers: "dict[str, AvroReader] | None",
) -> dict[str, Any]:
    from figwatch.connectors.raw_values import raw_row
    from figwatch.validators.change import Change

    change, raw = version.change, version.raw
    fingerprint = change.fingerprint if isinstance(change, Change) else None
    line: dict[str, Any] = {
        "side": sides[int(change.side)],
        "event": change.op.name.lower()
        if isinstance(change, Change)
        else type(change).__name__.lower(),
        "commit_us": getattr(change, "commit_us", None),
        "append_us": raw.append_us,
        "fingerprint": fingerprint.hex()[:FINGERPRINT_CHARS] if fingerprint else None,
        "topic": raw.topic,
        "partition": raw.partition,
        "offset": raw.offset,
    }
    if not isinstance(change, Change) and hasattr(change, "reason"):
        line["reason"] = change.reason
    if isinstance(change, Change) and change.moved is not None:
        line["moved"] = dict(replayed.key_names(change.pair, change.moved))
    if readers is not None:
        line["values"] = raw_row(raw, readers[sides[int(change.side)]])
    return line


def _legs(
    version: "Version",
    known: "dict[tuple[tuple[int, ...] | None, int], Adjustment]",
    config: "Config",
) -> dict[str, Any]:
    """How long the change took until the other side showed it, and its trace; of changes with an
    outbox event.
    """
    from figwatch.validators.change import Change
    from figwatch.validators.outbox.legs import legs_of

    change = version.change
    found = known.get((change.position, change.commit_us)) if isinstance(change, Change) else None
    if found is None:
        return {}
    trace = found.trip.trace
    told = {"trace_id": trace.partition("-")[0], "trace_url": config.tracing.link(trace)}
    return {"legs_us": legs_of(found)} | (told if trace else {})


def _print(document: dict[str, Any], *, values: bool) -> None:
    rows = []
    for line in document["versions"]:
        place = f"{line['topic']}[{line['partition']}]@{line['offset']}"
        event = line["event"]
        if "moved" in line:
            event += f" ({'to' if event == 'delete' else 'from'} {key_text(line['moved'])})"
        row = [line["side"], event, instant(line["commit_us"] or 0), line["fingerprint"]]
        rows.append([*row, place, *([json.dumps(line["values"], default=str)] if values else [])])
    columns = ["side", "event", "committed", "fingerprint", "record"]
    key = ", ".join(f"{name}={value}" for name, value in document["key"].items())
    print_table(f"{document['pair']} {key}", columns + ["values"] * values, rows)
    for line in [line for line in document["versions"] if "legs_us" in line][-LEGS_SHOWN:]:
        took = ", ".join(f"{leg} {us / 1000:.1f} ms" for leg, us in line["legs_us"].items())
        place = f"{line['topic']}[{line['partition']}]@{line['offset']}"
        print_text(f"{place} took: {took}")
        if line.get("trace_id"):
            print_text(f"  trace: {line['trace_url'] or line['trace_id']}")
    if document["partial"]:
        print_text(f"older records exist than the {document['scanned']} that were read")
    if document["left_out"]:
        print_text(f"{document['left_out']} older versions are left out")
    print_text(f"verdict: {document['verdict'] or 'never seen'}")
    for name in ("rule", "why", "reason", "remedy", "kind", "evidence"):
        if document.get(name):
            print_text(f"  {name}: {document[name]}")
    if document["columns"]:
        print_text(f"  differing columns: {', '.join(document['columns'])}")
