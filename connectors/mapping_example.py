"""Example records of a pair, one of each side, for `figwatch explain --mapping`: the newest one of
the target's topics that holds a row, and the source's newest of the same key where it is at hand.
"""

from collections.abc import Mapping

from figwatch.connectors.capture import RawRecord
from figwatch.connectors.config.root import Config, PairConfig
from figwatch.connectors.debezium.decoder import Decoder
from figwatch.connectors.kafka.admin import KafkaAdmin, Span
from figwatch.connectors.kafka.reader import read_spans
from figwatch.validators.change import Change, Side

EXAMPLE_RECORDS = 200
"""Newest records of each partition that are looked at."""


def example_records(config: Config, pair: PairConfig, decoder: Decoder) -> Mapping[Side, RawRecord]:
    """The records; a side without any row is left out. The decoder learns their schemas.

    Raises:
        FigwatchError: Kafka does not answer.
    """
    admin = KafkaAdmin(config.kafka, config.limits.kafka_timeout_seconds)
    sides = {
        **dict.fromkeys(config.source_topics(pair), Side.SOURCE),
        **dict.fromkeys(config.target_topics(pair), Side.TARGET),
    }
    present = admin.topics()
    spans = admin.spans({name: present[name] for name in sides if name in present})
    newest = {
        where: Span(max(span.begin, span.end - EXAMPLE_RECORDS), span.end)
        for where, span in spans.items()
    }
    raws = list(read_spans(config.kafka, newest, config.limits.kafka_timeout_seconds))
    for raw in raws:
        decoder.learn(raw.topic, raw.headers, raw.key, raw.value)
    found: dict[Side, dict[bytes, RawRecord]] = {side: {} for side in Side}
    for raw in sorted(raws, key=lambda raw: raw.append_us):
        place = raw.topic, raw.partition, raw.offset, raw.append_us
        for change in decoder.decode(*place, raw.headers, raw.key, raw.value):
            if isinstance(change, Change) and change.pair == pair.name and change.fingerprint:
                found[change.side].pop(change.key, None)  # the newest comes last
                found[change.side][change.key] = raw
    source, target = found[Side.SOURCE], found[Side.TARGET]
    both = [key for key in reversed(target) if key in source]
    return {
        side: rows[both[0]] if both else next(reversed(rows.values()))
        for side, rows in found.items()
        if rows
    }
