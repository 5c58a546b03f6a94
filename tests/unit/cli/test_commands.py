"""Commands without a migration at hand: usage, errors, exit codes, streams of output."""

import json
import os
import pathlib
import re
import subprocess
import sys

import msgspec
import pytest

from figwatch.cli.boundary import exit_code_of
from figwatch.cli.console import print_table
from figwatch.connectors.capture import RawRecord
from figwatch.validators.errors import ConfigurationError, ExitCode, FigwatchError, Problem

COMMANDS = "run status findings explain replay doctor init demo simulate gate config sandbox"
HELP_SECONDS_MAX = 0.4
NO_BROKER = "127.0.0.1:1"


def test_every_command_is_listed_and_has_help(figwatch):
    listed = figwatch("--help")
    assert ExitCode.OK == listed.code
    for command in COMMANDS.split():
        assert re.search(rf"^\W*{command}\b", listed.out, re.MULTILINE), command
        assert ExitCode.OK == figwatch(command, "--help").code


@pytest.mark.parametrize(
    "command",
    [
        ("run",), ("status",), ("findings",), ("explain",), ("replay",), ("doctor",), ("init",),
        ("gate", "check"), ("config", "check"), ("config", "schema"),
    ],
)  # fmt: skip
def test_every_command_takes_config_and_json(figwatch, command):
    told = figwatch(*command, "--help").out
    assert "--config" in told
    assert "--json" in told


def test_help_is_quick():
    command = [sys.executable, "-c", "from figwatch.cli.main import main; main()", "--help"]
    seconds = []
    for _ in range(5):  # of the processor, and the least of a few: other programs want it too
        began = sum(os.times()[2:4])
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(sum(os.times()[2:4]) - began)
    assert min(seconds) < HELP_SECONDS_MAX


def test_help_imports_none_of_the_heavy_libraries():
    script = (
        "import sys\nfrom figwatch.cli.boundary import exit_code_of\n"
        "from figwatch.cli.main import app\nexit_code_of(lambda: app(['--help']))\n"
        "heavy = {'faust', 'scipy', 'confluent_kafka', 'psycopg', 'pydantic', 'httpx'}\n"
        "sys.exit(','.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (0, b"") == (done.returncode, done.stderr)


def test_a_wrong_option_is_a_usage_error(figwatch):
    assert ExitCode.USAGE == figwatch("status", "--nonsense").code
    assert ExitCode.USAGE == figwatch("gate", "check", "--stage", "nonsense").code
    assert ExitCode.USAGE == figwatch("nonsense").code


def test_an_error_is_told_on_stderr_with_place_and_fix_and_no_traceback(figwatch, tmp_path):
    (tmp_path / "figwatch.yaml").write_text("migration: inventory\nsidez: {}\n")
    ran = figwatch("status", "--json")
    assert (ExitCode.USAGE, "") == (ran.code, ran.out)
    assert "`sidez` is not a setting [config.unknown-field]" in ran.err
    assert "at:  sidez, figwatch.yaml:2:1" in ran.err
    assert "fix: did you mean `sides`?" in ran.err
    assert "Traceback" not in ran.err


def test_debug_shows_the_traceback(figwatch, monkeypatch):
    monkeypatch.setenv("FIGWATCH_DEBUG", "1")
    assert "Traceback" in figwatch("status").err


def test_an_unexpected_error_is_told_shortly_with_its_details_in_a_file(capsys):
    def broken() -> None:
        raise ZeroDivisionError("details")

    assert ExitCode.ERROR == exit_code_of(broken)
    told = capsys.readouterr().err
    assert "Traceback" not in told
    file = pathlib.Path(re.search(r"details are in (\S+);", told)[1])
    assert "ZeroDivisionError: details" in file.read_text()
    file.unlink()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FigwatchError("x", "away"), ExitCode.ERROR),
        (ConfigurationError("x", "wrong"), ExitCode.USAGE),
        (KeyboardInterrupt(), 130),
        (SystemExit(3), 3),
        (BrokenPipeError(), ExitCode.OK),
    ],
)
def test_each_kind_of_end_has_its_exit_code(monkeypatch, error, code):
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # a broken pipe replaces it

    def ends() -> None:
        raise error

    assert code == exit_code_of(ends)


def test_several_problems_are_all_told(capsys):
    def wrong() -> None:
        raise ConfigurationError.of((Problem("a", "first"), Problem("b", "second")))

    exit_code_of(wrong)
    told = capsys.readouterr().err
    assert told.index("first") < told.index("second")


def test_no_colour_goes_into_a_pipe_nor_where_it_is_not_wanted():
    environment = {**os.environ, "NO_COLOR": "1"}
    command = [sys.executable, "-c", "from figwatch.cli.main import main; main()", "status"]
    done = subprocess.run(command, capture_output=True, check=False, env=environment, cwd="/")
    assert ExitCode.USAGE == done.returncode
    assert b"\x1b" not in done.stderr


def test_a_table_off_a_terminal_is_plain_aligned_text(capsys):
    print_table("", ("name", "count"), [("a", 5), ("long", 10)])
    assert "name  count\na         5\nlong     10\n" == capsys.readouterr().out


# -- init and config


def test_init_writes_a_file_that_loads_and_never_overwrites_it(figwatch, tmp_path):
    assert ExitCode.OK == figwatch("init").code
    assert ExitCode.OK == figwatch("config", "check").code
    written = (tmp_path / "figwatch.yaml").read_text()
    again = figwatch("init", "--migration", "orders")
    assert ExitCode.USAGE == again.code
    assert "--force" in again.err
    assert written == (tmp_path / "figwatch.yaml").read_text()
    assert ExitCode.OK == figwatch("init", "--migration", "orders", "--force").code
    assert "migration: orders" in (tmp_path / "figwatch.yaml").read_text()


def test_init_takes_sides_pairs_and_group_from_its_flags(figwatch, tmp_path):
    pair = "lines=shop.lines:public.order_lines"
    options = ("--source", "shop:sh", "--target", "orders", "--consumer-group", "g", "--pair", pair)
    assert ExitCode.OK == figwatch("init", *options).code
    text = (tmp_path / "figwatch.yaml").read_text()
    assert "topic_prefix: sh" in text
    assert "consumer_group: g" in text
    assert "target: public.order_lines" in text


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--pair", "stock"), "usage.pair"),
        (("--from-database", "monolith=postgresql://u:hunter2@h/d"), "usage.from-database"),
        (("--from-database", "nobody=DSN"), "usage.unknown-side"),
        (("--from-database", "monolith=FIGWATCH_TEST_UNSET"), "config.secret-unset"),
        (("--migration", "Not A Name"), "config.wrong-value"),
    ],
)
def test_init_refuses_what_cannot_be_and_writes_nothing(figwatch, tmp_path, options, code):
    ran = figwatch("init", *options)
    assert ExitCode.USAGE == ran.code
    assert f"[{code}]" in ran.err
    assert "hunter2" not in ran.err
    assert not (tmp_path / "figwatch.yaml").exists()


def test_config_check_reads_the_secrets_unless_told_not_to(figwatch, tmp_path):
    figwatch("init", "--from-database", "monolith=FIGWATCH_TEST_UNSET")
    figwatch("init")
    text = (tmp_path / "figwatch.yaml").read_text()
    (tmp_path / "figwatch.yaml").write_text(
        text.replace("topic_prefix: service", "topic_prefix: s\n    database: env:FIGWATCH_UNSET")
    )
    assert ExitCode.USAGE == figwatch("config", "check").code
    assert ExitCode.OK == figwatch("config", "check", "--no-secrets").code


def test_the_schema_is_json_and_describes_every_field(figwatch):
    ran = figwatch("config", "schema")
    schema = json.loads(ran.out)
    sections = [schema, *schema["$defs"].values()]
    undescribed = [
        f"{section.get('title')}.{name}"
        for section in sections
        for name, field in section["properties"].items()
        if not field.get("description")
    ]
    assert ExitCode.OK == ran.code
    assert [] == undescribed
    assert False is schema["additionalProperties"]


# -- commands that need Kafka, without one


@pytest.mark.parametrize(
    "command",
    [("status",), ("findings",), ("gate", "check", "--stage", "sync"), ("explain", "stock", "7")],
)
def test_without_a_broker_nothing_can_be_evaluated(figwatch, tmp_path, command):
    figwatch("init", "--bootstrap-servers", NO_BROKER)
    with (tmp_path / "figwatch.yaml").open("a") as file:
        file.write("limits: {kafka_timeout_seconds: 0.5}\n")
    ran = figwatch(*command, "--json")
    assert (ExitCode.ERROR, "") == (ran.code, ran.out)
    assert "[kafka.unreachable]" in ran.err
    assert "kafka.bootstrap_servers" in ran.err


def test_doctor_without_anything_says_what_it_could_not_check(figwatch, tmp_path):
    figwatch("init", "--bootstrap-servers", NO_BROKER)
    with (tmp_path / "figwatch.yaml").open("a") as file:
        file.write("limits: {kafka_timeout_seconds: 0.5}\n")
    ran = figwatch("doctor", "--json")
    document = json.loads(ran.out)
    assert ExitCode.FAIL == ran.code  # no heartbeat rows, no group: known without asking anybody
    unchecked = {c["name"] for c in document["checks"] if c["outcome"] == "could_not_check"}
    assert {"topic", "heartbeat", "connector", "database"} == unchecked


def test_an_unknown_pair_is_guessed_at(figwatch):
    figwatch("init")
    ran = figwatch("findings", "--pair", "stok")
    assert ExitCode.USAGE == ran.code
    assert "did you mean `stock`?" in ran.err


@pytest.mark.parametrize("key", ["{", '{"id": 1, "b": 2}', "id=1,b=2"])
def test_a_key_that_is_not_the_pairs_is_refused(figwatch, key):
    figwatch("init")
    ran = figwatch("explain", "stock", key)
    assert ExitCode.USAGE == ran.code
    assert "[usage.key]" in ran.err
    assert "fix: id=..." in ran.err


# -- replay


def capture(path: pathlib.Path) -> pathlib.Path:
    """One row on the source's side, none on the target's."""
    source = {"ts_us": 1_700_000_000_000_000, "snapshot": "false", "lsn": 5, "txId": 1}
    value = {"before": None, "after": {"id": 7}, "source": source, "op": "c", "ts_ms": 0}
    line = {
        "topic": "monolith.public.inventory",
        "partition": 0,
        "offset": 0,
        "ts": 1_700_000_000_050,
        "headers": [],
        "key": '{"id":7}',
        "payload": json.dumps(value),
    }
    path.write_text(json.dumps(line) + "\n")
    return path


def test_replay_prints_the_public_document(figwatch, tmp_path):
    figwatch("init")
    ran = figwatch("replay", "--json", str(capture(tmp_path / "capture.jsonl")))
    document = json.loads(ran.out)
    assert ExitCode.OK == ran.code
    assert 1 == document["schema_version"]
    assert 1 == sum(document["pairs"]["stock"]["keys"].values())
    assert "stock" in figwatch("replay", str(tmp_path / "capture.jsonl")).out


def test_replay_of_a_damaged_file_names_the_line(figwatch, tmp_path):
    figwatch("init")
    file = capture(tmp_path / "capture.jsonl")
    file.write_text(file.read_text() + "{broken\n")
    ran = figwatch("replay", str(file))
    assert ExitCode.ERROR == ran.code
    assert f"{file}:2" in ran.err


def test_a_raw_record_shows_its_row_and_nothing_where_it_has_none():
    from figwatch.connectors.raw_values import raw_row

    def record(value: bytes | None) -> RawRecord:
        return RawRecord("t", 0, 0, 0, (), b"{}", value)

    event = {"op": "u", "after": {"id": 1}, "before": None, "source": {}}
    assert {"id": 1} == raw_row(record(msgspec.json.encode(event)))
    assert None is raw_row(record(None))
    assert None is raw_row(record(b"\xff\xff"))
