"""`figwatch status --watch`: one look, drawn; what cannot be asked is shown and asked again."""

import io

import pytest
from rich.console import Console

from figwatch.cli import evidence_view, status_watch
from figwatch.cli.status_watch import FINDINGS_MAX, glance, watch
from figwatch.connectors.config.file import parse_config
from figwatch.validators.errors import ExitCode, FigwatchError
from figwatch.validators.headline import Headline, Tone

CONFIG = """
migration: shop
kafka: {bootstrap_servers: "localhost:1"}
sides: {monolith: {topic_prefix: m}, service: {topic_prefix: s}}
authority: monolith
pairs: [{name: stock, source: a.b, target: a.c, key: {id: id}, columns: {v: v}}]
"""


def finding(number):
    return {
        "key": {"id": number}, "kind": "stale", "columns": ["v"], "since_us": 1_000_000,
        "detected_us": number, "resolved_us": None, "evidence": "fence",
    }  # fmt: skip


def document(findings=0, count=200):
    lag = {"within_objective": count, "count": count, "p50_seconds": 0.1, "p99_seconds": 0.4}
    pair = {"keys": {"consistent": 9, "divergent": findings}, "convergence": lag}
    pair |= {"verified_through_us": 8_000_000, "findings": [finding(n) for n in range(findings)]}
    return {"as_of_us": 10_000_000, "pairs": {"stock": pair}}


def drawn(said, body, width=120):
    out = io.StringIO()
    Console(file=out, width=width).print(glance("shop", said, body))
    return out.getvalue()


def test_the_headline_comes_first_then_the_pairs():
    text = drawn(Headline(Tone.GOOD, "Stage sync may be left"), document())
    assert text.index("✓ Stage sync may be left") < text.index("stock")
    assert "100.00%" in text
    assert "2.0 s ago" in text
    assert "no open findings" in text


def test_the_newest_findings_are_listed_and_the_rest_counted():
    text = drawn(Headline(Tone.BAD, "20 keys are divergent", "", "repair"), document(20))
    assert "→ repair" in text
    assert "id=19" in text
    assert "id=3 " not in text
    assert f"... and {20 - FINDINGS_MAX} more" in text


@pytest.mark.parametrize("width", [40, 60, 80])
def test_it_fits_a_narrow_terminal_and_cuts_nothing_off(width):
    text = drawn(Headline(Tone.WAIT, "Nothing differs"), document(1), width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text.replace("… Nothing differs", "")
    words = " ".join(text.split())
    assert "9 consistent · 0 in flight · 0 overdue · 1 divergent · 0 unknown" in words
    assert {"id=0", "stale", "fence"} <= set(words.split())


def test_a_wide_terminal_gets_a_table():
    assert "┃ pair" in drawn(Headline(Tone.WAIT, "Nothing differs"), document(1), width=120)


def test_the_stage_stands_in_the_title():
    out = io.StringIO()
    said = Headline(Tone.BAD, "1 key is divergent")
    Console(file=out, width=80).print(glance("shop", said, document(1), "reads"))
    assert "figwatch shop · stage reads · 1970" in out.getvalue()


def test_nothing_measured_yet_is_said_and_not_divided_by():
    body = document(count=0)
    body["pairs"]["stock"]["verified_through_us"] = 0
    text = drawn(Headline(Tone.UNKNOWN, "Nobody is watching"), body)
    assert "never" in text


def test_a_broker_that_is_away_does_not_end_the_watch(monkeypatch, capsys):
    asked = []

    def read_view(*_, **__):
        asked.append(1)
        raise FigwatchError("kafka.unreachable", "no broker answers", "kafka", "start it")

    monkeypatch.setattr(evidence_view, "read_view", read_view)
    monkeypatch.setattr(status_watch.time, "sleep", lambda _: None)
    code = watch(parse_config(CONFIG).config, 1.0, looks=3)
    assert (3, ExitCode.ERROR) == (len(asked), code)
    assert 3 == capsys.readouterr().out.count("no broker answers")


def test_ctrl_c_ends_it_in_good_order(monkeypatch):
    def read_view(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(evidence_view, "read_view", read_view)
    assert ExitCode.OK == watch(parse_config(CONFIG).config, 1.0)


@pytest.mark.parametrize("options", [("--watch", "--json"), ("--watch", "--every", "0")])
def test_options_that_make_no_sense_are_refused(figwatch, options):
    assert ExitCode.USAGE == figwatch("status", *options).code
