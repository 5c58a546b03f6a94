"""The rules of the configuration that span several fields.

Called when a `figwatch.connectors.config.root.Config` is made, from whatever source, so that an
impossible one never exists; the loader turns each broken rule into a place in the file.
"""

import dataclasses
import difflib
from typing import TYPE_CHECKING

from figwatch.connectors.config.console import LOOPBACK
from figwatch.validators.canary import CANARY_PAIR

if TYPE_CHECKING:
    from figwatch.connectors.config.root import Config

RULE_ERROR = "figwatch_rule"


@dataclasses.dataclass(frozen=True)
class BrokenRule:
    """A rule that does not hold. `path` leads to the field: ("pairs", 1, "name")."""

    path: tuple[str | int, ...]
    code: str
    cause: str
    fix: str


def broken_rules(config: "Config") -> tuple[BrokenRule, ...]:
    """Every rule that this configuration breaks."""
    return (
        *unknown_authority(config.authority, list(config.sides)),
        *repeated_pairs([pair.name for pair in config.pairs]),
        *_compared_with_itself(config),
        *_impatient(config),
        *_incomplete_credentials(config),
        *_canary_on_a_user_table(config),
        *_broken_sagas(config),
        *_broken_outboxes(config),
        *_console_open_to_all(config),
    )


def closest(word: str, words: "list[str]") -> str:
    """The guess that is meant by a misspelt word, as the start of a fix; "" without one."""
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return f"did you mean `{near[0]}`? " if near else ""


def unknown_authority(authority: str, names: list[str]) -> list[BrokenRule]:
    """The side that owns the data must be one of the sides."""
    if authority in names:
        return []
    guess = closest(authority, names)
    return [
        BrokenRule(
            ("authority",),
            "config.unknown-side",
            f"`{authority}` is not a side",
            f"{guess}the sides are {' and '.join(names)}",
        )
    ]


def repeated_pairs(names: list[str]) -> list[BrokenRule]:
    """A name stands for one pair."""
    first: dict[str, int] = {}
    broken = []
    for index, name in enumerate(names):
        if first.setdefault(name, index) != index:
            broken.append(
                BrokenRule(
                    ("pairs", index, "name"),
                    "config.duplicate-pair",
                    f"pair {first[name] + 1} is called `{name}` too",
                    "give each pair a name of its own",
                )
            )
    return broken


def _compared_with_itself(config: "Config") -> list[BrokenRule]:
    if config.authority not in config.sides:
        return []
    return [
        BrokenRule(
            ("pairs", index, "target"),
            "config.same-topic",
            "source and target are the same topic, so that every row would agree with itself",
            "give the two sides their own topic_prefix, or name the topics of each",
        )
        for index, pair in enumerate(config.pairs)
        if set(config.source_topics(pair)) & set(config.target_topics(pair))
    ]


def _impatient(config: "Config") -> list[BrokenRule]:
    objective = config.objective
    if objective.give_up_seconds >= objective.convergence_seconds:
        return []
    return [
        BrokenRule(
            ("objective", "give_up_seconds"),
            "config.give-up-too-early",
            f"give_up_seconds ({objective.give_up_seconds:g}) is shorter than "
            f"convergence_seconds ({objective.convergence_seconds:g})",
            "make it several times the objective",
        )
    ]


def _incomplete_credentials(config: "Config") -> list[BrokenRule]:
    kafka = config.kafka
    if not kafka.security_protocol.startswith("SASL"):
        return []
    return [
        BrokenRule(
            ("kafka", "security_protocol"),
            "config.sasl-incomplete",
            f"{kafka.security_protocol} needs {field}",
            f"add kafka.{field}",
        )
        for field in ("sasl_username", "sasl_password")
        if getattr(kafka, field) is None
    ]


def _broken_sagas(config: "Config") -> list[BrokenRule]:
    """Sagas that cannot be: no end, steps in a circle, nothing that starts them."""
    from figwatch.connectors.saga_definitions import faults

    names = [saga.name for saga in config.sagas]
    broken = [
        BrokenRule(
            ("sagas", index, "name"), "config.duplicate-saga",
            f"saga {names.index(name) + 1} is called `{name}` too",
            "give each saga a name of its own",
        )
        for index, name in enumerate(names)
        if names.index(name) != index
    ]  # fmt: skip
    for index, saga in enumerate(config.sagas):
        for fault in faults(config, saga):
            path = (int(part) if part.isdecimal() else part for part in fault.field.split("."))
            broken.append(BrokenRule(("sagas", index, *path), fault.code, fault.cause, fault.fix))
    return broken


def _broken_outboxes(config: "Config") -> list[BrokenRule]:
    """Outboxes that cannot be."""
    from figwatch.connectors.outbox_definitions import faults

    names = [outbox.name for outbox in config.outboxes]
    broken = [
        BrokenRule(
            ("outboxes", index, "name"), "config.duplicate-outbox",
            f"outbox {names.index(name) + 1} is called `{name}` too",
            "give each outbox a name of its own",
        )
        for index, name in enumerate(names)
        if names.index(name) != index
    ]  # fmt: skip
    for index, outbox in enumerate(config.outboxes):
        broken += [
            BrokenRule(("outboxes", index, field), code, cause, fix)
            for field, code, cause, fix in faults(config, outbox)
        ]
    return broken


def _canary_on_a_user_table(config: "Config") -> list[BrokenRule]:
    """The canary writes: its table is nobody else's."""
    if not config.canary.enabled:
        return []
    broken = [
        BrokenRule(
            ("canary", "table"),
            "config.canary-table-in-use",
            f"pair `{pair.name}` compares {config.canary.table}, to which the canary writes",
            "give the canary a table of its own: `figwatch canary --init-sql`",
        )
        for pair in config.pairs
        if pair.name != CANARY_PAIR and config.canary.table in {pair.source, pair.target}
    ]
    broken += [
        BrokenRule(
            ("sides", name, "database"),
            "config.canary-no-database",
            f"the canary has to write to {name}'s database, which is not named",
            "set `database: env:NAME` for both sides, or canary.enabled: false",
        )
        for name, side in config.sides.items()
        if side.database is None
    ]
    return broken


def _console_open_to_all(config: "Config") -> list[BrokenRule]:
    """Whoever can reach the page sees keys, and rows where values are shown."""
    if config.console.host in LOOPBACK or config.console.token is not None:
        return []
    return [
        BrokenRule(
            ("console", "host"),
            "config.console-open",
            "the console would listen beyond this machine without a token",
            "set console.token (env:NAME), or leave host on 127.0.0.1",
        )
    ]
