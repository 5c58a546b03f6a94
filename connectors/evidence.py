"""What the workers have published: summaries and findings, read back from figwatch's own topics.

`figwatch.validators.overview` says whether that is all of it and fresh.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from figwatch.connectors.config.root import Config
from figwatch.connectors.kafka.admin import KafkaAdmin
from figwatch.connectors.kafka.reader import read_compacted
from figwatch.validators.finding import Finding, decode_finding
from figwatch.validators.summary import Summary, decode_summary


@dataclass(frozen=True)
class Evidence:
    """Summaries by internal partition (at most one each), findings, and how many partitions there
    should be. `unreadable` counts records of another version of figwatch.
    """

    partitions: int
    summaries: Mapping[int, Summary]
    findings: tuple[Finding, ...]
    unreadable: int


def read_evidence(config: Config, *, findings: bool) -> Evidence:
    """Read both topics to their present ends; findings only where wanted.

    Raises:
        FigwatchError: Kafka does not answer, or there is more than `limits` allow.
    """
    limits = config.limits
    admin = KafkaAdmin(config.kafka, limits.kafka_timeout_seconds)
    topics = admin.topics()
    changes = f"{config.app}-changes"
    wanted = [f"{config.app}-summaries"] + ([f"{config.app}-findings"] if findings else [])
    values: dict[str, list[bytes]] = {}
    for topic in wanted:
        spans = admin.spans({topic: topics[topic]} if topic in topics else {})
        newest = read_compacted(
            config.kafka, spans, limits.kafka_timeout_seconds, limits.compacted_records_max
        )
        values[topic] = [record.value for record in newest.values() if record.value is not None]
    summaries: dict[int, Summary] = {}
    unreadable = 0
    for value in values[wanted[0]]:
        try:
            summary = decode_summary(value)
        except msgspec.DecodeError:
            unreadable += 1
            continue
        # After a rebalance two workers may have written one partition: the newer look counts.
        before = summaries.get(summary.partition)
        if before is None or summary.as_of_us >= before.as_of_us:
            summaries[summary.partition] = summary
    found = []
    for value in values[wanted[1]] if findings else []:
        try:
            found.append(decode_finding(value))
        except msgspec.DecodeError:
            unreadable += 1
    found.sort(key=lambda finding: (finding.detected_us, finding.pair, finding.key))
    partitions = topics.get(changes, config.worker.internal_partitions)
    return Evidence(partitions, summaries, tuple(found), unreadable)
