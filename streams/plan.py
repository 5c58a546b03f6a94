"""What the worker reads and writes, worked out of the configuration once.

Used by everything in `figwatch.streams`; `figwatch.streams.topics` checks it against the cluster.
"""

from dataclasses import dataclass

from figwatch.connectors.config.root import Config
from figwatch.connectors.outbox_definitions import topics_of as outbox_topics
from figwatch.connectors.saga_definitions import topics_of
from figwatch.validators.change import Side


@dataclass(frozen=True, slots=True)
class Plan:
    """Topics and roles. Data topics carry tables of pairs, heartbeat topics only signs of life."""

    app: str
    source_side: str
    target_side: str
    topics_of: dict[str, frozenset[str]]
    """Data topics by side name: those of the pairs' tables, and those of sagas."""
    heartbeat_topics: dict[str, frozenset[str]]
    """Topics of heartbeats and of heartbeat rows by side name."""
    ignored_gaps: frozenset[str]
    """Sides whose missing offsets mean nothing."""
    exact_heartbeats: frozenset[str]
    """Sides with heartbeat rows, the connector's place in the log: plain heartbeats, its clock,
    prove nothing there. They could only be wrong, while it is behind."""
    grace_us: dict[str, int]
    """What a plain heartbeat may run ahead of the log, by side name."""
    group: str | None
    """Consumer group of the replicator."""
    back_topics: frozenset[str] = frozenset()
    """Topics that the replicator back reads: the target tables of pairs judged both ways."""
    back_group: str | None = None
    """Its consumer group."""
    saga_topics: frozenset[str] = frozenset()
    """Topics that carry sagas or outboxes and no table of a pair: they have a Faust agent of their
    own."""

    @property
    def data_topics(self) -> frozenset[str]:
        """Data topics of both sides."""
        return self.topics_of[self.source_side] | self.topics_of[self.target_side]

    @property
    def raw_topics(self) -> frozenset[str]:
        """Everything that is read of the users' topics."""
        return self.data_topics.union(*self.heartbeat_topics.values())

    @property
    def changes(self) -> str:
        """Internal topic of decoded changes."""
        return f"{self.app}-changes"

    @property
    def findings(self) -> str:
        """Internal topic of findings."""
        return f"{self.app}-findings"

    @property
    def summaries(self) -> str:
        """Internal topic of summaries."""
        return f"{self.app}-summaries"

    @property
    def dead_letters(self) -> str:
        """Internal topic of records that could not be decoded."""
        return f"{self.app}-dead-letters"

    @property
    def sweeps(self) -> str:
        """Internal topic of the judges' answers to a sweep."""
        return f"{self.app}-sweeps"

    @property
    def schemas(self) -> str:
        """Internal topic of what the workers have learned of the users' schemas."""
        return f"{self.app}-schemas"

    @property
    def changelog(self) -> str:
        """Internal topic of the judges' state."""
        return f"{self.app}-join-changelog"

    def role(self, topic: str) -> Side:
        """Part of the side that a raw topic belongs to."""
        target = self.topics_of[self.target_side] | self.heartbeat_topics[self.target_side]
        return Side.TARGET if topic in target else Side.SOURCE

    def side_name(self, side: Side) -> str:
        """Name of the side that plays a part."""
        return self.source_side if side is Side.SOURCE else self.target_side

    def gaps_count(self, topic: str) -> bool:
        """Whether missing offsets of a raw topic mean lost records."""
        return topic in self.data_topics and self.side_name(self.role(topic)) not in (
            self.ignored_gaps
        )


def plan(config: Config) -> Plan:
    """Work the plan out of a configuration."""
    source, target = config.source_side, config.target_side
    topics = {source: config.source_topics, target: config.target_topics}
    heartbeats: dict[str, frozenset[str]] = {}
    for name, side in config.sides.items():
        table = f"{side.topic_prefix}.{side.heartbeat_table}" if side.heartbeat_table else None
        heartbeats[name] = frozenset(t for t in (side.heartbeat_topic, table) if t)
    sagas = [item for saga in config.sagas for item in topics_of(config, saga).items()]
    sagas += [item for box in config.outboxes for item in outbox_topics(config, box).items()]
    rows = frozenset(t for of in topics.values() for pair in config.pairs for t in of(pair))
    return Plan(
        app=config.app,
        source_side=source,
        target_side=target,
        topics_of={
            name: frozenset(t for pair in config.pairs for t in of(pair))
            | {topic for topic, side in sagas if side == name}
            for name, of in topics.items()
        },
        heartbeat_topics=heartbeats,
        ignored_gaps=frozenset(n for n, s in config.sides.items() if s.offset_gaps == "ignore"),
        exact_heartbeats=frozenset(n for n, s in config.sides.items() if s.heartbeat_table),
        grace_us={n: round(s.heartbeat_grace_seconds * 1_000_000) for n, s in config.sides.items()},
        group=config.sides[target].consumer_group,
        back_topics=frozenset(
            t for pair in config.pairs if pair.two_way for t in config.target_topics(pair)
        ),
        back_group=config.sides[source].consumer_group,
        saga_topics=frozenset(topic for topic, _ in sagas) - rows,
    )
