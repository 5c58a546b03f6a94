"""`figwatch sweep --sample N`: rows drawn at random on both sides, each with its counterpart.

Every row is drawn on its own with the same chance (TABLESAMPLE BERNOULLI), so that the exact bounds
of `figwatch.validators.sweep.sample` hold. A sample proves no table equal: it is never complete.
"""

import contextlib
import random
import time
from typing import Any

from figwatch.connectors.config.root import Config
from figwatch.connectors.sweep.confirm import Confirmer, Outcome, Suspect
from figwatch.connectors.sweep.outcomes import difference, kind_of
from figwatch.connectors.sweep.prepare import Prepared
from figwatch.connectors.sweep.rows import UnreadableKeyError
from figwatch.connectors.sweep.session import DatabaseError
from figwatch.validators.change import Side
from figwatch.validators.errors import FigwatchError
from figwatch.validators.sweep.confirm import Patience, Settled
from figwatch.validators.sweep.result import Difference, DifferenceKind, PairSweep
from figwatch.validators.sweep.sample import share

ROWS_MAX = 1_000_000


def sample_pair(
    prepared: Prepared, config: Config, rows: int, seed: int | None = None
) -> PairSweep:
    """Compare about `rows` rows of either side.

    Raises:
        FigwatchError: a database refuses.
    """
    if any(prepared.keys.may_vary(side) for side in Side):
        raise FigwatchError(
            "sweep.sample-key",
            "its key may be written in several ways, so that a row's counterpart cannot be found "
            "by its key alone",
            f"pair {prepared.rule.name}",
            "sweep it without --sample",
        )
    began = time.monotonic()
    seed = random.SystemRandom().randrange(1 << 30) if seed is None else seed
    settings = config.sweep
    patience = Patience(
        round(settings.settle_seconds * 1e6),
        round(max(settings.unconfirmed_seconds, settings.settle_seconds) * 1e6),
    )
    confirmer = Confirmer(
        prepared.sessions, prepared.readers, prepared.keys.plain, patience,
        replicas=bool(settings.replicas),
    )  # fmt: skip
    drawn: list[set[bytes]] = []
    try:
        for side in Side:
            keys = _draw(prepared, side, rows, seed)
            drawn.append(set(keys))
            confirmer.add(
                Suspect(key, (text, None) if side is Side.SOURCE else (None, text), 0)
                for key, text in keys.items()
            )
        outcomes = _settle(confirmer)
    except DatabaseError as error:
        raise FigwatchError("sweep.database", str(error)) from None
    return _result(prepared, drawn, outcomes, seed, time.monotonic() - began)


def _draw(prepared: Prepared, side: Side, rows: int, seed: int) -> dict[bytes, tuple[str, ...]]:
    session, reader = prepared.sessions[side], prepared.readers[side]
    estimate = prepared.tables[side].rows_estimate
    if not estimate:  # never analysed
        estimate = session.rows(reader.statements.count())[0][0]
    part = min(rows / max(estimate, 1), 1.0)
    limit = min(4 * rows, ROWS_MAX)
    while True:
        texts = session.rows(reader.statements.sampled(part, seed, limit))
        if len(texts) < limit or part < 1e-9:  # noqa: PLR2004
            break
        part /= 4  # far more rows than the catalogue knew of: the first ones are no random sample
    keys = {}
    for text in texts:
        with contextlib.suppress(UnreadableKeyError):
            keys[reader.key_of(text)] = tuple(text)
    return keys


def _settle(confirmer: Confirmer) -> list[Outcome]:
    outcomes = []
    while len(confirmer):
        outcomes += confirmer.settle()
        due_us = confirmer.due_us
        if due_us is not None:
            time.sleep(min(max(due_us / 1e6 - time.monotonic(), 0.0), 0.5))
    return outcomes


def _result(
    prepared: Prepared, drawn: list[set[bytes]], outcomes: list[Outcome], seed: int, seconds: float
) -> PairSweep:
    real = [o for o in outcomes if o.settled is Settled.DIFFERENT]
    differences: list[Difference] = []
    differing = [0, 0]
    for outcome in real:
        kind = kind_of(outcome)
        differences.append(difference(prepared, kind, outcome))
        for side in Side:
            absent = DifferenceKind.EXTRA if side is Side.SOURCE else DifferenceKind.MISSING
            differing[side] += kind is not absent and outcome.suspect.key in drawn[side]
    shares = [share(len(keys), count) for keys, count in zip(drawn, differing, strict=True)]
    statement: dict[str, Any] = {
        side.name.lower(): {
            "rows": shares[side].rows,
            "differing": shares[side].differing,
            "share_at_most": shares[side].at_most,
            "confidence": shares[side].confidence,
        }
        for side in Side
    }
    reasons = [f"{side.name.lower()}: {shares[side]}" for side in Side]
    reasons.append("a sample proves no table equal: sweep without --sample for that")
    complete = False
    unsettled = [o for o in outcomes if o.settled is Settled.UNCONFIRMED]
    return PairSweep(
        prepared.rule.name, complete, "sample", len(drawn[0]), len(drawn[1]), seconds, differences,
        len(differences), len(unsettled),
        [prepared.keys.shown(o.suspect.key) for o in unsettled[:1000]],
        sum(o.settled is Settled.IN_FLIGHT for o in outcomes), reasons,
        sample=statement | {"seed": seed},
    )  # fmt: skip
