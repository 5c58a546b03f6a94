"""The demo's figwatch.yaml: it must mean the same as the replicator's SQL."""

import msgspec
import pytest

from figwatch.connectors.config.columns import pair_rule
from figwatch.connectors.config.file import parse_config
from figwatch.demo.configuration import configuration, environment
from figwatch.demo.connectors import SOURCE_PREFIX, TARGET_PREFIX
from figwatch.demo.migration import TOPICS
from figwatch.demo.replicator import GROUP, TOPIC
from figwatch.demo.sandbox import Endpoints
from figwatch.validators.canonical.rows import Placeholder
from figwatch.validators.change import Side
from figwatch.validators.mapping.agreement import Agreement
from figwatch.validators.mapping.compile import Half, compile_key, compile_row

ENDPOINTS = Endpoints("localhost:1", "http://localhost:2", {"monolith": "secret-a", "service": "b"})
CONFIG = parse_config(configuration(ENDPOINTS)).config

KEYS = ({"item_id": 7}, {"sku": "7"})
ROWS = {
    "stock": (
        {"quantity": 5, "reserved": 1, "unit_price": "BNI="},
        {"on_hand": 5, "held": 1, "price": "12.3400"},
    ),
    "items": (
        {
            "name": " oak ",
            "category": 3,
            "status": "A",
            "notes": None,
            "updated_at": "2026-03-01T10:00:00.123999Z",
        },
        {
            "title": " oak ",
            "category": "3",
            "state": "A       ",
            "remarks": "",
            "changed_at": "2026-03-01T10:00:00.123Z",
        },
    ),
}


def agreements(pair, part):
    rules = getattr(pair_rule(CONFIG.pair(pair)), part)
    return [Agreement(pair, rule, {}) for rule in rules]


def read(compile_side, agreed, side, row, *more):
    struct = msgspec.defstruct("Raw", [f"f{index}" for index in range(len(row))])
    fields = {name: index for index, name in enumerate(row)}
    half = Half(agreed, side, fields, {}, Placeholder())
    return compile_side(half)(struct(*row.values()), *more)


def fingerprints(pair, source, target):
    agreed = agreements(pair, "columns")
    return (
        read(compile_row, agreed, Side.SOURCE, source, 0)[0],
        read(compile_row, agreed, Side.TARGET, target, 0)[0],
    )


@pytest.mark.parametrize("pair", ["stock", "items"])
def test_a_row_and_what_the_replicator_makes_of_it_are_equal(pair):
    source, target = fingerprints(pair, *ROWS[pair])
    assert source == target
    agreed = agreements(pair, "key")
    keys = [read(compile_key, agreed, side, KEYS[side is Side.TARGET]) for side in Side]
    assert keys[0] == keys[1]


@pytest.mark.parametrize(
    ("pair", "column", "wrong"),
    [
        ("stock", "on_hand", 6),
        ("stock", "held", 0),
        ("stock", "price", "12.3401"),
        ("items", "title", "oak"),
        ("items", "category", "4"),
        ("items", "state", "D       "),
        ("items", "remarks", "x"),
        ("items", "changed_at", "2026-03-01T10:00:00.124Z"),
    ],
)
def test_every_column_of_the_target_is_compared(pair, column, wrong):
    source, target = ROWS[pair]
    assert column in target
    first, second = fingerprints(pair, source, target | {column: wrong})
    assert first != second


def test_the_topics_and_the_group_are_those_of_the_programs():
    stock = CONFIG.pair("stock")
    assert CONFIG.source_topics(stock) == [TOPIC]
    watched = {CONFIG.target_topics(pair)[0] for pair in CONFIG.pairs} | {TOPIC}
    assert watched <= set(TOPICS)
    assert CONFIG.sides["service"].consumer_group == GROUP
    prefixes = [side.topic_prefix for side in CONFIG.sides.values()]
    assert prefixes == [SOURCE_PREFIX, TARGET_PREFIX]


def test_databases_are_named_by_variable_and_no_secret_is_in_the_file():
    assert "secret-a" not in configuration(ENDPOINTS)
    assert environment(ENDPOINTS) == {"MONOLITH_DSN": "secret-a", "SERVICE_DSN": "b"}
