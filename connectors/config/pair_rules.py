"""The judge's rules for each pair, out of the configuration: seconds become microseconds, roles
become sides. Used by the worker and by the replay.
"""

from figwatch.connectors.config.root import Config
from figwatch.validators.pair import UNBOUNDED, PairRules


def pair_rules(
    config: Config, *, readings: bool = True, listed_max: int = UNBOUNDED
) -> tuple[PairRules, ...]:
    """Return the rules of every pair. `readings` False: a replay that has none of the source.
    `listed_max`: most open findings that one judge lists of a pair.
    """
    source, target = config.sides[config.source_side], config.sides[config.target_side]
    return tuple(
        PairRules(
            name=pair.name,
            source_topics=tuple(config.source_topics(pair)),
            target_topics=tuple(config.target_topics(pair)),
            columns=tuple(pair.columns),
            objective_us=_us(config.objective.convergence_seconds),
            give_up_us=_us(config.objective.give_up_seconds),
            skew_us=_us(target.clock_skew_seconds),
            source_skew_us=_us(source.clock_skew_seconds),
            fenced=target.consumer_group is not None,
            readings=readings,
            ring_size=config.ring_size,
            findings_max=listed_max,
            echo_us=_us(config.echoes.within_seconds),
            loop_hops=config.echoes.loop_hops,
            origins=(source.replication_origin or "", target.replication_origin or ""),
            disorder_us=_us(max(source.allowed_disorder_seconds, target.allowed_disorder_seconds)),
        )
        for pair in config.pairs
    )


def two_way(config: Config) -> dict[str, bool]:
    """Pairs judged in both directions, each with whether the replicator back is fenced."""
    fenced = config.sides[config.source_side].consumer_group is not None
    return {pair.name: fenced for pair in config.pairs if pair.two_way}


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
