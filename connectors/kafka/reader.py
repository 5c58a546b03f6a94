"""Records of a topic from here to its present end, and no further: bounded in time and number.

`figwatch.connectors.evidence` reads figwatch's own compacted topics with it, `explain` the raw
ones.
"""

import time
from collections.abc import Iterator, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from figwatch.connectors.capture import RawRecord
from figwatch.connectors.config.root import KafkaConfig
from figwatch.connectors.kafka.admin import Span
from figwatch.connectors.kafka.cluster import Where
from figwatch.connectors.kafka.errors import (
    not_accepted,
    refused,
    unreachable,
    unusable_settings,
)
from figwatch.connectors.kafka.settings import confluent_settings
from figwatch.validators.errors import FigwatchError

GROUP = "figwatch-reader"
"""Named by the client library's demand; nothing is ever joined or committed."""
BATCH_RECORDS = 1000
POLL_SECONDS = 0.05
"""A batch is handed over when it is full, or after this time."""


def read_spans(
    kafka: KafkaConfig, spans: Mapping[Where, Span], timeout_seconds: float
) -> Iterator[RawRecord]:
    """The records of these stretches; partitions interleave, each is in order.

    `timeout_seconds` bounds the silence between two answers, not the whole.

    Raises:
        FigwatchError: Kafka is silent for longer, or refuses.
    """
    waiting = {where: span.end for where, span in spans.items() if span.end > span.begin}
    if not waiting:
        return
    seen: list[KafkaError] = []
    settings = confluent_settings(kafka) | {
        "group.id": GROUP,
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        "error_cb": seen.append,
    }
    try:
        consumer = Consumer(settings)
    except KafkaException as error:
        raise unusable_settings(error.args[0].str()) from error
    try:
        consumer.assign([TopicPartition(*where, spans[where].begin) for where in waiting])
        yield from _until_the_end(consumer, waiting, kafka, seen, timeout_seconds)
    finally:
        consumer.close()


def _until_the_end(
    consumer: Consumer,
    waiting: dict[Where, int],
    kafka: KafkaConfig,
    seen: list[KafkaError],
    timeout_seconds: float,
) -> Iterator[RawRecord]:
    heard = time.monotonic()
    while waiting:
        messages = consumer.consume(BATCH_RECORDS, POLL_SECONDS)
        if messages:
            heard = time.monotonic()
        elif time.monotonic() - heard > timeout_seconds:
            raise _silent(kafka.bootstrap_servers, seen)
        for message in messages:
            where = (message.topic(), message.partition())
            error = message.error()
            if error is not None:
                # The end comes as an error of its own: the last offsets may hold no record
                # (compacted away, or a transaction's markers).
                if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001  # public constant
                    denied = error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
                    raise refused(kafka.bootstrap_servers, error.str(), denied=denied)
                waiting.pop(where, None)
                continue
            end = waiting.get(where)
            if end is None:
                continue
            if message.offset() < end:
                yield _record(message)
            if message.offset() >= end - 1:
                del waiting[where]


def _silent(servers: str, seen: list[KafkaError]) -> FigwatchError:
    """`seen` holds what librdkafka said meanwhile, the cause among it."""
    codes = {error.code() for error in seen}
    if KafkaError._AUTHENTICATION in codes:  # noqa: SLF001  # the library's public constant
        return not_accepted(servers)
    return unreachable(servers)


def read_compacted(
    kafka: KafkaConfig, spans: Mapping[Where, Span], timeout_seconds: float, records_max: int
) -> dict[tuple[int, bytes], RawRecord]:
    """The newest record of each key, by partition and key; deleted keys are left out.

    Raises:
        FigwatchError: Kafka does not answer, or the topic holds more than `records_max`.
    """
    newest: dict[tuple[int, bytes], RawRecord] = {}
    for number, record in enumerate(read_spans(kafka, spans, timeout_seconds), 1):
        if number > records_max:
            raise FigwatchError(
                "kafka.too-many-records",
                f"the topic {record.topic} holds more than {records_max} records",
                "limits.compacted_records_max",
                "raise the limit, or let Kafka compact the topic",
            )
        if record.key is None:
            continue
        at = (record.partition, record.key)
        if record.value is None:
            newest.pop(at, None)
        else:
            newest[at] = record
    return newest


def _record(message: Message) -> RawRecord:
    _, append_ms = message.timestamp()
    headers = tuple((name, value) for name, value in message.headers() or ())
    return RawRecord(
        message.topic(),
        message.partition(),
        message.offset(),
        append_ms * 1000,
        headers,
        message.key(),
        message.value(),
    )
