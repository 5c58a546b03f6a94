"""`figwatch canary` without a migration at hand: it writes nothing unless it is asked to."""

from figwatch.validators.errors import ExitCode

CONFIG = """\
migration: inventory
kafka: {bootstrap_servers: "127.0.0.1:1"}
sides:
  monolith: {topic_prefix: mono, database: env:CANARY_TEST_DSN}
  service: {topic_prefix: inv, database: env:CANARY_TEST_DSN}
authority: monolith
pairs:
  - {name: stock, source: public.inventory, target: public.stock, key: {id: id}}
"""


def test_disabled_it_refuses_and_says_how_to_enable_it(figwatch, tmp_path):
    (tmp_path / "figwatch.yaml").write_text(CONFIG)
    ran = figwatch("canary", "--once")
    assert ExitCode.USAGE == ran.code
    assert "canary.enabled: true" in ran.err


def test_it_prints_the_sql_and_runs_none(figwatch, tmp_path):
    (tmp_path / "figwatch.yaml").write_text(CONFIG)
    ran = figwatch("canary", "--init-sql")
    assert ExitCode.OK == ran.code
    assert 'CREATE TABLE "public"."figwatch_canary"' in ran.out


def test_a_database_that_does_not_answer_is_no_canary_that_was_not_found(
    figwatch, tmp_path, monkeypatch
):
    monkeypatch.setenv("CANARY_TEST_DSN", "host=127.0.0.1 port=1 password=secret")
    (tmp_path / "figwatch.yaml").write_text(CONFIG + "canary: {enabled: true}\n")
    ran = figwatch("canary", "--once")
    assert ExitCode.ERROR == ran.code
    assert "canary.database" in ran.err
    assert "secret" not in ran.err
