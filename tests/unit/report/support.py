"""A small report with everything in it, and its files."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from figwatch.validators.convergence import Quantiles
from figwatch.validators.report.document import (
    Report,
    encode_report,
    pair_figures,
    stream_positions,
)
from figwatch.validators.report.html import html
from figwatch.validators.report.junit import junit
from figwatch.validators.report.markdown import markdown
from figwatch.validators.report.signature import key_id, private_key, sign
from figwatch.validators.report.statement import (
    ENVELOPE,
    HTML,
    JUNIT,
    MARKDOWN,
    REPORT,
    STATEMENT,
    statement,
)
from figwatch.validators.stages.criterion import Answer, Criterion, GateResult
from figwatch.validators.stages.document import gate_document
from figwatch.validators.stages.facts import Origin, Share
from figwatch.validators.summary import PairSummary, StreamSummary, Summary

NOW_US = 1_800_000_000_000_000
NASTY = '<script>alert("x")</script> & | \\ \x00 ü'
PEM = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
)


def summary():
    times = Quantiles(buckets={})
    for sample_us in range(1000, 500_000, 997):
        times.add(sample_us, 1_000_000)
    pair = PairSummary(
        keys={"consistent": 990, "in_flight": 7, "divergent": 1, "unknown": 2},
        unknown={"gap": 2},
        open_findings={"missing": 1},
        findings_total={"missing": 1},
        convergence=times,
        unshown=3,
        oldest_unshown_us=0,
        capture={},
        changes={},
        duplicates={},
        source_watermark_us=NOW_US,
        target_watermark_us=NOW_US,
        verified_through_us=NOW_US - 1_000_000,
        transient=0,
        alarms={},
    )
    streams = [StreamSummary("mono.public.inventory", 0, 4711, NOW_US)]
    return Summary(0, NOW_US, "w", {}, 0, {"stock": pair}, streams)


def gate(answer=Answer.PASS):
    origin = Origin("prometheus", NASTY, NOW_US, NOW_US - 3_600_000_000, 100_000)
    share = Share("in_time", origin, 99_900, 100_000)
    criteria = (
        Criterion("latency", "", Answer.PASS, "fast", evidence=(share,)),
        Criterion("errors", "", answer, NASTY, NASTY, subject="a|b"),
        Criterion("still_in_sync", "stock", Answer.PASS, "fine"),
    )
    return gate_document("inventory", GateResult("reads", answer, criteria, ("sweep",), NOW_US))


def report(answer=Answer.PASS, previous=None, signed=False, **more):
    fields = {
        "figwatch_version": "0.1.0",
        "migration": "inventory",
        "stage": "reads",
        "sequence": 2 if previous else 1,
        "previous": previous,
        "created_us": NOW_US,
        "config_sha256": "c" * 64,
        "signed_by": key_id(private_key(PEM).public_key()) if signed else "",
        "objective_seconds": 1.0,
        "settings": {"confidence": 0.95},
        "gate": gate(answer),
        "pairs": pair_figures(summary()),
        "streams": stream_positions(summary()),
    }
    return Report(**(fields | more))


def files(made):
    found = {
        REPORT: encode_report(made),
        MARKDOWN: markdown(made).encode(),
        HTML: html(made).encode(),
        JUNIT: junit(made.gate).encode(),
    }
    found[STATEMENT] = statement(made, found)
    if made.signed_by:
        found[ENVELOPE] = sign(found[STATEMENT], private_key(PEM))
    return found
