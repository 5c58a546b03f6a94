"""A pair that is replicated both ways, judged in both directions: the records of its mirror.

The mirror of pair `stock` is the pair `stock~` with source and target exchanged. It is fed by the
same records, so that its version rings are complete when authority turns round
(`figwatch.validators.writes.turning`). It is never seen from outside.
"""

from dataclasses import replace as with_fields
from typing import Any

import msgspec

from figwatch.validators.change import Side, Suspect, SweepEnd
from figwatch.validators.pair import PairRules

SUFFIX = "~"
"""No pair's name holds it."""


def mirrored_rules(rules: PairRules, *, fenced: bool) -> PairRules:
    """The rules of a pair the other way round; `fenced`: its replicator's group is named."""
    return with_fields(
        rules,
        name=rules.name + SUFFIX,
        source_topics=rules.target_topics,
        target_topics=rules.source_topics,
        skew_us=rules.source_skew_us,
        source_skew_us=rules.skew_us,
        fenced=fenced,
        origins=(rules.origins[1], rules.origins[0]),
    )


def mirrored(record: Any) -> Any:
    """A row's record for the mirror; what belongs to no pair is the same for both."""
    replace = msgspec.structs.replace
    if isinstance(record, SweepEnd):
        source, target = record.target_rows, record.source_rows
        return replace(record, pair=record.pair + SUFFIX, source_rows=source, target_rows=target)
    if isinstance(record, Suspect):
        return replace(
            record,
            pair=record.pair + SUFFIX,
            source=record.target,
            target=record.source,
            source_sketch=record.target_sketch,
            target_sketch=record.source_sketch,
        )
    return replace(record, pair=record.pair + SUFFIX, side=Side(1 - record.side))


def is_mirror(pair: str) -> bool:
    """Whether a pair's name is a mirror's."""
    return pair.endswith(SUFFIX)
