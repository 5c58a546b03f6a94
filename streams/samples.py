"""The first and the newest record of every data partition, for the decoder to learn schemas from.

Where two schemas write a value differently and no type is configured, what they have in common
must be known before the first comparison, in every worker alike. `figwatch.streams.run` asks.
"""

from collections.abc import Iterator

from figwatch.connectors.capture import RawRecord
from figwatch.connectors.config import Config
from figwatch.connectors.kafka_admin import KafkaAdmin, Span
from figwatch.connectors.kafka_reader import read_spans
from figwatch.streams.plan import plan


def samples(config: Config) -> Iterator[RawRecord]:
    """Read at most two records of each data partition.

    Raises:
        FigwatchError: Kafka does not answer.
    """
    timeout_seconds = config.limits.kafka_timeout_seconds
    admin = KafkaAdmin(config.kafka, timeout_seconds)
    counts = admin.topics()
    wanted = plan(config).data_topics
    spans = admin.spans({topic: counts[topic] for topic in wanted if topic in counts})
    filled = {where: span for where, span in spans.items() if span.end > span.begin}
    first = {where: Span(span.begin, span.begin + 1) for where, span in filled.items()}
    newest = {where: Span(span.end - 1, span.end) for where, span in filled.items()}
    yield from read_spans(config.kafka, first, timeout_seconds)
    yield from read_spans(config.kafka, newest, timeout_seconds)
