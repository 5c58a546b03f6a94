"""Explanations come from the judge's own rules, and every rule has its words."""

import ast
import inspect

from figwatch.validators import rules
from figwatch.validators.change import Barrier, Change, Mark, Op, Reading, Side, Topology
from figwatch.validators.explain import WHY, explain_key
from figwatch.validators.judge import Judge
from figwatch.validators.outcome import Verdict
from figwatch.validators.pair import PairRules

SECOND = 1_000_000
NOW = 1_700_000_000 * SECOND
RULES = PairRules("stock", ("s",), ("t",), ("quantity", "price"), fenced=True)


def rule_names() -> set[str]:
    """The name that each Judgement in the rules is given."""
    tree = ast.parse(inspect.getsource(rules))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    names = [c.args[1] for c in calls if getattr(c.func, "id", "") == "Judgement" and c.args[1:]]
    return {name.value for name in names if isinstance(name, ast.Constant)}


def test_every_rule_has_its_words_and_no_words_are_left_over():
    assert rule_names() == set(WHY)


def event(topic, side, offset, value, at) -> Change:
    op = Op.CREATE if offset == 0 else Op.UPDATE
    fingerprint, sketch = bytes([value] * 16), bytes([value, 0, 9, 9])
    place = (topic, 0, offset, at)
    return Change("stock", side, b"k", op, fingerprint, sketch, at, (offset, 1), offset, *place)


def judged(*records, readings=()) -> Judge:
    judge = Judge((RULES,))
    start = [Topology("s", 1), Topology("t", 1)]
    start += [Mark(topic, 0, 0, 0, None, streaming=False) for topic in "st"]
    for record in (*start, *records):
        judge.apply(record, NOW)
    for reading in readings:
        judge.read(reading)
    judge.evaluate(NOW + 10 * SECOND)
    return judge


SOURCE = [event("s", Side.SOURCE, n, n + 1, NOW + n * 1000) for n in range(2)]
STALE = event("t", Side.TARGET, 0, 1, NOW + 500)
FRESH = event("t", Side.TARGET, 0, 2, NOW + 5000)
MARKS = [
    Mark("s", 0, 0, 2, NOW + 1000, streaming=True),
    Mark("t", 0, 0, 1, NOW + 5000, streaming=True),
]
PROOF = [
    Barrier("s", 0, 2, NOW + 9 * SECOND),
    Barrier("t", 0, 1, NOW + 9 * SECOND),
]
READING = Reading("s", 0, 2, 2, NOW + 2 * SECOND, NOW + 2 * SECOND)


def test_a_stale_key_is_explained_by_its_proof_and_its_columns():
    judge = judged(*SOURCE, STALE, *MARKS, *PROOF, readings=[READING])
    told = explain_key(judge, "stock", b"k", RULES.columns)
    assert (Verdict.DIVERGENT, "stale", "fence") == (told.verdict, told.kind, told.evidence)
    assert ("quantity",) == told.columns
    assert told.why.startswith(WHY["older_version_fence"])


def test_without_the_proof_the_same_key_is_waited_for():
    judge = judged(*SOURCE, STALE, *MARKS, *PROOF)
    told = explain_key(judge, "stock", b"k", RULES.columns)
    assert (Verdict.OVERDUE, "older_version_waiting") == (told.verdict, told.rule)
    assert ("quantity",) == told.columns


def test_an_equal_key_has_no_differing_columns():
    told = explain_key(judged(*SOURCE, FRESH, *MARKS), "stock", b"k", RULES.columns)
    assert (Verdict.CONSISTENT, "equal", ()) == (told.verdict, told.rule, told.columns)


def test_a_key_that_was_never_seen_has_no_verdict():
    told = explain_key(judged(), "stock", b"k", RULES.columns)
    assert (None, "no event of this key was read") == (told.verdict, told.why)
