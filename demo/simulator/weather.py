"""What may happen in a seed, and what really happened: `Weather` and `Truth`.

`figwatch.demo.simulator.scenario` plays the one and writes down the other.
"""

from dataclasses import dataclass, field

from figwatch.demo.simulator.world import Clock, Row

PLAIN_TOPICS = {"monolith": "__debezium-heartbeat.mono", "service": "__debezium-heartbeat.inv"}
PLAIN_GRACE_SECONDS = 0.5
"""What figwatch is told that plain heartbeats may run ahead; a stalled connector's run further."""
GIVE_UP_SECONDS = 10
"""After which a key is given up where there is no fence."""


@dataclass(frozen=True)
class Weather:
    """What may happen in a seed. Floats are expected numbers of times."""

    seconds: float = 8.0
    keys: int = 6
    writes_per_second: float = 8.0
    faults: float = 0.7
    """Planted."""
    repairs: float = 0.0
    """Somebody gives the target the right row of a key, also of one that is only late."""
    connector_crashes: float = 0.0
    connector_stalls: float = 0.0
    replicator_crashes: float = 0.0
    rewinds: float = 0.0
    stalls: float = 0.0
    slow: bool = False
    """Connectors and the replicator take one thing at a time, and their time."""
    coalescing: bool = False
    """The replicator writes only the last of what a batch holds for a key."""
    sparing: bool = False
    """The replicator writes nothing that would change nothing."""
    lazy_commits: bool = False
    """The replicator commits its offsets up to a second after its write."""
    moves: float = 0.0
    truncates: float = 0.0
    """Only in topics of one partition: elsewhere a truncate really races with other partitions."""
    incremental: float = 0.0
    """Incremental snapshots."""
    blocking: float = 0.0
    """Blocking snapshots, asked for while the connector streams."""
    new_partitions: bool = False
    """The topics get more partitions, once everything written so far is replicated."""
    toast: bool = False
    repeats: bool = False
    """Values repeat, so that a version can look like an older one."""
    initial_rows: int = 0
    target_rows: bool = False
    """The target was loaded before, its connector snapshots it."""
    rebalances: float = 0.0
    """Figwatch's own workers die, and others take over."""
    scattered: int = 0
    """Internal partitions, where there are several: each with a judge that reads at its pace."""
    late_start: bool = False
    malformed: float = 0.0
    gaps: float = 0.0
    rereads: float = 0.0
    """A stretch of the records stands twice in what figwatch reads."""
    lost_slot: bool = False
    recreated: bool = False
    """The target's database is made anew, empty or from a copy, and filled again."""
    upgraded: bool = False
    """A database goes on with a log that starts lower."""
    mysql_source: bool = False
    mysql_target: bool = False
    ring_size: int = 8
    fence: bool = True
    asked: bool = True
    """Without it there are no readings of the source at all."""
    patient: bool = False
    """What happens is watched until the give-up age has passed."""
    end_offsets: bool = True
    skew_us: int = 0
    """Bound on the clocks of both databases."""
    plain_heartbeats: bool = False
    """Heartbeats are the connectors' clocks, ahead of their logs within the grace."""
    untruthful: bool = False
    """The target's are, and its connector stalls for longer than the grace."""
    eager: bool = False
    """The replicator commits offsets before its write: the fence does not hold."""
    whole_seconds: bool = False
    """Events carry their statement's time in whole seconds, and so may fall along the log."""

    @property
    def losing(self) -> bool:
        """Whether an honest answer may be `unknown`."""
        return bool(
            self.late_start or self.malformed or self.gaps or self.lost_slot or not self.fence
            or self.toast or self.truncates or self.eager or self.recreated
            # An event may seem older than the snapshot, or than the log from before a restore.
            or (self.whole_seconds and (self.blocking or self.upgraded))
        )  # fmt: skip

    def features(self) -> dict[str, object]:
        """What differs from the calmest weather."""
        return {name: getattr(self, name) for name in vars(self) if self._differs(name)}

    def _differs(self, name: str) -> bool:
        return bool(getattr(self, name) != getattr(CALM, name))


CALM = Weather(keys=1, faults=0.0)


def weather_of(clock: Clock) -> Weather:
    """Draw the weather of a seed: some of everything, seldom all at once."""
    rng = clock.rng

    def maybe(share: float, amount: float) -> float:
        return amount if clock.chance(share) else 0.0

    new_partitions, slow = clock.chance(0.06), clock.chance(0.12)
    untruthful = clock.chance(0.08)
    eager = clock.chance(0.04)
    fence = clock.chance(0.85)
    truncates, whole_seconds = maybe(0.05, 1.5), clock.chance(0.06)
    # What shows an untruthful heartbeat, a late event, must not be lost itself; and a record lost
    # just where partitions were added leaves no trace on the keys that moved there.
    loss = 0.0 if untruthful or new_partitions else 1.0
    rebalances = maybe(0.2, 2.0)
    return Weather(
        keys=rng.choice((1, 2, 6, 12)),
        writes_per_second=3.0 if slow else rng.choice((3.0, 8.0, 20.0)),
        faults=maybe(0.8, 1.5),
        repairs=0.0 if eager else maybe(0.2, 3.0),
        connector_crashes=maybe(0.4, 2.0),
        connector_stalls=maybe(0.15, 2.0),
        replicator_crashes=maybe(0.4, 3.0),
        # Old events of another partition, applied again, would really undo newer ones.
        rewinds=0.0 if new_partitions else maybe(0.25, 1.5),
        stalls=maybe(0.3, 1.0),
        slow=slow,
        moves=maybe(0.2, 2.0),
        truncates=truncates,
        coalescing=clock.chance(0.15),
        sparing=clock.chance(0.15),
        lazy_commits=clock.chance(0.15),
        incremental=maybe(0.1, 1.5),
        blocking=maybe(0.08 * loss, 1.0),
        new_partitions=new_partitions,
        toast=clock.chance(0.0 if eager else 0.2),
        repeats=clock.chance(0.2),
        initial_rows=rng.choice((0, 0, 4)),
        target_rows=clock.chance(0.3),
        rebalances=rebalances,
        scattered=0 if rebalances or not clock.chance(0.15) else clock.between(2, 4),
        late_start=clock.chance(0.1 * loss),
        malformed=maybe(0.1 * loss, 1.0),
        gaps=maybe(0.08 * loss, 1.0),
        rereads=maybe(0.1, 2.0),
        lost_slot=clock.chance(0.07 * loss),
        recreated=clock.chance(0.06 * loss),
        upgraded=clock.chance((0.3 if whole_seconds else 0.06) * loss),
        mysql_source=clock.chance(0.2),
        mysql_target=clock.chance(0.2),
        ring_size=rng.choice((8, 8, 3)),
        fence=fence,
        asked=fence or clock.chance(0.6),
        patient=not fence and clock.chance(0.6),
        end_offsets=clock.chance(0.5),
        skew_us=rng.choice((0, 0, 0, 40_000)),
        plain_heartbeats=clock.chance(0.1),
        untruthful=untruthful,
        eager=eager,
        whole_seconds=whole_seconds,
    )


@dataclass
class Truth:
    """What really happened. `planted` maps a key to the times at which a fault was put there."""

    source: dict[int, Row] = field(default_factory=dict)
    target: dict[int, Row] = field(default_factory=dict)
    planted: dict[int, list[int]] = field(default_factory=dict)
    past: dict[int, list[Row | None]] = field(default_factory=dict)
    """Every value that the source ever had for a key."""
    log: list[str] = field(default_factory=list)
    times_fell: bool = False
    """Commit times fell along a log, and figwatch could see it."""
