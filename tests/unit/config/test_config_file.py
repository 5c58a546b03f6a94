"""The loader: every problem at once, each with its field, its line and its fix."""

import pathlib

import pytest

from figwatch.connectors.config.file import (
    CONFIG_BYTES_MAX,
    check_secrets,
    load_config,
    parse_config,
)
from figwatch.connectors.config.secret import Secret
from figwatch.connectors.config.yaml_source import YAML_DEPTH_MAX, YAML_VALUES_MAX
from figwatch.validators.errors import ConfigurationError, ExitCode, Problem

GOOD = """\
migration: inventory
kafka: {bootstrap_servers: "localhost:9092"}
sides:
  monolith:
    topic_prefix: mono
    heartbeat_topic: __debezium-heartbeat.mono
    heartbeat_table: public.figwatch_heartbeat
    heartbeat_grace_seconds: 10
    clock_skew_seconds: 0
    format: auto
    schema_registry: http://localhost:8081
    database: env:FIGWATCH_TEST_MONOLITH_DSN
  service:
    topic_prefix: inv
    heartbeat_topic: __debezium-heartbeat.inv
    consumer_group: inventory-service
    database: env:FIGWATCH_TEST_SERVICE_DSN
authority: monolith
pairs:
  - name: stock
    source: public.inventory
    target: public.stock_levels
    key: {item_id: sku}
    columns:
      quantity: on_hand
      unit_price: {to: price, type: "decimal(2)", source_encoding: base64, target_encoding: string}
objective: {convergence_seconds: 1.0, give_up_seconds: 60}
ring_size: 8
"""


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigurationError) as caught:
        parse_config(text)
    assert ExitCode.USAGE == caught.value.exit_code
    return caught.value.problems


def only(text: str) -> Problem:
    (problem,) = problems(text)
    return problem


def test_the_example_of_the_design_loads_without_its_secrets_being_set(monkeypatch):
    monkeypatch.delenv("FIGWATCH_TEST_MONOLITH_DSN", raising=False)
    loaded = parse_config(GOOD)
    assert "figwatch-inventory" == loaded.config.app
    assert ("monolith", "service") == (loaded.config.source_side, loaded.config.target_side)
    assert ["inv.public.stock_levels"] == loaded.config.target_topics(loaded.config.pairs[0])
    assert () == loaded.warnings


@pytest.mark.parametrize(
    ("old", "new", "code", "where", "fix"),
    [
        pytest.param(
            "ring_size: 8",
            "ring_sise: 8",
            "config.unknown-field",
            "ring_sise, figwatch.yaml:28:1",
            "did you mean `ring_size`?",
            id="a misspelt field",
        ),
        pytest.param(
            "topic_prefix: inv",
            "topic_prefix: inv\n    zebra: 1",
            "config.unknown-field",
            "sides.service.zebra, figwatch.yaml:15:5",
            "remove it; known here: topic_prefix",
            id="an unknown field without a likeness",
        ),
        pytest.param(
            'type: "decimal(2)"',
            'typ: "decimal(2)"',
            "config.unknown-field",
            "pairs[0].columns.unit_price.typ, figwatch.yaml:26:31",
            "did you mean `type`?",
            id="a misspelt field of a column, told once though a column may be text",
        ),
        pytest.param(
            "ring_size: 8",
            "ring_size: eight",
            "config.wrong-type",
            "ring_size, figwatch.yaml:28:1",
            "write a whole number, without quotes",
            id="text for a number",
        ),
        pytest.param(
            "ring_size: 8",
            "ring_size: true",
            "config.wrong-type",
            "ring_size, figwatch.yaml:28:1",
            "write a whole number",
            id="true is no number",
        ),
        pytest.param(
            "ring_size: 8",
            "ring_size: 1",
            "config.wrong-value",
            "ring_size, figwatch.yaml:28:1",
            "it should be greater than or equal to 2",
            id="out of bounds",
        ),
        pytest.param(
            "quantity: on_hand",
            "quantity: [on_hand]",
            "config.wrong-type",
            "pairs[0].columns.quantity, figwatch.yaml:25:7",
            "write text or a mapping (name: value lines)",
            id="a union's two faults are told as one",
        ),
        pytest.param(
            "    target: public.stock_levels\n",
            "",
            "config.missing-field",
            "pairs[0].target, figwatch.yaml:20:5",
            "add `target: ...` there",
            id="a missing field stands where its section does",
        ),
        pytest.param(
            "authority: monolith",
            "authority: monolit",
            "config.unknown-side",
            "authority, figwatch.yaml:18:1",
            "did you mean `monolith`?",
            id="an unknown side",
        ),
        pytest.param(
            "give_up_seconds: 60",
            "give_up_seconds: 0.5",
            "config.give-up-too-early",
            "objective.give_up_seconds, figwatch.yaml:27:39",
            "make it several times the objective",
            id="giving up before the objective",
        ),
        pytest.param(
            "kafka: {",
            "kafka: {security_protocol: SASL_SSL, sasl_username: u, ",
            "config.sasl-incomplete",
            "kafka.security_protocol, figwatch.yaml:2:9",
            "add kafka.sasl_password",
            id="half of the credentials",
        ),
        pytest.param(
            "ring_size: 8",
            "ring_size: 8\nring_size: 9",
            "config.duplicate-key",
            "figwatch.yaml:29:1",
            "remove one of the two",
            id="a key that stands twice",
        ),
        pytest.param(
            "sides:",
            "sides: [",
            "config.yaml",
            "figwatch.yaml:5:17",
            "check indentation, quotes and colons there",
            id="no YAML",
        ),
        pytest.param(
            "unit_price: {to: price,",
            "unit_price: {to: on_hand,",
            "config.mapping",
            "pairs[0].columns.unit_price.to, figwatch.yaml:26:20",
            "map each target column once",
            id="a mapping that cannot be",
        ),
    ],
)
def test_a_problem_names_field_line_and_fix(old, new, code, where, fix):
    assert old in GOOD
    problem = only(GOOD.replace(old, new))
    assert (code, where) == (problem.code, problem.where)
    assert fix in problem.fix


def test_several_problems_are_told_at_once_in_the_order_of_the_file():
    text = (
        GOOD.replace("topic_prefix: inv", "topic_prefixx: inv")
        .replace("authority: monolith", "authority: nobody")
        .replace("ring_size: 8", "ring_size: x")
    )
    assert [
        "config.missing-field",
        "config.unknown-field",
        "config.wrong-type",
        "config.unknown-side",
    ] == [problem.code for problem in problems(text)]


def test_pairs_of_one_name_are_refused_even_among_other_problems():
    pair = GOOD[GOOD.index("  - name") : GOOD.index("objective")]
    text = GOOD.replace(pair, pair + pair).replace("ring_size", "ring_siz")
    assert {"config.unknown-field", "config.duplicate-pair"} == {p.code for p in problems(text)}


def test_a_topic_compared_with_itself_is_refused():
    text = GOOD.replace("topic_prefix: inv", "topic_prefix: mono").replace(
        "target: public.stock_levels", "target: public.inventory"
    )
    assert "config.same-topic" == only(text).code


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n- b\n", "text"])
def test_a_file_without_settings_is_refused(text):
    assert "config.empty" == only(text).code


def test_aliases_that_stand_for_billions_of_values_are_refused():
    rows = [
        f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    problem = only("\n".join(["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]", *rows]))
    assert str(YAML_VALUES_MAX) in problem.cause


def test_a_file_that_is_nested_too_deep_is_refused():
    deep = YAML_DEPTH_MAX + 1
    assert str(YAML_DEPTH_MAX) in only(f"a: {'[' * deep}{']' * deep}").cause


def test_no_value_is_quoted_because_it_may_be_a_secret():
    text = GOOD.replace("database: env:FIGWATCH_TEST_SERVICE_DSN", "database: [hunter2]").replace(
        "ring_size: 8", "ring_size: hunter2"
    )
    assert not [problem for problem in problems(text) if "hunter2" in str(problem)]


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        load_config(tmp_path / "figwatch.yaml")
    assert "figwatch init" in caught.value.problems[0].fix


def test_a_file_that_is_not_utf_8_or_too_large_is_refused(tmp_path):
    file = tmp_path / "figwatch.yaml"
    file.write_bytes(b"migration: a\nkafka: \xff\n")
    with pytest.raises(ConfigurationError) as caught:
        load_config(file)
    assert f"{file}:2" == caught.value.problems[0].where
    file.write_bytes(b"#" * (CONFIG_BYTES_MAX + 1))
    with pytest.raises(ConfigurationError) as caught:
        load_config(file)
    assert "config.too-large" == caught.value.problems[0].code


# -- secrets


def test_a_secret_is_revealed_and_never_shown(monkeypatch, tmp_path):
    monkeypatch.setenv("FIGWATCH_TEST_SECRET", "hunter2")
    file = tmp_path / "secret"
    file.write_text("hunter2\n")
    for secret in (Secret("env:FIGWATCH_TEST_SECRET"), Secret(f"file:{file}"), Secret("hunter2")):
        assert "hunter2" == secret.reveal()
        assert "hunter2" not in f"{secret!r} {secret!s} {secret.source}"


def test_a_dumped_configuration_shows_no_secret():
    loaded = parse_config(
        GOOD.replace("env:FIGWATCH_TEST_SERVICE_DSN", "postgresql://u:hunter2@h/d")
    )
    assert "hunter2" not in loaded.config.model_dump_json() + repr(loaded.config)


def test_an_unset_variable_and_an_unreadable_file_are_told_with_their_places(monkeypatch):
    monkeypatch.delenv("FIGWATCH_TEST_MONOLITH_DSN", raising=False)
    config = parse_config(GOOD.replace("env:FIGWATCH_TEST_SERVICE_DSN", "file:/nowhere/dsn")).config
    unset, unreadable = check_secrets(config)
    assert ("config.secret-unset", "sides.monolith.database, figwatch.yaml:12:5") == (
        unset.code,
        unset.where,
    )
    assert ("config.secret-unreadable", "sides.service.database, figwatch.yaml:17:5") == (
        unreadable.code,
        unreadable.where,
    )


@pytest.mark.parametrize(
    ("dsn", "warned"),
    [
        ("postgresql://u:hunter2@h/d", 1),
        ("host=h password=hunter2", 1),
        ("postgresql://h/d?user=u&password=hunter2", 1),
        ("postgresql://u@h/d", 0),
        ("host=h user=u", 0),
    ],
)
def test_a_password_in_the_file_is_warned_of(dsn, warned):
    loaded = parse_config(GOOD.replace("env:FIGWATCH_TEST_SERVICE_DSN", f'"{dsn}"'))
    assert warned == len(loaded.warnings)
    assert not [problem for problem in loaded.warnings if "hunter2" in str(problem)]


def test_the_loader_reads_the_file_that_is_named(tmp_path: pathlib.Path):
    file = tmp_path / "other.yaml"
    file.write_text(GOOD)
    assert "inventory" == load_config(file).config.migration


def test_the_documentation_of_the_settings_is_current():
    from figwatch.connectors.config.schema import describe

    docs = pathlib.Path(__file__).resolve().parents[3] / "docs" / "configuration.md"
    assert describe() == docs.read_text(), "run `make docs`"
