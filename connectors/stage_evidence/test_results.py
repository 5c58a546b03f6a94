"""Test results out of JUnit XML and results of static analysis out of SARIF 2.1.

What is counted are the test cases and results themselves; totals that contradict them make the
file no evidence.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import msgspec
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from figwatch.connectors.stage_evidence.problems import FileContent, Trouble, read_whole
from figwatch.validators.stages.facts import Origin, Quality, TestRun

FAILURES = ("failure", "error")
LATEST_ZONE = dt.timezone(dt.timedelta(hours=-12))


def read_junit(path: str) -> TestRun:
    """The test cases of a JUnit file."""
    content = read_whole(path, "test report")
    counted = content if isinstance(content, Trouble) else _junit(content)
    if isinstance(counted, Trouble):
        return TestRun(path, counted.origin("junit", path))
    root, tests, failed, skipped, made_us = counted
    stated, faults = _stated(root, "tests"), _stated_faults(root)
    if stated is not None and stated != tests:
        cause = f"contradictory: {path} states {stated} tests, and lists {tests}"
        return TestRun(path, Trouble(cause, "run the tests again").origin("junit", path))
    if faults > (listed := sum(1 for tag in FAILURES for _ in root.iter(tag))):
        cause = f"contradictory: {path} states {faults} failures and errors, and lists {listed}"
        return TestRun(path, Trouble(cause, "run the tests again").origin("junit", path))
    origin = Origin("junit", path, made_us, samples=tests)
    return TestRun(path, origin, tests, failed, skipped)


def _junit(content: FileContent) -> tuple[Element, int, int, int, int] | Trouble:
    remedy = "run the tests again"
    try:
        root = fromstring(content.data)
    except (ParseError, DefusedXmlException, ValueError) as error:
        return Trouble(f"no whole XML document: {type(error).__name__}", remedy)
    if root.tag not in {"testsuites", "testsuite"}:
        return Trouble(f"<{root.tag}> is no JUnit report", "write JUnit XML")
    cases = list(root.iter("testcase"))
    failed = sum(any(case.find(tag) is not None for tag in FAILURES) for case in cases)
    skipped = sum(case.find("skipped") is not None for case in cases)
    # A suite may fail outside its cases: in its set-up.
    failed += sum(
        suite.find(tag) is not None for suite in root.iter("testsuite") for tag in FAILURES
    )
    times = [suite.get("timestamp") for suite in root.iter("testsuite")]
    return root, len(cases), failed, skipped, _made_us(times, content.changed_us)


def _stated(root: Element, what: str) -> int | None:
    """Sum of an attribute of the suites that hold cases themselves; None where one lacks it."""
    suites = [suite for suite in root.iter("testsuite") if suite.find("testcase") is not None]
    stated = [suite.get(what) for suite in suites]
    if root.tag == "testsuites" and not suites:
        stated = [root.get(what)]
    try:
        return sum(int(each) for each in stated if each is not None) if all(stated) else None
    except ValueError:
        return None


def _stated_faults(root: Element) -> int:
    """Failures and errors by the suites' totals or, where more, by the whole report's."""
    whole = [root.get(tag, "") for tag in ("failures", "errors")]
    return max(
        sum(_stated(root, tag) or 0 for tag in ("failures", "errors")),
        sum(int(each) for each in whole if each.isdecimal()),
    )


def _made_us(times: Iterable[str | None], changed_us: int) -> int:
    """When a report was made: its own newest time, since copies of a file are younger than what it
    says; the file's where it has none. A time without a zone (so JUnit's are, by its schema) may be
    any zone's: the latest that it can be, but not later than the file.
    """
    known = []
    for text in times:
        try:
            at = dt.datetime.fromisoformat(text or "")
            known.append(
                round(at.timestamp() * 1e6)
                if at.tzinfo
                else min(changed_us, round(at.replace(tzinfo=LATEST_ZONE).timestamp() * 1e6))
            )
        except (ValueError, OverflowError, TypeError):
            continue
    return max(known, default=changed_us)


def read_sarif(path: str) -> Quality:
    """Errors and warnings that are new or unchanged, and not suppressed."""
    content = read_whole(path, "SARIF report")
    if isinstance(content, Trouble):
        return Quality(path, content.origin("sarif", path))
    try:
        runs = msgspec.json.decode(content.data)["runs"]
        levels = [level for run in runs for level in _levels(run)]
        broken = [run for run in runs if not _finished(run)]
        times = [i.get("endTimeUtc") for run in runs for i in run.get("invocations", [])]
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        trouble = Trouble(f"{path} is no whole SARIF document", "run the analysis again")
        return Quality(path, trouble.origin("sarif", path))
    if broken or not runs:
        trouble = Trouble(f"{path}: the analysis did not finish", "run it again")
        return Quality(path, trouble.origin("sarif", path))
    made_us = _made_us(times, content.changed_us)
    origin = Origin("sarif", path, made_us, samples=len(levels))
    return Quality(path, origin, levels.count("error"), levels.count("warning"))


def _finished(run: dict[str, Any]) -> bool:
    return all(each.get("executionSuccessful", True) for each in run.get("invocations", []))


def _levels(run: dict[str, Any]) -> list[str]:
    """Level of each result that counts (SARIF 2.1.0, 3.27.9, 3.27.10, 3.27.23, 3.27.24).

    Rules stand with the driver or in an extension of the tool (a pack of queries).
    """
    tool = run.get("tool", {})
    parts = [tool.get("driver", {}), *tool.get("extensions", [])]
    rules = parts[0].get("rules", [])
    configured = {
        rule.get("id"): rule.get("defaultConfiguration", {}).get("level")
        for part in parts
        for rule in part.get("rules", [])
    }
    found = []
    for result in run["results"]:
        accepted = [
            s.get("status", "accepted") == "accepted" for s in result.get("suppressions") or []
        ]
        if result.get("kind", "fail") != "fail" or any(accepted):
            continue
        if result.get("baselineState") == "absent":
            continue
        index = result.get("ruleIndex", -1)
        by_index = rules[index].get("id") if 0 <= index < len(rules) else None
        rule = result.get("ruleId") or result.get("rule", {}).get("id") or by_index or ""
        found.append(result.get("level") or _default_level(rule, configured))
    return found


def _default_level(rule: str, configured: Mapping[str | None, str | None]) -> str:
    """That of the rule, or of the one that it is part of: `CA1000/1` of `CA1000` (3.27.5)."""
    while rule:
        if level := configured.get(rule):
            return level
        rule = rule.rpartition("/")[0]
    return "warning"
